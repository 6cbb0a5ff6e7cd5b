//! `replace` reads, compares and writes in three steps: of two rotations at once both win (Keycloak, CVE-2026-1035).

use crate::prelude::*;

pub(crate) const FAULT: Fault =
    Fault::of::<Wrong>(&[(S5, "race::of_many_replaces_of_one_revision_exactly_one_wins")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn replace(&self, store: &Base, next: &Record, expected: Revision) -> Result<Replace, StoreError> {
        match store.find(next.selector).await? {
            None => Ok(Replace::Missing),
            Some(old) if old.revision != expected || old.revoked.is_some() => Ok(Replace::Conflict),
            Some(_) => {
                pause().await;
                store.force(next).await?;
                Ok(Replace::Replaced)
            }
        }
    }
}
