//! What the crate takes from the standard library and from tokio.
//!
//! `tests/interleavings` compiles the other modules with shuttle's counterparts of these names.

pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use tokio::runtime::Handle;
pub(crate) use tokio::sync::oneshot;
pub(crate) use tokio::task::yield_now;
pub(crate) use tokio::time::{Instant, sleep, timeout_at};
