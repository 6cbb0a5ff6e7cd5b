//! Stores that differ from the reference store in one operation and keep no state of their own.
//!
//! `on_insert` and its like take the operation as an `async fn`. The others take a closure that changes what is
//! written, chosen or listed.

use crate::prelude::*;
use crate::twist::Answer;

/// An `async fn` of the store and one argument.
pub(crate) trait Hook<'a, A, T>: Copy + Send + Sync + 'static {
    fn call(self, store: &'a Base, argument: A) -> impl Answer<T>;
}

impl<'a, A, T, F, R> Hook<'a, A, T> for F
where
    F: Fn(&'a Base, A) -> R + Copy + Send + Sync + 'static,
    R: Answer<T>,
{
    fn call(self, store: &'a Base, argument: A) -> impl Answer<T> {
        self(store, argument)
    }
}

/// An `async fn` of the store and two arguments.
pub(crate) trait Hook2<'a, A, B, T>: Copy + Send + Sync + 'static {
    fn call(self, store: &'a Base, one: A, other: B) -> impl Answer<T>;
}

impl<'a, A, B, T, F, R> Hook2<'a, A, B, T> for F
where
    F: Fn(&'a Base, A, B) -> R + Copy + Send + Sync + 'static,
    R: Answer<T>,
{
    fn call(self, store: &'a Base, one: A, other: B) -> impl Answer<T> {
        self(store, one, other)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct OnInsert<F>(pub(crate) F);

impl<F: for<'a> Hook2<'a, &'a Record, Fence, Insert>> Twist for OnInsert<F> {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.0.call(store, record, fence).await
    }
}

pub(crate) fn on_insert(hook: impl for<'a> Hook2<'a, &'a Record, Fence, Insert>) -> Shared {
    Shared::of(OnInsert(hook))
}

#[derive(Clone, Copy)]
pub(crate) struct OnFind<F>(pub(crate) F);

impl<F: for<'a> Hook<'a, Selector, Option<Record>>> Twist for OnFind<F> {
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.0.call(store, selector).await
    }
}

pub(crate) fn on_find(hook: impl for<'a> Hook<'a, Selector, Option<Record>>) -> Shared {
    Shared::of(OnFind(hook))
}

#[derive(Clone, Copy)]
pub(crate) struct OnReplace<F>(pub(crate) F);

impl<F: for<'a> Hook<'a, ReplaceCall<'a>, Replace>> Twist for OnReplace<F> {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        self.0.call(store, call).await
    }
}

pub(crate) fn on_replace(hook: impl for<'a> Hook<'a, ReplaceCall<'a>, Replace>) -> Shared {
    Shared::of(OnReplace(hook))
}

#[derive(Clone, Copy)]
pub(crate) struct OnDelete<F>(pub(crate) F);

impl<F: for<'a> Hook<'a, Selector, bool>> Twist for OnDelete<F> {
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        self.0.call(store, selector).await
    }
}

pub(crate) fn on_delete(hook: impl for<'a> Hook<'a, Selector, bool>) -> Shared {
    Shared::of(OnDelete(hook))
}

#[derive(Clone, Copy)]
pub(crate) struct OnRevoke<F>(pub(crate) F);

impl<F: for<'a> Hook<'a, RevokeCall<'a>, u64>> Twist for OnRevoke<F> {
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        self.0.call(store, call).await
    }
}

pub(crate) fn on_revoke(hook: impl for<'a> Hook<'a, RevokeCall<'a>, u64>) -> Shared {
    Shared::of(OnRevoke(hook))
}

#[derive(Clone, Copy)]
pub(crate) struct OnList<F>(pub(crate) F);

impl<F: for<'a> Hook2<'a, &'a Subject, &'a Page, Vec<Record>>> Twist for OnList<F> {
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        self.0.call(store, subject, page).await
    }
}

pub(crate) fn on_list(hook: impl for<'a> Hook2<'a, &'a Subject, &'a Page, Vec<Record>>) -> Shared {
    Shared::of(OnList(hook))
}

#[derive(Clone, Copy)]
pub(crate) struct OnShowList<F>(pub(crate) F);

impl<F: for<'a> Hook2<'a, &'a Subject, &'a Page, Vec<Listed>>> Twist for OnShowList<F> {
    async fn show_list(
        &self,
        store: &Base,
        subject: &Subject,
        page: &Page,
    ) -> Result<Vec<Listed>, StoreError> {
        self.0.call(store, subject, page).await
    }
}

pub(crate) fn on_show_list(hook: impl for<'a> Hook2<'a, &'a Subject, &'a Page, Vec<Listed>>) -> Shared {
    Shared::of(OnShowList(hook))
}

#[derive(Clone, Copy)]
pub(crate) struct OnEpoch<F>(pub(crate) F);

impl<F: for<'a> Hook<'a, EpochCall<'a>, Epoch>> Twist for OnEpoch<F> {
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        self.0.call(store, call).await
    }
}

