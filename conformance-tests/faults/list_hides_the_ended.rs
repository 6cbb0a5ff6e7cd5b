//! The list leaves out what is marked or expired: core cannot tell a device that was logged out from one that
//! never was.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || lists(|records| records.retain(|record| record.revoked.is_none())),
    &[(S9, "list::marked_and_expired_records_are_listed")],
);
