//! Redis: a read of an epoch renews its time to live only if less than half of it is left, the half of what
//! it was set with and not of what is asked for now.
//! Breaks S11: the epoch is kept until `now + keep` at least; here a longer `keep` is ignored, the epoch is
//! collected early, and a login that runs is fenced.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| crate::help::leaves(|until, kept, now| now < until && until.since(now) >= kept / 2), &[]);
