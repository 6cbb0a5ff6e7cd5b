//! Shuttle's counterparts of the names in `src/near/sync.rs`: shuttle decides which thread goes on.

pub(crate) use std::sync::PoisonError;

pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub(crate) use shuttle::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
// It is only closed here, and no thread waits for it.
pub(crate) use tokio::sync::Semaphore;
