//! A node with a near cache, and another without one, over one store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_core::{
    Denied, Event, EventKind, Issued, Kind, ManualClock, NearCache, NearCacheStats, NodeClock, Observer,
    Policy, Reason, Rejected, Subject, Timestamp, Tokens, Valid,
};

use crate::store::{Mode, Store};

pub(crate) const MILLI: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
/// The lag of every cache here.
pub(crate) const LAG: Duration = SECOND;
const POLL: Duration = Duration::from_millis(20);

/// The clocks of a node. Only the test moves them, the wall clock in step unless it says otherwise.
#[derive(Debug)]
pub(crate) struct NodeTime {
    boot: AtomicU64,
    wall: AtomicU64,
}

impl NodeTime {
    pub(crate) fn new() -> Self {
        Self { boot: AtomicU64::new(5_000_000_000), wall: AtomicU64::new(1_800_000_000_000) }
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.boot.fetch_add(by.as_nanos().try_into().unwrap(), Ordering::SeqCst);
        self.step_wall(by);
    }

    /// Moves the wall clock only: it was set, or the machine was paused and the other clock did not notice.
    pub(crate) fn step_wall(&self, by: Duration) {
        self.wall.fetch_add(by.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }
}

impl NodeClock for NodeTime {
    fn since_boot(&self) -> u64 {
        self.boot.load(Ordering::SeqCst)
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::SeqCst))
    }
}

/// The events about the near cache, and all others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    seen: Arc<Mutex<Vec<(EventKind, u64)>>>,
    /// The errors that came with them.
    errors: Arc<Mutex<Vec<String>>>,
}

impl Observer for Events {
    fn on_event(&self, event: &Event<'_>) {
        self.seen.lock().unwrap().push((event.kind, event.count));
        self.errors.lock().unwrap().extend(event.source.map(ToString::to_string));
    }
}

pub(crate) struct World {
    /// The node with the cache.
    pub(crate) near: Tokens,
    /// A node without one.
    pub(crate) far: Tokens,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) node: Arc<NodeTime>,
    events: Events,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|cache| cache)
    }

    /// A world with other settings of the cache, whose sessions and remember-me tokens are kept for a minute and for half a minute.
    pub(crate) fn with(adjust: impl FnOnce(NearCache) -> NearCache) -> Self {
        let node = Arc::new(NodeTime::new());
        let store = Store::new(node.clone());
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let events = Events::default();
        let cache = NearCache::new().lag(LAG).poll_every(POLL).node_clock(node.clone());
        let near = Tokens::builder(store.clone())
            .clock(clock.clone())
            .observer(events.clone())
            .policy(Policy::session().cached_for(MINUTE))
            .policy(Policy::remember().cached_for(MINUTE / 2))
            .near_cache(adjust(cache))
            .build()
            .unwrap();
        let far = Tokens::builder(store.clone()).clock(clock.clone()).build().unwrap();
        Self { near, far, store, clock, node, events }
    }

    /// A world in which alice has a session that the cache holds, under a lease.
    pub(crate) async fn hit() -> (Self, Issued) {
        let world = Self::new();
        let issued = world.log_in(Kind::SESSION).await;
        world.keep(&issued).await;
        (world, issued)
    }

    /// Logs alice in at the node without a cache.
    pub(crate) async fn log_in(&self, kind: Kind) -> Issued {
        let login = self.far.begin_login(&alice()).await.unwrap();
        self.far.issue(&login, kind).data("x").await.unwrap()
    }

    /// Begins an anonymous session at the node without a cache.
    pub(crate) async fn anonymous(&self) -> Issued {
        let login = self.far.begin_anonymous().unwrap();
        self.far.issue(&login, Kind::SESSION).await.unwrap()
    }

    /// Verifies a token until it is in the cache, and checks that it is.
    pub(crate) async fn keep(&self, issued: &Issued) {
        // The first verification starts the feed.
        self.verify(issued).await.unwrap();
        self.turns(2).await;
        self.verify(issued).await.unwrap();
        assert!(self.hits(issued).await, "it is kept");
    }

    pub(crate) async fn verify(&self, issued: &Issued) -> Result<Valid, Denied> {
        self.near.verify(issued.kind, issued.token.expose()).await
    }

    /// Returns whether the token is accepted without a call of the store.
    pub(crate) async fn hits(&self, issued: &Issued) -> bool {
        self.store.calls();
        let valid = self.verify(issued).await;
        let calls = self.store.calls();
        assert!(valid.is_ok() || !calls.is_empty(), "the cache refuses nothing: {valid:?}");
        calls.is_empty()
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.near.now()
    }

    pub(crate) async fn rejected(&self, issued: &Issued) -> Rejected {
        self.verify(issued).await.err().unwrap().rejection().unwrap()
    }

    /// Ends all tokens of alice at the node without a cache. The ending is acknowledged when this returns.
    pub(crate) async fn end(&self) {
        let ended = self.far.revoke_subject(&alice(), Kind::SESSION, Reason::Administrative).await.unwrap();
        assert!(ended > 0);
    }

    /// Waits until so many turns that begin after this call have ended, and the service has seen their results.
    pub(crate) async fn turns(&self, turns: usize) {
        let until = self.store.turns() + turns + 1;
        self.pass_until(|| self.store.turns() >= until).await;
    }

    /// Lets time pass for the tasks of the service until something is true. No clock of the test moves.
    pub(crate) async fn pass_until(&self, is_true: impl Fn() -> bool) {
        for _ in 0..1_000 {
            if is_true() {
                return;
            }
            self.pass(POLL).await;
        }
        panic!("it never became true, in mode {:?}", self.store.mode());
    }

    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the service has opened, or tried to open, another feed.
    pub(crate) async fn another_feed(&self) {
        let until = self.store.feeds() + 1;
        self.pass_until(|| self.store.feeds() >= until).await;
    }

    /// Makes the turns do something else from the next one on.
    pub(crate) fn feed(&self, mode: Mode) {
        self.store.set(mode);
    }

    pub(crate) fn stats(&self) -> NearCacheStats {
        self.near.near_cache_stats().unwrap()
    }

    /// Returns the events about the cache since the last call.
    pub(crate) fn lease_events(&self) -> Vec<(EventKind, u64)> {
        let mut events = std::mem::take(&mut *self.events.seen.lock().unwrap());
        events.retain(|(kind, _)| {
            use EventKind::{FeedLost, LeaseEnded, LeaseGained, StaleAccept};
            matches!(kind, FeedLost(_) | LeaseEnded | LeaseGained | StaleAccept)
        });
        events
    }

    /// Returns the errors of all events so far.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.events.errors.lock().unwrap().clone()
    }

    /// Returns all events since the last call.
    pub(crate) fn events(&self) -> Vec<EventKind> {
        std::mem::take(&mut *self.events.seen.lock().unwrap()).into_iter().map(|(kind, _)| kind).collect()
    }
}

pub(crate) fn alice() -> Subject {
    Subject::new("alice").unwrap()
}
