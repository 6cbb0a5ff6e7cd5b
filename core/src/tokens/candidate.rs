//! From a presented token to a verdict: look up, decide, write what the decision needs, or start over.

use std::fmt;

use super::Tokens;
use super::alarm::Caught;
use super::backoff::Backoff;
use super::valid::{Issued, Valid};
use super::write::{Written, purge_at};
use crate::clock::Timestamp;
use crate::error::{DecodeError, Denied, Failure, Rejected};
use crate::event::{Event, EventKind};
use crate::ident::{Kind, LoginId, Subject};
use crate::policy::{Policy, Scope};
use crate::purpose::Purpose;
use crate::record::state::{Confirms, Nonce, Rotated, State};
use crate::record::{Reason, Record};
use crate::rotation::{
    Ask, Deadlines, Decision, Presented, Situation, StampCheck, Successor, decide, standing, windows_closed,
};
use crate::secret::{Digest, Key, KeyId, Usable, Validator};
use crate::stamp::{Fingerprint, FingerprintCheck, Stamp};
use crate::store::Change;
use crate::token::{Selector, Token};

/// A presented token that is one of ours, neither expired nor ended: now it may name its subject, so
/// that the application can fetch the stamp and finish with one store read and one user read.
#[must_use = "a candidate is no verdict: verify or consume it"]
pub struct Candidate<'a> {
    tokens: &'a Tokens,
    policy: &'a Policy,
    validator: Validator,
    found: Box<Found>,
    fingerprint: Option<Fingerprint>,
    /// Whether its use shows that the client has it.
    confirms: bool,
}

/// A record and which of its tokens was presented. Boxed wherever it is kept: it is over 500 bytes, and
/// each return on its way from the store to the application would copy them.
pub(super) struct Found {
    pub(super) record: Record,
    pub(super) state: State,
    pub(super) presented: Presented,
}

