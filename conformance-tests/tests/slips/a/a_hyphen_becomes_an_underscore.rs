//! The namespace becomes part of the names of the tables, and what an identifier may not hold is replaced by `_`.
//! Breaks S15: "a-b" and "a_b" see each other's records; opening refuses a name that could be confused.

use crate::prelude::*;

// A sequence that shows it:
// open("x-y"), insert A; open("x_y"), find(A): A's record.
pub(crate) const BUG: Bug = Bug::in_harness::<Wrong>(&[]);

#[derive(Default)]
struct Wrong(Backend<Straight>);

#[async_trait]
impl Harness for Wrong {
    fn backend(&self) -> String {
        self.0.backend()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        self.0.open(&namespace.replace('-', "_")).await
    }
    fn declared(&self) -> Declared {
        self.0.declared()
    }
    fn vandal(&self) -> Option<&dyn hallpass_conformance_tests::Vandal> {
        self.0.vandal()
    }
}
