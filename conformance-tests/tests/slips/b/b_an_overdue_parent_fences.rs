//! DynamoDB: its time to live is lazy, so the transaction's condition on the parent is `ttl > :created_at`.
//! Breaks S11: `Fenced` is for a parent that is gone or marked; one that is expired and still there is
//! neither, for a store has no clock.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| fences_under(|parent, child| parent.purge_at <= child.created_at), &[]);
