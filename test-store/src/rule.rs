//! What happens to a call.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Barrier, Semaphore};

/// Longer than any test takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A method of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the methods of the trait")]
pub enum Call {
    Insert,
    Find,
    Replace,
    Delete,
    Revoke,
    List,
    Epoch,
    Purge,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Insert,
        Self::Find,
        Self::Replace,
        Self::Delete,
        Self::Revoke,
        Self::List,
        Self::Epoch,
        Self::Purge,
    ];
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done, and the error says so.
    Down,
    /// The work is done, and the response is lost.
    Done,
    /// Nothing is done, and the response is lost.
    NotDone,
}

/// The calls that fail, counted from zero, and how each fails.
pub type Plan = Vec<(usize, Fault)>;

/// What happens to the calls of one method.
#[derive(Clone)]
pub(crate) enum Rule {
    /// Some calls wait, before they do anything, until they are let through.
    Hold(Held, Share),
    /// Some calls wait, after they have done their work, until all of them have done it.
    Meet(Arc<Barrier>, Share),
    /// Some calls fail.
    Fail(Fault, Share),
    /// Some calls do nothing and return that another was faster, or for a purge that there is more.
    Lose(Share),
    /// Each call panics.
    Panic,
    /// Each list starts at the beginning.
    Repeat,
    /// Each insert does its work and does not report how many records the subject has.
    Blind,
    /// Each mark of a subject's records takes this long.
    Slow(Duration),
}

impl Rule {
    /// Counts a call, and returns whether the rule applies to it.
    pub(crate) fn applies(&self) -> bool {
        match self {
            Self::Hold(_, share) | Self::Meet(_, share) | Self::Fail(_, share) | Self::Lose(share) => {
                share.has()
            }
            Self::Panic => true,
            Self::Repeat | Self::Blind | Self::Slow(_) => false,
        }
    }
}

/// A number of calls that a rule spares, and a number of calls after them to which it applies.
#[derive(Clone)]
pub(crate) struct Share(Arc<Mutex<(usize, usize)>>);

impl Share {
    pub(crate) fn after(before: usize, count: usize) -> Self {
        Self(Arc::new(Mutex::new((before, count))))
    }

    fn has(&self) -> bool {
        let (before, left) = &mut *self.0.lock().unwrap();
        let (spared, had) = (*before > 0, *left > 0);
        let counter = if spared { before } else { left };
        *counter = counter.saturating_sub(1);
        !spared && had
    }
}

/// Calls held back by [`Gate::hold`](crate::Gate::hold).
#[derive(Clone, Debug)]
pub struct Held {
    arrived: Arc<Semaphore>,
    passes: Arc<Semaphore>,
}

impl Default for Held {
    fn default() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), passes: Arc::new(Semaphore::new(0)) }
    }
}

impl Held {
    /// Waits until a call is being held.
    ///
    /// # Panics
    /// If none comes. So that a failing test does not hang; nothing depends on the time that this takes.
    pub async fn arrival(&self) {
        let arrival = tokio::time::timeout(LONG, self.arrived.acquire()).await;
        arrival.expect("the call comes").unwrap().forget();
    }

    /// Lets every call through, now and later.
    pub fn release(&self) {
        self.passes.add_permits(1_000);
    }

    /// Waits to be let through, as a call that is held does.
    ///
    /// # Panics
    /// Never.
    pub async fn pass(&self) {
        self.arrived.add_permits(1);
        self.passes.acquire().await.unwrap().forget();
    }
}
