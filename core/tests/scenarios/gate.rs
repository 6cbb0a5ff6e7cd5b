//! A store that holds calls back, or makes them fail, exactly where a test says.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision, Revocation,
    TokenStore,
};
use hallpass_core::{MemoryStore, Note, Selector, StoreError, Subject, Timestamp};
use tokio::sync::{Barrier, Semaphore};

/// A method of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Insert,
    Find,
    Replace,
    Delete,
    Revoke,
    List,
    Epoch,
    Purge,
}

/// What happens to the calls of one method.
#[derive(Clone)]
enum Rule {
    /// Each call waits, before it does anything, until it is let through.
    Hold {
        arrived: Arc<Semaphore>,
        passes: Arc<Semaphore>,
        before: Arc<Mutex<usize>>,
        left: Arc<Mutex<usize>>,
    },
    /// The first calls wait, after they have done their work, until this many have done it.
    Meet(Arc<Barrier>, Arc<Mutex<usize>>),
    /// Each call fails and does nothing.
    Down,
    /// Each call does its work and then reports that the outcome is unknown.
    Unknown,
    /// Each call panics.
    Panic,
    /// Each replace does nothing and returns that another write was faster; each purge does nothing and returns that
    /// there is more.
    ///
    /// The first `before` calls do their work, and so do the calls after the next `left`.
    Lose { before: Arc<Mutex<usize>>, left: Arc<Mutex<usize>> },
    /// Each list starts at the beginning.
    Repeat,
    /// This many calls do their work; the others fail and do nothing.
    DownAfter(Arc<Mutex<usize>>),
    /// Each insert does its work and does not report how many records the subject has.
    Blind,
}

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);
const UNREADABLE: &str = "the test says that it does not decode";

#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) store: MemoryStore,
    rules: Arc<Mutex<Vec<(Call, Rule)>>>,
    calls: Arc<Mutex<Vec<Call>>>,
    notes: Arc<Mutex<Vec<Note>>>,
    unreadable: Arc<Mutex<Vec<Selector>>>,
    /// The seed of the length of the next pause, if calls pause.
    shuffled: Arc<Mutex<Option<u64>>>,
}

/// Calls held back by [`Gate::hold`].
pub(crate) struct Held {
    arrived: Arc<Semaphore>,
    passes: Arc<Semaphore>,
}

impl Held {
    /// Waits until a call is being held.
    pub(crate) async fn arrival(&self) {
        // So that a failing test does not hang; nothing depends on this duration.
        let arrival = tokio::time::timeout(LONG, self.arrived.acquire()).await;
        arrival.expect("the call comes").unwrap().forget();
    }

    /// Lets every call through, now and later.
    pub(crate) fn release(&self) {
        self.passes.add_permits(1_000);
    }
}

impl Gate {
    pub(crate) fn new(store: MemoryStore) -> Self {
        Self {
            store,
            rules: Arc::default(),
            calls: Arc::default(),
            notes: Arc::default(),
            unreadable: Arc::default(),
            shuffled: Arc::default(),
        }
    }

    pub(crate) fn hold(&self, call: Call) -> Held {
        self.hold_some(call, 0, usize::MAX)
    }

    /// Holds back the next call of one method, and no other.
    pub(crate) fn hold_once(&self, call: Call) -> Held {
        self.hold_some(call, 0, 1)
    }

    /// Lets `before` calls of one method through, holds back the next, and no other.
    pub(crate) fn hold_after(&self, call: Call, before: usize) -> Held {
        self.hold_some(call, before, 1)
    }

    fn hold_some(&self, call: Call, before: usize, count: usize) -> Held {
        let (arrived, passes) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (before, left) = (Arc::new(Mutex::new(before)), Arc::new(Mutex::new(count)));
        self.rule(call, Rule::Hold { arrived: arrived.clone(), passes: passes.clone(), before, left });
        Held { arrived, passes }
    }

    /// Makes the next `count` calls of one method overlap: none returns before all have done their work.
    pub(crate) fn meet(&self, call: Call, count: usize) {
        self.rule(call, Rule::Meet(Arc::new(Barrier::new(count)), Arc::new(Mutex::new(count))));
    }

    pub(crate) fn down(&self, call: Call) {
        self.rule(call, Rule::Down);
    }

    pub(crate) fn unknown(&self, call: Call) {
        self.rule(call, Rule::Unknown);
    }

    pub(crate) fn panic(&self, call: Call) {
        self.rule(call, Rule::Panic);
    }

    pub(crate) fn lose(&self, call: Call) {
        self.lose_some(call, 0, usize::MAX);
    }

    /// Lets `before` calls of one method through, and makes the next `count` lose.
    pub(crate) fn lose_some(&self, call: Call, before: usize, count: usize) {
        let (before, left) = (Arc::new(Mutex::new(before)), Arc::new(Mutex::new(count)));
        self.rule(call, Rule::Lose { before, left });
    }

    pub(crate) fn repeat(&self, call: Call) {
        self.rule(call, Rule::Repeat);
    }

    /// Lets `count` calls of one method through and makes the others fail.
    pub(crate) fn down_after(&self, call: Call, count: usize) {
        self.rule(call, Rule::DownAfter(Arc::new(Mutex::new(count))));
    }

