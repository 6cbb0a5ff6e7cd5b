//! How many calls share a batch, and when.

use std::time::Duration;

/// The limits of a [`Batcher`](crate::Batcher).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most slots that are open at the same time, apart from those that [`sharing`](Self::sharing) adds.
    pub slots: usize,
    /// The most calls that share a batch.
    pub batch: usize,
    /// The most calls that wait.
    pub queue: usize,
    /// When calls wait for each other.
    pub sharing: Sharing,
}

/// When calls wait to share a batch, although one more slot would let them go alone.
#[derive(Clone, Copy, Debug)]
pub enum Sharing {
    /// As soon as all slots are busy. A call that waits stays in the queue until a slot takes it.
    WhenBusy {
        /// A slot whose batch takes longer than this is stuck, usually behind a lock. Others open in its place.
        stuck: Duration,
        /// The most slots that are open at the same time, stuck ones included.
        limit: usize,
    },
    /// As soon as all slots are busy and many calls have no answer yet. Sharing ends when batches become small;
    /// then the calls that still wait are sent back, each to be run by its caller.
    WhenMany {
        /// Up to this many calls go alone, each in a slot of its own.
        few: usize,
        /// Sharing ends after this many batches in a row with at most half of `few` calls each.
        small: u32,
    },
}

impl Limits {
    /// Returns how many small batches a slot has run in a row, after one of `calls` calls.
    pub(crate) fn count_small(&self, before: u32, calls: usize) -> u32 {
        match self.sharing {
            // Another slot took them.
            _ if calls == 0 => before,
            Sharing::WhenMany { few, .. } if calls <= few / 2 => before + 1,
            _ => 0,
        }
    }

    /// Whether a slot goes on sharing after this many small batches in a row.
    pub(crate) fn pays(&self, small_batches: u32) -> bool {
        match self.sharing {
            Sharing::WhenMany { small, .. } => small_batches < small,
            Sharing::WhenBusy { .. } => true,
        }
    }
}
