//! The store decides that an expired parent is no parent. That is for core to say, by its own clock.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || fences_under(|parent, child| parent.expires_at <= child.created_at),
    &[(S11, "fence::an_expired_parent_is_still_a_parent")],
);
