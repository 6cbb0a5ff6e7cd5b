//! A subject loses the blanks around it, as under `PAD SPACE`: "alice " logs alice out.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S16, "hostile::revoking_one_spelling_leaves_the_others")]);

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
        let alike: Vec<_> = self
            .names
            .lock()
            .iter()
            .filter(|name| name.as_str().trim() == subject.as_str().trim())
            .cloned()
            .collect();
        let mut count = 0;
        for name in alike {
            count += store.revoke(&name, filter, action, update).await?;
        }
        Ok(count)
    }
}
