//! Whether a server is still the master of its replicas.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use hallpass_core::StoreError;
use hallpass_core::error_chain;
use redis::Value;
use tokio::time::Instant;

use crate::backend::Backend;
use crate::connection::{LiveConnection, Markers, Node, ReplicaWait, WaitRounds};
use crate::error::{no_answer, odd_answer, unavailable};
use crate::keys;

/// The shards whose markers are tried, if the slots of others are moving.
const MARKERS: usize = 4;

type Question = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// Asks the replicas of a master, over and over, whether they still follow it.
///
/// A replica that is promoted stops following its master before it acknowledges anything. So if all replicas have
/// received a marker, none of them had been promoted when it was written. (While the machine is suspended, the age of a
/// confirmation does not grow.)
pub(super) struct Standing {
    wait: ReplicaWait,
    /// A connection of its own, because `WAIT` blocks it. It is not opened again: behind the same address there may
    /// be another server then.
    connection: LiveConnection,
    rounds: Arc<WaitRounds>,
    /// The question under way. It goes on while the feed has its turns. Never locked: the mutex lets threads share
    /// the rest.
    asked: Mutex<Option<Question>>,
    /// When the last question began.
    began: Option<Instant>,
    /// When the last question began that was confirmed.
    confirmed: Option<Instant>,
}

impl Standing {
    /// Opens the second connection to the server at the other end of `first`.
    ///
    /// # Errors
    /// If it cannot be opened, or reaches another server.
    pub(super) async fn new(
        wait: ReplicaWait,
        node: &Node,
        first: &LiveConnection,
    ) -> Result<Self, StoreError> {
        let connection = node.listen(|_| {}).await.map_err(|error| no_answer(&error))?;
        if run_id(first).await? != run_id(&connection).await? {
            return Err(unavailable("behind this address there are two servers"));
        }
        let (rounds, asked) = (Arc::default(), Mutex::default());
        Ok(Self { wait, connection, rounds, asked, began: None, confirmed: None })
    }

    pub(super) fn is_open(&self) -> bool {
        self.connection.is_open()
    }

    /// Whether all replicas have confirmed the master, as of a moment at most twice the pause ago. Begins the next
    /// question if it is due, and waits for nothing.
    pub(super) async fn is_confirmed(&mut self, backend: &Arc<Backend>, node: &Arc<Node>) -> bool {
        let pause = self.wait.within;
        self.hear(node).await;
        let asked = self.asked.get_mut().unwrap_or_else(PoisonError::into_inner);
        if asked.is_none() && self.began.is_none_or(|at| at.elapsed() >= pause) {
            self.began = Some(Instant::now());
            let (rounds, connection) = (Arc::clone(&self.rounds), self.connection.clone());
            *asked =
                Some(Box::pin(ask(Arc::clone(backend), Arc::clone(node), rounds, connection, self.wait)));
            // It is sent when it is polled.
            self.hear(node).await;
        }
        self.confirmed.is_some_and(|at| at.elapsed() <= pause * 2)
    }

    /// Takes the answer to the question under way, if it has come.
    async fn hear(&mut self, node: &Node) {
        let asked = self.asked.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(question) = asked
            && let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(question.as_mut().poll(context))).await
        {
            *asked = None;
            match answer {
                Ok(()) => self.confirmed = self.began,
                Err(error) => {
                    tracing::debug!(node = %node.name, error = error_chain(&error), "a master is not confirmed");
                }
            }
        }
    }
}

async fn ask(
    backend: Arc<Backend>,
    node: Arc<Node>,
    rounds: Arc<WaitRounds>,
    mut connection: LiveConnection,
    wait: ReplicaWait,
) -> Result<(), StoreError> {
    let topology = &backend.router.topology;
    let is_here = |shard: &[u8; 2]| {
        !topology.is_cluster()
            || topology.known(keys::slot(*shard)).is_some_and(|owner| Arc::ptr_eq(&owner, &node))
    };
    let mut shards = (0..=u16::MAX).map(u16::to_be_bytes).filter(is_here).take(MARKERS);
    let markers = Markers { keys: backend.keys(), shards: &mut shards };
    node.wait_alone(&rounds, &mut connection, wait, markers).await
}

/// What tells one run of a server from every other.
async fn run_id(connection: &LiveConnection) -> Result<String, StoreError> {
    let answer = connection.clone().send(redis::cmd("INFO").arg("server")).await;
    let text = match answer.map_err(|error| no_answer(&error))? {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::VerbatimString { text, .. } => text,
        _ => return Err(odd_answer(false)),
    };
    let id = text.lines().find_map(|line| line.strip_prefix("run_id:"));
    id.map(str::to_owned).ok_or_else(|| odd_answer(false))
}
