//! MongoDB: the login is kept as a number for the shell, which is a double: 53 bits of the 64 count.
//! Breaks S8: "every login but this" spares another login whose last bits differ.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(a with login 4242424242424200, b with login 4242424242424201) → revoke(Except(a)) → 0; b lives.
fn number(login: LoginId) -> u64 {
    (u64::from_be_bytes(login.0) as f64).to_bits()
}

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
        let Logins::Except(except) = filter.logins else {
            return store.revoke(subject, filter, action, update).await;
        };
        let twins: Vec<_> = store
            .all(subject)
            .await?
            .into_iter()
            .filter(|record| number(record.login) == number(except) && record.login != except)
            .collect();
        let mut count = store.revoke(subject, filter, action, update).await?;
        for twin in twins.iter().filter(|twin| filter.matches(twin)) {
            count -= u64::from(twin.revoked.is_none() || action == Action::Remove);
            store.force(twin).await?;
        }
        Ok(count)
    }
}
