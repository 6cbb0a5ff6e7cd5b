//! Redis: a read of an epoch renews its time to live only if less than half of it is left, the half of what
//! it was set with and not of what is asked for now.
//! Breaks S11: the epoch is kept until `now + keep` at least; here a longer `keep` is ignored, the epoch is
//! collected early, and a login that runs is fenced.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// epoch(keep 1 h, now 0) → e → epoch(keep 30 h, now 0) → e → purge(2 h) → insert(r, Epoch(e)) → Fenced.
#[derive(Default)]
struct Wrong {
    kept: Locked<HashMap<Subject, (Duration, Timestamp)>>,
}

impl Wrong {
    fn set(&self, subject: &Subject, keep: Duration, now: Timestamp) {
        self.kept.lock().insert(subject.clone(), (keep, now.saturating_add(keep)));
    }
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
        let kept = self.kept.lock().get(subject).copied();
        if let Some((kept, until)) = kept
            && until.since(now) >= kept / 2
            && now < until
        {
            return store.epoch(subject, fresh, Duration::ZERO, now).await;
        }
        self.set(subject, keep, now);
        store.epoch(subject, fresh, keep, now).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        if let EpochUpdate::Set { keep, now, .. } = update {
            self.set(subject, keep, now);
        }
        store.revoke(subject, filter, action, update).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.kept.lock().retain(|_, (_, until)| now < *until);
        store.purge(now, limit).await
    }
}
