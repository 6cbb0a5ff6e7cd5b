//! A store that differs from the reference store in one operation and implements only that.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_conformance_tests::{Capability, Declared, Fault, Harness, Server, Vandal};
use hallpass_core::store::{
    Admission, Announcer, Change, ChangeFeed, Epoch, Era, Fence, Insert, Listed, Page, Purged, Record,
    Replace, Revision, Revocation, TokenStore,
};
use hallpass_core::{BoxError, Note, Selector, StoreError, Subject, Timestamp};

use crate::base::{Base, Locked, Server as Simulated};
use crate::call::{EpochCall, ReplaceCall, RevokeCall};

/// The declaration of a store with a server that may be hurt.
pub(crate) fn served() -> Declared {
    Declared::everything().without(Capability::ProcessCrash, "memory only")
}

/// The declaration of a store that survives its process.
pub(crate) fn durable() -> Declared {
    Declared::everything().without(Capability::Outage, "no server")
}

/// The root that all namespaces of one case share.
pub(crate) fn root_of(namespace: &str) -> &str {
    namespace.match_indices('_').nth(1).map_or(namespace, |(end, _)| &namespace[..end])
}

/// What a call holds until it returns or is dropped.
pub(crate) type Held = Box<dyn Any + Send>;

/// A difference from the reference store. Methods that are not implemented forward to it.
pub(crate) trait Twist: Send + Sync + 'static {
    /// The promises that the store declares.
    fn declared() -> Declared {
        served().without(Capability::Outage, "no server")
    }

    /// Whether each handle has its own state.
    const PER_HANDLE: bool = false;

    /// Whether the store announces what ended.
    const ANNOUNCES: bool = true;

    /// The key of the shared state: handles with the same key share it.
    fn remembers(namespace: &str) -> &str {
        namespace
    }

    /// The `Debug` output.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Twisted")
    }

    /// Receives the note of an ending.
    fn take_note(&self, note: &Note) -> Result<(), StoreError> {
        let _ = note;
        Ok(())
    }

    /// Runs before every call: waits, fails, or takes what the call holds.
    fn before(&self, store: &Base) -> impl Answer<Held> {
        let _ = store;
        async { Ok(Box::new(()) as Held) }
    }

    /// Runs after every call.
    fn after(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    fn insert(&self, store: &Base, record: &Record, fence: Fence) -> impl Answer<Insert> {
        store.insert(record, fence)
    }
    fn find(&self, store: &Base, selector: Selector) -> impl Answer<Option<Record>> {
        store.find(selector)
    }
    fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> impl Answer<Replace> {
        store.replace(call)
    }
    fn delete(&self, store: &Base, selector: Selector) -> impl Answer<bool> {
        store.delete(selector)
    }
    fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> impl Answer<u64> {
        store.revoke(call)
    }
    fn list(&self, store: &Base, subject: &Subject, page: &Page) -> impl Answer<Vec<Record>> {
        store.list(subject, page)
    }
    /// The list with damaged rows: shows the records that [`list`](Self::list) returns.
    fn show_list(&self, store: &Base, subject: &Subject, page: &Page) -> impl Answer<Vec<Listed>> {
        async move {
            let records = self.list(store, subject, page).await?;
            Ok(records.into_iter().map(|record| store.shown(record)).collect())
        }
    }
    fn epoch(&self, store: &Base, call: EpochCall<'_>) -> impl Answer<Epoch> {
        store.epoch(call)
    }
    fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> impl Answer<Purged> {
        store.purge(now, limit)
    }
    fn feed(&self, store: &Base) -> impl Answer<Box<dyn ChangeFeed>> {
        store.feed()
    }
}

/// What an operation returns to the caller that awaits it.
pub(crate) trait Answer<T>: Future<Output = Result<T, StoreError>> + Send {}

impl<T, F: Future<Output = Result<T, StoreError>> + Send> Answer<T> for F {}

/// The reference store without a difference.
#[derive(Debug, Default)]
pub(crate) struct Straight;

impl Twist for Straight {}

/// Opens stores with one twist.
pub(crate) struct Backend<T> {
    declared: fn() -> Declared,
    make: Box<dyn Fn() -> T + Send + Sync>,
    stores: Locked<HashMap<String, Base>>,
    twists: Locked<HashMap<String, Arc<T>>>,
    at: Arc<Locked<Simulated>>,
}

