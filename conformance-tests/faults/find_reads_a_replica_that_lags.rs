//! `find` reads a replica that is one write behind: the token that was just handed out is unknown, the one
//! before still good.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S1, "replace::what_was_replaced_is_found_byte_for_byte")]);

#[derive(Default)]
struct Wrong {
    before: Locked<HashMap<Selector, Record>>,
}

impl Twist for Wrong {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let old = store.find(call.next.selector).await?;
        let answer = store.replace(call).await?;
        if let (Replace::Replaced, Some(old)) = (answer, old) {
            self.before.lock().insert(old.selector, old);
        }
        Ok(answer)
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let found = store.find(selector).await?;
        let before = self.before.lock().get(&selector).cloned();
        Ok(if found.is_some() { before.or(found) } else { found })
    }
}
