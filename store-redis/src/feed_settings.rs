//! What the builder says about feeds.

use crate::connection::ReplicaWait;

/// The settings of every feed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FeedSettings {
    /// How many replicas must confirm a master, and how often.
    pub(crate) confirm: Option<ReplicaWait>,
    #[cfg(feature = "test-hooks")]
    pub(crate) fault: Option<FeedFault>,
}

/// What makes a feed wrong, to prove that tests notice.
#[cfg(feature = "test-hooks")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedFault {
    /// An answer proves what its own question asked.
    OneAnswer,
    /// `BUSY` is an answer.
    BusyProves,
    /// The report of a flush is passed over.
    NullIsNothing,
    /// The map of the cluster is not asked for.
    NoMap,
}

impl FeedSettings {
    #[cfg(feature = "test-hooks")]
    pub(crate) fn has(&self, fault: FeedFault) -> bool {
        self.fault == Some(fault)
    }
}
