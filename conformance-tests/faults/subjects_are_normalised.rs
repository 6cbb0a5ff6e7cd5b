//! Subjects are brought to one Unicode form: two users whose names look the same become one.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S16, "hostile::every_spelling_of_a_subject_is_another_subject")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut record = record.clone();
        let composed = record.subject.as_ref().map(|name| name.as_str().replace("e\u{301}", "\u{e9}"));
        record.subject = composed.and_then(|name| Subject::new(name).ok());
        store.insert(&record, fence).await
    }
}
