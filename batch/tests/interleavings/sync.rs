//! Shuttle's counterparts of the names in `src/sync.rs`: shuttle decides which task goes on.
//!
//! Time has no length: a deadline may pass, and a batch may be stuck, at any moment.

use std::cell::RefCell;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

pub(crate) use shuttle::future::yield_now;
pub(crate) use shuttle::sync::atomic::{AtomicBool, Ordering};
pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard};
pub(crate) use std::sync::PoisonError;
// It needs no runtime. Its own interleavings are tokio's to test.
pub(crate) use tokio::sync::oneshot;

use shuttle::future::{JoinHandle, spawn};
use shuttle::rand::{Rng, thread_rng};

thread_local! {
    /// The tasks of the runtime; `None` when it has ended. Shuttle runs all tasks on one thread.
    static TASKS: RefCell<Option<Vec<JoinHandle<()>>>> = const { RefCell::new(None) };
}

/// The runtime.
pub(crate) struct Handle;

impl Handle {
    /// Starts a runtime for one execution.
    pub(crate) fn start() {
        TASKS.set(Some(Vec::new()));
    }

    /// Ends the runtime: drops its tasks where they wait.
    pub(crate) async fn shut_down() {
        for task in TASKS.take().unwrap_or_default() {
            task.abort();
            let _ = task.await;
        }
    }

    /// A runtime that is shutting down may still be the current one.
    pub(crate) fn try_current() -> Result<Self, ()> {
        if Self::runs() || thread_rng().gen_bool(0.5) { Ok(Self) } else { Err(()) }
    }

    fn runs() -> bool {
        TASKS.with_borrow(Option::is_some)
    }

    pub(crate) fn current() -> Self {
        Self
    }

    /// Drops the task at once if the runtime has ended.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if !Self::runs() {
            return;
        }
        let task = spawn(task);
        // Another task may have ended the runtime meanwhile.
        let refused = TASKS.with_borrow_mut(|tasks| match tasks {
            Some(tasks) => {
                tasks.push(task);
                None
            }
            None => Some(task),
        });
        if let Some(task) = refused {
            task.abort();
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Instant;

impl Instant {
    pub(crate) fn now() -> Self {
        Self
    }

    /// Any batch may be stuck.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_secs(thread_rng().gen_range(0..2))
    }
}

pub(crate) async fn sleep(time: Duration) {
    if time == Duration::MAX {
        return std::future::pending().await;
    }
    for _ in 0..3 {
        yield_now().await;
    }
}

/// Waits for `future`, or until a task says that the deadline has passed.
pub(crate) async fn timeout_at<F: Future>(_: Instant, future: F) -> Result<F::Output, ()> {
    let (ring, rings) = oneshot::channel();
    spawn(async move {
        yield_now().await;
        ring.send(())
    });
    let (mut future, mut rings) = (pin!(future), pin!(rings));
    std::future::poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        rings.as_mut().poll(context).map(|_| Err(()))
    })
    .await
}
