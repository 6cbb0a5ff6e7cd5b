//! `SELECT epoch`; if there is none, `INSERT … ON CONFLICT DO NOTHING` and the fresh one is returned, whether or not
//! the insert did anything.
//! Breaks S11 and S6: `fresh` is the answer only if it became the epoch; the login of the slower call is fenced.

use crate::prelude::*;

// A sequence that shows it:
// u has no epoch. At once: epoch(u, F1), epoch(u, F2). Both answer their own; one of F1 and F2 is not the epoch.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    seen: Locked<HashSet<Subject>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let first = !self.seen.lock().contains(subject);
        if first {
            pause().await;
        }
        let epoch = store.epoch(subject, fresh, keep, now).await?;
        self.seen.lock().insert(subject.clone());
        Ok(if first { fresh } else { epoch })
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let answer = store.revoke(subject, filter, action, update).await?;
        if update != EpochUpdate::Keep {
            self.seen.lock().insert(subject.clone());
        }
        Ok(answer)
    }
}
