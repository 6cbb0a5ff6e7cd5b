//! What several slips share.

use std::marker::PhantomData;

use crate::prelude::*;

/// Ends these records whatever their revision has become.
pub(crate) async fn end_these(store: &Base, records: &[Record], action: Action) -> Result<u64, StoreError> {
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
pub(crate) fn open(record: &Record, action: Action) -> bool {
    matches!(action, Action::Remove) || record.revoked.is_none()
}

/// A revocation that ends what `pick` picks; in one step where that is what the filter says.
pub(crate) async fn revoke_picked(
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

/// A table of epochs whose key is the subject folded; the records know the subject as it is.
pub(crate) trait Fold: Default + Send + Sync + 'static {
    fn fold(subject: &Subject) -> Subject;
}

#[derive(Default)]
pub(crate) struct Folded<F> {
    gate: tokio::sync::RwLock<()>,
    fold: PhantomData<F>,
}

#[async_trait]
impl<F: Fold> Twist for Folded<F> {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut probe = record.clone();
        probe.subject = record.subject.as_ref().map(F::fold);
        if !matches!(fence, Fence::Epoch(_)) || probe.subject == record.subject {
            return store.insert(record, fence).await;
        }
        let _held = self.gate.read().await;
        match store.admits(&probe, fence).await? {
            true => store.insert(record, Fence::None).await,
            false => Ok(Insert::Fenced),
        }
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let folded = F::fold(subject);
        if folded == *subject || update == EpochUpdate::Keep {
            return store.revoke(subject, filter, action, update).await;
        }
        let _held = self.gate.write().await;
        store.set_epoch(&folded, update).await?;
        store.revoke(subject, filter, action, EpochUpdate::Keep).await
    }
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        store.epoch(&F::fold(subject), fresh, keep, now).await
    }
}

/// Writes another row than the one that it was given.
pub(crate) trait Bend: Default + Send + Sync + 'static {
    /// What an insert writes.
    fn inserted(record: &Record) -> Record {
        record.clone()
    }
    /// What a replace writes over `old`.
    fn replaced(old: &Record, next: &Record, change: Change<'_>) -> Record {
        let _ = (old, change);
        Self::inserted(next)
    }
}

#[derive(Default)]
pub(crate) struct Bent<B>(PhantomData<B>);

#[async_trait]
impl<B: Bend> Twist for Bent<B> {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        store.insert(&B::inserted(record), fence).await
    }
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        match store.find(next.selector).await? {
            Some(old) => store.replace(&B::replaced(&old, next, change), expected, change).await,
            None => store.replace(next, expected, change).await,
        }
    }
}

/// Keeps an epoch for another time than was asked for.
pub(crate) trait Keep: Default + Send + Sync + 'static {
    fn keep(now: Timestamp, keep: Duration) -> Duration;
}

#[derive(Default)]
pub(crate) struct Keeps<K>(PhantomData<K>);

#[async_trait]
impl<K: Keep> Twist for Keeps<K> {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        mut update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        if let EpochUpdate::Set { now, keep, .. } = &mut update {
            *keep = K::keep(*now, *keep);
        }
        store.revoke(subject, filter, action, update).await
    }
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        store.epoch(subject, fresh, K::keep(now, keep), now).await
    }
}

/// Revokes by another filter than the one that it was given.
pub(crate) trait Choose: Default + Send + Sync + 'static {
    fn choose(filter: &RecordFilter) -> RecordFilter;
}

#[derive(Default)]
pub(crate) struct Chooses<C>(PhantomData<C>);

#[async_trait]
impl<C: Choose> Twist for Chooses<C> {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        store.revoke(subject, &C::choose(filter), action, update).await
    }
}

/// Revokes the records that a condition picks which no filter says.
pub(crate) trait Pick: Default + Send + Sync + 'static {
    fn pick(filter: &RecordFilter, record: &Record) -> bool;
}

#[derive(Default)]
pub(crate) struct Picks<P>(PhantomData<P>);

#[async_trait]
impl<P: Pick> Twist for Picks<P> {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        revoke_picked(store, subject, filter, action, update, |record| P::pick(filter, record)).await
    }
}

/// Whether a read leaves the time of an epoch alone that is there.
pub(crate) trait Leave: Default + Send + Sync + 'static {
    /// Of an epoch that is kept until then, and was last asked for so long; read now for `keep`.
    fn leaves(until: Timestamp, kept: Duration, now: Timestamp, keep: Duration) -> bool;
}

#[derive(Default)]
pub(crate) struct Leaves<L> {
    times: Times,
    leave: PhantomData<L>,
}

#[async_trait]
impl<L: Leave> Twist for Leaves<L> {
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        if self.times.get(subject).is_some_and(|(until, kept)| L::leaves(until, kept, now, keep)) {
            return store.epoch(subject, fresh, Duration::ZERO, Timestamp::MIN).await;
        }
        self.times.keep(subject, now, keep);
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
        if let EpochUpdate::Set { now, keep, .. } = update {
            self.times.keep(subject, now, keep);
        }
        store.revoke(subject, filter, action, update).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.times.collect(now);
        store.purge(now, limit).await
    }
}

/// Until when each epoch is kept, as the reference store reckons it.
#[derive(Default)]
pub(crate) struct Times(Locked<HashMap<Subject, (Timestamp, Duration)>>);

impl Times {
    pub(crate) fn get(&self, subject: &Subject) -> Option<(Timestamp, Duration)> {
        self.0.lock().get(subject).copied()
    }
    pub(crate) fn keep(&self, subject: &Subject, now: Timestamp, keep: Duration) {
        let until = now.saturating_add(keep);
        let mut times = self.0.lock();
        let entry = times.entry(subject.clone()).or_insert((until, keep));
        *entry = (entry.0.max(until), keep);
    }
    pub(crate) fn collect(&self, now: Timestamp) -> u32 {
        let mut times = self.0.lock();
        let before = times.len();
        times.retain(|_, (until, _)| now < *until);
        u32::try_from(before - times.len()).unwrap_or(u32::MAX)
    }
}

/// Collects what is due but `spared`, which stays although it is due.
pub(crate) async fn purge_but(
    store: &Base,
    now: Timestamp,
    limit: u32,
    spared: &[Selector],
) -> Result<Purged, StoreError> {
    let mut out = store.find_all(spared).await?;
    out.retain(|record| record.purge_at <= now);
    for record in &out {
        store.delete(record.selector).await?;
    }
    let purged = store.purge(now, limit).await;
    for record in &out {
        store.force(record).await?;
    }
    purged
}

/// Collects also what `early` names, though it is not due.
pub(crate) async fn purge_too(
    store: &Base,
    now: Timestamp,
    limit: u32,
    early: &[Selector],
) -> Result<Purged, StoreError> {
    let mut purged = store.purge(now, limit).await?;
    for selector in early {
        if purged.removed < u64::from(limit) {
            purged.removed += u64::from(store.delete(*selector).await?);
        }
    }
    Ok(purged)
}

/// The records of `subject` that a page shows in this order, cut by its limit.
pub(crate) fn cut(mut records: Vec<Record>, page: &Page) -> Vec<Record> {
    records.truncate(page.limit.get().into());
    records
}

/// `page` without its limit.
pub(crate) fn uncut(page: &Page) -> Page {
    Page { limit: std::num::NonZeroU16::MAX, ..page.clone() }
}
