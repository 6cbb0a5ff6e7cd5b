//! Waits until replicas have a write.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hallpass_core::StoreError;
use redis::{Pipeline, RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::live::{Connection, LiveConnection};
use crate::error::{Error, ErrorClass, class, odd_answer, unanswered};
use crate::keys::Keys;

/// How many replicas must have a write before it is acknowledged, and how long that may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplicaWait {
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
pub(crate) struct WaitRounds {
    pub(super) connection: Connection,
    /// The number of the last round that began.
    begun: AtomicU64,
    /// Locked during a round, so that the callers that arrive meanwhile wait for its end, and then for the next.
    ended: Mutex<Ended>,
}

/// The last round that ended.
#[derive(Debug, Default)]
struct Ended {
    round: u64,
    /// How many replicas had received it.
    received: u32,
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

impl WaitRounds {
    /// Waits until replicas have everything that was answered before this call: for as long as `replica_wait`
    /// allows, and `grace` more for the answer to arrive.
    ///
    /// # Errors
    /// With unknown outcome: the write is done, but may be lost with its server.
    pub(super) async fn wait(
        &self,
        connection: &mut LiveConnection,
        replica_wait: ReplicaWait,
        grace: Duration,
        markers: Markers<'_>,
    ) -> Result<(), StoreError> {
        // Read before waiting for the lock. A round that had begun by now may have sent its marker before this
        // caller's write, and does not cover it.
        let before = self.begun.load(Ordering::Acquire);
        let mut ended = self.ended.lock().await;
        if !connection.is_open() {
            // The connection was lost since the write, perhaps together with the server and what it had
            // written.
            return Err(in_doubt("the connection closed while the call waited for replicas"));
        }
        let received = if ended.round > before {
            ended.received
        } else {
            // Counted before the marker is sent, so that a write answered from here on waits for the next round. A
            // caller that is dropped below leaves `ended` as it was, and the next one runs a round of its own.
            let round = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
            let asking = ask(connection, replica_wait, markers, &mut ended.shard);
            let received = match timeout(replica_wait.within + grace, asking).await {
                Ok(received) => received,
                Err(_) => Err(in_doubt("the server did not report in time how many replicas have the write")),
            };
            // Closes a connection that does not answer, so that no later call waits for it. The callers that wait for
            // the lock find it closed: this round says nothing about their writes either.
            let received = received.inspect_err(|_| connection.close())?;
            (ended.round, ended.received) = (round, received);
            received
        };
        if received >= replica_wait.replicas {
            return Ok(());
        }
        let source = Error::TooFewReplicas { wanted: replica_wait.replicas, received }.into();
        Err(StoreError::Timeout { source, outcome_unknown: true })
    }
}

fn in_doubt(why: &'static str) -> StoreError {
    StoreError::Timeout { source: Error::Plain(why).into(), outcome_unknown: true }
}

/// Writes the marker of the first shard that the node accepts, and waits for it. Tries `last` first.
async fn ask(
    connection: &mut LiveConnection,
    replica_wait: ReplicaWait,
    markers: Markers<'_>,
    last: &mut Option<[u8; 2]>,
) -> Result<u32, StoreError> {
    let lost = |error: RedisError| unanswered(&error, true);
    let within = u64::try_from(replica_wait.within.as_millis()).unwrap_or(u64::MAX).max(1);
    let wait = redis::cmd("WAIT").arg(replica_wait.replicas).arg(within).take();
    let mut refusal = None;
    for shard in last.take().into_iter().chain(markers.shards) {
        let marker = redis::cmd("EVAL").arg(MARKER).arg(1).arg(markers.keys.marker(shard)).take();
        let mut both = Pipeline::with_capacity(2);
        both.add_command(marker).add_command(wait.clone());
        let answers = connection.send_all(&both, 2).await.map_err(lost)?;
        let [marked, waited] = <[Value; 2]>::try_from(answers).map_err(|_| odd_answer(true))?;
        match marked.extract_error() {
            Ok(_) => {
                *last = Some(shard);
                return match waited.extract_error().map_err(lost)? {
                    Value::Int(received) => Ok(u32::try_from(received).unwrap_or(0)),
                    _ => Err(odd_answer(true)),
                };
            }
            // This slot is moving to another node; the marker of a slot that stays serves as well.
            Err(error)
                if matches!(class(&error), ErrorClass::Moved | ErrorClass::Ask | ErrorClass::Later) =>
            {
                refusal = Some(error);
            }
            Err(error) => return Err(lost(error)),
        }
    }
    Err(refusal.map_or_else(|| in_doubt("the node has no slot for a marker"), lost))
}
