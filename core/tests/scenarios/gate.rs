//! A store that holds calls back, or fails them, exactly where a test says.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::{
    Action, Advance, Epoch, Fence, Insert, MemoryStore, Page, Purged, Record, Replace, Revision, Selector,
    StoreError, Subject, Timestamp, TokenStore, Which,
};
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
    /// Each waits, before it does anything, until it is let through.
    Hold { arrived: Arc<Semaphore>, passes: Arc<Semaphore> },
    /// The first so many wait, after they have done their work, until that many have done it.
    Meet(Arc<Barrier>, Arc<Mutex<usize>>),
    /// Each fails and does nothing.
    Down,
    /// Each does its work and then reports that nobody knows.
    Unknown,
    /// Each panics.
    Panic,
    /// Each replace does nothing and answers that somebody else was faster.
    Lose,
    /// Each list begins at the beginning.
    Repeat,
}

#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) store: MemoryStore,
    rules: Arc<Mutex<Vec<(Call, Rule)>>>,
}

/// Calls held back by [`Gate::hold`].
pub(crate) struct Held {
    arrived: Arc<Semaphore>,
    passes: Arc<Semaphore>,
}

impl Held {
    /// Waits until a call is being held.
    pub(crate) async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// Lets every call through, now and later.
    pub(crate) fn release(&self) {
        self.passes.add_permits(1_000);
    }
}

impl Gate {
    pub(crate) fn new(store: MemoryStore) -> Self {
        Self { store, rules: Arc::default() }
    }

    pub(crate) fn hold(&self, call: Call) -> Held {
        let (arrived, passes) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        self.rule(call, Rule::Hold { arrived: arrived.clone(), passes: passes.clone() });
        Held { arrived, passes }
    }

    /// Makes the next `count` calls of one method overlap: none goes on before all have answered.
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
        self.rule(call, Rule::Lose);
    }

    pub(crate) fn repeat(&self, call: Call) {
        self.rule(call, Rule::Repeat);
    }

    pub(crate) fn up(&self) {
        self.rules.lock().unwrap().clear();
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
        match self.find_rule(call) {
            None | Some(Rule::Lose | Rule::Repeat) => work.await,
            Some(Rule::Hold { arrived, passes }) => {
                arrived.add_permits(1);
                passes.acquire().await.unwrap().forget();
                work.await
            }
            Some(Rule::Meet(barrier, left)) => {
                let answer = work.await;
                let meets = {
                    let mut left = left.lock().unwrap();
                    let meets = *left > 0;
                    *left = left.saturating_sub(1);
                    meets
                };
                if meets {
                    barrier.wait().await;
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

#[async_trait]
impl TokenStore for Gate {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.around(Call::Insert, self.store.insert(record, fence)).await
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.around(Call::Find, self.store.find(selector)).await
    }
    async fn find_many(&self, selectors: &[Selector]) -> Result<Vec<Option<Record>>, StoreError> {
        self.around(Call::Find, self.store.find_many(selectors)).await
    }
    async fn replace(&self, next: &Record, expected: Revision) -> Result<Replace, StoreError> {
        if let Some(Rule::Lose) = self.find_rule(Call::Replace) {
            return Ok(Replace::Conflict);
        }
        self.around(Call::Replace, self.store.replace(next, expected)).await
    }
    async fn delete(&self, selector: Selector) -> Result<bool, StoreError> {
        self.around(Call::Delete, self.store.delete(selector)).await
    }
    async fn revoke_by_subject(
        &self,
        subject: &Subject,
        which: &Which,
        action: Action,
        advance: Advance,
    ) -> Result<u64, StoreError> {
        self.around(Call::Revoke, self.store.revoke_by_subject(subject, which, action, advance)).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut page = page.clone();
        if let Some(Rule::Repeat) = self.find_rule(Call::List) {
            page.after = None;
        }
        self.around(Call::List, self.store.list_by_subject(subject, &page)).await
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        self.around(Call::Epoch, self.store.epoch(subject, fresh, keep, now)).await
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.around(Call::Purge, self.store.purge_expired(now, limit)).await
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}
