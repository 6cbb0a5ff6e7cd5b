//! Redis: the script gets the key of the record with the prefix of the namespace, and the key of the parent
//! without it, from a set that all namespaces of the database share.
//! Breaks S15: a record is inserted under a parent that only another namespace has.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// namespace A: insert(p); namespace B: insert(c, Parent(p)) → Inserted in place of Fenced.
#[derive(Default)]
struct Wrong {
    parents: Locked<HashMap<Selector, Base>>,
}

impl Twist for Wrong {
    fn remembers(namespace: &str) -> &str {
        root_of(namespace)
    }

    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut answer = store.insert(record, fence).await?;
        if let (Fence::Parent(parent), Insert::Fenced) = (fence, answer)
            && store.find(parent).await?.is_none()
        {
            let home = self.parents.lock().get(&parent).cloned();
            if let Some(home) = home
                && home.find(parent).await?.is_some_and(|parent| parent.revoked.is_none())
            {
                answer = store.insert(record, Fence::None).await?;
            }
        }
        if answer.is_inserted() {
            self.parents.lock().insert(record.selector, store.clone());
        }
        Ok(answer)
    }
}
