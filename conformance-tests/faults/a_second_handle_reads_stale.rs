//! Each handle keeps what it has once read: a session that was logged out on one node lives on at the others.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S6, "find::another_handle_sees_each_write_at_once"),
    (D16, "rotation::an_honest_client_is_never_refused"),
    (D16, "rotation::an_honest_client_may_lose_any_answer_until_it_is_confirmed"),
    (D13, "login::a_token_that_was_logged_out_is_no_theft"),
]);

#[derive(Default)]
struct Wrong {
    read: Locked<HashMap<Selector, Record>>,
}

impl Twist for Wrong {
    const PER_HANDLE: bool = true;
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        if let Some(record) = self.read.lock().get(&selector) {
            return Ok(Some(record.clone()));
        }
        let found = store.find(selector).await?;
        if let Some(record) = &found {
            self.read.lock().insert(selector, record.clone());
        }
        Ok(found)
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        self.read.lock().remove(&call.next.selector);
        store.replace(call).await
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        self.read.lock().remove(&selector);
        store.delete(selector).await
    }
}