pub(crate) fn on_epoch(hook: impl for<'a> Hook<'a, EpochCall<'a>, Epoch>) -> Shared {
    Shared::of(OnEpoch(hook))
}

#[derive(Clone, Copy)]
pub(crate) struct OnPurge<F>(pub(crate) F);

impl<F: for<'a> Hook2<'a, Timestamp, u32, Purged>> Twist for OnPurge<F> {
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.0.call(store, now, limit).await
    }
}

pub(crate) fn on_purge(hook: impl for<'a> Hook2<'a, Timestamp, u32, Purged>) -> Shared {
    Shared::of(OnPurge(hook))
}

/// Writes other rows than it was given.
#[derive(Clone, Copy)]
struct Writes {
    /// Changes the record of an insert.
    inserted: fn(&mut Record),
    /// Changes the record that replaces another one.
    rewritten: fn(&mut Record),
    /// Changes that record by what the old one is.
    replaced: fn(&Record, &mut Record, Change<'_>),
}

const STRAIGHT: Writes = Writes { inserted: |_| {}, rewritten: |_| {}, replaced: |_, _, _| {} };

impl Twist for Writes {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut record = record.clone();
        (self.inserted)(&mut record);
        store.insert(&record, fence).await
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let mut next = call.next.clone();
        (self.rewritten)(&mut next);
        if let Some(old) = store.find(next.selector).await? {
            (self.replaced)(&old, &mut next, call.change);
        }
        store.replace(ReplaceCall { next: &next, ..call }).await
    }
}

/// An insert writes what `change` makes of the record.
pub(crate) fn inserts(change: fn(&mut Record)) -> Shared {
    Shared::of(Writes { inserted: change, ..STRAIGHT })
}

/// A replace writes what `change` makes of the old record and the new one.
pub(crate) fn replaces(change: fn(&Record, &mut Record, Change<'_>)) -> Shared {
    Shared::of(Writes { replaced: change, ..STRAIGHT })
}

/// Every write writes what `change` makes of the record.
pub(crate) fn writes(change: fn(&mut Record)) -> Shared {
    Shared::of(Writes { inserted: change, rewritten: change, ..STRAIGHT })
}

#[derive(Clone, Copy)]
struct FencesUnder(fn(&Record, &Record) -> bool);

impl Twist for FencesUnder {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if let Fence::Parent(parent) = fence
            && store.find(parent).await?.is_some_and(|parent| (self.0)(&parent, record))
        {
            return Ok(Insert::Fenced);
        }
        store.insert(record, fence).await
    }
}

/// An insert is fenced under a parent that is `bad` for its child, too.
pub(crate) fn fences_under(bad: fn(&Record, &Record) -> bool) -> Shared {
    Shared::of(FencesUnder(bad))
}

#[derive(Clone, Copy)]
struct Filters(fn(&mut RecordFilter));

impl Twist for Filters {
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let mut filter = call.filter.clone();
        (self.0)(&mut filter);
        store.revoke(RevokeCall { filter: &filter, ..call }).await
    }
}

/// A revocation ends what fits the filter that `change` makes of its own.
pub(crate) fn filters(change: fn(&mut RecordFilter)) -> Shared {
    Shared::of(Filters(change))
}

#[derive(Clone, Copy)]
struct Marks(fn(&Record, &mut Record, Timestamp));

impl Twist for Marks {
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let Action::Mark { at, .. } = call.action else { return store.revoke(call).await };
        let before = store.all(call.subject).await?;
        let count = store.revoke(call).await?;
        for old in before.iter().filter(|old| call.ends(old)) {
            if let Some(mut marked) = store.find(old.selector).await? {
                (self.0)(old, &mut marked, at);
                store.force(&marked).await?;
            }
        }
        Ok(count)
    }
}

/// A mark leaves what `change` makes of the record before it, the marked one, and the time of the mark.
pub(crate) fn marks(change: fn(&Record, &mut Record, Timestamp)) -> Shared {
    Shared::of(Marks(change))
}

#[derive(Clone, Copy)]
struct Lists(fn(&mut Vec<Record>));

impl Twist for Lists {
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut records = store.list(subject, page).await?;
        (self.0)(&mut records);
        Ok(records)
    }
}

/// A list shows what `change` leaves of its records.
pub(crate) fn lists(change: fn(&mut Vec<Record>)) -> Shared {
    Shared::of(Lists(change))
}

/// Stores whose namespaces are named otherwise, or refused.
struct Renamed {
    stores: Backend<Straight>,
    name: fn(&str) -> Result<String, BoxError>,
}

#[async_trait]
impl Harness for Renamed {
    fn backend(&self) -> String {
        self.stores.backend()
    }
    fn declared(&self) -> Declared {
        self.stores.declared()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        self.stores.open(&(self.name)(namespace)?).await
    }
}

/// A namespace has the name that `name` makes of its own, if any.
pub(crate) fn names(name: fn(&str) -> Result<String, BoxError>) -> Shared {
    Shared(Arc::new(Renamed { stores: Backend::default(), name }))
}
