//! The key of an epoch is `{namespace}_{subject}`: namespace "a" with subject "b_alice" is the same key as
//! "a_b" with "alice".

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::in_harness::<Glued>(&[(S15, "namespace::a_namespace_and_a_subject_do_not_run_together")]);

/// Stores whose epochs are in one table.
#[derive(Default)]
struct Glued {
    stores: Locked<HashMap<String, Base>>,
    epochs: Base,
}

#[async_trait]
impl Harness for Glued {
    fn backend(&self) -> String {
        "glued".into()
    }
    fn declared(&self) -> Declared {
        Straight::declared()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        let store = self.stores.lock().entry(namespace.into()).or_default().clone();
        let twist = Arc::new(Wrong { namespace: namespace.into(), epochs: self.epochs.clone() });
        Ok(Arc::new(Twisted { store, twist }))
    }
}

struct Wrong {
    namespace: String,
    epochs: Base,
}

impl Wrong {
    fn key(&self, subject: &Subject) -> Subject {
        Subject::new(format!("{}_{}", self.namespace, subject.as_str())).unwrap_or_else(|_| subject.clone())
    }
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let Fence::Epoch(_) = fence else { return store.insert(record, fence).await };
        let subject = record.subject.as_ref().map(|subject| self.key(subject));
        if !self.epochs.admits(&Record { subject, ..record.clone() }, fence).await? {
            return Ok(Insert::Fenced);
        }
        store.insert(record, Fence::None).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        self.epochs.set_epoch(&self.key(call.subject), call.update).await?;
        store.revoke(RevokeCall { update: EpochUpdate::Keep, ..call }).await
    }
    async fn epoch(&self, _: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        self.epochs.epoch(EpochCall { subject: &self.key(call.subject), ..call }).await
    }
}
