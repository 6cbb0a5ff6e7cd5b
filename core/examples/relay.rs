//! A relay: many services share one feed of a store, so that the store sees one node instead of many.
//!
//! Each service asks the relay, and the relay answers from a turn that **began after the question**. An answer from an
//! earlier turn would prove too much, and while the relay stood still it would keep leases alive. So every stall of the
//! relay, or of the store, ends the leases of all its services in time.
//!
//! Here the services live in one process, and the questions are calls. Between processes of a host, put a socket in
//! place of the call and of the queue: what [`RelayedFeed::turn`] awaits is then the answer on the same socket, behind
//! the endings. `cargo run -p hallpass-core --example relay` runs it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Announced, Announcer, Change, ChangeFeed, Epoch, Fence, Heard, Insert, Listed, Lost, Note,
    Page, Proven, Purged, Record, Replace, Revision, Revocation, Selector, StoreError, Subject, Timestamp,
    TokenStore,
};
use hallpass_core::{Kind, MemoryStore, Policy, Tokens};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

/// The most reports that wait for a turn of a service. One that is further behind has to forget everything.
const QUEUE: usize = 65_536;

/// One feed of `store` for many services: give each of them a [`Relayed`] store with this relay.
#[derive(Debug)]
pub(crate) struct Relay {
    store: Arc<dyn TokenStore>,
    /// Held for a turn.
    upstream: AsyncMutex<Upstream>,
    /// The number of turns that have begun.
    begun: AtomicU64,
    /// Those of the services that listen to the open feed.
    queues: Arc<Mutex<Queues>>,
}

type Queues = Vec<mpsc::Sender<Report>>;

#[derive(Debug, Default)]
struct Upstream {
    /// Absent before the first service asks, after a loss, and after a turn that was cut off.
    feed: Option<Box<dyn ChangeFeed>>,
    /// The last turn that went well, and the last turn that is proved.
    before: u64,
    proved: u64,
}

#[derive(Clone, Debug)]
enum Report {
    Ended(Arc<[Selector]>),
    Shard([u8; 2]),
}

/// The relay as one service sees it.
#[derive(Debug)]
struct RelayedFeed(Arc<Relay>, mpsc::Receiver<Report>);

impl Relay {
    /// Creates a relay that opens a feed of `store` when the first service asks for one.
    pub(crate) fn new(store: Arc<dyn TokenStore>) -> Arc<Self> {
        Arc::new(Self {
            store,
            upstream: AsyncMutex::default(),
            begun: AtomicU64::new(0),
            queues: Arc::default(),
        })
    }

    /// Opens a feed for one service, and one of the store if none is open.
    async fn listen(self: &Arc<Self>) -> Result<RelayedFeed, StoreError> {
        let announcer = self.store.announcer().ok_or_else(|| StoreError::Refused("no feed".into()))?;
        let mut upstream = self.upstream.lock().await;
        if upstream.feed.is_none() {
            // The services of the feed before may have missed something between the two.
            lock(&self.queues).clear();
            *upstream = Upstream { feed: Some(announcer.feed().await?), ..Upstream::default() };
        }
        let (queue, reports) = mpsc::channel(QUEUE);
        let mut queues = lock(&self.queues);
        // While nothing ends, no report notices that a service has gone.
        queues.retain(|queue| !queue.is_closed());
        queues.push(queue);
        Ok(RelayedFeed(Arc::clone(self), reports))
    }

    /// Takes a turn of the store's feed. Every service hears what it reports. After a loss none listens any more.
    async fn turn(&self, upstream: &mut Upstream) -> Result<(), StoreError> {
        // Taken out: if this future is dropped, so is the feed, because the answer may still come.
        let Some(mut feed) = upstream.feed.take() else {
            lock(&self.queues).clear();
            return Ok(());
        };
        let queues = Arc::clone(&self.queues);
        let heard = Heard::new(move |announced| {
            let report = match announced {
                Announced::Ended(selectors) => Report::Ended(selectors.into()),
                Announced::Shard(shard) => Report::Shard(shard),
                _ => return lock(&queues).clear(),
            };
            // A service that has gone, or is too far behind, hears no more.
            lock(&queues).retain(|queue| queue.try_send(report.clone()).is_ok());
        });
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = feed.turn(&heard).await;
        upstream.proved = match answer {
            Ok(Proven::ThisTurn) => number,
            Ok(Proven::TurnBefore) => upstream.before,
            Ok(Proven::Lost(_)) | Err(_) => 0,
        };
        upstream.before = if answer.is_ok() { number } else { 0 };
        if let Ok(Proven::Lost(_)) = answer {
            lock(&self.queues).clear();
        }
        if !lock(&self.queues).is_empty() {
            upstream.feed = Some(feed);
        }
        answer.map(drop)
    }
}

#[async_trait]
impl ChangeFeed for RelayedFeed {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        let Self(relay, queue) = self;
        // Any turn with a higher number begins after this instant, and so after the t0 of this service.
        let asked = relay.begun.load(Ordering::SeqCst);
        let mut upstream = relay.upstream.lock().await;
        // Another service may have taken that turn while this one waited. Two turns are needed if a turn proves the
        // one before.
        while upstream.proved <= asked && !queue.is_closed() {
            relay.turn(&mut upstream).await?;
        }
        drop(upstream);
        for _ in 0..queue.len() {
            match queue.try_recv() {
                Ok(Report::Ended(selectors)) => heard.ended(&selectors),
                Ok(Report::Shard(shard)) => heard.ended_shard(shard),
                Err(_) => break,
            }
        }
        Ok(if queue.is_closed() { Proven::Lost(Lost::Closed) } else { Proven::ThisTurn })
    }
}

/// The store of one service: it passes every call on, and its feed is the relay's.
#[derive(Debug)]
pub(crate) struct Relayed(pub(crate) Arc<Relay>);

#[async_trait]
impl Announcer for Relayed {
    async fn feed(&self) -> Result<Box<dyn ChangeFeed>, StoreError> {
        Ok(Box::new(self.0.listen().await?))
    }
}

#[async_trait]
impl TokenStore for Relayed {
    fn announcer(&self) -> Option<&dyn Announcer> {
        self.0.store.announcer().is_some().then_some(self)
    }

    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.0.store.insert(record, fence).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.0.store.find(selector).await
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.0.store.replace(next, expected, change).await
    }

    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.0.store.delete(selector, note).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.0.store.revoke_by_subject(subject, revocation).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.0.store.list_by_subject(subject, page).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.0.store.epoch(subject, fresh, keep, now).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.0.store.purge_expired(now, limit).await
    }
}

fn lock(queues: &Mutex<Queues>) -> MutexGuard<'_, Queues> {
    queues.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let relay = Relay::new(Arc::new(MemoryStore::new()));
    let kept = Policy::session().cached_for(Duration::from_secs(60));
    let service = || Tokens::builder(Relayed(Arc::clone(&relay))).policy(kept.clone()).build();
    let (one, another) = (service()?, service()?);
    let login = one.begin_login(&Subject::new("alice")?).await?;
    let token = one.issue(&login, Kind::SESSION).await?.token;
    // Until the other service answers from its memory.
    while another.near_cache_stats().is_none_or(|stats| stats.hits == 0) {
        another.verify(Kind::SESSION, token.expose()).await?;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    one.revoke(Kind::SESSION, token.expose()).await?;
    // Until the other service has heard it: some 20 ms.
    while another.verify(Kind::SESSION, token.expose()).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
