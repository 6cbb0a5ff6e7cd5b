//! The body passes through a C string: it ends at its first NUL.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S16, "hostile::bodies_are_any_bytes")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let mut next = next.clone();
        let head: Vec<u8> = next.body.as_bytes().iter().copied().take_while(|byte| *byte != 0).collect();
        next.body = Body::new(head).unwrap_or(next.body);
        store.replace(&next, expected, change).await
    }
}
