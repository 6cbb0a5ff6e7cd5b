//! MongoDB: the insert lets the driver choose the width, the `$set` of a replace casts to Int32 and clamps.
//! Breaks S1: a generation of 2³¹ or more comes back from a replace as 2³¹ − 1.

use crate::help::{Bend, Bent};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Bent<Wrong>>(&[]);

// insert(r) → replace(r' with generation = u32::MAX) → Replaced → find shows 2147483647.
#[derive(Default)]
struct Wrong;

impl Bend for Wrong {
    fn replaced(_: &Record, next: &Record, _: Change<'_>) -> Record {
        Record { generation: next.generation.min(i32::MAX.unsigned_abs()), ..next.clone() }
    }
}
