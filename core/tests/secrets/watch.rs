//! Records everything that is shown, drawn, traced and stored.

use std::error::Error;
use std::fmt::{Debug, Formatter, Result as Written, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision, Revocation,
    TokenStore,
};
use hallpass_core::{
    BoxError, Entropy, Event, MemoryStore, Note, Observer, OsEntropy, Selector, StoreError, Subject,
    Timestamp,
};
use tracing::field::{Field, Visit};
use tracing::span;

use crate::search::Secrets;

/// All text that was ever shown.
#[derive(Clone, Default)]
pub(crate) struct Shown(pub(crate) Arc<Mutex<String>>);

impl Shown {
    pub(crate) fn show(&self, what: &dyn Debug) {
        write!(self.0.lock().unwrap(), "{what:?}\n{what:#?}\n").unwrap();
    }

    pub(crate) fn error(&self, error: &dyn Error) {
        self.show(&error);
        let mut source = Some(error);
        while let Some(error) = source {
            writeln!(self.0.lock().unwrap(), "{error}").unwrap();
            source = error.source();
        }
    }
}

impl Debug for Shown {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        f.write_str("Shown")
    }
}

impl Observer for Shown {
    fn on_event(&self, event: &Event<'_>) {
        self.show(event);
    }
}

impl Visit for Shown {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

/// Records every span and every event of every level.
pub(crate) struct Lines(pub(crate) Shown);

impl tracing::Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut self.0.clone());
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.0.clone());
    }
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        self.0.show(event.metadata());
        event.record(&mut self.0.clone());
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Records every validator, including those that were never handed out: no other draw has 32 bytes.
#[derive(Debug)]
pub(crate) struct Overheard(pub(crate) Arc<Mutex<Secrets>>);

impl Entropy for Overheard {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BoxError> {
        OsEntropy.fill(bytes)?;
        if let Ok(validator) = <&[u8; 32]>::try_from(&*bytes) {
            self.0.lock().unwrap().validator(validator);
        }
        Ok(())
    }
}

/// A store that keeps a copy of every record that goes in or out, and loses its connection on request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched(pub(crate) Arc<Inner>);

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) inner: MemoryStore,
    pub(crate) bytes: Mutex<Vec<u8>>,
    pub(crate) digests: Mutex<Secrets>,
    pub(crate) failing: AtomicBool,
}

impl Debug for Inner {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        self.inner.fmt(f)
    }
}

impl Watched {
    fn note<'a>(&self, records: impl IntoIterator<Item = &'a Record>) {
        let mut bytes = self.0.bytes.lock().unwrap();
        for record in records {
            bytes.extend(record.encode());
            bytes.extend(record.body.as_bytes());
            bytes.extend(format!("{record:?}").into_bytes());
            // In version 1 of the body: the current digest and the lineage.
            if let Some(digests) = record.body.as_bytes().get(14..62) {
                self.0.digests.lock().unwrap().bytes(digests);
            }
        }
    }
}

#[async_trait]
impl TokenStore for Watched {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.note([record]);
        self.0.inner.insert(record, fence).await
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let found = self.0.inner.find(selector).await?;
        self.note(&found);
        Ok(found)
    }
    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.note([next]);
        if let Change::End(note) = change {
            self.0.bytes.lock().unwrap().extend(note.as_bytes());
        }
        if self.0.failing.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("connection refused".into()));
        }
        self.0.inner.replace(next, expected, change).await
    }
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.0.bytes.lock().unwrap().extend(note.as_bytes());
        self.0.inner.delete(selector, note).await
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.0.bytes.lock().unwrap().extend(revocation.note.as_bytes());
        self.0.inner.revoke_by_subject(subject, revocation).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        let list = self.0.inner.list_by_subject(subject, page).await?;
        self.note(list.iter().filter_map(|entry| match entry {
            Listed::Record(record) => Some(&**record),
            Listed::Corrupt { .. } => None,
        }));
        Ok(list)
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.0.inner.epoch(subject, fresh, keep, now).await
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.0.inner.purge_expired(now, limit).await
    }
}
