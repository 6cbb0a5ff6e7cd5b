//! What several slips share.

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

/// A revocation that ends what `pick` picks; in one step where that is what the filter says.
pub(crate) async fn revoke_picked(
    store: &Base,
    call: RevokeCall<'_>,
    pick: impl Fn(&Record) -> bool + Send,
) -> Result<u64, StoreError> {
    let open = |record: &&Record| call.action == Action::Remove || record.revoked.is_none();
    let all = store.all(call.subject).await?;
    if all.iter().filter(open).all(|record| pick(record) == call.filter.matches(record)) {
        return store.revoke(call).await;
    }
    store.set_epoch(call.subject, call.update).await?;
    let mut count = 0;
    loop {
        let mut doomed = store.all(call.subject).await?;
        doomed.retain(|record| open(&record) && pick(record));
        if doomed.is_empty() {
            return Ok(count);
        }
        count += end_these(store, &doomed, call.action).await?;
    }
}

#[derive(Clone, Copy)]
struct Picks(fn(&RecordFilter, &Record) -> bool);

impl Twist for Picks {
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        revoke_picked(store, call, |record| (self.0)(call.filter, record)).await
    }
}

/// A revocation ends the records that `pick` picks, where no filter says that.
pub(crate) fn picks(pick: fn(&RecordFilter, &Record) -> bool) -> Shared {
    Shared::of(Picks(pick))
}

struct Leaves {
    times: Times,
    leaves: fn(Timestamp, Duration, Timestamp) -> bool,
}

impl Twist for Leaves {
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        if self.times.get(call.subject).is_some_and(|(until, kept)| (self.leaves)(until, kept, call.now)) {
            return store.epoch(EpochCall { keep: Duration::ZERO, now: Timestamp::MIN, ..call }).await;
        }
        self.times.asked(call);
        store.epoch(call).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        self.times.revoked(call);
        store.revoke(call).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.times.collect(now);
        store.purge(now, limit).await
    }
}

/// A read leaves the time of an epoch alone that is there, depending on until when it is kept, for how long it was
/// asked last, and the time now.
pub(crate) fn leaves(leaves: fn(Timestamp, Duration, Timestamp) -> bool) -> Shared {
    let make = move || Leaves { times: Times::default(), leaves };
    Shared(Arc::new(Backend::new(make)))
}

/// The ending of a parent that a check does not hold off.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unheld {
    Delete,
    Replace,
}

struct ChecksParents {
    gate: tokio::sync::RwLock<()>,
    unheld: Unheld,
}

impl Twist for ChecksParents {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if !matches!(fence, Fence::Parent(_)) {
            return store.insert(record, fence).await;
        }
        let _held = self.gate.read().await;
        if store.find(record.selector).await?.is_some() {
            return Ok(Insert::Duplicate);
        }
        if !store.admits(record, fence).await? {
            return Ok(Insert::Fenced);
        }
        pause().await;
        store.insert(record, Fence::None).await
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let _held = if self.unheld == Unheld::Replace { None } else { Some(self.gate.write().await) };
        store.replace(call).await
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let _held = if self.unheld == Unheld::Delete { None } else { Some(self.gate.write().await) };
        store.delete(selector).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let _held = self.gate.write().await;
        store.revoke(call).await
    }
}

/// An insert looks for its parent, then writes; one way to end the parent does not wait for that.
pub(crate) fn checks_parents(unheld: Unheld) -> Shared {
    let make = move || ChecksParents { gate: tokio::sync::RwLock::default(), unheld };
    Shared(Arc::new(Backend::new(make)))
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
