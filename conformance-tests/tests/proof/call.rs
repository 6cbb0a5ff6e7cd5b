//! The arguments of the operations that have many, as a twist receives and forwards them.

use std::time::Duration;

use hallpass_core::store::{Action, Change, Epoch, EpochUpdate, Record, RecordFilter, Revision};
use hallpass_core::{Subject, Timestamp};

/// A call of `replace`.
#[derive(Clone, Copy)]
pub(crate) struct ReplaceCall<'a> {
    pub(crate) next: &'a Record,
    pub(crate) expected: Revision,
    pub(crate) change: Change<'a>,
}

/// A call of `revoke_by_subject`, without its note.
#[derive(Clone, Copy)]
pub(crate) struct RevokeCall<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) filter: &'a RecordFilter,
    pub(crate) action: Action,
    pub(crate) update: EpochUpdate,
}

impl RevokeCall<'_> {
    /// Whether the call ends `record`.
    pub(crate) fn ends(&self, record: &Record) -> bool {
        self.filter.matches(record) && (self.action == Action::Remove || record.revoked.is_none())
    }
}

/// A call of `epoch`.
#[derive(Clone, Copy)]
pub(crate) struct EpochCall<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) fresh: Epoch,
    pub(crate) keep: Duration,
    pub(crate) now: Timestamp,
}

impl EpochCall<'_> {
    /// The update that sets the fresh epoch.
    pub(crate) const fn as_update(&self) -> EpochUpdate {
        EpochUpdate::Set { epoch: self.fresh, now: self.now, keep: self.keep }
    }
}