impl Tokens {
    /// Whether `text` is a token of `kind` that is ours, neither expired nor ended.
    ///
    /// # Errors
    /// [`Failure`] if that cannot be told.
    pub async fn look_up(&self, kind: Kind, text: &str) -> Result<Candidate<'_>, Denied> {
        let policy = self.policy(kind)?;
        let now = self.now();
        let Some((selector, validator)) = policy.format.parse(text) else {
            self.emit(&Event::new(EventKind::Malformed, now).token_kind(kind));
            return Err(Rejected::Malformed.into());
        };
        let record = self.store().find(selector).await?;
        let found = self.examine(policy, selector, &validator, record, now)?;
        Ok(Candidate { tokens: self, policy, validator, found, fingerprint: None, confirms: true })
    }

    /// Whether `text` is a valid token of `kind`, for kinds that are bound to no stamp.
    ///
    /// # Errors
    /// [`Failure`], [`Failure::StampRequired`] among them: then [`look_up`](Self::look_up) first.
    pub async fn verify(&self, kind: Kind, text: &str) -> Result<Valid, Denied> {
        self.look_up(kind, text).await?.verify(None).await
    }

    /// As [`verify`](Self::verify), and the [successor](Valid::successor) if one is due.
    ///
    /// # Errors
    /// [`Failure`], [`Failure::StampRequired`] among them: then [`look_up`](Self::look_up) first.
    pub async fn verify_and_rotate(&self, kind: Kind, text: &str) -> Result<Valid, Denied> {
        self.look_up(kind, text).await?.verify_and_rotate(None).await
    }

    /// Uses up a single-use token that is bound to no stamp. Of any number of callers at most one is
    /// accepted.
    ///
    /// # Errors
    /// [`Failure`]; after a [timeout](crate::StoreError::Timeout) with unknown outcome, or when the
    /// future was dropped, the token may be spent.
    pub async fn consume(&self, kind: Kind, text: &str) -> Result<Valid, Denied> {
        self.look_up(kind, text).await?.consume(None).await
    }

    /// Rows D1 to D3 for what a store returned.
    fn examine(
        &self,
        policy: &Policy,
        selector: Selector,
        validator: &Validator,
        record: Option<Record>,
        now: Timestamp,
    ) -> Result<Box<Found>, Denied> {
        let kind = policy.kind;
        let invalid = |event: EventKind| {
            self.emit(&Event::new(event, now).token_kind(kind).selector(selector));
            Err(Rejected::Invalid.into())
        };
        let Some(record) = record else { return invalid(EventKind::UnknownSelector) };
        if record.selector != selector {
            return Err(corrupt(selector, DecodeError("the store answered with another record")).into());
        }
        if record.kind != kind {
            return invalid(EventKind::KindMismatch);
        }
        let state = State::decode(&record.body).map_err(|source| corrupt(selector, source))?;
        let presented = match self.identify(policy, &record, &state, validator, now)? {
            Some(Presented::Foreign) => return invalid(EventKind::InvalidValidator),
            Some(presented) => presented,
            None => return invalid(EventKind::UnusableKey),
        };
        let found = Box::new(Found { record, state, presented });
        let situation = found.situation(StampCheck::Unbound);
        let Some(rejected) = standing(&situation, now, policy, self.max_skew()) else { return Ok(found) };
        self.emit(&Event::new(told(rejected), now).record(&found.record));
        Err(rejected.into())
    }

    /// Which of the record's tokens has this validator; `None` if the key that could tell is retired.
    ///
    /// Where only the predecessor's key is, its digest can no longer be compared. The newest token has been
    /// presented since, or its digest would be under that key, too. So once the windows have closed, every token
    /// of ours but the newest is a replay.
    ///
    /// The costly proof of descent comes only when the newest digest does not match: what that reveals,
    /// whether a token is the newest one, its holder learns from the verdict anyway.
    fn identify(
        &self,
        policy: &Policy,
        record: &Record,
        state: &State,
        validator: &Validator,
        now: Timestamp,
    ) -> Result<Option<Presented>, Failure> {
        let matches =
            |digest: &Digest, key| Digest::of(validator, record.covered(&state.facts), key).matches(digest);
        let usable = self.keys().usable(state.digest.key, now);
        if let Ok(Usable::Yes(key)) = usable
            && matches(&state.digest, key)
        {
            return Ok(Some(Presented::Current));
        }
        if !validator.descends_from(record.selector, &state.lineage) {
            return Ok(Some(Presented::Foreign));
        }
        let Usable::Yes(_) = usable? else { return Ok(None) };
        let Some(rotated) = &state.rotated else { return Ok(Some(Presented::Earlier)) };
        match self.keys().usable(rotated.predecessor.key, now)? {
            Usable::Yes(key) if matches(&rotated.predecessor, key) => Ok(Some(Presented::Predecessor)),
            Usable::Yes(_) => Ok(Some(Presented::Earlier)),
            Usable::No => {
                let open = state.rotation().is_some_and(|rotation| {
                    rotation.repeatable && !windows_closed(&rotation, now, policy, self.max_skew())
                });
                Ok(if open { None } else { Some(Presented::Earlier) })
            }
        }
    }

    /// The key named `id`, where it can still be used.
    pub(super) fn key(&self, id: Option<KeyId>, now: Timestamp) -> Result<Option<Option<&Key>>, Failure> {
        Ok(match self.keys().usable(id, now)? {
            Usable::Yes(key) => Some(key),
            Usable::No => None,
        })
    }
}

