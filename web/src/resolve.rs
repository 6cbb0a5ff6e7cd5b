//! Finds out who sent a request: by the session, else by the remember-me token, else by a key.

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

/// The verdict on one token, with the user that it names.
type Judged<T> = Result<T, NoEntry>;

impl Request {
    /// Returns who sent the request; finds it out once.
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
                // After the response was sent, no session was made.
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

    /// Checks again whether the token of this request is still accepted, without a rotation and without a new
    /// session.
    pub(crate) async fn recheck(&self, state: &mut State) -> Result<(), Failure> {
        let Some(who) = &mut state.who else { return self.who(state).await.map(drop) };
        let Some((_, identity)) = &who.known else { return Ok(()) };
        let identity = identity.clone();
        if who.proof.is_none() {
            // The request came with a remember-me token and asked only after the response: no session was made from
            // it.
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

    /// Records why a token let no user in.
    fn note<T>(&self, who: &mut Who, judged: Judged<T>) -> Result<Option<T>, Failure> {
        match judged {
            Ok(value) => return Ok(Some(value)),
            Err(NoEntry::Rejected(rejected)) => who.rejections.push(rejected),
            Err(NoEntry::Unreadable(failure)) => self.tell_unreadable(&failure),
            Err(NoEntry::Failed(failure)) => return Err(failure),
        }
        Ok(None)
    }

    /// Resumes a session, if it comes from the client that it was issued to.
    async fn resume(&self, held: &Held, text: &str) -> Judged<(Valid, Option<Loaded>)> {
        let candidate = self.session(held, text).await?;
        let (mut valid, loaded) = self.judge(candidate, false).await?;
        self.protect(&mut valid).await?;
        Ok((valid, loaded))
    }

    /// Looks up a session that the browser holds. If this very response hands it out, the check proves nothing about
    /// the browser: if the response gets lost, the browser comes back with its old tokens.
    pub(crate) async fn session(
        &self,
        held: &Held,
        text: &str,
    ) -> Result<Candidate<'_>, hallpass_core::Denied> {
        let candidate = self.tokens().look_up(self.config.kinds.session, text).await?;
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

    /// Presents the remember-me token again after it restored this session.
    ///
    /// That tells core that the client has the successor, so a client that presents the predecessor later is a thief.
    /// If the thief was faster, the login ends here, including this session.
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
            // The browser holds no token of this login: there is nothing to confirm.
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

    /// Returns the remember-me tokens that may be valid, only the newest of each login. If a browser sends several,
    /// an old one would end the login that the newer one keeps.
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

    /// Restores a session from a remember-me token, and sends its successor if one is due. Concurrent requests all
    /// get the same successor. The data of an anonymous session are kept.
    ///
    /// After the response was sent no token can be handed out, so the token is only verified.
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
        // First, before anything can fail: the record has already rotated, and no other response would bring the
        // successor.
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

    /// Returns the user of a key.
    async fn unlock(&self, key: &str) -> Judged<(AnyUser, Identity)> {
        let Some(kind) = self.config.keys else { return Err(Rejected::Invalid.into()) };
        let candidate = self.tokens().look_up(kind, key).await?;
        let (valid, loaded) = self.judge(candidate, false).await?;
        let loaded = loaded.ok_or(Rejected::Invalid)?;
        self.tell_once(SignalKind::KeyUsed, valid.subject(), Some(valid.login()));
        let (user, identity) = self.known(&valid, loaded.user, false).await?;
        Ok((user, Identity { via: Via::Key, fresh: false, ..identity }))
    }

    /// Judges a token, given its user's present stamp. Rejects the tokens of a user who does not exist or is not
    /// active.
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

    /// Returns the layer's own flags of a token. Tokens of other kinds have none.
    async fn flags(&self, valid: &Valid) -> Judged<u8> {
        if !self.config.kinds.contain(valid.kind()) {
            return Ok(0);
        }
        Ok(Envelope::of(&self.tokens().data(valid).await?).flags)
    }

    /// Returns the application data of a session.
    pub(crate) async fn kept_data(&self, valid: &Valid) -> Judged<Vec<u8>> {
        if !self.config.kinds.contain(valid.kind()) {
            return Ok(Vec::new());
        }
        Ok(Envelope::of(&self.tokens().data(valid).await?).data.to_vec())
    }

    /// Returns the tokens that the response hands out, session first, if that only follows from who sent the request.
    pub(crate) fn found(&self) -> Option<[Option<Text>; 2]> {
        let changes = self.changes();
        let text = |change: &Option<Change>| change.as_ref()?.text().cloned();
        changes.yields.then(|| [text(&changes.session), text(&changes.remember)])
    }

    /// Returns whether these tokens have been overtaken: the session was ended, by a log-out or by a login, or the
    /// remember-me token was replaced. Then the response must not overwrite newer cookies.
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
