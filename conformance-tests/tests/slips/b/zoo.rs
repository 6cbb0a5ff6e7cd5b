//! Every slip, a file each.

use crate::specimen::{Fault, zoo};

pub(crate) const ALL: &[Fault] = zoo![Fault FAULT:
];
