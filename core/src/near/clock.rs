//! The clock of a node: the time since it was booted.

use std::fmt;

use crate::clock::{Clock, SystemClock, Timestamp};

/// The clock that leases are measured by.
///
/// It never steps, and it goes on while the machine is suspended. So it is no [`Clock`]: it belongs to one node.
// Public only for the tests of this workspace. Outside semantic versioning.
pub trait NodeClock: fmt::Debug + Send + Sync + 'static {
    /// Returns the time since the node was booted, in nanoseconds; never 0.
    fn since_boot(&self) -> u64;

    /// Returns what the wall clock shows. If it moves against the time since the boot, somebody has set one of them,
    /// or the machine was paused in a way that the other did not notice.
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

/// `CLOCK_BOOTTIME`. `CLOCK_MONOTONIC`, which the standard library reads, stands still while the machine is suspended.
#[derive(Debug)]
struct BootClock;

/// Returns the clock of this system; `None` if it has none that counts the time of a suspension.
pub(super) fn system() -> Option<impl NodeClock> {
    read().map(|_| BootClock)
}

impl NodeClock for BootClock {
    fn since_boot(&self) -> u64 {
        // It was there when the service was built.
        read().unwrap_or(u64::MAX)
    }

    fn wall(&self) -> Timestamp {
        SystemClock.now()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn read() -> Option<u64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_nsec).ok()?);
    Some(seconds.saturating_mul(1_000_000_000).saturating_add(nanos).max(1))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn read() -> Option<u64> {
    None
}
