//! The statement that revokes has no condition on the purpose: "log out the others" ends API keys.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || filters(|filter| filter.purposes = Purposes::ALL),
    &[(S8, "subject::every_purpose_is_ended_alone")],
);
