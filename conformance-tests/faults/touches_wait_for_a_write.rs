//! A touch is kept in the handle until another write takes it along: the other node does not see it.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S6, "replace::a_touch_is_seen_like_any_other_replace")]);

#[derive(Default)]
struct Wrong {
    kept: Locked<HashMap<Selector, Record>>,
}

impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let kept = self.kept.lock().get(&selector).cloned();
        Ok(kept.or(store.find(selector).await?))
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let Some(old) = store.find(call.next.selector).await? else { return Ok(Replace::Missing) };
        if call.change == Change::Touch && old.revision == call.expected && old.revoked.is_none() {
            self.kept.lock().insert(call.next.selector, call.next.clone());
            return Ok(Replace::Replaced);
        }
        let kept = self.kept.lock().remove(&call.next.selector);
        if let Some(kept) = kept {
            store.force(&kept).await?;
        }
        store.replace(call).await
    }
}
