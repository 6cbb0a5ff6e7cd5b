//! From a presented token to a verdict: look up, decide, write what the decision needs, or start over.

use std::fmt;
use std::sync::Arc;

use super::Tokens;
use super::alarm::Replay;
use super::backoff::Backoff;
use super::found::{Found, corrupt};
use super::valid::{Issued, Valid};
use super::write::{SwapOutcome, purge_at};
use crate::clock::Timestamp;
use crate::error::{Denied, Failure, Rejected};
use crate::event::{Event, EventKind};
use crate::ident::{LoginId, Subject};
use crate::keyring::Key;
use crate::limit::DecodeError;
use crate::near::Entry;
use crate::policy::{Policy, Scope};
use crate::purpose::Purpose;
use crate::record::state::{Confirms, Nonce, Rotated, State};
use crate::record::{Reason, Record};
use crate::rotation::{Decision, Presented, Request, StampCheck, Successor, decide_standing};
use crate::secret::{Digest, Validator};
use crate::stamp::{Fingerprint, FingerprintCheck, Stamp};
use crate::store::Change;
use crate::token::Token;

/// A presented token that is ours and neither expired nor ended; it names its subject.
///
/// The application can now fetch the subject's stamp and finish, with one read of the store and one of the user
/// table.
#[must_use = "a candidate is no verdict: verify or consume it"]
pub struct Candidate<'a> {
    tokens: &'a Tokens,
    policy: &'a Policy,
    validator: Validator,
    found: Box<Found>,
    /// The entry of the near cache that the record comes from, if it does. Then the record may only be accepted.
    entry: Option<Arc<Entry>>,
    fingerprint: Option<Fingerprint>,
    /// Whether its use proves that the client has it.
    confirms: bool,
}

impl<'a> Candidate<'a> {
    pub(super) const fn new(
        tokens: &'a Tokens,
        policy: &'a Policy,
        validator: Validator,
        found: Box<Found>,
        entry: Option<Arc<Entry>>,
    ) -> Self {
        Self { tokens, policy, validator, found, entry, fingerprint: None, confirms: true }
    }
}

