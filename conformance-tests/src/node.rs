//! A node with a near cache over the store under test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hallpass_core::{Issued, Kind, NearCache, NodeClock, Policy, Timestamp, Tokens};
use tokio::time::sleep;

use crate::clause::Clause::S19;
use crate::context::CaseContext;
use crate::gate::Gate;
use crate::handle::Handle;
use crate::history::now;
use crate::listener::announcer;
use crate::outcome::{CaseResult, Stop};
use crate::service::{MILLI, MINUTE, accepted};
use crate::specimen::NOW;

/// The longest that there is: a slow machine must not lose a feed for its slowness.
pub(crate) const LAG: Duration = Duration::from_secs(10);
/// How long the cache may take to serve, or to prove something.
const LIMIT: Duration = Duration::from_secs(30);

/// A node that keeps sessions for a minute. Only the case moves its clocks.
pub(crate) struct Node {
    pub(crate) tokens: Tokens,
    pub(crate) gate: Gate,
    time: Arc<NodeTime>,
}

/// The time since the boot of a node, in nanoseconds. The wall clock goes with it.
#[derive(Debug)]
struct NodeTime(AtomicU64);

impl NodeClock for NodeTime {
    fn since_boot(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn wall(&self) -> Timestamp {
        NOW.saturating_add(Duration::from_nanos(self.since_boot()))
    }
}

impl Node {
    pub(crate) fn new(case: &CaseContext, store: &Handle) -> CaseResult<Self> {
        announcer(store)?;
        let (gate, time) = (Gate::new(), Arc::new(NodeTime(AtomicU64::new(5_000_000_000))));
        let cache = NearCache::new().lag(LAG).poll_every(MILLI * 2).node_clock(Arc::clone(&time));
        let (tokens, _) = case.tokens(&store.through(&gate), |builder| {
            builder.policy(Policy::session().cached_for(MINUTE)).near_cache(cache)
        })?;
        Ok(Self { tokens, gate, time })
    }

    /// Lets its clocks go on by `by`.
    pub(crate) fn advance(&self, by: Duration) {
        self.time.0.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Verifies a session until the cache accepts it without the store.
    pub(crate) async fn keep(&self, issued: &Issued) -> CaseResult {
        let started = now();
        while started.elapsed() < LIMIT {
            let before = self.hits();
            let verdict = self.tokens.verify(Kind::SESSION, issued.token.expose()).await;
            accepted(S19, "a session that was not ended", verdict)?;
            if self.hits() > before {
                return Ok(());
            }
            sleep(MILLI).await;
        }
        Err(Stop::Inconclusive(format!("for {LIMIT:?} the near cache has served nothing")))
    }

    fn hits(&self) -> u64 {
        self.tokens.near_cache_stats().unwrap_or_default().hits
    }

    /// Waits for a turn that begins after this call and proves something.
    pub(crate) async fn next_proof(&self) -> CaseResult {
        self.advance(MILLI);
        let started = now();
        while started.elapsed() < LIMIT {
            if self.tokens.near_cache_stats().unwrap_or_default().lease_age == Some(Duration::ZERO) {
                return Ok(());
            }
            sleep(MILLI).await;
        }
        let observed = format!("for {LIMIT:?} no turn has proved anything, and nothing fails");
        Err(Stop::Late { clause: S19, observed })
    }
}
