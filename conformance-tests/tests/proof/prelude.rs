//! The imports of a file in `faults/` or `odd-but-legal/`.

pub(crate) use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
pub(crate) use std::fmt;
pub(crate) use std::sync::Arc;
pub(crate) use std::time::Duration;

pub(crate) use async_trait::async_trait;
pub(crate) use hallpass_conformance_tests::Clause::*;
pub(crate) use hallpass_conformance_tests::{Capability, Declared, Fault, Harness};
pub(crate) use hallpass_core::store::*;
pub(crate) use hallpass_core::*;

pub(crate) use crate::base::{Base, INSERTED, Locked, apart, chosen, give_way, pause};
pub(crate) use crate::board::{Board, Log, Posted, Posting, Seat, Sort};
pub(crate) use crate::call::{EpochCall, ReplaceCall, RevokeCall};
pub(crate) use crate::epochs::{Times, folds, keeps, kept_for};
pub(crate) use crate::hook::*;
pub(crate) use crate::specimen::{Bug, Odd, Shared};
pub(crate) use crate::twist::{Backend, Held, Straight, Twist, Twisted, durable, root_of, served};
