//! Each method of the store.

use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Action, Admission, Announcer, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace,
    Revision, Revocation, TokenStore,
};
use hallpass_core::{Note, Selector, StoreError, Subject, Timestamp};

use crate::rule::Rule;
use crate::{Call, Gate, Seen};

const UNREADABLE: &str = "the test says that it does not decode";

#[async_trait]
impl TokenStore for Gate {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.see(Seen::Record(record));
        let lost = Some(Insert::Duplicate);
        match self.around(Call::Insert, lost, self.store.insert(record, fence)).await? {
            Insert::Inserted { .. } if matches!(self.standing(Call::Insert), Some(Rule::Blind)) => {
                Ok(Insert::Inserted { of_subject: None })
            }
            answer => Ok(answer),
        }
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.see(Seen::Selector(selector));
        let found = self.around(Call::Find, None, self.store.find(selector)).await?;
        found.iter().for_each(|record| self.see(Seen::Record(record)));
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
        self.see(Seen::Record(next));
        if let Change::End(note) = change {
            self.see(Seen::Note(note));
        }
        let work = self.store.replace(next, expected, change);
        self.around(Call::Replace, Some(Replace::Conflict), work).await
    }
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.see(Seen::Selector(selector));
        self.see(Seen::Note(note));
        self.around(Call::Delete, None, self.store.delete(selector, note)).await
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.see(Seen::Note(&revocation.note));
        if let (Some(Rule::Slow(pause)), Action::Mark { .. }) =
            (self.standing(Call::Revoke), revocation.action)
        {
            tokio::time::sleep(pause).await;
        }
        self.around(Call::Revoke, None, self.store.revoke_by_subject(subject, revocation)).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        let mut page = page.clone();
        if let Some(Rule::Repeat) = self.standing(Call::List) {
            page.after = None;
        }
        let mut list = self.around(Call::List, None, self.store.list_by_subject(subject, &page)).await?;
        for entry in &mut list {
            let (created_at, selector) = entry.place();
            if self.is_unreadable(selector) {
                *entry = Listed::Corrupt { selector, created_at, source: UNREADABLE.into() };
            } else if let Listed::Record(record) = entry {
                self.see(Seen::Record(record));
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
        self.around(Call::Epoch, None, self.store.epoch(subject, fresh, keep, now)).await
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let lost = Some(Purged { removed: 0, more: true });
        self.around(Call::Purge, lost, self.store.purge_expired(now, limit)).await
    }
    fn announcer(&self) -> Option<&dyn Announcer> {
        self.store.announcer()?;
        Some(self)
    }
}
