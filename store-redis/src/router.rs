//! Runs a call: finds the node, handles errors, and decides when to give up. No other file retries.
//!
//! In a failover a call meets a lost connection, a master that became a replica (`READONLY`), or a slot that
//! another node has now (`MOVED`). Each of them has the topology checked before the next request.

use std::sync::Arc;
use std::time::Duration;

use hallpass_core::StoreError;
use redis::{Cmd, RedisError, Value};
use tokio::time::{Instant, sleep, timeout};

use crate::connection::{LiveConnection, Markers, Node, ReplicaWait};
use crate::error::{ErrorClass, class, describe, late, not_done, refused, unanswered};
use crate::keys::{self, Keys};
use crate::statements::Script;
use crate::topology::Topology;
use hallpass_core::error_chain;

/// The longest time that a call may take (S12).
pub(crate) const LONGEST: Duration = Duration::from_secs(20);

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// How often a call follows a slot to another node before it gives up.
const HOPS: u32 = 8;
/// How many other slots of a node may serve for a marker, and among how many shards to look for them.
const MARKERS: usize = 4;
const MARKER_LOOK: usize = 1024;

/// A request to the node that has a slot.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The shard of all its keys.
    pub(crate) shard: [u8; 2],
    pub(crate) request: Request<'a>,
    pub(crate) effect: Effect,
    /// Whether it reads keys that it finds itself. Then it must not follow a moving slot to its new node: a
    /// key that has not arrived there yet would look as if it did not exist.
    pub(crate) whole_slot: bool,
}

impl Call<'_> {
    fn slot(&self) -> u16 {
        keys::slot(self.shard)
    }
}

#[derive(Debug)]
pub(crate) enum Request<'a> {
    /// The value of a key.
    Get(Vec<u8>),
    Script {
        script: &'a Script,
        keys: &'a [&'a [u8]],
        arguments: &'a [&'a [u8]],
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    /// Harmless if it is lost later: a login is lost.
    Write,
    /// Harmful if it is lost later: a token becomes valid again. Waits for replicas if that is configured.
    Ending,
}

/// Finds nodes, and sends each request **at most once** if it may have been done. After a lost connection a
/// write has an unknown outcome, and core finds out what became of it. A request is sent again only after an
/// answer which says that it was not done.
#[derive(Debug)]
pub(crate) struct Router {
    pub(crate) topology: Topology,
    /// How long a call may take.
    pub(crate) limit: Duration,
    pub(crate) replica_wait: Option<ReplicaWait>,
    pub(crate) keys: Keys,
}

/// When work of several calls starts no more calls, and when it ends.
pub(crate) struct Time {
    pub(crate) give_up: Instant,
    pub(crate) last: Instant,
}

/// How far a call has come, for the case that its time is up.
#[derive(Default)]
struct CallProgress {
    /// Whether a request was sent that may have been done.
    sent: bool,
    live: Option<LiveConnection>,
    /// The connection that waits for replicas.
    waiter: Option<LiveConnection>,
    /// The last error.
    last: Option<RedisError>,
}

impl Router {
    /// # Errors
    /// [`StoreError`], within the limit.
    pub(crate) fn run(&self, call: &Call<'_>) -> impl Future<Output = Result<Value, StoreError>> {
        self.run_within(call, self.limit)
    }

    /// Runs a call in the time that is left of the limit.
    ///
    /// # Errors
    /// [`StoreError`], within `limit`.
    pub(crate) async fn run_within(&self, call: &Call<'_>, mut limit: Duration) -> Result<Value, StoreError> {
        if call.effect == Effect::Read {
            if let Some(value) = self.read_at_once(call).await {
                return Ok(value);
            }
            // That may have taken the first half of the time.
            limit /= 2;
        }
        let mut progress = CallProgress::default();
        match timeout(limit, self.run_with_retries(call, limit, &mut progress)).await {
            Ok(result) => result,
            Err(_) => {
                // Both owe an answer, and later calls would queue behind it.
                for live in [progress.live, progress.waiter].into_iter().flatten() {
                    live.close();
                }
                self.topology.request_refresh();
                let error = late(progress.sent && call.effect != Effect::Read, progress.last.as_ref());
                tracing::warn!(error = error_chain(&error), "a call takes too long");
                Err(error)
            }
        }
    }

