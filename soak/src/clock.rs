//! The clock that all nodes of this machine share.

use rustix::time::{ClockId, clock_gettime};

/// Returns the time since the machine was booted, in nanoseconds.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let part = |part: i64| u64::try_from(part).unwrap_or_default();
    part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec)
}
