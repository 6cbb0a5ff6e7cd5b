//! A query ends at a megabyte and says where to go on, and no one looks: what lies beyond lives on.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S8, "list::a_megabyte_and_a_half_of_records_is_listed_and_ended")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        store.set_epoch(subject, update).await?;
        let (mut count, mut size) = (0, 0);
        for record in chosen(filter, &store.all(subject).await?) {
            size += record.body.as_bytes().len();
            if size <= 1 << 20 {
                count += u64::from(store.end(record, action).await?);
            }
        }
        Ok(count)
    }
}
