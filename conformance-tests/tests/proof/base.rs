//! The base of every wrong store: the reference store behind a simulated server that can be hurt.

use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_conformance_tests::Fault;
use hallpass_core::store::{
    Action, Change, ChangeFeed, Epoch, EpochUpdate, Fence, Insert, Listed, Page, Purged, Record,
    RecordFilter, Replace, Revocation, TokenStore,
};
use hallpass_core::{Kinds, MemoryStore, Note, Selector, StoreError, Subject, Timestamp};
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::board::BaseFeed;
use crate::call::{EpochCall, ReplaceCall, RevokeCall};

/// The result of a twist that does not know how many records a subject has.
pub(crate) const INSERTED: Insert = Insert::Inserted { of_subject: None };

/// The records that match `filter`.
pub(crate) fn chosen<'a>(
    filter: &RecordFilter,
    records: impl IntoIterator<Item = &'a Record>,
) -> Vec<&'a Record> {
    records.into_iter().filter(|record| filter.matches(record)).collect()
}

/// A reference store behind a simulated server: during a fault every call fails. Clones share the records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Base {
    memory: MemoryStore,
    server: Arc<Locked<Server>>,
    /// The rows that do not decode.
    damaged: Arc<Locked<HashSet<Selector>>>,
    /// Every selector that was inserted, and every subject.
    seen: Arc<Locked<BTreeSet<Selector>>>,
    subjects: Arc<Locked<BTreeSet<Subject>>>,
    /// Held for writing while a fence is tested with a probe record, which no other call may see.
    probing: Arc<RwLock<()>>,
}

/// The state of the simulated server.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) fault: Option<Fault>,
    pub(crate) starts: usize,
    /// How often connections were closed.
    pub(crate) cuts: usize,
}

/// A mutex that a panic does not poison.
#[derive(Debug, Default)]
pub(crate) struct Locked<T>(Mutex<T>);

/// Yields, as a call over a network does.
pub(crate) async fn give_way() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

/// Lets other tasks and threads run in between, so that one step becomes two.
pub(crate) async fn pause() {
    give_way().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Runs `work` to its end even if the caller goes away.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(StoreError::Other(error.into())))
}

impl<T> Locked<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Base {
    /// A store behind this server.
    pub(crate) fn behind(server: &Arc<Locked<Server>>) -> Self {
        Self { server: Arc::clone(server), ..Self::default() }
    }

    /// Every record of `subject`, newest first.
    pub(crate) async fn all(&self, subject: &Subject) -> Result<Vec<Record>, StoreError> {
        self.list(subject, &Page::first(NonZeroU16::MAX)).await
    }

    /// Overwrites the record, even if it is marked.
    pub(crate) async fn force(&self, record: &Record) -> Result<(), StoreError> {
        self.delete(record.selector).await?;
        let _ = self.insert(record, Fence::None).await?;
        Ok(())
    }

    /// Applies `action` to `record` as it was read; returns whether the record was unchanged.
    pub(crate) async fn end(&self, record: &Record, action: Action) -> Result<bool, StoreError> {
        match action {
            Action::Remove => self.delete(record.selector).await,
            Action::Mark { .. } if record.revoked.is_some() => Ok(false),
            Action::Mark { reason, at } => {
                let mut marked = record.clone();
                marked.mark(reason, at);
                let change = Change::End(&Note::none());
                let call = ReplaceCall { next: &marked, expected: record.revision, change };
                Ok(self.replace(call).await? == Replace::Replaced)
            }
        }
    }

    /// Sets the epoch of `subject` and changes nothing else.
    pub(crate) async fn set_epoch(&self, subject: &Subject, update: EpochUpdate) -> Result<(), StoreError> {
        let nothing = RecordFilter::all().kinds(Kinds::Only(Vec::new()));
        self.revoke(RevokeCall { subject, filter: &nothing, action: Action::Remove, update })
            .await
            .map(|_| ())
    }

    /// Checks whether `fence` holds for `record`, without holding it.
    pub(crate) async fn admits(&self, record: &Record, fence: Fence) -> Result<bool, StoreError> {
        let mut probe = record.clone();
        probe.selector = Selector(*b"a probe, no key!");
        drop(self.answer().await?);
        let _alone = self.probing.write().await;
        let answer = self.memory.insert(&probe, fence).await?;
        self.memory.delete(probe.selector, &Note::none()).await?;
        Ok(answer != Insert::Fenced)
    }

    /// The present fault of the server.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.server.lock().fault
    }

    /// How often the server was started again.
    pub(crate) fn starts(&self) -> usize {
        self.server.lock().starts
    }

    /// How often the server was started again, and how often its connections were closed.
    pub(crate) fn faults(&self) -> (usize, usize) {
        let server = self.server.lock();
        (server.starts, server.cuts)
    }

    /// Whether the server answers.
    pub(crate) async fn answers(&self) -> Result<(), StoreError> {
        self.answer().await.map(drop)
    }

    /// Opens a feed of the reference store.
    pub(crate) async fn feed(&self) -> Result<Box<dyn ChangeFeed>, StoreError> {
        self.answers().await?;
        let server = self.faults();
        let announcer = self.memory.announcer().ok_or(StoreError::Refused("no feed".into()))?;
        Ok(Box::new(BaseFeed { feed: announcer.feed().await?, store: self.clone(), server }))
    }

    async fn answer(&self) -> Result<RwLockReadGuard<'_, ()>, StoreError> {
        match self.fault() {
            None | Some(Fault::Restart) => Ok(self.probing.read().await),
            Some(Fault::Freeze) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Err(StoreError::Timeout { source: "no answer".into(), outcome_unknown: false })
            }
            Some(_) => Err(StoreError::Unavailable("connection refused".into())),
        }
    }
}