impl Candidate<'_> {
    /// Returns the owner of the token; `None` for an anonymous session.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        self.found.record.subject.as_ref()
    }

    /// Returns the login that it belongs to.
    #[must_use]
    pub const fn login(&self) -> LoginId {
        self.found.record.login
    }

    /// Returns which of the record's tokens it is. If a client sends several tokens, verify the newest first: an old
    /// one ends the login (D9). From the near cache it may be the newest of a moment ago; ask
    /// [`exact`](Tokens::exact) if that matters.
    #[must_use]
    pub const fn presented(&self) -> Presented {
        self.found.presented
    }

    /// Returns whether the token is bound to another stamp than this one, or to none although it needs one, so that
    /// [`verify`](Self::verify) would refuse it. If the stamp comes from a cache of users, load the user again: the
    /// stamp may have changed, or be gone.
    #[must_use]
    pub fn is_bound_to_another(&self, stamp: Option<&Stamp>) -> bool {
        match self.check(stamp) {
            StampCheck::Differs | StampCheck::NotSupplied => true,
            StampCheck::Missing => self.policy.refuses_unbound(),
            StampCheck::Matches | StampCheck::Unbound => false,
        }
    }

    /// Sets what the client that presented the token looks like.
    pub const fn fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }

    /// Declares that the client may not have this token yet, because the response is under way or may be lost. So
    /// this check proves nothing about the client, and confirms nothing (contract D5a).
    pub const fn before_arrival(mut self) -> Self {
        self.confirms = false;
        self
    }

    /// Verifies the token, given the subject's present stamp.
    ///
    /// # Errors
    /// [`Failure::StampRequired`] if the token is bound to a stamp and none is given; [`Failure::WrongCall`] for a
    /// single-use kind; any other [`Failure`] if no verdict could be reached.
    pub async fn verify(self, stamp: Option<&Stamp>) -> Result<Valid, Denied> {
        self.settle(Request::Verify, stamp).await
    }

    /// Does the same as [`verify`](Self::verify) and makes the [successor](Valid::successor) if one is due.
    ///
    /// # Errors
    /// As for [`verify`](Self::verify).
    pub async fn verify_and_rotate(self, stamp: Option<&Stamp>) -> Result<Valid, Denied> {
        self.settle(Request::Rotate, stamp).await
    }

    /// Consumes a single-use token. Of any number of concurrent calls at most one is accepted.
    ///
    /// # Errors
    /// As for [`verify`](Self::verify), but [`Failure::WrongCall`] for every other kind. After a timeout with unknown
    /// outcome, or if the future was dropped, the token may be spent.
    pub async fn consume(mut self, stamp: Option<&Stamp>) -> Result<Valid, Denied> {
        if self.policy.purpose != Purpose::SingleUse {
            return Err(Failure::WrongCall(self.policy.kind).into());
        }
        let mut backoff = Backoff::default();
        loop {
            let now = self.tokens.now();
            match self.decide(Request::Verify, stamp, now) {
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
            // This is an ending: its event is emitted even if the caller's future is dropped after the write.
            let written = self.tokens.detached(|tokens| async move {
                let written = tokens.replace(&next, &of, Change::End(&tokens.note())).await?;
                if let SwapOutcome::Done = written {
                    tokens.emit(&Event::new(EventKind::Consumed, now).record(&of).fingerprint(fingerprint));
                }
                Ok::<_, Failure>(written)
            });
            match written.await? {
                SwapOutcome::Done => return Ok(self.accept(None)),
                SwapOutcome::Lost(record) => self.found = self.again(record, now)?,
            }
            backoff.pause(self.tokens).await?;
        }
    }

    /// Decides, writes what the decision needs, and starts over if another call wrote first.
    async fn settle(mut self, request: Request, stamp: Option<&Stamp>) -> Result<Valid, Denied> {
        if self.policy.purpose == Purpose::SingleUse {
            return Err(Failure::WrongCall(self.policy.kind).into());
        }
        if self.entry.is_some() {
            if request == Request::Verify && self.may_recall(stamp) {
                self.tokens.emit(&self.event(EventKind::Verified, self.tokens.now()));
                return Ok(self.accept(None));
            }
            self.read_again().await?;
        }
        let mut backoff = Backoff::default();
        loop {
            let now = self.tokens.now();
            let (confirm, slide, successor) = match self.decide(request, stamp, now) {
                Decision::StampRequired => return Err(Failure::StampRequired.into()),
                Decision::Reject { rejected, end } => return self.reject(rejected, end, now).await,
                Decision::Accept { confirm, slide, successor } => {
                    (confirm && self.confirms, slide, successor)
                }
            };
            if self.found.presented != Presented::Current {
                let token = if successor == Successor::Same { self.derive_again(now)? } else { None };
                self.tokens.emit(&self.event(EventKind::Retried, now));
                return Ok(self.accept(token));
            }
            let confirmed_issuer = self.confirms && self.confirm_issuer(now).await;
            if !confirm && !slide && !confirmed_issuer && successor == Successor::None {
                self.tokens.emit(&self.event(EventKind::Verified, now));
                return Ok(self.accept(None));
            }
            let (next, state, token) = match self.next_record(confirm, confirmed_issuer, successor, now) {
                Ok(advanced) => advanced,
                Err(failure) => return Ok(self.unwritten(&failure, now)),
            };
            let touch = !confirm && !confirmed_issuer && token.is_none();
            let change = if touch { Change::Touch } else { Change::Update };
            match self.tokens.replace(&next, &self.found.record, change).await {
                Ok(SwapOutcome::Done) => {
                    self.found.deadlines = self.tokens.deadlines(&next, self.policy, now);
                    (self.found.record, self.found.state) = (next, state);
                    if confirm {
                        self.tokens.emit(&self.event(EventKind::Confirmed, now));
                    }
                    let what = if token.is_some() { EventKind::Rotated } else { EventKind::Verified };
                    self.tokens.emit(&self.event(what, now));
                    return Ok(self.accept(token));
                }
                Ok(SwapOutcome::Lost(record)) => self.found = self.again(record, now)?,
                Err(failure) => return Ok(self.unwritten(&failure, now)),
            }
            backoff.pause(self.tokens).await?;
        }
    }

    /// Returns whether the record of the near cache is enough: the token is accepted, nothing has to be written, and
    /// every ending until a moment ago was heard. Everything else is for the store to decide, and nothing is reported.
    fn may_recall(&self, stamp: Option<&Stamp>) -> bool {
        let (Some(entry), Some(near)) = (&self.entry, self.tokens.near(self.policy)) else { return false };
        let quiet = match self.decide(Request::Verify, stamp, self.tokens.now()) {
            Decision::Accept { confirm, slide, successor: Successor::None } => {
                !(confirm && self.confirms || slide)
            }
            _ => false,
        };
        let confirms_issuer = self.confirms && self.found.state.confirms.is_some();
        // The clock comes last: had this thread stood still since, the proof would be too old.
        if !quiet || confirms_issuer || self.tokens.check(near, entry, self.policy).is_err() {
            return false;
        }
        near.count_hit(self.found.record.selector);
        true
    }

    /// Reads from the store the record that came from the near cache.
    async fn read_again(&mut self) -> Result<(), Denied> {
        self.entry = None;
        let (tokens, policy, selector) = (self.tokens, self.policy, self.found.record.selector);
        if let Some(near) = tokens.near(policy) {
            self.found = Box::pin(tokens.read_and_keep(near, policy, selector, &self.validator)).await?;
        }
        Ok(())
    }

    /// The token is valid even if the writes that follow from its use fail (D12).
    fn unwritten(self, failure: &Failure, now: Timestamp) -> Valid {
        self.tokens.emit(&self.event(EventKind::WriteFailed, now).source(failure));
        self.accept(None)
    }

    /// Confirms the successor that was sent in the same response as this token (D5a). Returns whether the record need
    /// no longer remember it.
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

    fn check(&self, stamp: Option<&Stamp>) -> StampCheck {
        match (self.found.state.facts.stamp.map(Stamp), stamp) {
            (None, None) => StampCheck::Unbound,
            (None, Some(_)) => StampCheck::Missing,
            (Some(_), None) => StampCheck::NotSupplied,
            (Some(bound), Some(stamp)) if bound.matches(stamp) => StampCheck::Matches,
            (Some(_), Some(_)) => StampCheck::Differs,
        }
    }

    fn decide(&self, request: Request, stamp: Option<&Stamp>, now: Timestamp) -> Decision {
        let (inputs, deadlines) = (self.found.inputs(self.check(stamp)), &self.found.deadlines);
        decide_standing(&inputs, deadlines, request, now, self.policy, self.tokens.max_skew())
    }

    /// Examines the record that another call wrote first.
    fn again(&self, record: Option<Record>, now: Timestamp) -> Result<Box<Found>, Denied> {
        self.tokens.examine(self.policy, self.found.record.selector, &self.validator, record, now)
    }

    /// Returns the record after a confirmation, a slide or a rotation by the current token, and the successor.
    fn next_record(
        &self,
        confirm: bool,
        confirmed_issuer: bool,
        successor: Successor,
        now: Timestamp,
    ) -> Result<(Record, State, Option<Token>), Failure> {
        let Self { tokens, policy, validator, found, .. } = self;
        let (record, key) = (&found.record, tokens.keys().active());
        let mut state = found.state.clone();
        // A record moves to another key only when its validator is presented (contract T3).
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
        // The idle lifetime that the record was promised: a longer one applies from the next login.
        let promised = record.idle_at.map(|idle_at| idle_at.since(record.seen_at));
        let idle = promised.into_iter().chain(policy.idle).min();
        next.idle_at = idle.map(|idle| now.saturating_add(idle));
        next.purge_at = purge_at(&next, policy);
        Ok((next, state, token))
    }

    /// Derives the successor that other holders of the predecessor got; `None` if its key is retired.
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

    /// Ends what the decision says, then returns the verdict. If the ending fails, there is no verdict (D12).
    async fn reject(
        self,
        rejected: Rejected,
        end: Option<(Scope, Reason)>,
        now: Timestamp,
    ) -> Result<Valid, Denied> {
        let Some((scope, reason)) = end else {
            self.tokens.emit(&self.event(EventKind::of_rejection(rejected), now));
            return Err(rejected.into());
        };
        let fingerprint = self.compare();
        let record = self.found.record;
        let replay =
            Replay { record, fingerprint, event: EventKind::of_rejection(rejected), reason, at: now };
        self.tokens.end_replayed(replay, scope).await?;
        Err(rejected.into())
    }

    fn event(&self, what: EventKind, now: Timestamp) -> Event<'_> {
        Event::new(what, now).record(&self.found.record).fingerprint(self.compare())
    }

    fn compare(&self) -> FingerprintCheck {
        FingerprintCheck::new(self.found.state.facts.fingerprint, self.fingerprint)
    }

    fn accept(self, successor: Option<Token>) -> Valid {
        let fingerprint = self.compare();
        let Record { selector, generation, kind, login, .. } = self.found.record;
        let confirms = successor.as_ref().map(|_| Confirms { selector, generation });
        let expires_at = self.found.deadlines.absolute;
        let successor = successor.map(|token| Issued { token, kind, login, expires_at });
        let first_byte = self.entry.as_ref().and_then(|entry| entry.value.first_byte);
        let is_recalled = self.entry.is_some();
        Valid { found: self.found, is_recalled, first_byte, fingerprint, confirms, successor }
    }
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("record", &self.found.record).finish_non_exhaustive()
    }
}
