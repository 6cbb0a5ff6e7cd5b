//! Records live in the memory of the process, and are declared to survive it: a restart logs every user out.

use std::sync::Weak;

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::in_harness::<Forgetful>(&[
    (S14, "crash::what_was_acknowledged_is_there_when_the_store_is_opened_again"),
    (S14, "crash::every_form_of_a_write_survives_a_kill"),
    (S14, "crash::what_was_acknowledged_survives_a_kill"),
    (S11, "crash::an_updated_epoch_is_there_when_the_store_is_opened_again"),
]);

/// Forgets a store once no handle is open.
#[derive(Default)]
struct Forgetful(Locked<HashMap<String, Weak<MemoryStore>>>);

#[async_trait]
impl Harness for Forgetful {
    fn backend(&self) -> String {
        "forgetful".into()
    }
    fn declared(&self) -> Declared {
        durable()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        let mut stores = self.0.lock();
        if let Some(store) = stores.get(namespace).and_then(Weak::upgrade) {
            return Ok(store);
        }
        let store = Arc::new(MemoryStore::new());
        stores.insert(namespace.into(), Arc::downgrade(&store));
        Ok(store)
    }
}
