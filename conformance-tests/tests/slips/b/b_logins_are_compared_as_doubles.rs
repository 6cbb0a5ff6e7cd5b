//! MongoDB: the login is kept as a number for the shell, which is a double: 53 bits of the 64 count.
//! Breaks S8: "every login but this" spares another login whose last bits differ.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

fn number(login: LoginId) -> u64 {
    (u64::from_be_bytes(login.0) as f64).to_bits()
}

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let Logins::Except(except) = call.filter.logins else { return store.revoke(call).await };
    let mut twins = store.meant(call).await?;
    twins.retain(|record| number(record.login) == number(except));
    store.revoke_but(&twins, call).await
}
