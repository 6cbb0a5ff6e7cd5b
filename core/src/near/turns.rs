//! The task that takes the turns of the feed, and keeps the lease.

use std::error::Error;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::Near;
use crate::error::StoreError;
use crate::event::EventKind;
use crate::store::{Announced, ChangeFeed, Heard, Lost, Proven};

/// How long the store may take to open a feed (S12).
const OPENING: Duration = Duration::from_secs(20);
/// The shortest and the longest pause before a feed is opened again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often the callers that wait for the end of a record ask the store while there is no proof, in nanoseconds.
const ASK_EVERY: u64 = 1_000_000_000;
/// If wall clock and boot clock move against each other by this, in milliseconds, the proof of the turn is dropped: a
/// machine that was paused may not have noticed.
const JUMP: u64 = 250;

/// Takes turns until the cache is dropped. If its runtime ends before, dropping it forgets everything, and the next
/// verification starts another.
pub(super) struct Turns {
    near: Weak<Near>,
    /// By how much the wall clock was ahead of the boot clock at the last turn, in milliseconds.
    ahead: Option<u64>,
    /// The t0 of the turn before, if that turn went well.
    before: Option<u64>,
    /// Whether there was a proof after the last turn.
    leased: bool,
    /// When the task began, until there is a proof or an event has said that there is none.
    began_at: Option<u64>,
    /// When the callers that wait for the end of a record were woken without an announcement.
    woken_at: u64,
}

/// How a feed goes on.
enum Next {
    Turn,
    /// Another feed must be opened. Without a reason everything was forgotten already.
    Open(Option<Lost>),
    /// The cache is gone.
    Stop,
}

impl Turns {
    pub(super) const fn new(near: Weak<Near>) -> Self {
        Self { near, ahead: None, before: None, leased: false, began_at: None, woken_at: 0 }
    }