    /// The time limits for work that takes many calls.
    pub(crate) fn time_of_many(&self) -> Time {
        let (now, whole) = (Instant::now(), (self.limit * 7 / 2).min(LONGEST));
        Time { give_up: now + (whole - self.limit).max(whole / 2), last: now + whole }
    }

    /// Runs work that takes several calls in the time of one.
    ///
    /// # Errors
    /// Those of `work`; [`StoreError::Timeout`] if it takes longer.
    pub(crate) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match timeout(self.limit, work).await {
            Ok(result) => result,
            Err(_) => Err(late(false, None)),
        }
    }

    /// Runs a read with a single timer, if the node and the connection are known and the answer is no error.
    /// Otherwise returns `None`, and the read starts anew.
    async fn read_at_once(&self, call: &Call<'_>) -> Option<Value> {
        let reads = self.topology.known(call.slot())?.open_reads()?;
        let asked = async {
            match &call.request {
                Request::Get(key) => reads.get(key).await,
                _ => send(&mut reads.connection().clone(), false, call).await.ok(),
            }
        };
        match timeout(self.limit / 2, asked).await {
            Ok(answer) => answer,
            Err(_) => {
                reads.connection().close();
                self.topology.request_refresh();
                None
            }
        }
    }

    /// Sends the call until it has an answer that settles it. `progress` is what the caller knows of it if the
    /// time is up before that.
    async fn run_with_retries(
        &self,
        call: &Call<'_>,
        limit: Duration,
        progress: &mut CallProgress,
    ) -> Result<Value, StoreError> {
        // A retry that begins later would hardly end in time, and would hide the error that is known by now.
        let give_up = Instant::now() + limit * 3 / 5;
        let (mut pause, mut losses, mut hops) = (FIRST_PAUSE, 0, 0);
        // The node that takes this one request although it does not own the slot yet (`ASK`).
        let mut guest = None;
        loop {
            let (node, asking) = match guest.take() {
                Some(node) => (node, true),
                None => (self.topology.node(call.slot()).await?, false),
            };
            let error = match self.attempt(&node, asking, call, progress).await {
                Ok(value) => return Ok(value),
                Err(AttemptError::NotReplicated(error)) => return Err(error),
                Err(AttemptError::NotSent(error)) => {
                    self.topology.request_refresh();
                    tracing::debug!(node = %node.name, error = error_chain(&describe(&error)), "nothing was sent");
                    losses += 1;
                    if losses > 1 {
                        return Err(not_done(&error));
                    }
                    progress.last = Some(error);
                    continue;
                }
                Err(AttemptError::Answer(error)) => error,
            };
            let may_be_done = call.effect != Effect::Read;
            // This request is settled. If the time is up before the next one is sent, nothing is in doubt.
            progress.sent = false;
            tracing::debug!(node = %node.name, error = error_chain(&describe(&error)), "a call is not done");
            progress.last = Some(error.clone());
            match class(&error) {
                ErrorClass::Final | ErrorClass::NoScript => return Err(not_done(&error)),
                ErrorClass::Lost => {
                    self.drop_connection(progress);
                    losses += 1;
                    // The server may have done it. A second attempt would not tell, so core reads the record.
                    if may_be_done || losses > 1 {
                        return Err(unanswered(&error, may_be_done));
                    }
                    continue;
                }
                ErrorClass::Moved | ErrorClass::Ask if !self.topology.is_cluster() => {
                    return Err(refused("this server is a node of a cluster: connect to it as one"));
                }
                ErrorClass::Moved if hops < HOPS => {
                    hops += 1;
                    self.topology.moved(&error, &node);
                    continue;
                }
                ErrorClass::Ask if hops < HOPS && !call.whole_slot => {
                    hops += 1;
                    guest = self.topology.asked_of(&error, &node);
                    if guest.is_some() {
                        continue;
                    }
                }
                // A failover has made this master a replica. The next round looks for the new master.
                ErrorClass::ReadOnly => self.drop_connection(progress),
                ErrorClass::Moved | ErrorClass::Ask | ErrorClass::Later => {}
            }
            if Instant::now() + pause > give_up {
                return Err(not_done(&error));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Sends one request to one node.
    async fn attempt(
        &self,
        node: &Arc<Node>,
        asking: bool,
        call: &Call<'_>,
        progress: &mut CallProgress,
    ) -> Result<Value, AttemptError> {
        let replica_wait = self.replica_wait.filter(|_| call.effect == Effect::Ending);
        // Opened before the write: see `Node::waiting_connection`.
        let mut waiter = match replica_wait {
            Some(_) => Some(node.waiting_connection().await.map_err(AttemptError::NotSent)?),
            None => None,
        };
        progress.waiter.clone_from(&waiter);
        let mut live = node.connection().await.map_err(AttemptError::NotSent)?;
        progress.live = Some(live.clone());
        // Before it is sent: if the time is up during the next line, the server may have done it.
        progress.sent = true;
        let value = send(&mut live, asking, call).await.map_err(AttemptError::Answer)?;
        if let (Some(replica_wait), Some(waiter)) = (replica_wait, &mut waiter) {
            let waited = self.wait_for_replicas(node, waiter, replica_wait, call).await;
            waited.map_err(AttemptError::NotReplicated)?;
        }
        Ok(value)
    }

    /// Waits until replicas have what was written.
    async fn wait_for_replicas(
        &self,
        node: &Arc<Node>,
        waiter: &mut LiveConnection,
        replica_wait: ReplicaWait,
        call: &Call<'_>,
    ) -> Result<(), StoreError> {
        let own = std::iter::once(call.shard);
        // In a cluster the slot may be moving; then the marker of another slot of this node serves.
        let first = u16::from_be_bytes(call.shard);
        let others = (1..=u16::MAX).map(|step| first.wrapping_add(step).to_be_bytes());
        let of_this_node = |shard: &[u8; 2]| {
            self.topology.is_cluster()
                && self.topology.known(keys::slot(*shard)).is_some_and(|owner| Arc::ptr_eq(&owner, node))
        };
        let mut shards = own.chain(others.take(MARKER_LOOK).filter(of_this_node).take(MARKERS));
        let markers = Markers { keys: &self.keys, shards: &mut shards };
        node.wait_for_replicas(waiter, replica_wait, markers).await
    }

    fn drop_connection(&self, progress: &CallProgress) {
        if let Some(live) = &progress.live {
            live.close();
        }
        self.topology.request_refresh();
    }
}

enum AttemptError {
    /// No connection: nothing was sent.
    NotSent(RedisError),
    /// An error response, or no response.
    Answer(RedisError),
    /// The write is done, but too few replicas have it in time.
    NotReplicated(StoreError),
}

async fn send(live: &mut LiveConnection, asking: bool, call: &Call<'_>) -> Result<Value, RedisError> {
    match &call.request {
        Request::Get(key) => send_one(live, asking, redis::cmd("GET").arg(key)).await,
        Request::Script { script, keys, arguments } => {
            match send_one(live, asking, &script.command(true, keys, arguments)).await {
                Err(error) if class(&error) == ErrorClass::NoScript => {
                    send_one(live, asking, &script.command(false, keys, arguments)).await
                }
                answer => answer,
            }
        }
    }
}

async fn send_one(live: &mut LiveConnection, asking: bool, command: &Cmd) -> Result<Value, RedisError> {
    match asking {
        true => live.send_after(&redis::cmd("ASKING"), command).await,
        false => live.send(command).await,
    }
}
