//! Runs a call: finds the node, handles errors, and decides when to give up.

use std::sync::Arc;
use std::time::Duration;

use hallpass_core::StoreError;
use redis::{Cmd, RedisError, Value};
use tokio::time::{Instant, sleep, timeout};

use crate::builder::LONGEST;
use crate::durability::{Confirm, Markers};
use crate::error::{Causes, Class, class, describe, late, not_done, refused, unanswered};
use crate::gather::{self, Manner};
use crate::keys::{self, Keys};
use crate::node::{Live, Node};
use crate::script::Script;
use crate::topology::Topology;

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
    pub(crate) confirm: Option<Confirm>,
    pub(crate) keys: Keys,
}

/// When work of several calls starts no more calls, and when it ends.
pub(crate) struct Time {
    pub(crate) give_up: Instant,
    pub(crate) last: Instant,
}

/// The state of a call when its time was up.
#[derive(Default)]
struct Trace {
    /// Whether a request was sent that may have been done.
    sent: bool,
    live: Option<Live>,
    /// The connection that waits for replicas.
    waiter: Option<Live>,
    /// The last error.
    last: Option<RedisError>,
}

impl Router {
    /// # Errors
    /// [`StoreError`], within the limit.
    pub(crate) async fn run(&self, call: &Call<'_>) -> Result<Value, StoreError> {
        let mut limit = self.limit;
        if call.effect == Effect::Read {
            if let Some(value) = self.read_at_once(call).await {
                return Ok(value);
            }
            limit /= 2;
        }
        let mut trace = Trace::default();
        match timeout(limit, self.pursue(call, limit, &mut trace)).await {
            Ok(result) => result,
            Err(_) => {
                for live in [trace.live, trace.waiter].into_iter().flatten() {
                    live.close();
                }
                self.topology.suspect();
                let error = late(trace.sent && call.effect != Effect::Read, trace.last.as_ref());
                tracing::warn!(error = %Causes(&error), "a call takes too long");
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
        let mut live = self.topology.known(call.slot())?.open_connection()?;
        let manner = if self.topology.is_cluster() { Manner::Pipeline } else { Manner::Command };
        let limit = self.limit / 2;
        let asked = async {
            match &call.request {
                Request::Get(key) => gather::get(live.clone(), key, manner, limit).await,
                _ => send(&mut live, false, call).await.ok(),
            }
        };
        match timeout(limit, asked).await {
            Ok(answer) => answer,
            Err(_) => {
                live.close();
                self.topology.suspect();
                None
            }
        }
    }

    async fn pursue(&self, call: &Call<'_>, limit: Duration, trace: &mut Trace) -> Result<Value, StoreError> {
        let give_up = Instant::now() + limit * 3 / 5;
        let (mut pause, mut losses, mut hops) = (FIRST_PAUSE, 0, 0);
        let mut guest = None;
        loop {
            let (node, asking) = match guest.take() {
                Some(node) => (node, true),
                None => (self.topology.node(call.slot()).await?, false),
            };
            let error = match self.attempt(&node, asking, call, trace).await {
                Ok(result) => return result,
                Err(Fault::NotSent(error)) => {
                    self.topology.suspect();
                    tracing::debug!(node = %node.name, error = %Causes(&describe(&error)), "nothing was sent");
                    losses += 1;
                    if losses > 1 {
                        return Err(not_done(&error));
                    }
                    trace.last = Some(error);
                    continue;
                }
                Err(Fault::Answer(error)) => error,
            };
            let may_be_done = call.effect != Effect::Read;
            trace.sent = false;
            tracing::debug!(node = %node.name, error = %Causes(&describe(&error)), "a call is not done");
            trace.last = Some(error.clone());
            match class(&error) {
                Class::Final | Class::NoScript => return Err(not_done(&error)),
                Class::Lost => {
                    self.lose(trace);
                    losses += 1;
                    if may_be_done || losses > 1 {
                        return Err(unanswered(&error, may_be_done));
                    }
                    continue;
                }
                Class::Moved | Class::Ask if !self.topology.is_cluster() => {
                    return Err(refused("this server is a node of a cluster: connect to it as one"));
                }
                Class::Moved if hops < HOPS => {
                    hops += 1;
                    self.topology.moved(&error, &node);
                    continue;
                }
                Class::Ask if hops < HOPS && !call.whole_slot => {
                    hops += 1;
                    guest = self.topology.asked_of(&error, &node);
                    if guest.is_some() {
                        continue;
                    }
                }
                Class::ReadOnly => self.lose(trace),
                Class::Moved | Class::Ask | Class::Later => {}
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
        trace: &mut Trace,
    ) -> Result<Result<Value, StoreError>, Fault> {
        let confirm = self.confirm.filter(|_| call.effect == Effect::Ending);
        let mut waiter = match confirm {
            Some(_) => match node.rounds.prepare(node).await {
                Ok(waiter) => Some(waiter),
                Err(error) => return Err(Fault::NotSent(error)),
            },
            None => None,
        };
        trace.waiter.clone_from(&waiter);
        let mut live = node.connection().await.map_err(Fault::NotSent)?;
        trace.live = Some(live.clone());
        trace.sent = true;
        let value = send(&mut live, asking, call).await.map_err(Fault::Answer)?;
        if let (Some(confirm), Some(waiter)) = (confirm, &mut waiter)
            && let Err(error) = self.confirmed(node, waiter, confirm, call).await
        {
            return Ok(Err(error));
        }
        Ok(Ok(value))
    }

    /// Waits until replicas have what was written.
    async fn confirmed(
        &self,
        node: &Arc<Node>,
        waiter: &mut Live,
        confirm: Confirm,
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
        node.rounds.wait(waiter, confirm, node.patience, markers).await
    }

    fn lose(&self, trace: &Trace) {
        if let Some(live) = &trace.live {
            live.close();
        }
        self.topology.suspect();
    }
}

enum Fault {
    /// No connection: nothing was sent.
    NotSent(RedisError),
    /// An error response, or no response.
    Answer(RedisError),
}

async fn send(live: &mut Live, asking: bool, call: &Call<'_>) -> Result<Value, RedisError> {
    match &call.request {
        Request::Get(key) => send_one(live, asking, redis::cmd("GET").arg(key)).await,
        Request::Script { script, keys, arguments } => {
            match send_one(live, asking, &script.command(true, keys, arguments)).await {
                Err(error) if class(&error) == Class::NoScript => {
                    send_one(live, asking, &script.command(false, keys, arguments)).await
                }
                answer => answer,
            }
        }
    }
}

async fn send_one(live: &mut Live, asking: bool, command: &Cmd) -> Result<Value, RedisError> {
    match asking {
        true => live.send_after(&redis::cmd("ASKING"), command).await,
        false => live.send(command).await,
    }
}
