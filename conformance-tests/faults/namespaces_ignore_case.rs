//! A schema is named without quotes: Staging is staging.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::in_harness::<Confused>(&[(S15, "namespace::names_that_a_backend_confuses_are_refused")]);

/// Folds names.
#[derive(Default)]
struct Confused(Backend<Straight>);

#[async_trait]
impl Harness for Confused {
    fn backend(&self) -> String {
        self.0.backend()
    }
    fn declared(&self) -> Declared {
        self.0.declared()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        self.0.open(&namespace.to_lowercase()).await
    }
}
