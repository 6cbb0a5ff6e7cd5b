//! Waits until replicas have a write.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hallpass_core::StoreError;
use redis::{Pipeline, RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::{Class, Trouble, class, odd_answer, unanswered};
use crate::keys::Keys;
use crate::node::{Lane, Live, Node};

/// How many replicas must have a write before it is acknowledged, and how long that may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Confirm {
    pub(crate) replicas: u32,
    pub(crate) within: Duration,
}

/// Waits in rounds, over a connection of its own, because `WAIT` blocks every other command on its
/// connection.
///
/// A round sends a write of a marker together with `WAIT`. `WAIT` counts the replicas that have everything
/// that the server had written when the *same* connection last **propagated** something. From Redis 7.2 on,
/// and in Valkey, a command that propagates nothing (`PING`) does not count, and `WAIT` alone would count
/// every attached replica, however far behind. So each round writes. A round that begins after a write was
/// answered covers that write, and one round serves every caller that waits for it.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    lane: Lane,
    begun: AtomicU64,
    ended: Mutex<Ended>,
}

/// The last round that ended.
#[derive(Debug, Default)]
struct Ended {
    round: u64,
    /// How many replicas had received it.
    confirmed: u32,
    /// The shard whose marker this node last accepted.
    shard: Option<[u8; 2]>,
}

/// The keys to which a round may write its marker, of shards whose slots the node has.
pub(crate) struct Markers<'a> {
    pub(crate) keys: &'a Keys,
    /// First the shard of the write, then others of the same node.
    pub(crate) shards: &'a mut (dyn Iterator<Item = [u8; 2]> + Send),
}

/// The script that writes a marker, which expires after a minute.
const MARKER: &str = "#!lua flags=allow-oom
redis.call('SET', KEYS[1], '1', 'PX', 60000)
return 1";

impl Rounds {
    /// Provides the connection for [`wait`](Self::wait). Call it before the write: if the server restarts
    /// later, and forgets the write, it closes this connection.
    ///
    /// # Errors
    /// Why there is no connection; then nothing was sent.
    pub(crate) async fn prepare(&self, node: &Node) -> Result<Live, RedisError> {
        self.lane.get(node).await
    }

    pub(crate) fn close(&self) {
        if let Some(live) = self.lane.current() {
            live.close();
        }
    }

    /// Waits until replicas have everything that was answered before this call: for as long as `confirm`
    /// allows, and `patience` more for the answer to arrive.
    ///
    /// # Errors
    /// With unknown outcome: the write is done, but may be lost with its server.
    pub(crate) async fn wait(
        &self,
        live: &mut Live,
        confirm: Confirm,
        patience: Duration,
        markers: Markers<'_>,
    ) -> Result<(), StoreError> {
        let before = self.begun.load(Ordering::Acquire);
        let mut ended = self.ended.lock().await;
        if !live.is_open() {
            // The connection was lost since the write, perhaps together with the server and what it had
            // written.
            return Err(unconfirmed("the connection closed before replicas confirmed"));
        }
        let confirmed = if ended.round > before {
            ended.confirmed
        } else {
            let round = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
            let asking = ask(live, confirm, markers, &mut ended.shard);
            let confirmed = match timeout(confirm.within + patience, asking).await {
                Ok(confirmed) => confirmed,
                Err(_) => Err(unconfirmed("the server did not report in time how many replicas confirmed")),
            };
            // Closes a connection that does not answer, so that no later call waits for it.
            let confirmed = confirmed.inspect_err(|_| live.close())?;
            (ended.round, ended.confirmed) = (round, confirmed);
            confirmed
        };
        if confirmed >= confirm.replicas {
            return Ok(());
        }
        let source = Trouble::TooFewReplicas { wanted: confirm.replicas, confirmed }.into();
        Err(StoreError::Timeout { source, outcome_unknown: true })
    }
}

fn unconfirmed(why: &'static str) -> StoreError {
    StoreError::Timeout { source: Trouble::Plain(why).into(), outcome_unknown: true }
}

/// Writes the marker of the first shard that the node accepts, and waits for it. Tries `last` first.
async fn ask(
    live: &mut Live,
    confirm: Confirm,
    markers: Markers<'_>,
    last: &mut Option<[u8; 2]>,
) -> Result<u32, StoreError> {
    let lost = |error: RedisError| unanswered(&error, true);
    let within = u64::try_from(confirm.within.as_millis()).unwrap_or(u64::MAX).max(1);
    let wait = redis::cmd("WAIT").arg(confirm.replicas).arg(within).take();
    let mut refusal = None;
    for shard in last.take().into_iter().chain(markers.shards) {
        let marker = redis::cmd("EVAL").arg(MARKER).arg(1).arg(markers.keys.marker(shard)).take();
        let mut both = Pipeline::with_capacity(2);
        both.add_command(marker).add_command(wait.clone());
        let answers = live.send_all(&both, 2).await.map_err(lost)?;
        let [marked, waited] = <[Value; 2]>::try_from(answers).map_err(|_| odd_answer(true))?;
        match marked.extract_error() {
            Ok(_) => {
                *last = Some(shard);
                return match waited.extract_error().map_err(lost)? {
                    Value::Int(confirmed) => Ok(u32::try_from(confirmed).unwrap_or(0)),
                    _ => Err(odd_answer(true)),
                };
            }
            // This slot is moving to another node; the marker of a slot that stays serves as well.
            Err(error) if matches!(class(&error), Class::Moved | Class::Ask | Class::Later) => {
                refusal = Some(error);
            }
            Err(error) => return Err(lost(error)),
        }
    }
    Err(refusal.map_or_else(|| unconfirmed("the node has no slot for a marker"), lost))
}
