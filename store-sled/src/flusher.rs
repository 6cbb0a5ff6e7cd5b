//! Group commit: many writers wait, one thread flushes for all of them.

use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use hallpass_core::StoreError;

use crate::error::Trouble;

/// Is told what became of the flush that it waited for.
pub(crate) type Waiter = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Sees to it that at most one flush runs and that none is wasted.
///
/// A writer needs a flush that *begins* after its write: one that runs already may have passed the
/// write by. So whoever comes while a flush runs waits for the next, which serves all that came
/// meanwhile; who finds none running becomes the flusher and stays it while others wait. sled's
/// `flush_async` is never used: eight tasks that call it at once wait for ever.
#[derive(Default)]
pub(crate) struct Flusher(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<Waiter>,
    running: bool,
    /// Why one failed. Nothing is acknowledged after that.
    failed: Option<Trouble>,
}

impl Flusher {
    /// Calls `waiter` when everything written before this call is on disk, with [`StoreError::Timeout`] of
    /// unknown outcome if this flush or an earlier one failed. Blocks if it is this thread that flushes.
    pub(crate) fn submit(&self, waiter: Waiter, flush: impl Fn() -> Result<(), Trouble>) {
        let mut state = self.state();
        state.waiting.push(waiter);
        if state.running {
            return;
        }
        state.running = true;
        while !state.waiting.is_empty() {
            let batch = std::mem::take(&mut state.waiting);
            let failed = state.failed.clone();
            drop(state);
            let result = failed.map_or_else(&flush, Err);
            for waiter in batch {
                waiter(result.clone().map_err(unknown));
            }
            state = self.state();
            state.failed = result.err();
        }
        state.running = false;
    }

    /// Returns when everything written before this call is on disk. Blocks.
    ///
    /// # Errors
    /// As [`submit`](Self::submit), or if it takes longer than `limit`.
    pub(crate) fn wait(
        &self,
        limit: Duration,
        flush: impl Fn() -> Result<(), Trouble>,
    ) -> Result<(), StoreError> {
        let (tell, told) = mpsc::channel();
        self.submit(Box::new(move |result| drop(tell.send(result))), flush);
        let late = |_| Err(unknown(Trouble::Plain("sled does not finish a flush")));
        told.recv_timeout(limit).unwrap_or_else(late)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(trouble: Trouble) -> StoreError {
    StoreError::Timeout { source: trouble.into(), outcome_unknown: true }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn many_writers_share_a_flush_that_began_after_their_write() {
        let (flusher, written, flushed, flushes) =
            (Flusher::default(), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let flush = || {
            let seen = written.load(Ordering::SeqCst);
            thread::sleep(Duration::from_millis(2));
            flushed.fetch_max(seen, Ordering::SeqCst);
            flushes.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let write = || {
            for _ in 0..20 {
                let mine = written.fetch_add(1, Ordering::SeqCst) + 1;
                flusher.wait(LIMIT, flush).unwrap();
                assert!(flushed.load(Ordering::SeqCst) >= mine, "acknowledged unflushed");
            }
        };
        thread::scope(|scope| (0..16).for_each(|_| drop(scope.spawn(write))));
        let flushes = flushes.into_inner();
        assert!(flushes <= 160, "{flushes} flushes for 320 writes");
    }

    #[test]
    fn a_failed_flush_fails_everyone_from_then_on() {
        let flusher = Flusher::default();
        let full = || Err(Trouble::System("No space left".into()));
        assert!(flusher.wait(LIMIT, || Ok(())).is_ok());
        assert!(flusher.wait(LIMIT, full).is_err());
        let again = flusher.wait(LIMIT, || Ok(()));
        assert!(matches!(again, Err(StoreError::Timeout { outcome_unknown: true, .. })));
    }

    #[test]
    fn a_flush_that_hangs_is_not_waited_for_for_ever() {
        let flusher = Flusher::default();
        let (enter, entered) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        thread::scope(|scope| {
            let hang = || {
                enter.send(()).unwrap();
                let _ = released.lock().unwrap().recv();
                Ok(())
            };
            let flusher = &flusher;
            let leader = scope.spawn(move || flusher.wait(LIMIT, hang));
            entered.recv().unwrap();
            let follower = flusher.wait(Duration::from_millis(20), || Ok(()));
            assert!(matches!(follower, Err(StoreError::Timeout { .. })));
            release.send(()).unwrap();
            drop(release);
            leader.join().unwrap().unwrap();
        });
    }
}