impl Candidate<'_> {
    /// Whom the token belongs to; `None` for an anonymous session.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        self.found.record.subject.as_ref()
    }

    /// The login that it belongs to.
    #[must_use]
    pub const fn login(&self) -> LoginId {
        self.found.record.login
    }

    /// Which of the record's tokens it is. Where a client sends several, verify the newest first: an old
    /// one ends the login (D9).
    #[must_use]
    pub const fn presented(&self) -> Presented {
        self.found.presented
    }

    /// Says what the client that presented it looks like.
    pub const fn fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }

    /// Says that the client may not have this token yet, as its answer is under way or may be lost: that it is looked
    /// at again shows nothing, so it confirms nothing (contract D5a).
    pub const fn before_arrival(mut self) -> Self {
        self.confirms = false;
        self
    }

    /// Whether the token is valid, given the subject's present stamp.
    ///
    /// # Errors
    /// [`Failure::StampRequired`] if it is bound to one and none is given; [`Failure::WrongCall`] for a
    /// single-use kind; any other [`Failure`] if there is no verdict.
    pub async fn verify(self, stamp: Option<&Stamp>) -> Result<Valid, Denied> {
        self.settle(Ask::Verify, stamp).await
    }

    /// As [`verify`](Self::verify), and the [successor](Valid::successor) if one is due.
    ///
    /// # Errors
    /// As for [`verify`](Self::verify).
    pub async fn verify_and_rotate(self, stamp: Option<&Stamp>) -> Result<Valid, Denied> {
        self.settle(Ask::Rotate, stamp).await
    }

    /// Uses up a single-use token. Of any number of callers at most one is accepted.
    ///
    /// # Errors
    /// As for [`verify`](Self::verify), [`Failure::WrongCall`] for every other kind; after a timeout
    /// with unknown outcome, or when the future was dropped, the token may be spent.
    pub async fn consume(mut self, stamp: Option<&Stamp>) -> Result<Valid, Denied> {
        if self.policy.purpose != Purpose::SingleUse {
            return Err(Failure::WrongCall(self.policy.kind).into());
        }
        let mut backoff = Backoff::default();
        loop {
            let now = self.tokens.now();
            match self.decide(Ask::Verify, stamp, now) {
                Decision::StampRequired => return Err(Failure::StampRequired.into()),
                Decision::Reject { rejected, end } => return self.reject(rejected, end, now).await,
                Decision::Accept { .. } => {}
            }
            let mut state = self.found.state.clone();
            if self.confirm_issuer(now).await {
                state.confirms = None;
            }
            let mut next = self.tokens.next_write(&self.found.record, &mut state, self.policy, now)?;
            next.revoked = Some(Reason::Spent);
            next.idle_at = None;
            next.purge_at = next.expires_at;
            next.seen_at = now;
            let (of, fingerprint) = (self.found.record.clone(), self.compare());
            // An ending: it is told though the caller's future is dropped behind the write.
            let written = self.tokens.detached(|tokens| async move {
                let written = tokens.replace(&next, &of, Change::End(&tokens.note())).await?;
                if let Written::Done = written {
                    tokens.emit(&Event::new(EventKind::Consumed, now).record(&of).fingerprint(fingerprint));
                }
                Ok::<_, Failure>(written)
            });
            match written.await? {
                Written::Done => return Ok(self.accept(None, now)),
                Written::Lost(record) => self.found = self.again(record, now)?,
            }
            backoff.pause(self.tokens).await?;
        }
    }

    /// Decides, writes what the decision needs, and starts over when somebody else was faster.
    async fn settle(mut self, ask: Ask, stamp: Option<&Stamp>) -> Result<Valid, Denied> {
        if self.policy.purpose == Purpose::SingleUse {
            return Err(Failure::WrongCall(self.policy.kind).into());
        }
        let mut backoff = Backoff::default();
        loop {
            let now = self.tokens.now();
            let (confirm, slide, successor) = match self.decide(ask, stamp, now) {
                Decision::StampRequired => return Err(Failure::StampRequired.into()),
                Decision::Reject { rejected, end } => return self.reject(rejected, end, now).await,
                Decision::Accept { confirm, slide, successor } => {
                    (confirm && self.confirms, slide, successor)
                }
            };
            if self.found.presented != Presented::Current {
                let token = if successor == Successor::Same { self.derive_again(now)? } else { None };
                self.tokens.emit(&self.event(EventKind::Retried, now));
                return Ok(self.accept(token, now));
            }
            let confirmed_issuer = self.confirms && self.confirm_issuer(now).await;
            if !confirm && !slide && !confirmed_issuer && successor == Successor::None {
                self.tokens.emit(&self.event(EventKind::Verified, now));
                return Ok(self.accept(None, now));
            }
            let (next, state, token) = match self.advance(confirm, confirmed_issuer, successor, now) {
                Ok(advanced) => advanced,
                Err(failure) => return Ok(self.unwritten(&failure, now)),
            };
            let touch = !confirm && !confirmed_issuer && token.is_none();
            let change = if touch { Change::Touch } else { Change::Update };
            match self.tokens.replace(&next, &self.found.record, change).await {
                Ok(Written::Done) => {
                    (self.found.record, self.found.state) = (next, state);
                    if confirm {
                        self.tokens.emit(&self.event(EventKind::Confirmed, now));
                    }
                    let what = if token.is_some() { EventKind::Rotated } else { EventKind::Verified };
                    self.tokens.emit(&self.event(what, now));
                    return Ok(self.accept(token, now));
                }
                Ok(Written::Lost(record)) => self.found = self.again(record, now)?,
                Err(failure) => return Ok(self.unwritten(&failure, now)),
            }
            backoff.pause(self.tokens).await?;
        }
    }

    /// D12: the token is valid whether or not what follows from that could be written.
    fn unwritten(self, failure: &Failure, now: Timestamp) -> Valid {
        self.tokens.emit(&self.event(EventKind::WriteFailed, now).source(failure));
        self.accept(None, now)
    }

    /// D5a: the client has this token, so it has the successor that was sent in the same answer. Whether this
    /// record need not remember that any more.
    async fn confirm_issuer(&self, now: Timestamp) -> bool {
        let Some(confirms) = self.found.state.confirms else { return false };
        match self.tokens.confirm(confirms, now).await {
            Ok(()) => true,
            Err(failure) => {
                self.tokens.emit(&self.event(EventKind::WriteFailed, now).source(&failure));
                false
            }
        }
    }

    fn decide(&self, ask: Ask, stamp: Option<&Stamp>, now: Timestamp) -> Decision {
        let check = match (self.found.state.facts.stamp.map(Stamp), stamp) {
            (None, None) => StampCheck::Unbound,
            (None, Some(_)) => StampCheck::Missing,
            (Some(_), None) => StampCheck::NotSupplied,
            (Some(bound), Some(stamp)) if bound.matches(stamp) => StampCheck::Matches,
            (Some(_), Some(_)) => StampCheck::Differs,
        };
        decide(&self.found.situation(check), ask, now, self.policy, self.tokens.max_skew())
    }

    /// What to make of the record that somebody else wrote first.
    fn again(&self, record: Option<Record>, now: Timestamp) -> Result<Box<Found>, Denied> {
        self.tokens.examine(self.policy, self.found.record.selector, &self.validator, record, now)
    }

    /// The record after a confirmation, a slide or a rotation by the current token, and the successor.
    fn advance(
        &self,
        confirm: bool,
        confirmed_issuer: bool,
        successor: Successor,
        now: Timestamp,
    ) -> Result<(Record, State, Option<Token>), Failure> {
        let Self { tokens, policy, validator, found, .. } = self;
        let (record, key) = (&found.record, tokens.keys().active());
        let mut state = found.state.clone();
        // Only a presented validator can move to a new key (contract T3).
        state.digest = Digest::of(validator, record.covered(&state.facts), key);
        if let (true, Some(rotated)) = (confirm, &mut state.rotated) {
            rotated.confirmed_at = Some(now);
        }
        if confirmed_issuer {
            state.confirms = None;
        }
        let mut token = None;
        if successor == Successor::New {
            let nonce = Nonce { bytes: tokens.random()?, key: key.map(Key::id) };
            let next = validator.successor(record.selector, &nonce.bytes, key);
            let predecessor = state.digest;
            state.digest = Digest::of(&next, record.covered(&state.facts), key);
            state.rotated = Some(Rotated { at: now, confirmed_at: None, predecessor, nonce: Some(nonce) });
            token = Some(Token::print(record.selector, &next, &policy.format));
        }
        let mut next = tokens.next_write(record, &mut state, policy, now)?;
        next.generation = record.generation.saturating_add(u32::from(token.is_some()));
        next.seen_at = now;
        // What the record was promised: an idle lifetime grows with the next login, not before.
        let promised = record.idle_at.map(|idle_at| idle_at.since(record.seen_at));
        let idle = promised.into_iter().chain(policy.idle).min();
        next.idle_at = idle.map(|idle| now.saturating_add(idle));
        next.purge_at = purge_at(&next, policy);
        Ok((next, state, token))
    }

    /// The successor that the predecessor's other holders got; `None` if its key is retired.
    fn derive_again(&self, now: Timestamp) -> Result<Option<Token>, Failure> {
        let Found { record, state, .. } = &*self.found;
        let Some(nonce) = state.rotated.as_ref().and_then(|rotated| rotated.nonce) else { return Ok(None) };
        let (Some(salt), Some(key)) =
            (self.tokens.key(nonce.key, now)?, self.tokens.key(state.digest.key, now)?)
        else {
            return Ok(None);
        };
        let next = self.validator.successor(record.selector, &nonce.bytes, salt);
        if !Digest::of(&next, record.covered(&state.facts), key).matches(&state.digest) {
            return Err(corrupt(record.selector, DecodeError("the nonce does not lead to the successor")));
        }
        Ok(Some(Token::print(record.selector, &next, &self.policy.format)))
    }

    /// Ends what the decision says, then gives the verdict; without the former there is no latter (D12).
    async fn reject(
        self,
        rejected: Rejected,
        end: Option<(Scope, Reason)>,
        now: Timestamp,
    ) -> Result<Valid, Denied> {
        let Some((scope, reason)) = end else {
            self.tokens.emit(&self.event(told(rejected), now));
            return Err(rejected.into());
        };
        let fingerprint = self.compare();
        let record = self.found.record;
        let caught = Caught { record, fingerprint, event: told(rejected), reason, at: now };
        self.tokens.end_caught(caught, scope).await?;
        Err(rejected.into())
    }

    fn event(&self, what: EventKind, now: Timestamp) -> Event<'_> {
        Event::new(what, now).record(&self.found.record).fingerprint(self.compare())
    }

    fn compare(&self) -> FingerprintCheck {
        FingerprintCheck::new(self.found.state.facts.fingerprint, self.fingerprint)
    }

    fn accept(self, successor: Option<Token>, now: Timestamp) -> Valid {
        let situation = self.found.situation(StampCheck::Unbound);
        let deadlines = Deadlines::of(&situation, now, self.policy, self.tokens.max_skew());
        let fingerprint = self.compare();
        let Record { selector, generation, .. } = self.found.record;
        let confirms = successor.as_ref().map(|_| Confirms { selector, generation });
        let successor = successor.map(|token| Issued {
            token,
            kind: self.found.record.kind,
            login: self.found.record.login,
            expires_at: deadlines.absolute,
        });
        Valid {
            found: self.found,
            expires_at: deadlines.first(),
            absolute_at: deadlines.absolute,
            fingerprint,
            confirms,
            successor,
        }
    }
}

impl Found {
    fn situation(&self, stamp: StampCheck) -> Situation {
        let Record { created_at, seen_at, expires_at, idle_at, revoked, .. } = self.record;
        let rotation = self.state.rotation();
        Situation {
            presented: self.presented,
            created_at,
            seen_at,
            expires_at,
            idle_at,
            revoked,
            rotation,
            stamp,
        }
    }
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("record", &self.found.record).finish_non_exhaustive()
    }
}

/// What an observer is told of a token of ours that is rejected.
const fn told(rejected: Rejected) -> EventKind {
    match rejected {
        Rejected::Expired => EventKind::Expired,
        Rejected::Fenced => EventKind::Fenced,
        Rejected::Invalid => EventKind::InvalidValidator,
        Rejected::Lapsed => EventKind::Lapsed,
        Rejected::Malformed => EventKind::Malformed,
        Rejected::Reused => EventKind::Reused,
        Rejected::Revoked(reason) => EventKind::RevokedPresented(reason),
        Rejected::Spent => EventKind::Spent,
        Rejected::StampMismatch => EventKind::StampMismatch,
    }
}

pub(super) const fn corrupt(selector: Selector, source: DecodeError) -> Failure {
    Failure::Corrupt { selector, source }
}