    /// Makes inserts no longer report how many records the subject has, as in a store that does not know.
    pub(crate) fn blind(&self) {
        self.rule(Call::Insert, Rule::Blind);
    }

    /// Makes every call pause before and after its work, so that concurrent calls take turns in an order given by
    /// `seed`.
    pub(crate) fn shuffle(&self, seed: u64) {
        // xorshift never leaves zero.
        *self.shuffled.lock().unwrap() = Some(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    }

    async fn take_turns(&self) {
        let turns = match &mut *self.shuffled.lock().unwrap() {
            None => 0,
            Some(state) => {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                (*state >> 32) % 8
            }
        };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    /// Makes the row of a record undecodable, as a store would find it.
    pub(crate) fn make_unreadable(&self, selector: Selector) {
        self.unreadable.lock().unwrap().push(selector);
    }

    fn is_unreadable(&self, selector: Selector) -> bool {
        self.unreadable.lock().unwrap().contains(&selector)
    }

    /// Returns the calls since the last call of this method.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// Returns the notes of the endings since the last call of this method.
    pub(crate) fn notes(&self) -> Vec<Note> {
        std::mem::take(&mut self.notes.lock().unwrap())
    }

    pub(crate) fn up(&self) {
        self.rules.lock().unwrap().clear();
        *self.shuffled.lock().unwrap() = None;
    }

    fn rule(&self, call: Call, rule: Rule) {
        self.rules.lock().unwrap().push((call, rule));
    }

    fn find_rule(&self, call: Call) -> Option<Rule> {
        self.rules.lock().unwrap().iter().find(|(ruled, _)| *ruled == call).map(|(_, rule)| rule.clone())
    }

    async fn around<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.calls.lock().unwrap().push(call);
        self.take_turns().await;
        match self.find_rule(call) {
            None | Some(Rule::Lose { .. } | Rule::Repeat | Rule::Blind) => {
                let answer = work.await;
                self.take_turns().await;
                answer
            }
            Some(Rule::DownAfter(left)) => match takes_one(&left) {
                true => work.await,
                false => Err(StoreError::Unavailable("the test says so".into())),
            },
            Some(Rule::Hold { arrived, passes, before, left }) => {
                if !takes_one(&before) && takes_one(&left) {
                    arrived.add_permits(1);
                    passes.acquire().await.unwrap().forget();
                }
                work.await
            }
            Some(Rule::Meet(barrier, left)) => {
                let answer = work.await;
                if takes_one(&left) {
                    tokio::time::timeout(LONG, barrier.wait()).await.expect("the others come");
                }
                answer
            }
            Some(Rule::Down) => Err(StoreError::Unavailable("the test says so".into())),
            Some(Rule::Unknown) => {
                work.await?;
                Err(StoreError::Timeout { source: "the test says so".into(), outcome_unknown: true })
            }
            Some(Rule::Panic) => panic!("the test says so"),
        }
    }
}

/// Takes one from the counter, and returns whether there was one left.
fn takes_one(left: &Mutex<usize>) -> bool {
    let mut left = left.lock().unwrap();
    let had = *left > 0;
    *left = left.saturating_sub(1);
    had
}

#[async_trait]
impl TokenStore for Gate {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let blind = matches!(self.find_rule(Call::Insert), Some(Rule::Blind));
        match self.around(Call::Insert, self.store.insert(record, fence)).await? {
            Insert::Inserted { .. } if blind => Ok(Insert::Inserted { of_subject: None }),
            answer => Ok(answer),
        }
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let found = self.around(Call::Find, self.store.find(selector)).await?;
        match self.is_unreadable(selector) {
            true => Err(StoreError::Corrupt { selector: Some(selector), source: UNREADABLE.into() }),
            false => Ok(found),
        }
    }
    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        if let Change::End(note) = change {
            self.notes.lock().unwrap().push(note.clone());
        }
        if let Some(Rule::Lose { before, left }) = self.find_rule(Call::Replace)
            && !takes_one(&before)
            && takes_one(&left)
        {
            return Ok(Replace::Conflict);
        }
        self.around(Call::Replace, self.store.replace(next, expected, change)).await
    }
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.notes.lock().unwrap().push(note.clone());
        self.around(Call::Delete, self.store.delete(selector, note)).await
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.notes.lock().unwrap().push(revocation.note.clone());
        self.around(Call::Revoke, self.store.revoke_by_subject(subject, revocation)).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        let mut page = page.clone();
        if let Some(Rule::Repeat) = self.find_rule(Call::List) {
            page.after = None;
        }
        let mut list = self.around(Call::List, self.store.list_by_subject(subject, &page)).await?;
        for entry in &mut list {
            let (created_at, selector) = entry.place();
            if self.is_unreadable(selector) {
                *entry = Listed::Corrupt { selector, created_at, source: UNREADABLE.into() };
            }
        }
        Ok(list)
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.around(Call::Epoch, self.store.epoch(subject, fresh, keep, now)).await
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        if let Some(Rule::Lose { .. }) = self.find_rule(Call::Purge) {
            return Ok(Purged { removed: 0, more: true });
        }
        self.around(Call::Purge, self.store.purge_expired(now, limit)).await
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}
