//! Who sent a request: by the session, else by the remember-me token, else by a key.

use std::sync::atomic::Ordering;

use hallpass_core::rotation::Presented;
use hallpass_core::{Candidate, FingerprintCheck, Issued, Kind, Origin, Reason, Rejected, Subject, Valid};

use crate::client::{MissingFingerprint, Protection};
use crate::cookie::{Change, Held, Text};
use crate::current::{Identity, Via};
use crate::envelope::{CONFIRMED, Envelope, FORCED, STALE, raise, seal};
use crate::error::{Failure, NoEntry};
use crate::request::{Proof, Request, State, Who};
use crate::signal::SignalKind;
use crate::user::{AnyUser, Loaded};

/// What became of one token, with the user that it names.
type Judged<T> = Result<T, NoEntry>;

impl Request {
    /// Who sent it, found out once.
    pub(crate) async fn who<'s>(&self, state: &'s mut State) -> Result<&'s mut Who, Failure> {
        if state.who.is_none() {
            let logged_in = state.logged_in;
            let who = self.find_out(state.held(self), logged_in).await?;
            if who.known.is_some() || who.session.is_some() {
                self.mark_personal();
            }
            state.who = Some(who);
        }
        Ok(state.who.get_or_insert_default())
    }

    async fn find_out(&self, held: &mut Held, logged_in: bool) -> Result<Who, Failure> {
        self.asked.store(true, Ordering::Relaxed);
        let mut who = Who::default();
        let mut found = None;
        for text in &held.sessions {
            match self.note(&mut who, self.resume(held, text).await)? {
                Some((valid, Some(loaded))) => {
                    found = Some((valid, loaded, text.clone()));
                    break;
                }
                Some((valid, None)) => {
                    who.session.get_or_insert(valid);
                }
                None => {}
            }
        }
        if let Some((mut valid, loaded, text)) = found {
            let confirmed = self.confirm_restored(held, &mut valid).await;
            if self.note(&mut who, confirmed)?.is_some() {
                let known = self.known(&valid, loaded.user, logged_in).await;
                who.known = self.note(&mut who, known)?;
                who.proof = Some(Proof::Session(text));
                who.session = Some(valid);
                return Ok(who);
            }
        }
        for candidate in self.remembered(held, &mut who).await? {
            let restored = self.restore(held, candidate, who.session.as_ref()).await;
            if let Some((session, user)) = self.note(&mut who, restored)? {
                let known = self.known(&session, user, false).await;
                who.known = self.note(&mut who, known)?;
                // Once the answer went out no session was made.
                let made = session.kind() == self.config.kinds.session;
                who.proof = held.sessions.first().cloned().filter(|_| made).map(Proof::Session);
                who.session = Some(session);
                return Ok(who);
            }
        }
        if let Some(key) = self.sent().and_then(|sent| sent.key.clone()) {
            let unlocked = self.unlock(&key).await;
            who.known = self.note(&mut who, unlocked)?;
            who.proof = who.known.is_some().then_some(Proof::Key(key));
        }
        Ok(who)
    }

    /// Whether the token that let this request in still does; without a rotation, and without a new session.
    pub(crate) async fn recheck(&self, state: &mut State) -> Result<(), Failure> {
        let Some(who) = &mut state.who else { return self.who(state).await.map(drop) };
        let Some((_, identity)) = &who.known else { return Ok(()) };
        let identity = identity.clone();
        if who.proof.is_none() {
            // A remember-me token, first looked at after the answer: nothing was made of it.
            let mut again = self.find_out(state.held(self), false).await?;
            if again.known.as_ref().is_none_or(|(_, again)| again.login != identity.login) {
                (again.known, again.session) = (None, None);
            }
            state.who = Some(again);
            return Ok(());
        }
        let held = state.held.clone().unwrap_or_default();
        let again = match &who.proof {
            Some(Proof::Session(text)) => match self.resume(&held, text).await {
                Ok((valid, Some(loaded))) => self.known(&valid, loaded.user, false).await,
                Ok((_, None)) => Err(Rejected::Invalid.into()),
                Err(no_entry) => Err(no_entry),
            },
            Some(Proof::Key(key)) => self.unlock(key).await,
            None => Err(Rejected::Invalid.into()),
        };
        match self.note(who, again)? {
            Some((user, again)) => who.known = Some((user, Identity { via: identity.via, ..again })),
            None => (who.known, who.session) = (None, None),
        }
        Ok(())
    }

    /// Takes note of why a token let no one in.
    fn note<T>(&self, who: &mut Who, judged: Judged<T>) -> Result<Option<T>, Failure> {
        match judged {
            Ok(value) => return Ok(Some(value)),
            Err(NoEntry::Rejected(rejected)) => who.rejections.push(rejected),
            Err(NoEntry::Unreadable(failure)) => self.tell_unreadable(&failure),
            Err(NoEntry::Failed(failure)) => return Err(failure),
        }
        Ok(None)
    }

    /// Goes on with a session, if it comes from the client that it was issued to.
    async fn resume(&self, held: &Held, text: &str) -> Judged<(Valid, Option<Loaded>)> {
        let candidate = self.session(held, text).await?;
        let (mut valid, loaded) = self.judge(candidate, false).await?;
        self.protect(&mut valid).await?;
        Ok((valid, loaded))
    }

    /// A session that the browser holds. Of one that this very answer hands out it shows nothing that it is looked at:
    /// if the answer gets lost, the browser comes back with what it had.
    pub(crate) async fn session(
        &self,
        held: &Held,
        text: &str,
    ) -> Result<Candidate<'_>, hallpass_core::Denied> {
        let candidate = self.tokens().look_up(self.config.kinds.session, text).await?;
        let made = held.made.iter().any(|made| made.as_str() == text);
        Ok(if made { candidate.before_arrival() } else { candidate })
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
        let Some(subject) = valid.subject().filter(|_| differs).cloned() else { return Ok(()) };
        let login = valid.login();
        let acted = match clients.protection {
            Protection::None => false,
            // Nothing is left to lower of what a remember-me token restored.
            Protection::Basic if valid.origin() == Origin::Restored => false,
            Protection::Basic => {
                let mut first = false;
                self.tokens().update_data(valid, |data| first = raise(data, STALE)).await?;
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

    /// Presents the remember-me token once more after it restored this session. That tells core that the
    /// client has the successor, so that a client that comes with the predecessor later is a thief; and where
    /// the thief was faster, the login ends here, this session included.
    async fn confirm_restored(&self, held: &Held, valid: &mut Valid) -> Judged<()> {
        if valid.origin() != Origin::Restored || self.flags(valid).await? & CONFIRMED != 0 {
            return Ok(());
        }
        if held.remembers.is_empty() {
            return Ok(());
        }
        let candidates = self.remembered(held, &mut Who::default()).await?;
        let own = candidates.into_iter().find(|candidate| candidate.login() == valid.login());
        let done = match own {
            // What the browser holds is not this login's: there is nothing to confirm.
            None => true,
            Some(own) => {
                let (remember, _) = self.judge(own, true).await?;
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

    /// The remember-me tokens that may be good, of each login the newest only: an old one, where a browser
    /// sends several, would end the login that the new one keeps, whatever becomes of the new one.
    pub(crate) async fn remembered(&self, held: &Held, who: &mut Who) -> Result<Vec<Candidate<'_>>, Failure> {
        let mut candidates = Vec::new();
        for text in &held.remembers {
            let looked_up = self.tokens().look_up(self.config.kinds.remember, text).await;
            candidates.extend(self.note(who, looked_up.map_err(NoEntry::from))?);
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
    ///
    /// Once the answer went out nothing can be handed out, so the token is only looked at.
    async fn restore(
        &self,
        held: &mut Held,
        candidate: Candidate<'_>,
        anonymous: Option<&Valid>,
    ) -> Judged<(Valid, AnyUser)> {
        let (valid, loaded) = self.judge(candidate, !self.is_answered()).await?;
        let loaded = loaded.ok_or(Rejected::Invalid)?;
        if self.is_answered() {
            return Ok((valid, loaded.user));
        }
        // Before anything can fail: the record has moved on, and no other answer would tell the browser.
        if let Some(successor) = &valid.successor {
            self.send_successor(successor);
        }
        let mut flags = self.flags(&valid).await? & FORCED;
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
            Err(NoEntry::Rejected(rejected)) => {
                // The login was ended meanwhile, and the browser may hold a good token of another.
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
        // Not by presenting it: that would confirm a successor whose answer may still be lost.
        Ok(issue.accepted().await?)
    }

    /// Whose key it is.
    async fn unlock(&self, key: &str) -> Judged<(AnyUser, Identity)> {
        let Some(kind) = self.config.keys else { return Err(Rejected::Invalid.into()) };
        let candidate = self.tokens().look_up(kind, key).await?;
        let (valid, loaded) = self.judge(candidate, false).await?;
        let loaded = loaded.ok_or(Rejected::Invalid)?;
        self.tell_once(SignalKind::KeyUsed, valid.subject(), Some(valid.login()));
        let (user, identity) = self.known(&valid, loaded.user, false).await?;
        Ok((user, Identity { via: Via::Key, fresh: false, ..identity }))
    }

    /// The verdict on a token, given its user's present stamp. A user who is gone or not active has none
    /// that is good.
    async fn judge(&self, candidate: Candidate<'_>, rotate: bool) -> Judged<(Valid, Option<Loaded>)> {
        let subject: Option<Subject> = candidate.subject().cloned();
        let login = candidate.login();
        let loaded = match &subject {
            None => None,
            Some(subject) => {
                let loaded = self.config.load(subject).await?;
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
        let valid = match rotate && active && !self.is_answered() {
            true => candidate.verify_and_rotate(stamp.as_ref()).await?,
            false => candidate.verify(stamp.as_ref()).await?,
        };
        if !active && self.flags(&valid).await? & FORCED == 0 {
            self.tell_once(SignalKind::Inactive, subject.as_ref(), Some(login));
            return Err(Rejected::Invalid.into());
        }
        Ok((valid, loaded))
    }

    async fn known(&self, valid: &Valid, user: AnyUser, logged_in: bool) -> Judged<(AnyUser, Identity)> {
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
            fresh: !remembered && since <= self.config.fresh_for && self.flags(valid).await? & STALE == 0,
            authenticated_at: valid.auth_at(),
        };
        Ok((user, identity))
    }

    /// The layer's own flags of a token. In the kinds that are not its own it keeps none.
    async fn flags(&self, valid: &Valid) -> Judged<u8> {
        if !self.config.kinds.contain(valid.kind()) {
            return Ok(0);
        }
        Ok(Envelope::of(&self.tokens().data(valid).await?).flags)
    }

    /// What the application keeps with a session.
    pub(crate) async fn kept_data(&self, valid: &Valid) -> Judged<Vec<u8>> {
        if !self.config.kinds.contain(valid.kind()) {
            return Ok(Vec::new());
        }
        Ok(Envelope::of(&self.tokens().data(valid).await?).data.to_vec())
    }

    /// The tokens that the answer hands out, session first, if that only follows from who sent the request.
    pub(crate) fn found(&self) -> Option<[Option<Text>; 2]> {
        let changes = self.changes();
        let text = |change: &Option<Change>| change.as_ref()?.text().cloned();
        changes.yields.then(|| [text(&changes.session), text(&changes.remember)])
    }

    /// Whether tokens that were just found have been overtaken: the session was ended, by a log-out or by a
    /// login, or the remember-me token was replaced. The answer's cookies must not take the place of newer ones.
    pub(crate) async fn is_overtaken(&self, [session, remember]: &[Option<Text>; 2]) -> bool {
        let (tokens, kinds) = (self.tokens(), &self.config.kinds);
        let look_up = async |kind: Kind, text: &Text| tokens.look_up(kind, text).await.map_err(NoEntry::from);
        if let Some(session) = session
            && let Err(NoEntry::Rejected(_)) = look_up(kinds.session, session).await
        {
            return true;
        }
        let Some(remember) = remember else { return false };
        match look_up(kinds.remember, remember).await {
            Ok(candidate) => !matches!(candidate.presented(), Presented::Current),
            Err(NoEntry::Rejected(_)) => true,
            Err(_) => false,
        }
    }
}
