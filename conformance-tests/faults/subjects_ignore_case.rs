//! Subjects are compared under a collation that ignores case, as MySQL's default does: Alice is alice.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S16, "hostile::every_spelling_of_a_subject_is_another_subject")]);

#[derive(Default)]
struct Wrong {
    names: Locked<BTreeSet<Subject>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.names.lock().extend(record.subject.clone());
        store.insert(record, fence).await
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let fold = |name: &Subject| name.as_str().to_lowercase();
        let alike: Vec<_> =
            self.names.lock().iter().filter(|name| fold(name) == fold(subject)).cloned().collect();
        let mut all = Vec::new();
        for name in alike {
            all.extend(store.list(&name, page).await?);
        }
        Ok(all)
    }
}
