//! Restores a session from a remember-me token, and confirms its successor.

use hallpass_core::rotation::Presented;
use hallpass_core::{Candidate, Issued, Origin, Rejected, Valid};

use super::credentials::Judged;
use super::{Request, Resolved, View};
use crate::cookie::PresentedTokens;
use crate::envelope::{CONFIRMED, INACTIVE_ALLOWED, raise, seal};
use crate::error::{Failure, NotAdmitted};
use crate::signal::SignalKind;
use crate::user::AnyUser;

impl Request {
    /// Presents the remember-me token again after it restored this session.
    ///
    /// That tells core that the client has the successor, so a client that presents the predecessor later is a thief.
    /// If the thief was faster, the login ends here, including this session.
    pub(super) async fn confirm_restored(
        &self,
        view: View<'_>,
        held: &PresentedTokens,
        valid: &mut Valid,
    ) -> Judged<()> {
        let done = |valid: &Valid| self.flags(valid) & CONFIRMED != 0;
        if valid.origin() != Origin::Restored || held.remembers.is_empty() || done(valid) {
            return Ok(());
        }
        if valid.is_cached() {
            // Another node may have done it.
            self.make_exact(valid).await?;
            if done(valid) {
                return Ok(());
            }
        }
        let candidates = self.remembered(view, held, &mut Resolved::default()).await?;
        let own = candidates.into_iter().find(|candidate| candidate.login() == valid.login());
        let done = match own {
            // The browser holds no token of this login: there is nothing to confirm.
            None => true,
            Some(own) => {
                let (remember, _) = self.judge(view, own, true).await?;
                if let Some(successor) = &remember.successor {
                    self.send_successor(successor);
                }
                remember.is_newest() && remember.successor.is_none()
            }
        };
        if done {
            let confirmed = |data: &mut Vec<u8>| {
                raise(data, CONFIRMED);
            };
            self.tokens().update_data(valid, confirmed).await?;
        }
        Ok(())
    }

    /// Returns the remember-me tokens that may be valid, only the newest of each login. If a browser sends several,
    /// an old one would end the login that the newer one keeps.
    pub(crate) async fn remembered<'t>(
        &self,
        view: View<'t>,
        held: &PresentedTokens,
        resolved: &mut Resolved,
    ) -> Result<Vec<Candidate<'t>>, Failure> {
        let mut candidates = Vec::new();
        for text in &held.remembers {
            let looked_up = view.tokens.look_up(self.config.kinds.remember, text).await;
            candidates.extend(self.note(resolved, looked_up.map_err(NotAdmitted::from))?);
        }
        candidates.sort_by_key(|candidate| match candidate.presented() {
            Presented::Current => 0,
            Presented::Predecessor => 1,
            Presented::Earlier | Presented::Foreign => 2,
        });
        let mut logins = Vec::with_capacity(candidates.len());
        candidates.retain(|candidate| {
            let first = !logins.contains(&candidate.login());
            logins.push(candidate.login());
            first
        });
        Ok(candidates)
    }

    /// Restores a session from a remember-me token, and sends its successor if one is due. Concurrent requests all
    /// get the same successor. The data of an anonymous session are kept.
    ///
    /// After the response was sent no token can be handed out, so the token is only verified.
    pub(super) async fn restore(
        &self,
        view: View<'_>,
        held: &mut PresentedTokens,
        candidate: Candidate<'_>,
        anonymous: Option<&Valid>,
    ) -> Judged<(Valid, AnyUser)> {
        let (valid, loaded) = self.judge(view, candidate, !self.is_answered()).await?;
        let loaded = loaded.ok_or(Rejected::Invalid)?;
        if self.is_answered() {
            return Ok((valid, loaded.user));
        }
        // First, before anything can fail: the record has already rotated, and no other response would bring the
        // successor.
        if let Some(successor) = &valid.successor {
            self.send_successor(successor);
        }
        let mut flags = self.flags(&valid) & INACTIVE_ALLOWED;
        if valid.is_newest() && valid.successor.is_none() {
            flags |= CONFIRMED;
        }
        let data = match anonymous {
            Some(session) => self.kept_data(session).await?,
            None => Vec::new(),
        };
        match self.restored_session(&valid, seal(flags, &data)).await {
            Ok((issued, session)) => {
                self.hand_out(held, &issued)?;
                self.changes().yields = true;
                self.tell_once(SignalKind::Restored, valid.subject(), Some(valid.login()));
                Ok((session, loaded.user))
            }
            Err(NotAdmitted::Rejected(rejected)) => {
                // The login was ended meanwhile, and the browser may hold a valid token of another login.
                self.changes().remember = None;
                Err(rejected.into())
            }
            Err(other) => Err(other),
        }
    }

    async fn restored_session(&self, remember: &Valid, data: Vec<u8>) -> Judged<(Issued, Valid)> {
        let (tokens, kind) = (self.tokens(), self.config.kinds.session);
        let mut issue = tokens.issue_from(remember, kind).data(data);
        if let Some(fingerprint) = self.sent().and_then(|sent| sent.client.fingerprint) {
            issue = issue.fingerprint(fingerprint);
        }
        // Accepted without presenting it: that would confirm a successor whose response may still be lost.
        Ok(issue.accepted().await?)
    }
}
