//! A store that holds calls back, or makes them fail, exactly where a test says.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Action, Admission, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision,
    Revocation, TokenStore,
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
    /// Some calls wait, before they do anything, until they are let through.
    Hold(Held, Share),
    /// Some calls wait, after they have done their work, until all of them have done it.
    Meet(Arc<Barrier>, Share),
    /// Some calls fail and do nothing.
    Down(Share),
    /// Each call does its work and then reports that the outcome is unknown.
    Unknown,
    /// Each call panics.
    Panic,
    /// Some replaces do nothing and return that another write was faster; each purge does nothing and returns that
    /// there is more.
    Lose(Share),
    /// Each list starts at the beginning.
    Repeat,
    /// Each insert does its work and does not report how many records the subject has.
    Blind,
    /// Each mark of a subject's records takes this long.
    Slow(Duration),
}

/// A number of calls that a rule spares, and a number of calls after them to which it applies.
#[derive(Clone)]
struct Share(Arc<Mutex<(usize, usize)>>);

impl Share {
    fn after(before: usize, count: usize) -> Self {
        Self(Arc::new(Mutex::new((before, count))))
    }

    /// Counts a call, and returns whether the rule applies to it.
    fn has(&self) -> bool {
        let (before, left) = &mut *self.0.lock().unwrap();
        let (spared, had) = (*before > 0, *left > 0);
        let counter = if spared { before } else { left };
        *counter = counter.saturating_sub(1);
        !spared && had
    }
}

/// How a call of a plan fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done, and the error says so.
    Down,
    /// The work is done, and the response is lost.
    Done,
    /// Nothing is done, and the response is lost.
    NotDone,
}

/// The calls that fail, counted from zero, and how each fails.
pub(crate) type Plan = Vec<(usize, Fault)>;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);
const UNREADABLE: &str = "the test says that it does not decode";

#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) store: MemoryStore,
    rules: Arc<Mutex<Vec<(Call, Rule)>>>,
    plan: Arc<Mutex<Plan>>,
    calls: Arc<Mutex<Vec<Call>>>,
    notes: Arc<Mutex<Vec<Note>>>,
    unreadable: Arc<Mutex<Vec<Selector>>>,
    /// The seed of the length of the next pause, if calls pause.
    shuffled: Arc<Mutex<Option<u64>>>,
}

/// Calls held back by [`Gate::hold`].
#[derive(Clone)]
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
            plan: Arc::default(),
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
        let held = Held { arrived: Arc::new(Semaphore::new(0)), passes: Arc::new(Semaphore::new(0)) };
        self.rule(call, Rule::Hold(held.clone(), Share::after(before, count)));
        held
    }

    /// Makes the next `count` calls of one method overlap: none returns before all have done their work.
    pub(crate) fn meet(&self, call: Call, count: usize) {
        self.rule(call, Rule::Meet(Arc::new(Barrier::new(count)), Share::after(0, count)));
    }

    pub(crate) fn down(&self, call: Call) {
        self.down_after(call, 0);
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
        self.rule(call, Rule::Lose(Share::after(before, count)));
    }

    pub(crate) fn repeat(&self, call: Call) {
        self.rule(call, Rule::Repeat);
    }

    /// Lets `count` calls of one method through and makes the others fail.
    pub(crate) fn down_after(&self, call: Call, count: usize) {
        self.rule(call, Rule::Down(Share::after(count, usize::MAX)));
    }

    /// Makes inserts no longer report how many records the subject has, as in a store that does not know.
    pub(crate) fn blind(&self) {
        self.rule(Call::Insert, Rule::Blind);
    }

    /// Makes each mark of a subject's records take this long.
    pub(crate) fn slow_marks(&self, pause: Duration) {
        self.rule(Call::Revoke, Rule::Slow(pause));
    }

    /// Sets the plan for the calls from now on, and returns those until now.
    pub(crate) fn follow(&self, plan: Plan) -> Vec<Call> {
        *self.plan.lock().unwrap() = plan;
        self.calls()
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
        let place = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(call);
            calls.len() - 1
        };
        let down = || StoreError::Unavailable("the test says so".into());
        let unknown = || StoreError::Timeout { source: "the test says so".into(), outcome_unknown: true };
        let fault = self.plan.lock().unwrap().iter().find(|(at, _)| *at == place).map(|(_, fault)| *fault);
        match fault {
            None => {}
            Some(Fault::Down) => return Err(down()),
            Some(Fault::Done) => return work.await.and(Err(unknown())),
            Some(Fault::NotDone) => return Err(unknown()),
        }
        self.take_turns().await;
        match self.find_rule(call) {
            Some(Rule::Down(share)) if share.has() => Err(down()),
            Some(Rule::Hold(held, share)) => {
                if share.has() {
                    held.arrived.add_permits(1);
                    held.passes.acquire().await.unwrap().forget();
                }
                work.await
            }
            Some(Rule::Meet(barrier, share)) => {
                let answer = work.await;
                if share.has() {
                    tokio::time::timeout(LONG, barrier.wait()).await.expect("the others come");
                }
                answer
            }
            Some(Rule::Unknown) => work.await.and(Err(unknown())),
            Some(Rule::Panic) => panic!("the test says so"),
            _ => {
                let answer = work.await;
                self.take_turns().await;
                answer
            }
        }
    }
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
        if let Some(Rule::Lose(share)) = self.find_rule(Call::Replace)
            && share.has()
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
        if let (Some(Rule::Slow(pause)), Action::Mark { .. }) =
            (self.find_rule(Call::Revoke), revocation.action)
        {
            tokio::time::sleep(pause).await;
        }
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
        if let Some(Rule::Lose(_)) = self.find_rule(Call::Purge) {
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
