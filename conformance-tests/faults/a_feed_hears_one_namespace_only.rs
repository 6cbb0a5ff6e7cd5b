//! All feeds of a database listen to the namespace whose feed was opened first.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<First>(&[(S19, "feed::a_namespace_hears_what_ends_in_it")]);

#[derive(Default)]
struct First {
    store: Locked<Option<Base>>,
}

impl Twist for First {
    fn remembers(namespace: &str) -> &str {
        root_of(namespace)
    }

    async fn feed(&self, store: &Base) -> Result<Box<dyn ChangeFeed>, StoreError> {
        let first = self.store.lock().get_or_insert_with(|| store.clone()).clone();
        first.feed().await
    }
}
