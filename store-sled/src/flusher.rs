//! Group commit: many writers wait, one of them flushes for all.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_core::StoreError;

use crate::error::Trouble;

/// Sees to it that at most one flush runs and that none is wasted.
///
/// A caller needs a flush that *begins* after its write: one that runs already may have passed the
/// write by. So whoever comes while a flush runs waits for the next, which serves all that came
/// meanwhile; whoever finds none running does it, for itself and them. sled's `flush_async` is never
/// used: eight tasks that call it at once wait for ever.
#[derive(Debug, Default)]
pub(crate) struct Flusher {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How many flushes have begun.
    begun: u64,
    /// How many have succeeded, all of them in order.
    done: u64,
    running: bool,
    /// Why one failed. Nothing is acknowledged after that.
    failed: Option<Trouble>,
}

impl Flusher {
    /// Returns when everything written before the call is on disk. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Timeout`] with unknown outcome if this flush or an earlier one failed, or if none
    /// came about within `limit`.
    pub(crate) fn wait(
        &self,
        limit: Duration,
        flush: impl Fn() -> Result<(), Trouble>,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        let mine = state.begun + 1;
        loop {
            if state.done >= mine {
                return Ok(());
            }
            if let Some(trouble) = &state.failed {
                return Err(unknown(trouble.clone()));
            }
            if state.running {
                let (guard, waited) =
                    self.changed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner);
                state = guard;
                if waited.timed_out() && state.done < mine {
                    return Err(unknown(Trouble::Plain("sled does not finish a flush")));
                }
                continue;
            }
            state.running = true;
            state.begun += 1;
            drop(state);
            let result = flush();
            state = self.state();
            state.running = false;
            match result {
                Ok(()) => state.done = state.begun,
                Err(trouble) => state.failed = Some(trouble),
            }
            self.changed.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let mine = written.fetch_add(1, Ordering::SeqCst) + 1;
                        flusher.wait(LIMIT, flush).unwrap();
                        assert!(flushed.load(Ordering::SeqCst) >= mine, "acknowledged unflushed");
                    }
                });
            }
        });
        let flushes = flushes.into_inner();
        assert!(flushes <= 100, "{flushes} flushes for 320 writes");
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
        let (enter, entered) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
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
            leader.join().unwrap().unwrap();
        });
    }
}
