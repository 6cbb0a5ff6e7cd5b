//! A store that counts its calls, and fails or overlaps them on demand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision, Revocation,
    TokenStore,
};
use hallpass_core::{Note, Selector, StoreError, Subject, Timestamp};
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
}

impl Call {
    const ALL: [Self; 7] =
        [Self::Insert, Self::Find, Self::Replace, Self::Delete, Self::Revoke, Self::List, Self::Epoch];
}

#[derive(Clone, Debug)]
enum Rule {
    /// Each call waits at its beginning until the test lets it through.
    Hold { arrived: Arc<Semaphore>, passes: Arc<Semaphore> },
    /// The first calls wait at their end until all of them have done their work.
    Meet { all: Arc<Barrier>, left: Arc<Mutex<usize>> },
    /// After a number of calls, each call fails and does nothing.
    Down { after: Arc<Mutex<usize>> },
    /// One call, after a number of others, fails: it does nothing, or it does its work and its outcome is unknown.
    Once { others: Arc<Mutex<Option<usize>>>, unknown: bool },
    /// Each call does its work and then fails with unknown outcome.
    Unknown,
}

#[derive(Clone, Debug)]
pub(crate) struct Gate {
    store: Arc<dyn TokenStore>,
    rules: Arc<Mutex<Vec<(Call, Rule)>>>,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// Calls that are being held.
#[derive(Debug)]
pub(crate) struct HeldCalls {
    arrived: Arc<Semaphore>,
    passes: Arc<Semaphore>,
}

impl HeldCalls {
    /// Waits until a call is being held.
    pub(crate) async fn arrival(&self) {
        let arrived = tokio::time::timeout(Duration::from_secs(30), self.arrived.acquire());
        arrived.await.expect("a call in time").unwrap().forget();
    }

    /// Lets every call through, now and later.
    pub(crate) fn release(&self) {
        self.passes.add_permits(1_000);
    }
}

impl Gate {
    pub(crate) fn new(store: impl TokenStore) -> Self {
        Self { store: Arc::new(store), rules: Arc::default(), calls: Arc::default() }
    }

    /// Holds every call of one method.
    pub(crate) fn hold(&self, call: Call) -> HeldCalls {
        let (arrived, passes) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        self.rule(call, Rule::Hold { arrived: arrived.clone(), passes: passes.clone() });
        HeldCalls { arrived, passes }
    }

    /// Makes the next `count` calls of one method overlap: none returns before all have done their work.
    pub(crate) fn meet(&self, call: Call, count: usize) {
        let (all, left) = (Arc::new(Barrier::new(count)), Arc::new(Mutex::new(count)));
        self.rule(call, Rule::Meet { all, left });
    }

    /// Makes calls of one method fail.
    pub(crate) fn down(&self, call: Call) {
        self.down_after(call, 0);
    }

    /// Makes calls of one method fail after the next `count`.
    pub(crate) fn down_after(&self, call: Call, count: usize) {
        self.rule(call, Rule::Down { after: Arc::new(Mutex::new(count)) });
    }

    /// Makes every call fail.
    pub(crate) fn all_down(&self) {
        Call::ALL.into_iter().for_each(|call| self.down(call));
    }

    /// Makes one call fail, after `others` calls of any method.
    pub(crate) fn fail_once(&self, others: usize) {
        self.fail_one(&Call::ALL, others);
    }

    /// Makes one call of these methods fail, after `others` of them.
    pub(crate) fn fail_one(&self, calls: &[Call], others: usize) {
        self.once(calls, others, false);
    }

    /// Makes one call of these methods do its work and lose its answer, after `others` of them.
    pub(crate) fn lose_one(&self, calls: &[Call], others: usize) {
        self.once(calls, others, true);
    }

    fn once(&self, calls: &[Call], others: usize, unknown: bool) {
        let others = Arc::new(Mutex::new(Some(others)));
        calls.iter().for_each(|call| self.rule(*call, Rule::Once { others: others.clone(), unknown }));
    }

    /// Makes calls of one method do their work and lose their answer.
    pub(crate) fn unknown(&self, call: Call) {
        self.rule(call, Rule::Unknown);
    }

    /// Ends all faults.
    pub(crate) fn up(&self) {
        self.rules.lock().unwrap().clear();
    }

    /// Returns the calls since the last time it was asked.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// Returns everything that is stored for a subject, without counting as a call.
    pub(crate) async fn records(&self, id: &str) -> Vec<Record> {
        let page = Page::first(500.try_into().unwrap());
        let listed = self.store.list_by_subject(&Subject::new(id).unwrap(), &page).await.unwrap();
        listed.into_iter().filter_map(Listed::record).collect()
    }

    /// Damages every record of one kind of a subject.
    pub(crate) async fn damage(&self, id: &str, kind: hallpass_core::Kind) {
        for record in self.records(id).await.into_iter().filter(|record| record.kind == kind) {
            let body = hallpass_core::store::Body::new(vec![0xff; 5]).unwrap();
            assert!(self.store.delete(record.selector, &Note::none()).await.unwrap());
            let damaged = Record { body, ..record };
            assert!(self.store.insert(&damaged, Fence::None).await.unwrap().is_inserted());
        }
    }

    fn rule(&self, call: Call, rule: Rule) {
        self.rules.lock().unwrap().push((call, rule));
    }

    async fn around<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.calls.lock().unwrap().push(call);
        let rule = self.rules.lock().unwrap().iter().find(|(ruled, _)| *ruled == call).cloned();
        match rule.map(|(_, rule)| rule) {
            None => work.await,
            Some(Rule::Hold { arrived, passes }) => {
                arrived.add_permits(1);
                passes.acquire().await.unwrap().forget();
                work.await
            }
            Some(Rule::Meet { all, left }) => {
                let answer = work.await;
                let meets = {
                    let mut left = left.lock().unwrap();
                    let meets = *left > 0;
                    *left = left.saturating_sub(1);
                    meets
                };
                if meets {
                    all.wait().await;
                }
                answer
            }
            Some(Rule::Down { after }) => {
                let up = {
                    let mut after = after.lock().unwrap();
                    let up = *after > 0;
                    *after = after.saturating_sub(1);
                    up
                };
                if up { work.await } else { Err(unavailable()) }
            }
            Some(Rule::Once { others, unknown }) => {
                let now = {
                    let mut others = others.lock().unwrap();
                    let now = *others == Some(0);
                    *others = others.and_then(|left| left.checked_sub(1));
                    now
                };
                match (now, unknown) {
                    (false, _) => work.await,
                    (true, false) => Err(unavailable()),
                    (true, true) => lost(work).await,
                }
            }
            Some(Rule::Unknown) => lost(work).await,
        }
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("the test says so".into())
}

/// Does the work and loses its answer.
async fn lost<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    work.await?;
    Err(StoreError::Timeout { source: "the test says so".into(), outcome_unknown: true })
}

#[async_trait]
impl TokenStore for Gate {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.around(Call::Insert, self.store.insert(record, fence)).await
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.around(Call::Find, self.store.find(selector)).await
    }
    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.around(Call::Replace, self.store.replace(next, expected, change)).await
    }
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.around(Call::Delete, self.store.delete(selector, note)).await
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.around(Call::Revoke, self.store.revoke_by_subject(subject, revocation)).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.around(Call::List, self.store.list_by_subject(subject, page)).await
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
        self.store.purge_expired(now, limit).await
    }
}
