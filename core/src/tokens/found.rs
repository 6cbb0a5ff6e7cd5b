//! A record that was read for a presented token.

use crate::error::Failure;
use crate::limit::DecodeError;
use crate::record::Record;
use crate::record::state::State;
use crate::rotation::{Deadlines, Inputs, Presented, StampCheck};
use crate::selector::Selector;

/// A record, and which of its tokens was presented. Keep it boxed: it has over 500 bytes, and each return on its way
/// from the store to the application would copy them.
pub(super) struct Found {
    pub(super) record: Record,
    pub(super) state: State,
    pub(super) presented: Presented,
    /// When the record expires, computed when it was read.
    pub(super) deadlines: Deadlines,
}

impl Found {
    pub(super) fn inputs(&self, stamp: StampCheck) -> Inputs {
        let Record { created_at, seen_at, expires_at, idle_at, revoked, .. } = self.record;
        let rotation = self.state.rotation();
        Inputs {
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

pub(super) const fn corrupt(selector: Selector, source: DecodeError) -> Failure {
    Failure::Corrupt { selector, source }
}
