//! What ends a login that was caught: the write, and the alarm that goes out with it (contract D8, D9).

use super::Tokens;
use super::login::LOGIN_WINDOW;
use crate::clock::Timestamp;
use crate::error::{Failure, StoreError};
use crate::event::{Event, EventKind};
use crate::ident::Epoch;
use crate::policy::Scope;
use crate::purpose::{Purpose, Purposes};
use crate::record::{Reason, Record};
use crate::stamp::FingerprintCheck;
use crate::store::{Action, EpochUpdate, Kinds, Note, RecordFilter, Revocation};

/// A replay: which record it was about, and what to call it.
pub(super) struct Caught {
    pub(super) record: Record,
    pub(super) fingerprint: FingerprintCheck,
    /// [`EventKind::Reused`] or [`EventKind::Lapsed`].
    pub(super) event: EventKind,
    pub(super) reason: Reason,
    pub(super) at: Timestamp,
}

impl Tokens {
    /// Ends what `caught.record` belongs to and raises the alarm, though the caller may be gone (D12).
    ///
    /// # Errors
    /// [`Failure`] if it could not be written. The alarm was raised all the same, and says so.
    pub(super) async fn end_caught(&self, caught: Caught, scope: Scope) -> Result<(), Failure> {
        let epoch = match scope {
            Scope::Login => EpochUpdate::Keep,
            Scope::Subject => {
                EpochUpdate::Set { epoch: Epoch(self.random()?), now: caught.at, keep: LOGIN_WINDOW }
            }
        };
        self.detached(move |tokens| async move {
            let alarm = Alarm { tokens, caught: Some(caught) };
            let outcome = alarm.write(scope, epoch).await;
            alarm.raise(&outcome);
            outcome.map(drop).map_err(Failure::from)
        })
        .await
    }
}

/// Raises the alarm when it is dropped, if not before: a store that panics and a runtime that shuts down are
/// no reason for silence.
struct Alarm {
    tokens: Tokens,
    caught: Option<Caught>,
}

impl Alarm {
    /// How many records it ended. Where that is none, another call was faster, and its process raises the alarm.
    async fn write(&self, scope: Scope, epoch: EpochUpdate) -> Result<u64, StoreError> {
        let Some(Caught { record, reason, at, .. }) = &self.caught else { return Ok(0) };
        let store = self.tokens.store();
        // Without a subject no index leads to the other records of the login: this one is alone.
        let Some(subject) = &record.subject else {
            return store.delete(record.selector, &Note::none()).await.map(u64::from);
        };
        let action = Action::Mark { reason: *reason, at: *at };
        let revocation = Revocation::new(filter(record, scope), action).epoch(epoch);
        store.revoke_by_subject(subject, &revocation).await
    }

    fn raise(mut self, outcome: &Result<u64, StoreError>) {
        let Some(caught) = self.caught.take() else { return };
        let kind = match outcome {
            Ok(0) => EventKind::RevokedPresented(caught.reason),
            _ => caught.event,
        };
        self.tokens.emit(&caught.event(kind).ended(outcome));
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(caught) = self.caught.take() {
            let source =
                StoreError::Timeout { source: "the write was cut off".into(), outcome_unknown: true };
            self.tokens.emit(&caught.event(caught.event).source(&source));
        }
    }
}

impl Caught {
    fn event(&self, kind: EventKind) -> Event<'_> {
        Event::new(kind, self.at).record(&self.record).fingerprint(self.fingerprint)
    }
}

/// Keys outlive the theft of another token of their login; a key that was stolen takes its like with it.
fn filter(record: &Record, scope: Scope) -> RecordFilter {
    match (scope, record.purpose) {
        (Scope::Subject, _) => RecordFilter::all(),
        (Scope::Login, Purpose::Key) => {
            RecordFilter::login(record.login).kinds(Kinds::Only(vec![record.kind]))
        }
        (Scope::Login, _) => RecordFilter::login(record.login).purposes(Purposes::NOT_KEYS),
    }
}
