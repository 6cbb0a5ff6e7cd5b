//! Ends the login of a replayed token and raises the alarm (contract D8, D9).

use super::Tokens;
use super::ending::{Ending, login_of};
use crate::clock::Timestamp;
use crate::error::Failure;
use crate::event::EventKind;
use crate::policy::Scope;
use crate::record::{Reason, Record};
use crate::stamp::FingerprintCheck;
use crate::store::RecordFilter;

/// A replay: the record it is about, and the event to emit.
pub(super) struct Replay {
    pub(super) record: Record,
    pub(super) fingerprint: FingerprintCheck,
    /// [`EventKind::Reused`] or [`EventKind::Lapsed`].
    pub(super) event: EventKind,
    pub(super) reason: Reason,
    pub(super) at: Timestamp,
}

impl Tokens {
    /// Ends what `replay.record` belongs to and raises the alarm, even if the caller's future is dropped (D12).
    ///
    /// If nothing was left to end, another call was faster, and that call raises the alarm.
    ///
    /// # Errors
    /// [`Failure`] if the ending could not be written. The alarm is raised nevertheless and carries the failure.
    pub(super) async fn end_replayed(&self, replay: Replay, scope: Scope) -> Result<(), Failure> {
        let Replay { record, fingerprint, event, reason, at } = replay;
        let ending = match (&record.subject, scope) {
            // Without a subject no index leads to other records, and an anonymous session has no others.
            (None, _) => Ending::one(&record, event, at),
            (Some(subject), Scope::Login) => Ending::mark(subject, login_of(&record), reason, at),
            (Some(subject), Scope::Subject) => {
                Ending::mark(subject, RecordFilter::all(), reason, at).with_fence()
            }
        };
        let ending = ending.event_kind(event).otherwise(EventKind::RevokedPresented(reason));
        self.end(ending.shown_by(&record).fingerprint(fingerprint)).await.map(drop)
    }
}
