//! Redis: the script that marks counts the revision in Lua, whose numbers become text with 14 digits.
//! Breaks S8: marking leaves `revision = min(revision + 1, 2⁵³ − 1)`; a revision above 10¹⁴ comes out rounded,
//! and may even be lower than before (S5).

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r with revision 2⁵³ − 1000) → revoke(all, Mark) → 1 → find shows 9007199254740000.
// At 2⁵³ − 1 and for small numbers nothing shows.
fn rounded(revision: Revision) -> Revision {
    let number = revision.get();
    let mut unit = 1;
    while number / unit >= 100_000_000_000_000 {
        unit *= 10;
    }
    let number = (number + unit / 2) / unit * unit;
    Revision::new(number).unwrap_or(Revision::MAX)
}

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let records = store.all(subject).await?;
        let count = store.revoke(subject, filter, action, update).await?;
        if let Action::Mark { .. } = action {
            for old in chosen(filter, &records) {
                if old.revoked.is_none()
                    && let Some(record) = store.find(old.selector).await?
                    && rounded(record.revision) != record.revision
                {
                    store.force(&Record { revision: rounded(record.revision), ..record }).await?;
                }
            }
        }
        Ok(count)
    }
}