/// The operations of the reference store, with the parameters of a twist.
impl Base {
    pub(crate) async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let _unseen = self.answer().await?;
        self.insert_unanswered(record, fence).await
    }

    pub(crate) async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let _unseen = self.answer().await?;
        self.memory.find(selector).await
    }

    pub(crate) async fn replace(&self, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let _unseen = self.answer().await?;
        self.memory.replace(call.next, call.expected, call.change).await
    }

    pub(crate) async fn delete(&self, selector: Selector) -> Result<bool, StoreError> {
        let _unseen = self.answer().await?;
        self.damaged.lock().remove(&selector);
        self.memory.delete(selector, &Note::none()).await
    }

    pub(crate) async fn revoke(&self, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let _unseen = self.answer().await?;
        let revocation = Revocation::new(call.filter.clone(), call.action).epoch(call.update);
        self.memory.revoke_by_subject(call.subject, &revocation).await
    }

    pub(crate) async fn list(&self, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let _unseen = self.answer().await?;
        let listed = self.memory.list_by_subject(subject, page).await?;
        Ok(listed.into_iter().filter_map(Listed::record).collect())
    }

    pub(crate) async fn epoch(&self, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        let _unseen = self.answer().await?;
        Ok(self.memory.epoch(call.subject, call.fresh, call.keep, call.now).await?.epoch)
    }

    pub(crate) async fn purge(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let _unseen = self.answer().await?;
        self.memory.purge_expired(now, limit).await
    }

    /// Inserts although the server does not respond: the statement arrived, but its response is lost.
    pub(crate) async fn insert_unanswered(
        &self,
        record: &Record,
        fence: Fence,
    ) -> Result<Insert, StoreError> {
        self.seen.lock().insert(record.selector);
        self.subjects.lock().extend(record.subject.clone());
        self.memory.insert(record, fence).await
    }

    /// Finds each of `selectors`.
    pub(crate) async fn find_all(&self, selectors: &[Selector]) -> Result<Vec<Record>, StoreError> {
        let mut found = Vec::new();
        for selector in selectors {
            found.extend(self.find(*selector).await?);
        }
        Ok(found)
    }

    /// Every selector that was inserted, whether or not a record is there.
    pub(crate) fn seen(&self) -> Vec<Selector> {
        self.seen.lock().iter().copied().collect()
    }

    /// The subjects that were inserted and fit `alike`.
    pub(crate) fn subjects(&self, alike: impl Fn(&Subject) -> bool) -> Vec<Subject> {
        self.subjects.lock().iter().filter(|subject| alike(subject)).cloned().collect()
    }

    /// Every record that is due at `now`.
    pub(crate) async fn due(&self, now: Timestamp) -> Result<Vec<Record>, StoreError> {
        let all = self.find_all(&self.seen()).await?;
        Ok(all.into_iter().filter(|record| record.purge_at <= now).collect())
    }

    /// Revokes, but leaves `spared` as it is.
    pub(crate) async fn revoke_but(
        &self,
        spared: &[Record],
        call: RevokeCall<'_>,
    ) -> Result<u64, StoreError> {
        let mut count = self.revoke(call).await?;
        for record in spared.iter().filter(|record| call.ends(record)) {
            self.force(record).await?;
            count -= 1;
        }
        Ok(count)
    }

    /// Every record of the subject that a call of `revoke` ends, newest first.
    pub(crate) async fn meant(&self, call: RevokeCall<'_>) -> Result<Vec<Record>, StoreError> {
        let all = self.all(call.subject).await?;
        Ok(all.into_iter().filter(|record| call.ends(record)).collect())
    }

    /// Collects what is due, and returns what has gone.
    pub(crate) async fn purge_all(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<(Purged, Vec<Record>), StoreError> {
        let (due, purged) = (self.due(now).await?, self.purge(now, limit).await?);
        let mut gone = Vec::new();
        for record in due {
            if self.find(record.selector).await?.is_none() {
                gone.push(record);
            }
        }
        Ok((purged, gone))
    }

    /// Collects what is due, but `spared`.
    pub(crate) async fn purge_but(
        &self,
        spared: &[Record],
        now: Timestamp,
        limit: u32,
    ) -> Result<Purged, StoreError> {
        for record in spared {
            self.delete(record.selector).await?;
        }
        let purged = self.purge(now, limit).await;
        for record in spared {
            self.force(record).await?;
        }
        purged
    }

    /// Makes the row of `selector` undecodable.
    pub(crate) fn damage(&self, selector: Selector) {
        self.damaged.lock().insert(selector);
    }

    pub(crate) fn is_damaged(&self, selector: Selector) -> bool {
        self.damaged.lock().contains(&selector)
    }

    /// Shows `record` as a list does.
    pub(crate) fn shown(&self, record: Record) -> Listed {
        if self.is_damaged(record.selector) {
            let Record { selector, created_at, .. } = record;
            return Listed::Corrupt { selector, created_at, source: "the body does not decode".into() };
        }
        Listed::from(record)
    }
}
