//! What the map and the lease take from the standard library and from tokio.
//!
//! `tests/interleavings` compiles them with shuttle's counterparts of these names.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(crate) use tokio::sync::Semaphore;
