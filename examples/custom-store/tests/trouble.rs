//! What the suite cannot do to an actor: it stands still, stops, or is replaced while a near cache listens to it.

use std::sync::Arc;
use std::time::Duration;

use hallpass_core::store::TokenStore as _;
use hallpass_core::{
    Denied, Kind, ManualClock, NearCache, Note, Policy, Rejected, Selector, StoreError, Subject, Timestamp,
    Tokens,
};
use hallpass_custom_store::ActorStore;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::timeout;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const SELECTOR: Selector = Selector([1; 16]);
/// A test that waits longer has failed.
const LONG: Duration = Duration::from_secs(60);

/// A runtime whose tasks run only inside `block_on`, and whose time passes at once.
fn standing_still() -> Outcome<Runtime> {
    Ok(Builder::new_current_thread().enable_time().start_paused(true).build()?)
}

#[test]
fn an_actor_that_stands_still_is_a_timeout_and_does_what_is_in_its_inbox_later() -> Outcome {
    let (store, actors, callers) = (ActorStore::empty(), standing_still()?, standing_still()?);
    let tokens = Tokens::builder(store.clone()).build()?;
    let login = actors.block_on(tokens.begin_login(&Subject::new("alice")?))?;
    let token = actors.block_on(tokens.issue(&login, Kind::SESSION).into_future())?.token;
    let read = callers.block_on(store.find(SELECTOR));
    assert!(matches!(read, Err(StoreError::Timeout { outcome_unknown: false, .. })), "{read:?}");
    let write = callers.block_on(store.delete(token.selector(), &Note::none()));
    assert!(matches!(write, Err(StoreError::Timeout { outcome_unknown: true, .. })), "{write:?}");
    let refused = callers.block_on(async {
        loop {
            match store.delete(SELECTOR, &Note::none()).await {
                Err(StoreError::Timeout { outcome_unknown: true, .. }) => {}
                full => return full,
            }
        }
    });
    assert!(matches!(refused, Err(StoreError::Timeout { outcome_unknown: false, .. })), "{refused:?}");
    assert!(
        actors.block_on(store.find(token.selector()))?.is_none(),
        "it was ended after its caller had gone"
    );
    Ok(())
}

#[test]
fn a_write_whose_actor_stops_has_an_unknown_outcome_and_the_next_call_starts_another() -> Outcome {
    let (store, actors, callers) = (ActorStore::empty(), standing_still()?, standing_still()?);
    actors.block_on(store.find(SELECTOR))?;
    let note = Note::none();
    let mut write = store.delete(SELECTOR, &note);
    // Puts the job into the inbox.
    let handed_over = callers.block_on(async { timeout(Duration::ZERO, &mut write).await });
    assert!(handed_over.is_err(), "the actor stands still");
    drop(actors);
    let cut_off = callers.block_on(write);
    assert!(matches!(cut_off, Err(StoreError::Timeout { outcome_unknown: true, .. })), "{cut_off:?}");
    assert!(callers.block_on(store.find(SELECTOR))?.is_none());
    Ok(())
}

/// Two nodes over one actor, the first with a near cache, and a token that the cache accepts.
struct Site {
    near: Tokens,
    far: Tokens,
    text: String,
}

impl Site {
    async fn new(store: &ActorStore) -> Outcome<Self> {
        let kept = Policy::session().cached_for(Duration::from_secs(600));
        let cache = NearCache::new().lag(Duration::from_secs(10));
        // It stands still, so that no use of the token is ever due to be written, which would read the store.
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let builder = || Tokens::builder(store.clone()).clock(Arc::clone(&clock));
        let near = builder().policy(kept).near_cache(cache).build()?;
        let far = builder().build()?;
        let login = far.begin_login(&Subject::new("alice")?).await?;
        let text = far.issue(&login, Kind::SESSION).await?.token.expose().to_owned();
        let site = Self { near, far, text };
        let accepted = async {
            while site.near.near_cache_stats().is_none_or(|stats| stats.hits == 0) {
                site.verify().await?;
                yield_now().await;
            }
            Ok::<_, Denied>(())
        };
        timeout(LONG, accepted).await??;
        Ok(site)
    }

    async fn verify(&self) -> Result<(), Denied> {
        self.near.verify(Kind::SESSION, &self.text).await.map(drop)
    }

    /// Verifies until the token is refused.
    async fn refusal(&self) -> Outcome<Rejected> {
        let refused = async {
            loop {
                match self.verify().await {
                    Err(Denied::Rejected(rejected)) => return rejected,
                    Ok(()) | Err(Denied::Failed(_)) => yield_now().await,
                }
            }
        };
        Ok(timeout(LONG, refused).await?)
    }
}

#[tokio::test]
async fn what_one_node_ends_another_refuses() -> Outcome {
    let site = Site::new(&ActorStore::empty()).await?;
    site.far.revoke(Kind::SESSION, &site.text).await?;
    assert_eq!(site.refusal().await?, Rejected::Invalid);
    assert_eq!(site.near.near_cache_stats().map(|stats| stats.flushes), Some(0), "it was heard, not lost");
    Ok(())
}

/// Its tables are gone with it, and what the next actor ends does not reach a feed of this one.
#[test]
fn an_actor_that_was_replaced_costs_the_cache_all_that_it_kept() -> Outcome {
    let (store, actors, nodes) = (ActorStore::empty(), Runtime::new()?, Runtime::new()?);
    // This starts the actor.
    actors.block_on(store.find(SELECTOR))?;
    let site = nodes.block_on(Site::new(&store))?;
    drop(actors);
    assert_eq!(nodes.block_on(site.refusal())?, Rejected::Invalid);
    assert!(site.near.near_cache_stats().is_some_and(|stats| stats.flushes > 0));
    // It listens to the next one.
    let site = nodes.block_on(Site::new(&store))?;
    nodes.block_on(site.far.revoke(Kind::SESSION, &site.text))?;
    assert_eq!(nodes.block_on(site.refusal())?, Rejected::Invalid);
    Ok(())
}
