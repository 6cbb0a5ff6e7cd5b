//! Judges one token: a session, with its protection, or a key.

use hallpass_core::{Candidate, FingerprintCheck, Origin, Reason, Rejected, Subject, Valid};

use super::{Request, View};
use crate::client::{MissingFingerprint, Protection};
use crate::cookie::PresentedTokens;
use crate::current::{Identity, Via};
use crate::envelope::{Envelope, INACTIVE_ALLOWED, NOT_FRESH, flags, raise};
use crate::error::{Failure, NotAdmitted};
use crate::signal::SignalKind;
use crate::user::{AnyUser, Loaded};

/// The verdict on one token, with the user that it names.
pub(super) type Judged<T> = Result<T, NotAdmitted>;

impl Request {
    /// Resumes a session, if it comes from the client that it was issued to.
    pub(super) async fn resume(
        &self,
        view: View<'_>,
        held: &PresentedTokens,
        text: &str,
    ) -> Judged<(Valid, Option<Loaded>)> {
        let candidate = self.session(view, held, text).await?;
        let (mut valid, loaded) = self.judge(view, candidate, false).await?;
        self.protect(&mut valid).await?;
        Ok((valid, loaded))
    }

    /// Looks up a session that the browser holds. If this very response hands it out, the check proves nothing about
    /// the browser: if the response gets lost, the browser comes back with its old tokens.
    pub(crate) async fn session<'t>(
        &self,
        view: View<'t>,
        held: &PresentedTokens,
        text: &str,
    ) -> Result<Candidate<'t>, hallpass_core::Denied> {
        let candidate = view.tokens.look_up(self.config.kinds.session, text).await?;
        let made = held.made.iter().any(|made| made.as_str() == text);
        Ok(if made { candidate.before_arrival() } else { candidate })
    }

    /// Applies session protection if the session comes from another client.
    async fn protect(&self, valid: &mut Valid) -> Judged<()> {
        let clients = &self.config.clients;
        let differs = match (valid.fingerprint(), clients.missing) {
            (FingerprintCheck::Matches, _) | (FingerprintCheck::Unknown, MissingFingerprint::Matches) => {
                false
            }
            (FingerprintCheck::Differs, _) | (FingerprintCheck::Unknown, MissingFingerprint::Differs) => true,
        };
        let Some(subject) = valid.subject().filter(|_| differs).cloned() else { return Ok(()) };
        let login = valid.login();
        let acted = match clients.protection {
            Protection::None => false,
            // A restored session is never fresh, so there is nothing to lower.
            Protection::Basic if valid.origin() == Origin::Restored => false,
            Protection::Basic if self.flags(valid) & NOT_FRESH != 0 => false,
            Protection::Basic => {
                let mut first = false;
                self.tokens().update_data(valid, |data| first = raise(data, NOT_FRESH)).await?;
                first
            }
            Protection::Strong => {
                let reason = Reason::Administrative;
                let ended = self.tokens().revoke_login(&subject, login, reason).await;
                ended.map_err(Failure::from)? > 0
            }
        };
        if acted {
            self.tell(SignalKind::Protected, Some(&subject), Some(login));
        }
        match clients.protection {
            Protection::Strong => Err(Rejected::Revoked(Reason::Administrative).into()),
            Protection::Basic | Protection::None => Ok(()),
        }
    }

    /// Returns a key, and its user.
    pub(super) async fn authenticate_key(
        &self,
        view: View<'_>,
        key: &str,
    ) -> Judged<(Valid, (AnyUser, Identity))> {
        let Some(kind) = self.config.keys else { return Err(Rejected::Invalid.into()) };
        let candidate = view.tokens.look_up(kind, key).await?;
        let (valid, loaded) = self.judge(view, candidate, false).await?;
        let loaded = loaded.ok_or(Rejected::Invalid)?;
        self.tell_once(SignalKind::KeyUsed, valid.subject(), Some(valid.login()));
        let (user, identity) = self.known(&valid, loaded.user, false)?;
        Ok((valid, (user, Identity { via: Via::Key, fresh: false, ..identity })))
    }

    /// Judges a token, given its user's present stamp. Rejects the tokens of a user who does not exist or is not
    /// active.
    pub(super) async fn judge(
        &self,
        view: View<'_>,
        candidate: Candidate<'_>,
        rotate: bool,
    ) -> Judged<(Valid, Option<Loaded>)> {
        let subject: Option<Subject> = candidate.subject().cloned();
        let login = candidate.login();
        let loaded = match &subject {
            None => None,
            Some(subject) => {
                let loaded = self.load_for(view, &candidate, subject).await?;
                if loaded.is_none() {
                    self.tell_once(SignalKind::UnknownUser, Some(subject), Some(login));
                    return Err(Rejected::Invalid.into());
                }
                loaded
            }
        };
        let candidate = match self.sent().and_then(|sent| sent.client.fingerprint) {
            Some(fingerprint) => candidate.fingerprint(fingerprint),
            None => candidate,
        };
        let stamp = loaded.as_ref().and_then(|loaded| loaded.stamp);
        let active = loaded.as_ref().is_none_or(|loaded| loaded.active);
        let valid = if rotate && active && !self.is_answered() {
            candidate.verify_and_rotate(stamp.as_ref()).await?
        } else {
            candidate.verify(stamp.as_ref()).await?
        };
        if !active && self.flags(&valid) & INACTIVE_ALLOWED == 0 {
            self.tell_once(SignalKind::Inactive, subject.as_ref(), Some(login));
            return Err(Rejected::Invalid.into());
        }
        Ok((valid, loaded))
    }

    /// Loads the user of a token. A user from a cache may be older than the token, so it never refuses one.
    async fn load_for(
        &self,
        view: View<'_>,
        candidate: &Candidate<'_>,
        subject: &Subject,
    ) -> Result<Option<Loaded>, Failure> {
        let loaded = self.config.load(subject, view.exact).await?;
        if view.exact || !self.config.loader.is_cached() {
            return Ok(loaded);
        }
        let is_good = |user: &Loaded| user.active && !candidate.is_bound_to_another(user.stamp.as_ref());
        if loaded.as_ref().is_some_and(is_good) { Ok(loaded) } else { self.config.load(subject, true).await }
    }

    pub(super) fn known(&self, valid: &Valid, user: AnyUser, logged_in: bool) -> Judged<(AnyUser, Identity)> {
        let restored = valid.origin() == Origin::Restored;
        let remembered = restored || valid.kind() == self.config.kinds.remember;
        let since = self.config.tokens.now().since(valid.auth_at());
        let identity = Identity {
            subject: valid.subject().ok_or(Rejected::Invalid)?.clone(),
            login: valid.login(),
            via: match (remembered, logged_in) {
                (true, _) => Via::Remembered,
                (false, true) => Via::Password,
                (false, false) => Via::Session,
            },
            fresh: !remembered && since <= self.config.fresh_for && self.flags(valid) & NOT_FRESH == 0,
            authenticated_at: valid.auth_at(),
        };
        Ok((user, identity))
    }

    /// Returns the layer's own flags of a token, which cost no call. Tokens of other kinds have none.
    pub(super) fn flags(&self, valid: &Valid) -> u8 {
        if self.config.kinds.contain(valid.kind()) { flags(valid.first_data_byte()) } else { 0 }
    }

    /// Reads the record of a token from the store, if the near cache accepted it.
    pub(crate) async fn make_exact(&self, valid: &mut Valid) -> Judged<()> {
        if valid.is_cached() {
            self.tokens().update_data(valid, |_| {}).await?;
        }
        Ok(())
    }

    /// Returns the application data of a session.
    pub(crate) async fn kept_data(&self, valid: &Valid) -> Judged<Vec<u8>> {
        if !self.config.kinds.contain(valid.kind()) {
            return Ok(Vec::new());
        }
        Ok(Envelope::of(&self.tokens().data(valid).await?).data.to_vec())
    }
}
