//! MongoDB: the `$set` of a replace is made of the fields that are not empty, as the mapper leaves empty
//! strings out.
//! Breaks S1: after an acknowledged replace `find` shows a device that the record no longer has.

use crate::help::{Bend, Bent};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Bent<Wrong>>(&[]);

// insert(r with device "Firefox") → replace(r' with device "") → Replaced → find shows "Firefox".
#[derive(Default)]
struct Wrong;

impl Bend for Wrong {
    fn replaced(old: &Record, next: &Record, _: Change<'_>) -> Record {
        let device = if next.device.as_str().is_empty() { &old.device } else { &next.device };
        Record { device: device.clone(), ..next.clone() }
    }
}