impl<T: Twist> Backend<T> {
    /// `make` makes a twist for each namespace, or for each handle.
    pub(crate) fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        let (stores, twists) = (Locked::default(), Locked::default());
        Self { declared: T::declared, make: Box::new(make), stores, twists, at: Arc::default() }
    }

    /// The same stores at a server that may be hurt.
    pub(crate) fn served(self) -> Self {
        Self { declared: served, ..self }
    }
}

impl<T: Twist + Default> Default for Backend<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

#[async_trait]
impl<T: Twist> Harness for Backend<T> {
    fn backend(&self) -> String {
        "twisted memory".into()
    }

    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        let fresh = || Base::behind(&self.at);
        let store = self.stores.lock().entry(namespace.into()).or_insert_with(fresh).clone();
        let twist = match T::PER_HANDLE {
            true => Arc::new((self.make)()),
            false => {
                let mut twists = self.twists.lock();
                let make = || Arc::new((self.make)());
                Arc::clone(twists.entry(T::remembers(namespace).into()).or_insert_with(make))
            }
        };
        Ok(Arc::new(Twisted { store, twist }))
    }

    fn declared(&self) -> Declared {
        (self.declared)()
    }

    fn vandal(&self) -> Option<&dyn Vandal> {
        Some(self)
    }

    fn server(&self) -> Option<&dyn Server> {
        self.declared().lacks(Capability::Outage).is_none().then_some(self)
    }
}

#[async_trait]
impl<T: Twist> Server for Backend<T> {
    fn faults(&self) -> &[Fault] {
        &[Fault::Cut, Fault::Freeze, Fault::Restart, Fault::Stop]
    }

    async fn inflict(&self, fault: Fault) -> Result<(), BoxError> {
        let mut server = self.at.lock();
        server.fault = Some(fault);
        server.starts += usize::from(matches!(fault, Fault::Restart | Fault::Stop));
        server.cuts += usize::from(fault == Fault::Cut);
        Ok(())
    }

    async fn heal(&self) -> Result<(), BoxError> {
        self.at.lock().fault = None;
        Ok(())
    }
}

#[async_trait]
impl<T: Twist> Vandal for Backend<T> {
    async fn damage(&self, namespace: &str, selector: Selector) -> Result<(), BoxError> {
        self.stores.lock().get(namespace).ok_or("no such namespace")?.damage(selector);
        Ok(())
    }
}

/// A reference store and its twist.
pub(crate) struct Twisted<T> {
    pub(crate) store: Base,
    pub(crate) twist: Arc<T>,
}

impl<T: Twist> Twisted<T> {
    async fn call<A>(&self, call: impl Future<Output = Result<A, StoreError>>) -> Result<A, StoreError> {
        let _held = self.twist.before(&self.store).await?;
        let answer = call.await;
        self.twist.after().await;
        answer
    }
}

#[async_trait]
impl<T: Twist> TokenStore for Twisted<T> {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.call(self.twist.insert(&self.store, record, fence)).await
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        if self.store.is_damaged(selector) {
            let source = "the body does not decode".into();
            return Err(StoreError::Corrupt { selector: Some(selector), source });
        }
        self.call(self.twist.find(&self.store, selector)).await
    }
    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        if let Change::End(note) = change {
            self.twist.take_note(note)?;
        }
        self.call(self.twist.replace(&self.store, ReplaceCall { next, expected, change })).await
    }
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.twist.take_note(note)?;
        self.call(self.twist.delete(&self.store, selector)).await
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        let Revocation { filter, action, epoch, note } = revocation;
        self.twist.take_note(note)?;
        let call = RevokeCall { subject, filter, action: *action, update: *epoch };
        self.call(self.twist.revoke(&self.store, call)).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.call(self.twist.show_list(&self.store, subject, page)).await
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let call = EpochCall { subject, fresh, keep, now };
        let epoch = self.call(self.twist.epoch(&self.store, call)).await?;
        Ok(Admission { epoch, era: Era::FIRST })
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.call(self.twist.purge(&self.store, now, limit)).await
    }
    fn announcer(&self) -> Option<&dyn Announcer> {
        T::ANNOUNCES.then_some(self as &dyn Announcer)
    }
}

#[async_trait]
impl<T: Twist> Announcer for Twisted<T> {
    async fn feed(&self) -> Result<Box<dyn ChangeFeed>, StoreError> {
        self.call(self.twist.feed(&self.store)).await
    }
}

impl<T: Twist> fmt::Debug for Twisted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.twist.show(f)
    }
}
