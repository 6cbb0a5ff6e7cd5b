//! One handle on the store under test, with the calls that cases use.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::store::{
    Action, Change, Epoch, EpochUpdate, Fence, Insert, Listed, Page, Purged, Record, RecordFilter, Replace,
    Revision, Revocation, TokenStore,
};
use hallpass_core::{Note, Selector, StoreError, Subject, Timestamp};

use tokio::task::JoinSet;

use crate::clause::Clause;
use crate::gate::Gate;
use crate::history::History;
use crate::outcome::{CaseResult, hold};
use crate::watched::Watched;

/// How many spurious conflicts (S5) are accepted before they count as a refusal.
const SPURIOUS: u32 = 16;
/// How many purges in a row may remove nothing and return "maybe more" (S10).
pub(crate) const IDLE: u32 = 32;
/// How many records are inserted concurrently when a case needs many.
const AT_ONCE: usize = 16;
/// What [`Handle::insert`] returns for a stored record.
pub(crate) const INSERTED: Insert = Insert::Inserted { of_subject: None };

/// One handle on the store under test. Clones are the same handle.
#[derive(Clone)]
pub(crate) struct Handle(Watched);

impl Handle {
    pub(crate) fn new(store: Arc<dyn TokenStore>, history: History, node: usize) -> Self {
        Self(Watched::new(store, history, node))
    }

    /// The same handle, without retries: it returns every error.
    pub(crate) fn bare(&self) -> Self {
        Self(self.0.bare())
    }

    /// The same handle, through a gate.
    pub(crate) fn through(&self, gate: &Gate) -> Self {
        Self(self.0.through(gate))
    }

    /// Gives access to every method of the store's trait.
    pub(crate) const fn watched(&self) -> &Watched {
        &self.0
    }

    /// The store without the log of calls.
    pub(crate) const fn store(&self) -> &Arc<dyn TokenStore> {
        self.0.store()
    }

    /// Inserts a record; the result leaves out how many records the subject has.
    pub(crate) async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = self.0.insert(record, fence).await?;
        Ok(if answer.is_inserted() { INSERTED } else { answer })
    }

    pub(crate) async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.0.find(selector).await
    }

    /// Replaces a record by one that is alive or ended; [`Handle::touch`] is the third kind of change.
    pub(crate) async fn replace(&self, next: &Record, expected: Revision) -> Result<Replace, StoreError> {
        let note = Note::none();
        let change = if next.revoked.is_some() { Change::End(&note) } else { Change::Update };
        self.0.replace(next, expected, change).await
    }

    pub(crate) async fn touch(&self, next: &Record, expected: Revision) -> Result<Replace, StoreError> {
        self.0.replace(next, expected, Change::Touch).await
    }

    pub(crate) async fn delete(&self, selector: Selector) -> Result<bool, StoreError> {
        self.0.delete(selector, &Note::none()).await
    }

    pub(crate) async fn revoke_by_subject(
        &self,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        epoch: EpochUpdate,
    ) -> Result<u64, StoreError> {
        self.0.revoke_by_subject(subject, &Revocation::new(filter.clone(), action).epoch(epoch)).await
    }

    /// Lists a page of whole records; a damaged row is an error.
    pub(crate) async fn list_by_subject(
        &self,
        subject: &Subject,
        page: &Page,
    ) -> Result<Vec<Record>, StoreError> {
        let entries = self.0.list_by_subject(subject, page).await?;
        let whole = |entry| match entry {
            Listed::Record(record) => Ok(*record),
            Listed::Corrupt { selector, source, .. } => {
                Err(StoreError::Corrupt { selector: Some(selector), source })
            }
        };
        entries.into_iter().map(whole).collect()
    }

    pub(crate) async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        Ok(self.0.epoch(subject, fresh, keep, now).await?.epoch)
    }

    pub(crate) async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.0.purge_expired(now, limit).await
    }

    /// Inserts a record that must be new, without a fence.
    pub(crate) async fn put(&self, record: &Record) -> CaseResult {
        let answer = self.insert(record, Fence::None).await?;
        hold(Clause::S2, answer == INSERTED, format_args!("insert of a new record returned {answer:?}"))
    }

    /// Inserts records that must be new, several concurrently, so that network round trips overlap.
    pub(crate) async fn put_all(&self, records: &[Record]) -> CaseResult {
        for few in records.chunks(AT_ONCE) {
            let mut puts = JoinSet::new();
            for record in few {
                let (store, record) = (self.clone(), record.clone());
                puts.spawn(async move { store.put(&record).await });
            }
            for put in puts.join_all().await {
                put?;
            }
        }
        Ok(())
    }

    /// Purges until nothing is left or nothing more goes, and returns the number of records removed. A store may stop
    /// before its limit, and may return "maybe more" after any call (S10).
    pub(crate) async fn collect(&self, now: Timestamp, limit: u32) -> CaseResult<u64> {
        let (mut removed, mut idle) = (0, 0);
        while idle < IDLE {
            let purged = self.purge_expired(now, limit).await?;
            let within = purged.removed <= u64::from(limit);
            hold(Clause::S10, within, format_args!("a purge of at most {limit} removed {}", purged.removed))?;
            removed += purged.removed;
            idle = if purged.removed == 0 { idle + 1 } else { 0 };
            if !purged.more {
                break;
            }
        }
        Ok(removed)
    }

    /// Replaces `old` by `next`. This must succeed, but may take several tries.
    pub(crate) async fn swap(&self, next: &Record, old: &Record) -> CaseResult {
        for _ in 0..SPURIOUS {
            match self.replace(next, old.revision).await? {
                Replace::Replaced => return Ok(()),
                Replace::Missing => {
                    return hold(Clause::S4, false, "replace of an existing record returned Missing");
                }
                Replace::Conflict => {
                    let found = self.find(next.selector).await?;
                    let untouched = found.as_ref() == Some(old);
                    hold(
                        Clause::S5,
                        untouched,
                        "replace returned Conflict, but the record has changed nevertheless",
                    )?;
                }
            }
        }
        hold(
            Clause::S5,
            false,
            format_args!("replace of the current revision returned Conflict {SPURIOUS} times"),
        )
    }
}

/// Shows nothing of the store's own `Debug` output, which S18 is about.
impl Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
