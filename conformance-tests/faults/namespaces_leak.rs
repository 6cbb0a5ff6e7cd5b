//! Every namespace is the same table: staging logs production out.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::in_harness::<Leaky>(&[
    (S15, "namespace::one_selector_lives_in_each_namespace_for_itself"),
    (S15, "namespace::revoking_and_listing_stay_in_their_namespace"),
]);

/// Leaves the last part of a namespace away.
#[derive(Default)]
struct Leaky(Backend<Straight>);

#[async_trait]
impl Harness for Leaky {
    fn backend(&self) -> String {
        self.0.backend()
    }
    fn declared(&self) -> Declared {
        self.0.declared()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        self.0.open(root_of(namespace)).await
    }
}