    pub(super) async fn run(mut self) {
        self.report_panic().await;
        self.began_at = self.near.upgrade().map(|near| near.now());
        let mut pause = Duration::ZERO;
        loop {
            sleep(pause).await;
            pause = (pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            match self.open().await {
                None => return,
                Some(Ok((feed, flushes))) => match self.take_turns(feed, flushes).await {
                    Next::Open(why) => {
                        // A feed that never proved anything is not opened again and again in a hurry.
                        if self.leased {
                            pause = SHORTEST_PAUSE;
                        }
                        self.forget(why, None);
                    }
                    Next::Turn | Next::Stop => return,
                },
                Some(Err(error)) => self.forget(Some(Lost::Closed), error.as_ref()),
            }
        }
    }

    /// If the task before this one panicked, waits and then emits the event that is missing.
    async fn report_panic(&self) {
        let forgotten = self.near.upgrade().and_then(|near| near.panicked().take());
        let Some(entries) = forgotten else { return };
        // What panicked, the feed or the observer, may do so every time.
        sleep(LONGEST_PAUSE).await;
        if let Some(near) = self.near.upgrade() {
            near.report_loss(Lost::Closed, entries, None);
        }
    }

    /// Opens a feed; `None` if the cache is gone. The error is absent if the store took too long.
    async fn open(&mut self) -> Option<Result<(Box<dyn ChangeFeed>, u64), Option<StoreError>>> {
        let store = self.near.upgrade()?.store().clone();
        let mut opening = pin!(timeout(OPENING, store.announcer()?.feed()));
        let opened = loop {
            match timeout(Duration::from_nanos(ASK_EVERY), &mut opening).await {
                Ok(opened) => break opened,
                // No feed hears anything meanwhile.
                Err(_) => self.ask_for_waiters(&*self.near.upgrade()?),
            }
        };
        let near = self.near.upgrade()?;
        Some(match opened {
            // From now on every ending is heard, so what is read from now on may be kept.
            Ok(Ok(feed)) => Ok((feed, near.open())),
            Ok(Err(error)) => Err(Some(error)),
            Err(_) => Err(None),
        })
    }

    async fn take_turns(&mut self, mut feed: Box<dyn ChangeFeed>, flushes: u64) -> Next {
        (self.ahead, self.before) = (None, None);
        let near = self.near.clone();
        let heard = Heard::new(move |announced| {
            let Some(near) = near.upgrade() else { return };
            match announced {
                Announced::Ended(selectors) => near.ended(selectors),
                Announced::Shard(shard) => near.ended_shard(shard),
                // A feed that was dropped may still have a thread that reports its end.
                Announced::Lost(why) if near.leased.flushes() == flushes => near.forget(why, None),
                Announced::Lost(_) => {}
            }
        });
        loop {
            match self.turn(&mut *feed, &heard, flushes).await {
                Next::Turn => {}
                next => return next,
            }
            let Some(pause) = self.near.upgrade().map(|near| near.config.poll_every) else {
                return Next::Stop;
            };
            sleep(pause).await;
        }
    }

    async fn turn(&mut self, feed: &mut dyn ChangeFeed, heard: &Heard, flushes: u64) -> Next {
        let Some(near) = self.near.upgrade() else { return Next::Stop };
        let jumped = self.has_jumped(&near);
        if jumped {
            // At once: the answer may take long.
            near.leased.lower();
        }
        // Before the question: what is acknowledged while the answer is under way may be missing from it.
        let t0 = near.now();
        let lag = near.config.lag;
        let (heard_before, proof_before) = (near.counters.heard.load(Ordering::Relaxed), near.leased.proof());
        drop(near);
        let answer = timeout(lag, feed.turn(heard)).await;
        let Some(near) = self.near.upgrade() else { return Next::Stop };
        near.timed(t0, heard_before, proof_before);
        if near.leased.flushes() != flushes {
            return Next::Open(None);
        }
        // What was cut off is not continued: the answer may still come, and would be taken for the next one.
        let Ok(answer) = answer else { return Next::Open(Some(Lost::Closed)) };
        let proof = match answer {
            Ok(Proven::Lost(why)) => return Next::Open(Some(why)),
            Ok(Proven::ThisTurn) => Some(t0),
            Ok(Proven::TurnBefore) => self.before,
            Err(_) => None,
        };
        self.before = answer.is_ok().then_some(t0);
        if jumped {
            self.before = None;
        } else if !near.leased.raise(proof.unwrap_or(0), flushes) {
            // The feed has reported a loss just now.
            return Next::Open(None);
        }
        self.note_lease(&near, answer.err().as_ref());
        Next::Turn
    }

    /// Returns whether the clocks have moved against each other since the last turn.
    fn has_jumped(&mut self, near: &Near) -> bool {
        let ahead = near.clock.wall().as_millis().wrapping_sub(near.now() / 1_000_000);
        let before = self.ahead.replace(ahead);
        before.is_some_and(|before| {
            let moved = ahead.wrapping_sub(before);
            moved.min(moved.wrapping_neg()) >= JUMP
        })
    }

    /// Emits an event if the lease was gained or has ended, or if no turn has proved anything. `error` is that of the
    /// last turn.
    fn note_lease(&mut self, near: &Near, error: Option<&StoreError>) {
        let age = near.lease_age();
        let leased = age.is_some_and(|age| age <= near.config.lag);
        let was_leased = std::mem::replace(&mut self.leased, leased);
        if leased {
            self.began_at = None;
            near.is_loss_reported.store(false, Ordering::Relaxed);
            if !was_leased {
                near.emit(EventKind::LeaseGained, 0, None);
            }
            return;
        }
        let unproven = self.began_at.map(|at| Duration::from_nanos(near.now().saturating_sub(at)));
        let unproven = unproven.filter(|time| *time > near.config.lag);
        if was_leased || unproven.is_some() {
            self.began_at = None;
            let age = age.or(unproven).unwrap_or(near.config.lag).as_millis();
            let error = error.map(|error| error as &(dyn Error + 'static));
            near.emit(EventKind::LeaseEnded, u64::try_from(age).unwrap_or(u64::MAX), error);
        }
        if near.now().saturating_sub(self.woken_at) >= ASK_EVERY {
            self.ask_for_waiters(near);
        }
    }

    /// Lets the callers that wait for the end of a record ask the store, because no announcement may come.
    fn ask_for_waiters(&mut self, near: &Near) {
        self.woken_at = near.now();
        near.waiters.wake_all();
    }

    /// Forgets everything, unless that has happened already.
    fn forget(&mut self, why: Option<Lost>, error: Option<&StoreError>) {
        (self.leased, self.began_at) = (false, None);
        let Some(near) = self.near.upgrade() else { return };
        if let Some(why) = why {
            near.forget(why, error);
        }
        self.ask_for_waiters(&near);
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        // Its runtime has ended, or something has panicked.
        let Some(near) = self.near.upgrade() else { return };
        let entries = near.flush();
        let has_panicked = std::thread::panicking();
        if has_panicked {
            *near.panicked() = Some(entries);
        }
        near.is_running.store(false, Ordering::Release);
        // They start another task.
        near.waiters.wake_all();
        // Last, because an observer may panic; and not during a panic: a second one would end the process.
        if !has_panicked {
            near.report_loss(Lost::Closed, entries, None);
        }
    }
}

impl Near {
    /// Starts the task, if it does not run and there is a runtime for it.
    pub(crate) fn keep_running(self: &Arc<Self>) {
        if self.is_running.load(Ordering::Acquire) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        if !self.is_running.swap(true, Ordering::AcqRel) {
            runtime.spawn(Turns::new(Arc::downgrade(self)).run());
        }
    }
}
