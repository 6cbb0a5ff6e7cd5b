//! Anonymous records are stored under the subject "null", and somebody is called that.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S8, "subject::anonymous_records_belong_to_no_subject")]);

#[derive(Default)]
struct Wrong {
    anonymous: Locked<Vec<Selector>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if record.subject.is_none() {
            self.anonymous.lock().push(record.selector);
        }
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
        let mut count = store.revoke(subject, filter, action, update).await?;
        let anonymous = self.anonymous.lock().clone();
        if subject.as_str() == "null" {
            for selector in anonymous {
                count += u64::from(store.delete(selector).await?);
            }
        }
        Ok(count)
    }
}
