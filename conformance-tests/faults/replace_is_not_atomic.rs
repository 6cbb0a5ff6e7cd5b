//! `replace` reads, compares and writes in three steps: of two rotations at once both win (Keycloak,
//! CVE-2026-1035).

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_replace(replace),
    &[
        (S5, "race::of_many_replaces_of_one_revision_one_wins"),
        (D3, "race_token::a_one_time_token_presented_many_times_at_once_works_once"),
        (T5, "race_token::parallel_rotations_get_one_successor"),
        (D15, "race_token::racing_changes_of_data_are_all_kept"),
        (S6, "history::each_selector_is_linearizable"),
    ],
);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    match store.find(call.next.selector).await? {
        None => Ok(Replace::Missing),
        Some(old) if old.revision != call.expected || old.revoked.is_some() => Ok(Replace::Conflict),
        Some(_) => {
            pause().await;
            store.force(call.next).await?;
            Ok(Replace::Replaced)
        }
    }
}
