//! For a record without a subject the epoch is not compared: any epoch admits it.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_insert(insert), &[(S11, "fence::an_epoch_fences_every_record_without_a_subject")]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let anonymous = record.subject.is_none() && matches!(fence, Fence::Epoch(_));
    store.insert(record, if anonymous { Fence::None } else { fence }).await
}
