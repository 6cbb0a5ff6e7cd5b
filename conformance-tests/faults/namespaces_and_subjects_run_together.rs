//! The key of an epoch is `{namespace}_{subject}`: "a" and "b_alice" is "a_b" and "alice".

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::in_harness::<Glued>(&[(S15, "namespace::a_namespace_and_a_subject_do_not_run_together")]);

/// Stores whose epochs are in one table.
#[derive(Default)]
struct Glued(Backend<Straight>, Base);

#[async_trait]
impl Harness for Glued {
    fn backend(&self) -> String {
        self.0.backend()
    }
    fn declared(&self) -> Declared {
        self.0.declared()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        let (namespace, store) = (namespace.to_owned(), self.0.open(namespace).await?);
        Ok(Arc::new(Wrong { namespace, store, epochs: self.1.clone() }))
    }
}

#[derive(Debug)]
struct Wrong {
    namespace: String,
    store: Arc<dyn TokenStore>,
    epochs: Base,
}

impl Wrong {
    fn key(&self, subject: &Subject) -> Subject {
        Subject::new(format!("{}_{}", self.namespace, subject.as_str())).unwrap_or_else(|_| subject.clone())
    }
}

#[async_trait]
impl TokenStore for Wrong {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let Fence::Epoch(_) = fence else { return self.store.insert(record, fence).await };
        let subject = record.subject.as_ref().map(|subject| self.key(subject));
        if !self.epochs.admits(&Record { subject, ..record.clone() }, fence).await? {
            return Ok(Insert::Fenced);
        }
        self.store.insert(record, Fence::None).await
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.store.find(selector).await
    }
    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.store.replace(next, expected, change).await
    }
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.store.delete(selector, note).await
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.epochs.set_epoch(&self.key(subject), revocation.epoch).await?;
        self.store.revoke_by_subject(subject, revocation).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.store.list_by_subject(subject, page).await
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let epoch = self.epochs.epoch(&self.key(subject), fresh, keep, now).await?;
        Ok(Admission { epoch, era: Era::FIRST })
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.store.purge_expired(now, limit).await
    }
}
