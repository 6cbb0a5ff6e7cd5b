//! The clock of a node: the time since it was booted.

use std::fmt;

use crate::clock::{Clock, SystemClock, Timestamp, since_boot};

/// The clock that leases are measured by.
///
/// It never steps, and it goes on while the machine is suspended. So it is no [`Clock`]: it belongs to one node.
// Public only for the tests of this workspace. Outside semantic versioning.
pub trait NodeClock: fmt::Debug + Send + Sync + 'static {
    /// Returns the time since the node was booted, in nanoseconds; never 0.
    fn since_boot(&self) -> u64;

    /// Returns what the wall clock shows. If it moves against the time since the boot, it was set, or the machine
    /// was paused and one of the clocks did not notice.
    fn wall(&self) -> Timestamp;
}

impl<C: NodeClock + ?Sized> NodeClock for std::sync::Arc<C> {
    fn since_boot(&self) -> u64 {
        (**self).since_boot()
    }

    fn wall(&self) -> Timestamp {
        (**self).wall()
    }
}

/// `CLOCK_BOOTTIME`.
#[derive(Debug)]
struct BootClock;

/// Returns the clock of this system; `None` if it has none that counts the time of a suspension.
pub(super) fn system() -> Option<impl NodeClock> {
    since_boot().map(|_| BootClock)
}

impl NodeClock for BootClock {
    fn since_boot(&self) -> u64 {
        // It was there when the service was built.
        since_boot().unwrap_or(u64::MAX)
    }

    fn wall(&self) -> Timestamp {
        SystemClock.now()
    }
}
