//! MySQL: `DATE_ADD(now, INTERVAL keep SECOND)` is NULL beyond the year 9999, and COALESCE makes it `now`.
//! Breaks S11: an epoch is kept until now + keep at least; here the next purge collects it.

use crate::prelude::*;

// A sequence that shows it:
// epoch(u, keep Duration::MAX, now t) = E; purge at t; insert under E: `Fenced`.
// The same for Set: revoke(u, Set E, keep Duration::MAX), purge, insert under E.
pub(crate) const BUG: Bug = Bug::new(|| keeps(keep), &[]);

fn keep(now: Timestamp, keep: Duration) -> Duration {
    let beyond = u128::from(now.as_millis()) + keep.as_millis() > u128::from(Timestamp::MAX.as_millis());
    if beyond { Duration::ZERO } else { keep }
}
