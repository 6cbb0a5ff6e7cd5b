//! `epoch` writes the fresh epoch over the one that is there: two logins at once fence each other out.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_epoch(epoch), &[(S11, "fence::a_missing_epoch_is_made_once")]);

async fn epoch(store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
    store.set_epoch(call.subject, call.as_update()).await?;
    Ok(call.fresh)
}
