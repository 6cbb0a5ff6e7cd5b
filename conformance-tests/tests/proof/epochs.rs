//! What stores share that treat epochs in another way.

use crate::prelude::*;

/// Until when each epoch is kept, as the reference store reckons it.
#[derive(Default)]
pub(crate) struct Times(Locked<HashMap<Subject, (Timestamp, Duration)>>);

impl Times {
    /// Until when the epoch is kept, and for how long it was asked last.
    pub(crate) fn get(&self, subject: &Subject) -> Option<(Timestamp, Duration)> {
        self.0.lock().get(subject).copied()
    }

    pub(crate) fn asked(&self, call: EpochCall<'_>) {
        let until = call.now.saturating_add(call.keep);
        let mut times = self.0.lock();
        let entry = times.entry(call.subject.clone()).or_insert((until, call.keep));
        *entry = (entry.0.max(until), call.keep);
    }

    pub(crate) fn revoked(&self, RevokeCall { subject, update, .. }: RevokeCall<'_>) {
        if let EpochUpdate::Set { epoch: fresh, now, keep } = update {
            self.asked(EpochCall { subject, fresh, keep, now });
        }
    }

    /// Forgets what is due, and returns how many epochs that were.
    pub(crate) fn collect(&self, now: Timestamp) -> u32 {
        let mut times = self.0.lock();
        let before = times.len();
        times.retain(|_, (until, _)| now < *until);
        u32::try_from(before - times.len()).unwrap_or(u32::MAX)
    }
}

/// The same update, kept for another time.
pub(crate) fn kept_for(update: EpochUpdate, keep: impl Fn(Timestamp, Duration) -> Duration) -> EpochUpdate {
    match update {
        EpochUpdate::Set { epoch, now, keep: asked } => {
            EpochUpdate::Set { epoch, now, keep: keep(now, asked) }
        }
        EpochUpdate::Keep => EpochUpdate::Keep,
    }
}

#[derive(Clone, Copy)]
struct Keeps(fn(Timestamp, Duration) -> Duration);

impl Twist for Keeps {
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        store.revoke(RevokeCall { update: kept_for(call.update, self.0), ..call }).await
    }
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        store.epoch(EpochCall { keep: (self.0)(call.now, call.keep), ..call }).await
    }
}

/// An epoch is kept for another time than was asked for.
pub(crate) fn keeps(keep: fn(Timestamp, Duration) -> Duration) -> Shared {
    Shared::of(Keeps(keep))
}

/// A table of epochs whose key is the subject folded; the records know the subject as it is.
struct Folded {
    gate: tokio::sync::RwLock<()>,
    fold: fn(&Subject) -> Subject,
}

impl Twist for Folded {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut probe = record.clone();
        probe.subject = record.subject.as_ref().map(self.fold);
        if !matches!(fence, Fence::Epoch(_)) || probe.subject == record.subject {
            return store.insert(record, fence).await;
        }
        let _held = self.gate.read().await;
        match store.admits(&probe, fence).await? {
            true => store.insert(record, Fence::None).await,
            false => Ok(Insert::Fenced),
        }
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let folded = (self.fold)(call.subject);
        if folded == *call.subject || call.update == EpochUpdate::Keep {
            return store.revoke(call).await;
        }
        let _held = self.gate.write().await;
        store.set_epoch(&folded, call.update).await?;
        store.revoke(RevokeCall { update: EpochUpdate::Keep, ..call }).await
    }
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        store.epoch(EpochCall { subject: &(self.fold)(call.subject), ..call }).await
    }
}

/// Subjects whose folded names are alike share an epoch.
pub(crate) fn folds(fold: fn(&Subject) -> Subject) -> Shared {
    let make = move || Folded { gate: tokio::sync::RwLock::default(), fold };
    Shared(Arc::new(Backend::new(make)))
}
