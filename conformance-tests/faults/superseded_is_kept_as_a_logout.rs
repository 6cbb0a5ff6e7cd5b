//! An enumeration of the database lacks a reason: a login that was superseded was "logged out".

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "subject::marking_does_what_the_record_says")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let action = match call.action {
        Action::Mark { reason: Reason::Superseded, at } => Action::Mark { reason: Reason::LoggedOut, at },
        other => other,
    };
    store.revoke(RevokeCall { action, ..call }).await
}
