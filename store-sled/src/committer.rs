//! Group commit: one thread does all waiting small writes, flushes once, and answers them all.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Error;

/// Receives the result of the flush for which it waits.
pub(crate) type Waiter = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// Does something to a `C`. Answers at once, or returns the waiter that answers after the next flush.
pub(crate) type Job<C> = Box<dyn FnOnce(&C) -> Option<Waiter> + Send>;

/// The jobs that wait for the one thread that may do them, the leader.
///
/// Handing each write to a thread of its own costs more than the write: with 64 tasks, this design does twice
/// as many. A caller that submits a job when there is no leader must provide one, and the leader stays while
/// jobs arrive. A flush begins after the jobs that it serves, and jobs that arrive meanwhile wait for the
/// next flush. sled's `flush_async` is never used: eight concurrent tasks that call it hang.
pub(crate) struct Committer<C>(Mutex<Queue<C>>);

struct Queue<C> {
    jobs: Vec<Job<C>>,
    led: bool,
}

impl<C> Committer<C> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Queue { jobs: Vec::new(), led: false }))
    }

    /// Adds a job. `true` makes the caller the leader: it must call [`lead`](Self::lead) or
    /// [`give_up`](Self::give_up).
    #[must_use]
    pub(crate) fn submit(&self, job: Job<C>) -> bool {
        let mut queue = self.queue();
        queue.jobs.push(job);
        !std::mem::replace(&mut queue.led, true)
    }

    /// Does jobs until there are none. Blocks.
    pub(crate) fn lead(&self, on: &C, flush: impl Fn() -> Result<(), Error>) {
        loop {
            let mut queue = self.queue();
            let jobs = std::mem::take(&mut queue.jobs);
            queue.led = !jobs.is_empty();
            drop(queue);
            if jobs.is_empty() {
                return;
            }
            let waiters: Vec<_> = jobs.into_iter().filter_map(|job| job(on)).collect();
            if !waiters.is_empty() {
                let result = flush();
                waiters.into_iter().for_each(|waiter| waiter(result.clone()));
            }
        }
    }

    /// Drops all jobs without doing them, because there will be no leader.
    pub(crate) fn give_up(&self) {
        let mut queue = self.queue();
        queue.led = false;
        let jobs = std::mem::take(&mut queue.jobs);
        drop(queue);
        drop(jobs);
    }

    fn queue(&self) -> MutexGuard<'_, Queue<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Disk {
        written: AtomicU64,
        flushed: AtomicU64,
        flushes: AtomicU64,
    }

    impl Disk {
        fn flush(&self) -> Result<(), Error> {
            let seen = self.written.load(Ordering::SeqCst);
            thread::sleep(Duration::from_millis(2));
            self.flushed.fetch_max(seen, Ordering::SeqCst);
            self.flushes.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    #[test]
    fn many_writers_share_a_flush_that_began_after_their_write() {
        let (committer, disk) = (Committer::new(), Disk::default());
        let write = || {
            for _ in 0..20 {
                let (tell, told) = mpsc::channel();
                let job: Job<Disk> = Box::new(move |disk| {
                    let mine = disk.written.fetch_add(1, Ordering::SeqCst) + 1;
                    Some(Box::new(move |result| tell.send((result, mine)).unwrap()))
                });
                if committer.submit(job) {
                    committer.lead(&disk, || disk.flush());
                }
                let (result, mine) = told.recv().unwrap();
                assert_eq!(result, Ok(()));
                assert!(disk.flushed.load(Ordering::SeqCst) >= mine, "acknowledged unflushed");
            }
        };
        thread::scope(|scope| (0..16).for_each(|_| drop(scope.spawn(write))));
        let flushes = disk.flushes.into_inner();
        assert!(flushes <= 160, "{flushes} flushes for 320 writes");
    }

    #[test]
    fn jobs_that_need_no_flush_cause_none() {
        let (committer, disk) = (Committer::new(), Disk::default());
        assert!(committer.submit(Box::new(|_: &Disk| None)));
        assert!(!committer.submit(Box::new(|_| None)), "one leader is enough");
        committer.lead(&disk, || disk.flush());
        assert_eq!(disk.flushes.into_inner(), 0);
    }

    #[test]
    fn a_failed_flush_is_told_to_all_that_waited_for_it() {
        let committer = Committer::new();
        let (tell, told) = mpsc::channel();
        for _ in 0..3 {
            let tell = tell.clone();
            let job: Job<()> = Box::new(move |()| Some(Box::new(move |result| tell.send(result).unwrap())));
            let _ = committer.submit(job);
        }
        drop(tell);
        committer.lead(&(), || Err(Error::Panicked));
        assert_eq!(told.iter().collect::<Vec<_>>(), vec![Err(Error::Panicked); 3]);
    }

    #[test]
    fn a_leader_that_gives_up_is_replaced() {
        let committer = Committer::new();
        let (tell, told) = mpsc::channel::<()>();
        assert!(committer.submit(Box::new(move |()| {
            drop(tell);
            None
        })));
        committer.give_up();
        assert!(told.recv().is_err(), "a waiting caller gets an error");
        assert!(committer.submit(Box::new(|()| None)));
    }
}
