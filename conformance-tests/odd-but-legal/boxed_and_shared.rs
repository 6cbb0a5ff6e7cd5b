//! The store arrives boxed, shared and boxed again: every call passes through each pointer.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::in_harness::<Wrapped>();

#[derive(Default)]
struct Wrapped(Backend<Straight>);

#[async_trait]
impl Harness for Wrapped {
    fn backend(&self) -> String {
        self.0.backend()
    }
    fn declared(&self) -> Declared {
        self.0.declared()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        let boxed: Box<dyn TokenStore> = Box::new(self.0.open(namespace).await?);
        Ok(Arc::new(Box::new(Arc::new(boxed))))
    }
}
