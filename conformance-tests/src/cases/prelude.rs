//! The imports of a chapter.

pub(super) use std::num::{NonZeroU16, NonZeroU32};
pub(super) use std::time::{Duration, Instant};

pub(super) use hallpass_core::store::*;
pub(super) use hallpass_core::*;

pub(super) use crate::case::{Case, case};
pub(super) use crate::clause::Clause::{self, *};
pub(super) use crate::context::{CaseContext, harness_failed};
pub(super) use crate::endings::{Doomed, Way, end_all};
pub(super) use crate::handle::{Handle, IDLE, INSERTED};
pub(super) use crate::interleave::{meet, step};
pub(super) use crate::listener::{Journal, Listener, Turn};
pub(super) use crate::outcome::{CaseResult, Stop, hold, same};
pub(super) use crate::race::*;
pub(super) use crate::service::*;
pub(super) use crate::specimen::*;
pub(super) use hallpass_core::error_chain;
