//! The parent's statement has `p.subject = $subject OR $subject IS NULL AND p.subject IS NOT NULL`, and NULL is not
//! equal to NULL: an anonymous record under an anonymous parent finds none.
//! Breaks S11: a parent may be anonymous, and this one is there and not marked.

use crate::prelude::*;

// A sequence that shows it:
// insert P without subject; insert A without subject under P: `Fenced` instead of `Inserted`. With a subject on either
// side all is well.
pub(crate) const BUG: Bug =
    Bug::new(|| fences_under(|parent, child| parent.subject.is_none() && child.subject.is_none()), &[]);
