//! A revocation finds its records with `LIKE 'alice%'`: alice logs alice2 out.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S8, "subject::removing_takes_all_of_the_subject_and_no_other")]);

#[derive(Default)]
struct Wrong {
    names: Locked<BTreeSet<Subject>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.names.lock().extend(record.subject.clone());
        store.insert(record, fence).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let near: Vec<_> = self
            .names
            .lock()
            .iter()
            .filter(|name| name.as_str().starts_with(subject.as_str()))
            .cloned()
            .collect();
        for name in near {
            if name != *subject {
                store.revoke(&name, filter, action, update).await?;
            }
        }
        store.revoke(subject, filter, action, update).await
    }
}
