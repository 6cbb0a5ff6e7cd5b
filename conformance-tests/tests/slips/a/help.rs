//! What several slips share.

use crate::prelude::*;

/// Ends these records whatever their revision has become.
pub(super) async fn end_these(store: &Base, records: &[Record], action: Action) -> Result<u64, StoreError> {
    let mut count = 0;
    for record in records {
        while let Some(now) = store.find(record.selector).await? {
            if now.revision == Revision::MAX
                && let Action::Mark { reason, at } = action
            {
                if now.revoked.is_none() {
                    let mut marked = now.clone();
                    marked.mark(reason, at);
                    store.force(&marked).await?;
                    count += 1;
                }
                break;
            }
            let over = matches!(action, Action::Mark { .. }) && now.revoked.is_some();
            if over || store.end(&now, action).await? {
                count += u64::from(!over);
                break;
            }
        }
    }
    Ok(count)
}

/// Whether `action` would still do something to `record`.
pub(super) fn open(record: &Record, action: Action) -> bool {
    matches!(action, Action::Remove) || record.revoked.is_none()
}

/// A revocation that ends what `pick` picks; in one step where that is what the filter says.
pub(super) async fn revoke_picked(
    store: &Base,
    subject: &Subject,
    filter: &RecordFilter,
    action: Action,
    update: EpochUpdate,
    pick: impl Fn(&Record) -> bool + Send,
) -> Result<u64, StoreError> {
    let all = store.all(subject).await?;
    if all.iter().filter(|r| open(r, action)).all(|r| pick(r) == filter.matches(r)) {
        return store.revoke(subject, filter, action, update).await;
    }
    store.set_epoch(subject, update).await?;
    let mut count = 0;
    loop {
        let mut doomed = store.all(subject).await?;
        doomed.retain(|r| open(r, action) && pick(r));
        if doomed.is_empty() {
            return Ok(count);
        }
        count += end_these(store, &doomed, action).await?;
    }
}

/// The epochs of a table whose key is the subject folded by `fold`; the records know the subject as it is.
#[derive(Default)]
pub(super) struct Folded {
    gate: tokio::sync::RwLock<()>,
}

impl Folded {
    pub(super) async fn insert(
        &self,
        store: &Base,
        record: &Record,
        fence: Fence,
        fold: fn(&Subject) -> Subject,
    ) -> Result<Insert, StoreError> {
        let mut probe = record.clone();
        probe.subject = record.subject.as_ref().map(fold);
        if !matches!(fence, Fence::Epoch(_)) || probe.subject == record.subject {
            return store.insert(record, fence).await;
        }
        let _held = self.gate.read().await;
        match store.admits(&probe, fence).await? {
            true => store.insert(record, Fence::None).await,
            false => Ok(Insert::Fenced),
        }
    }

    pub(super) async fn revoke(
        &self,
        store: &Base,
        (subject, folded): (&Subject, Subject),
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        if folded == *subject || update == EpochUpdate::Keep {
            return store.revoke(subject, filter, action, update).await;
        }
        let _held = self.gate.write().await;
        store.set_epoch(&folded, update).await?;
        store.revoke(subject, filter, action, EpochUpdate::Keep).await
    }
}

/// Until when each epoch is kept, as the reference store reckons it.
#[derive(Default)]
pub(super) struct Times(Locked<HashMap<Subject, (Timestamp, Duration)>>);

impl Times {
    pub(super) fn get(&self, subject: &Subject) -> Option<(Timestamp, Duration)> {
        self.0.lock().get(subject).copied()
    }
    pub(super) fn keep(&self, subject: &Subject, now: Timestamp, keep: Duration) {
        let until = now.saturating_add(keep);
        let mut times = self.0.lock();
        let entry = times.entry(subject.clone()).or_insert((until, keep));
        *entry = (entry.0.max(until), keep);
    }
    pub(super) fn collect(&self, now: Timestamp) -> u32 {
        let mut times = self.0.lock();
        let before = times.len();
        times.retain(|_, (until, _)| now < *until);
        u32::try_from(before - times.len()).unwrap_or(u32::MAX)
    }
}
