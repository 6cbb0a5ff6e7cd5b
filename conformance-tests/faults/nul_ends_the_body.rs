//! The body passes through a C string: it ends at its first NUL.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| replaces(cut), &[(S16, "hostile::bodies_are_any_bytes")]);

fn cut(_: &Record, next: &mut Record, _: Change<'_>) {
    let head: Vec<u8> = next.body.as_bytes().iter().copied().take_while(|byte| *byte != 0).collect();
    next.body = Body::new(head).unwrap_or(next.body.clone());
}
