//! Redis: there is a set for each kind of a subject, `subject:kind`, and both may hold colons.
//! Breaks S8: revoking one kind of the subject `u:a` also ends the kind `a:b` of the subject `u`.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r of "u" with kind "a:b") → revoke("u:a", kinds Only(["b"]), Remove) → 1, r is gone.
#[derive(Default)]
struct Wrong {
    known: Locked<HashSet<(Subject, Kind)>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if let Some(subject) = &record.subject {
            self.known.lock().insert((subject.clone(), record.kind));
        }
        store.insert(record, fence).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let mut count = store.revoke(subject, filter, action, update).await?;
        let Kinds::Only(kinds) = &filter.kinds else { return Ok(count) };
        let mut twins: Vec<_> = self.known.lock().iter().cloned().collect();
        twins.retain(|(other, kind)| {
            let key = format!("{}:{}", other.as_str(), kind.as_str());
            other != subject
                && kinds.iter().any(|kind| key == format!("{}:{}", subject.as_str(), kind.as_str()))
        });
        for (other, kind) in twins {
            let filter = RecordFilter { kinds: kind.into(), ..filter.clone() };
            count += store.revoke(&other, &filter, action, EpochUpdate::Keep).await?;
        }
        Ok(count)
    }
}
