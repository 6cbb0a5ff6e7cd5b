//! An epoch whose time is over is made anew by the next read, and fences, before any purge came by (S11: it may still
//! serve, and need not).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    until: tokio::sync::Mutex<HashMap<Subject, Timestamp>>,
}

#[async_trait]
impl Twist for Strange {
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let mut until = self.until.lock().await;
        let over = until.get(subject).is_some_and(|kept| *kept <= now);
        let end = now.saturating_add(keep);
        let kept = until.entry(subject.clone()).or_insert(end);
        *kept = end.max(*kept);
        if over {
            let nothing = RecordFilter { kinds: Kinds::Only(Vec::new()), ..RecordFilter::all() };
            let update = EpochUpdate::Set { epoch: fresh, now, keep };
            let _ = store.revoke(subject, &nothing, Action::Remove, update).await?;
            return Ok(fresh);
        }
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
        let mut until = self.until.lock().await;
        if let EpochUpdate::Set { now, keep, .. } = update {
            let kept = until.entry(subject.clone()).or_insert(Timestamp::MIN);
            *kept = now.saturating_add(keep).max(*kept);
        }
        store.revoke(subject, filter, action, update).await
    }
}
