//! MongoDB: the insert lets the driver choose the width, the `$set` of a replace casts to Int32 and clamps.
//! Breaks S1: a generation of 2³¹ or more comes back from a replace as 2³¹ − 1.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| replaces(|_, next, _| next.generation = next.generation.min(i32::MAX.unsigned_abs())), &[]);
