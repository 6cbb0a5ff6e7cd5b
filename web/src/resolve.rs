//! Who sent a request: by the session, else by the remember-me token, else by a key.

use std::sync::atomic::Ordering;

use hallpass_core::rotation::Presented;
use hallpass_core::{Candidate, FingerprintCheck, How, Kind, Reason, Rejected, Subject, Valid};

use crate::client::{MissingFingerprint, Protection};
use crate::cookie::{Change, Held, Text};
use crate::current::{Identity, Via};
use crate::envelope::{CONFIRMED, Envelope, FORCED, STALE, raise, seal};
use crate::error::Failure;
use crate::request::{Request, State, Who};
use crate::signal::SignalKind;
use crate::user::{AnyUser, Loaded};

/// A verdict on one token, with the user whom it names.
type Judged<T> = Result<Result<T, Rejected>, Failure>;

impl Request {
    /// Who sent it, found out once.
    pub(crate) async fn who<'s>(&self, state: &'s mut State) -> Result<&'s mut Who, Failure> {
        if state.who.is_none() {
            let logged_in = state.logged_in;
            let who = self.find_out(state.held(self), logged_in).await?;
            if who.known.is_some() || who.session.is_some() {
                self.personal.store(true, Ordering::Relaxed);
            }
            state.who = Some(who);
        }
        Ok(state.who.get_or_insert_default())
    }

    async fn find_out(&self, held: &mut Held, logged_in: bool) -> Result<Who, Failure> {
        let mut who = Who::default();
        let mut found = None;
        for text in &held.sessions {
            match self.resume(text).await? {
                Ok((valid, Some(loaded))) => {
                    found = Some((valid, loaded));
                    break;
                }
                Ok((valid, None)) => {
                    who.session.get_or_insert(valid);
                }
                Err(rejected) => who.rejections.push(rejected),
            }
        }
        if let Some((mut valid, loaded)) = found {
            match self.confirm_restored(held, &mut valid).await? {
                Ok(()) => {
                    who.known = self.known(&valid, loaded.user, logged_in);
                    who.session = Some(valid);
                    return Ok(who);
                }
                Err(rejected) => who.rejections.push(rejected),
            }
        }
        for candidate in self.remembered(held, &mut who.rejections).await? {
            match self.restore(held, candidate, who.session.as_ref()).await? {
                Ok((session, user)) => {
                    who.known = self.known(&session, user, false);
                    who.session = Some(session);
                    return Ok(who);
                }
                Err(rejected) => who.rejections.push(rejected),
            }
        }
        match self.unlock().await? {
            Some(Ok(known)) => who.known = Some(known),
            Some(Err(rejected)) => who.rejections.push(rejected),
            None => {}
        }
        Ok(who)
    }

    /// Goes on with a session, if it comes from the client that it was issued to.
    async fn resume(&self, text: &str) -> Judged<(Valid, Option<Loaded>)> {
        let candidate = match self.config.tokens.look_up(Kind::SESSION, text).await? {
            Ok(candidate) => candidate,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let (mut valid, loaded) = match self.judge(candidate, false).await? {
            Ok(judged) => judged,
            Err(rejected) => return Ok(Err(rejected)),
        };
        Ok(self.protect(&mut valid).await?.map(|()| (valid, loaded)))
    }

    /// Session protection: what to do about another client.
    async fn protect(&self, valid: &mut Valid) -> Judged<()> {
        let clients = &self.config.clients;
        let differs = match (valid.fingerprint(), clients.missing) {
            (FingerprintCheck::Matches, _) | (FingerprintCheck::Unknown, MissingFingerprint::Matches) => {
                false
            }
            (FingerprintCheck::Differs, _) | (FingerprintCheck::Unknown, MissingFingerprint::Differs) => true,
        };
        let Some(subject) = valid.subject().filter(|_| differs).cloned() else { return Ok(Ok(())) };
        let login = valid.login();
        let acted = match clients.protection {
            Protection::None => false,
            // Nothing is left to lower of what a remember-me token restored.
            Protection::Basic if valid.how() == How::Restored => false,
            Protection::Basic => {
                let mut first = false;
                let lower = |data: &mut Vec<u8>| first = raise(data, STALE);
                if let Err(rejected) = self.config.tokens.update_data(valid, lower).await? {
                    return Ok(Err(rejected));
                }
                first
            }
            Protection::Strong => {
                let reason = Reason::Administrative;
                self.config.tokens.revoke_login(&subject, login, reason).await? > 0
            }
        };
        if acted {
            self.config.tell(SignalKind::Protected, Some(&subject), Some(login));
        }
        match clients.protection {
            Protection::Strong => Ok(Err(Rejected::Revoked(Reason::Administrative))),
            Protection::Basic | Protection::None => Ok(Ok(())),
        }
    }

    /// Presents the remember-me token once more after it restored this session. That tells core that the
    /// client has the successor, so that whoever comes with the predecessor later is a thief; and where the
    /// thief was faster, the login ends here, this session included.
    async fn confirm_restored(&self, held: &Held, valid: &mut Valid) -> Judged<()> {
        if valid.how() != How::Restored || Envelope::with(valid).has(CONFIRMED) {
            return Ok(Ok(()));
        }
        if held.remembers.is_empty() {
            return Ok(Ok(()));
        }
        let candidates = self.remembered(held, &mut Vec::new()).await?;
        let own = candidates.into_iter().find(|candidate| candidate.login() == valid.login());
        let done = match own {
            // What the browser holds is not this login's: there is nothing to confirm.
            None => true,
            Some(own) => match self.judge(own, true).await? {
                Ok((remember, _)) => {
                    if let Some(successor) = &remember.successor {
                        self.send_successor(successor);
                    }
                    remember.is_newest() && remember.successor.is_none()
                }
                Err(rejected) => return Ok(Err(rejected)),
            },
        };
        if !done {
            return Ok(Ok(()));
        }
        let confirmed = |data: &mut Vec<u8>| {
            raise(data, CONFIRMED);
        };
        Ok(self.config.tokens.update_data(valid, confirmed).await?)
    }

    /// The remember-me tokens that may be good, of each login the newest only: an old one, where a browser
    /// sends several, would end the login that the new one keeps, whatever becomes of the new one.
    pub(crate) async fn remembered(
        &self,
        held: &Held,
        rejections: &mut Vec<Rejected>,
    ) -> Result<Vec<Candidate<'_>>, Failure> {
        let mut candidates = Vec::new();
        for text in &held.remembers {
            match self.config.tokens.look_up(Kind::REMEMBER, text).await? {
                Ok(candidate) => candidates.push(candidate),
                Err(rejected) => rejections.push(rejected),
            }
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

    /// Makes a session from a remember-me token, whose successor goes along if one is due. Requests that
    /// come at once all get the same successor. What an anonymous session kept stays.
    async fn restore(
        &self,
        held: &mut Held,
        candidate: Candidate<'_>,
        anonymous: Option<&Valid>,
    ) -> Judged<(Valid, AnyUser)> {
        let (valid, loaded) = match self.judge(candidate, true).await? {
            Ok((valid, Some(loaded))) => (valid, loaded),
            Ok((_, None)) => return Ok(Err(Rejected::Invalid)),
            Err(rejected) => return Ok(Err(rejected)),
        };
        // Before anything can fail: the record has moved on, and no other answer would tell the browser.
        if let Some(successor) = &valid.successor {
            self.send_successor(successor);
        }
        let mut flags = 0;
        if Envelope::with(&valid).has(FORCED) {
            flags |= FORCED;
        }
        if valid.is_newest() && valid.successor.is_none() {
            flags |= CONFIRMED;
        }
        let data = anonymous.map_or(&[][..], |session| Envelope::with(session).data);
        let mut issue = self.config.tokens.issue_from(&valid, Kind::SESSION).data(seal(flags, data));
        if let Some(fingerprint) = self.sent().and_then(|sent| sent.client.fingerprint) {
            issue = issue.fingerprint(fingerprint);
        }
        let session = match issue.await? {
            Ok(issued) => match self.config.tokens.look_up(Kind::SESSION, issued.token.expose()).await? {
                Ok(candidate) => candidate.verify(loaded.stamp.as_ref()).await?.map(|valid| (valid, issued)),
                Err(rejected) => Err(rejected),
            },
            Err(rejected) => Err(rejected),
        };
        match session {
            Ok((session, issued)) => {
                self.hand_out(held, &issued);
                self.changes().yields = true;
                self.tell_once(SignalKind::Restored, valid.subject(), Some(valid.login()));
                Ok(Ok((session, loaded.user)))
            }
            Err(rejected) => {
                // The login was ended meanwhile, and the browser may hold a good token of another.
                self.changes().remember = None;
                Ok(Err(rejected))
            }
        }
    }

    /// Whose key came in the `Authorization` header, if one did.
    async fn unlock(&self) -> Result<Option<Result<(AnyUser, Identity), Rejected>>, Failure> {
        let Some(kind) = self.config.keys else { return Ok(None) };
        let Some(key) = self.sent().and_then(|sent| sent.key.as_ref()) else { return Ok(None) };
        let candidate = match self.config.tokens.look_up(kind, key).await? {
            Ok(candidate) => candidate,
            Err(rejected) => return Ok(Some(Err(rejected))),
        };
        let (valid, loaded) = match self.judge(candidate, false).await? {
            Ok((valid, Some(loaded))) => (valid, loaded),
            Ok((_, None)) => return Ok(Some(Err(Rejected::Invalid))),
            Err(rejected) => return Ok(Some(Err(rejected))),
        };
        self.tell_once(SignalKind::KeyUsed, valid.subject(), Some(valid.login()));
        let known = self.known(&valid, loaded.user, false).map(|(user, mut identity)| {
            (identity.via, identity.fresh) = (Via::Key, false);
            (user, identity)
        });
        Ok(Some(known.ok_or(Rejected::Invalid)))
    }

    /// The verdict on a token, given its user's present stamp. A user who is gone or not active has none
    /// that is good.
    async fn judge(&self, candidate: Candidate<'_>, rotate: bool) -> Judged<(Valid, Option<Loaded>)> {
        let subject: Option<Subject> = candidate.subject().cloned();
        let login = candidate.login();
        let loaded = match &subject {
            None => None,
            Some(id) => match self.config.loader.load(id).await? {
                Some(loaded) => Some(loaded),
                None => {
                    self.tell_once(SignalKind::UnknownUser, Some(id), Some(login));
                    return Ok(Err(Rejected::Invalid));
                }
            },
        };
        let candidate = match self.sent().and_then(|sent| sent.client.fingerprint) {
            Some(fingerprint) => candidate.fingerprint(fingerprint),
            None => candidate,
        };
        let stamp = loaded.as_ref().and_then(|loaded| loaded.stamp);
        let active = loaded.as_ref().is_none_or(|loaded| loaded.active);
        let verdict = match rotate && active {
            true => candidate.verify_and_rotate(stamp.as_ref()).await?,
            false => candidate.verify(stamp.as_ref()).await?,
        };
        let valid = match verdict {
            Ok(valid) => valid,
            Err(rejected) => return Ok(Err(rejected)),
        };
        if !active && !Envelope::with(&valid).has(FORCED) {
            self.tell_once(SignalKind::Inactive, subject.as_ref(), Some(login));
            return Ok(Err(Rejected::Invalid));
        }
        Ok(Ok((valid, loaded)))
    }

    fn known(&self, valid: &Valid, user: AnyUser, logged_in: bool) -> Option<(AnyUser, Identity)> {
        let restored = valid.how() == How::Restored;
        let since = self.config.tokens.now().since(valid.auth_at());
        let recent = self.config.fresh_for.is_none_or(|lifetime| since <= lifetime);
        let identity = Identity {
            subject: valid.subject()?.clone(),
            login: valid.login(),
            via: match (restored, logged_in) {
                (true, _) => Via::Remembered,
                (false, true) => Via::Password,
                (false, false) => Via::Session,
            },
            fresh: !restored && recent && !Envelope::with(valid).has(STALE),
            authenticated_at: valid.auth_at(),
        };
        Some((user, identity))
    }

    /// The tokens that the answer hands out, session first, if that only follows from who sent the request.
    pub(crate) fn found(&self) -> Option<[Option<Text>; 2]> {
        let mut changes = self.changes();
        let text = |change: &Option<Change>| change.as_ref()?.text().cloned();
        std::mem::take(&mut changes.yields).then(|| [text(&changes.session), text(&changes.remember)])
    }

    /// Whether tokens that were just found have been overtaken: the session was ended, by a log-out or by a
    /// login, or the remember-me token was replaced. The answer's cookies must not take the place of newer ones.
    pub(crate) async fn is_overtaken(&self, [session, remember]: &[Option<Text>; 2]) -> bool {
        let tokens = &self.config.tokens;
        if let Some(session) = session
            && let Ok(Err(_)) = tokens.look_up(Kind::SESSION, session).await
        {
            return true;
        }
        let Some(remember) = remember else { return false };
        match tokens.look_up(Kind::REMEMBER, remember).await {
            Ok(Ok(candidate)) => !matches!(candidate.presented(), Presented::Current),
            Ok(Err(_)) => true,
            Err(_) => false,
        }
    }
}
