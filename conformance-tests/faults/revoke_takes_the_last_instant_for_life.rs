//! A record is still live at the very instant of its expiry: `<=` where `<` was meant.

use crate::prelude::*;

pub(crate) const FAULT: Fault =
    Fault::of::<Wrong>(&[(S8, "subject::the_last_instant_of_a_life_is_told_from_the_first_after_it")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        which: &Which,
        action: Action,
        advance: Advance,
    ) -> Result<u64, StoreError> {
        let live_at = which.live_at.map(|at| at.saturating_sub(Duration::from_millis(1)));
        store.revoke_by_subject(subject, &Which { live_at, ..which.clone() }, action, advance).await
    }
}
