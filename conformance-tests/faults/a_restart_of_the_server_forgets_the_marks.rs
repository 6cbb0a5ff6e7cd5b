//! A revocation is acknowledged before it is written: the server restarts, and the thief is logged in again.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S14, "outage::what_was_acknowledged_survives_a_restart_of_the_server"),
    (S14, "random::nothing_is_lost_in_a_restart_of_the_server"),
]);

#[derive(Default)]
struct Wrong;

impl Twist for Wrong {
    fn declared() -> Declared {
        Declared::everything()
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let forgets = store.fault() == Some(Fault::Restart);
        let unmark = |mut record: Record| {
            if forgets {
                record.revoked = None;
            }
            record
        };
        Ok(store.find(selector).await?.map(unmark))
    }
}
