//! Batches reads: those that arrive while others are under way share the next round trip.
//!
//! A few reads go alone, each immediately. When there are many they share batches, until they are few again. No
//! timer delays a read: it waits only while [`BATCHES`] batches are under way. A read that is dropped while it
//! waits is not sent. Only plain reads of one key share batches: if anything goes wrong, each of them is
//! repeated by itself.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Cmd, Pipeline, RedisError, Value};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::live::LiveConnection;

/// Up to this many reads of one connection at a time go alone. Measured: with 16 tasks, sharing costs 30 % of
/// the reads per second; with 64 it gains 12 %.
const FEW: usize = 32;
/// Sharing ends after this many batches in a row with at most half of [`FEW`] reads each.
const SMALL: u32 = 16;
/// How many batches of one connection may be under way: the server answers one while the other is sent.
const BATCHES: usize = 2;
/// The most reads that share a batch.
const MOST: usize = 128;
/// How many reads may wait for a batch. Further reads go by themselves, and wait for the connection's task,
/// which takes as many as its own queue holds.
const MOST_WAITING: usize = 16_384;
/// How often a batch yields to its readers before it ends: they tend to read again right after an answer.
const IDLE_YIELDS: u32 = 2;

/// How to look up several keys.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReadCommand {
    /// With one `MGET`: all slots are on this node.
    Mget,
    /// With one `GET` for each key, sent together: a slot may have moved.
    Pipeline,
}

/// A connection, and the reads that share its round trips. Clones share both.
#[derive(Clone, Debug)]
pub(crate) struct ReadBatcher {
    connection: LiveConnection,
    command: ReadCommand,
    /// How long a batch may take.
    timeout: Duration,
    reads: Arc<Reads>,
}

#[derive(Debug, Default)]
struct Reads {
    /// The number of reads that have no answer yet.
    unanswered: AtomicUsize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Read>,
    /// The number of batches, and how many of them a task leads, which means that reads share.
    under_way: usize,
    led: usize,
    /// The most reads that shared a batch.
    #[cfg(test)]
    largest: usize,
}

#[derive(Debug)]
struct Read {
    key: Vec<u8>,
    /// `None`: the caller must ask by itself.
    answer: oneshot::Sender<Option<Value>>,
}

impl ReadBatcher {
    pub(super) fn new(connection: LiveConnection, command: ReadCommand, timeout: Duration) -> Self {
        Self { connection, command, timeout, reads: Arc::default() }
    }

    pub(crate) fn connection(&self) -> &LiveConnection {
        &self.connection
    }

    /// Returns the value of `key`; `None` if the caller must ask for it by itself.
    pub(crate) async fn get(&self, key: &[u8]) -> Option<Value> {
        let reading = Reading::begin(&self.reads);
        let answer = {
            let mut queue = self.reads.queue();
            if queue.under_way < BATCHES || (queue.led == 0 && reading.among <= FEW) {
                queue.under_way += 1;
                None
            } else if queue.waiting.len() >= MOST_WAITING {
                return None;
            } else {
                let (sender, answer) = oneshot::channel();
                queue.waiting.push_back(Read { key: key.to_vec(), answer: sender });
                Some(answer)
            }
        };
        if let Some(answer) = answer {
            return answer.await.ok().flatten();
        }
        let mut batch = Batch { reads: self.clone(), state: State::Alone };
        batch.reads.connection.send(&command("GET", &[key])).await.ok()
    }
}

impl AsRef<LiveConnection> for ReadBatcher {
    fn as_ref(&self) -> &LiveConnection {
        &self.connection
    }
}

/// A read that has no answer yet.
struct Reading {
    reads: Arc<Reads>,
    /// How many such reads there were when it began, including itself.
    among: usize,
}

impl Reading {
    fn begin(reads: &Arc<Reads>) -> Self {
        let among = reads.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
        Self { reads: Arc::clone(reads), among }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.reads.unanswered.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the values of all these keys, as far as they are on this node. `MGET` returns nil for a value that
/// is not a string, so nil is accepted only from `GET`.
async fn values(connection: &mut LiveConnection, keys: &[&[u8]]) -> Result<Vec<Value>, RedisError> {
    let Value::Array(mut values) = connection.send(&command("MGET", keys)).await? else {
        return Ok(Vec::new());
    };
    let pairs = keys.iter().zip(&values);
    let missing: Vec<&[u8]> = pairs.filter(|(_, value)| **value == Value::Nil).map(|(key, _)| *key).collect();
    if !missing.is_empty() {
        let mut again = one_by_one(connection, &missing).await?.into_iter();
        for value in values.iter_mut().filter(|value| **value == Value::Nil) {
            *value = again.next().unwrap_or(Value::Nil);
        }
    }
    Ok(values)
}

/// Returns the same values with one command for each key, sent together. Each answer may be an error.
async fn one_by_one(connection: &mut LiveConnection, keys: &[&[u8]]) -> Result<Vec<Value>, RedisError> {
    let mut pipeline = Pipeline::with_capacity(keys.len());
    for key in keys {
        pipeline.add_command(command("GET", &[key]));
    }
    let values = connection.send_all(&pipeline, keys.len()).await?;
    match values.len() == keys.len() {
        true => Ok(values),
        false => Err(std::io::Error::from(std::io::ErrorKind::InvalidData).into()),
    }
}

fn command(name: &str, keys: &[&[u8]]) -> Cmd {
    let size = keys.iter().map(|key| key.len()).sum::<usize>();
    let mut command = Cmd::with_capacity(1 + keys.len(), name.len() + size);
    command.arg(name).arg(keys);
    command
}

impl Reads {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the oldest reads whose callers still wait. Ends the batch and returns `None` if sharing does not
    /// pay, or if no read waits and `or_end` is set.
    fn next(&self, pays: bool, or_end: bool) -> Option<Vec<Read>> {
        let mut queue = self.queue();
        queue.waiting.retain(|read| !read.answer.is_closed());
        if !pays || (queue.waiting.is_empty() && or_end) {
            queue.under_way -= 1;
            queue.led -= 1;
            let left = std::mem::take(&mut queue.waiting);
            drop(queue);
            // Their callers ask by themselves.
            drop(left);
            return None;
        }
        let most = queue.waiting.len().min(MOST);
        #[cfg(test)]
        {
            queue.largest = queue.largest.max(most);
        }
        Some(queue.waiting.drain(..most).collect())
    }
}

/// The right to be under way. When a batch is dropped while reads wait, a task continues it.
struct Batch {
    reads: ReadBatcher,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// It carries the read of one caller.
    Alone,
    /// It works through the queue in a task of its own.
    Leads,
    Over,
}

impl Batch {
    /// Sends shared reads until none wait, or too few.
    async fn lead(mut self) {
        let (mut idle, mut small) = (0, 0);
        loop {
            let Some(reads) = self.reads.reads.next(small < SMALL, idle == IDLE_YIELDS) else {
                self.state = State::Over;
                return;
            };
            if reads.is_empty() {
                idle += 1;
            } else {
                idle = 0;
                small = if reads.len() <= FEW / 2 { small + 1 } else { 0 };
                let answers = timeout(self.reads.timeout, self.ask(&reads)).await;
                let answers =
                    answers.ok().and_then(Result::ok).filter(|answers| answers.len() == reads.len());
                let answers = answers.unwrap_or_default().into_iter().map(Some);
                for (read, answer) in reads.into_iter().zip(answers.chain(std::iter::repeat(None))) {
                    let _ = read.answer.send(answer.and_then(|value| value.extract_error().ok()));
                }
            }
            tokio::task::yield_now().await;
        }
    }

    async fn ask(&mut self, reads: &[Read]) -> Result<Vec<Value>, RedisError> {
        let keys: Vec<_> = reads.iter().map(|read| &*read.key).collect();
        let connection = &mut self.reads.connection;
        match self.reads.command {
            ReadCommand::Mget => values(connection, &keys).await,
            ReadCommand::Pipeline => one_by_one(connection, &keys).await,
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if self.state == State::Over {
            return;
        }
        // A leading batch is dropped at work only if its runtime is shutting down.
        let runtime = if self.state == State::Leads { None } else { Handle::try_current().ok() };
        let mut queue = self.reads.reads.queue();
        match runtime {
            // Enough other batches are under way, and one of them leads the waiting reads.
            Some(_) if queue.under_way > BATCHES => queue.under_way -= 1,
            Some(runtime) if !queue.waiting.is_empty() => {
                queue.led += 1;
                // A runtime that is shutting down drops the task, and with it the batch, right here.
                drop(queue);
                runtime.spawn(Self { reads: self.reads.clone(), state: State::Leads }.lead());
            }
            _ => {
                queue.under_way -= 1;
                queue.led -= usize::from(self.state == State::Leads);
                let left = std::mem::take(&mut queue.waiting);
                drop(queue);
                // Their callers ask by themselves.
                drop(left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hallpass_test_servers::{Mode, Proxy, Server, needed, redis_cluster, redis_command};
    use redis::IntoConnectionInfo;
    use tokio::task::JoinSet;

    use super::*;
    use crate::connection::Dialer;

    fn tell(node: &Server, command: &str) -> String {
        redis_command(node.address(), command, Duration::from_secs(10)).unwrap()
    }

    /// In a cluster each command of a batch has its own answer, and a read that is redirected asks by itself.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_shared_batch_in_a_cluster_answers_for_what_is_here_and_leaves_what_has_moved() {
        let Some(cluster) = needed("a shared batch in a cluster", redis_cluster()).unwrap() else { return };
        let nodes = cluster.nodes();
        let keys: Vec<String> = (0..2 * FEW).map(|number| format!("key-{number}")).collect();
        let mut here: Vec<&String> =
            keys.iter().filter(|key| tell(&nodes[0], &format!("SET {key} {key}")) == "OK").collect();
        assert!(here.len() > 2 && here.len() < keys.len(), "{here:?}");
        // One more key is moving: its slot is still here, but the key is not.
        let moving = here.remove(0);
        let (slot, to) =
            (tell(&nodes[0], &format!("CLUSTER KEYSLOT {moving}")), tell(&nodes[1], "CLUSTER MYID"));
        assert_eq!(tell(&nodes[0], &format!("CLUSTER SETSLOT {slot} MIGRATING {to}")), "OK");
        assert_eq!(tell(&nodes[0], &format!("DEL {moving}")), "1");
        assert!(tell(&nodes[0], &format!("GET {moving}")).starts_with("-ASK"));

        let proxy = Proxy::start(nodes[0].address()).await.unwrap();
        let like = nodes[0].url().into_connection_info().unwrap();
        let limit = Duration::from_secs(30);
        let node = Dialer::new(like, limit).node("127.0.0.1", proxy.address().port()).unwrap();
        let connection = node.connection().await.unwrap();
        let reads = ReadBatcher::new(connection, ReadCommand::Pipeline, limit);
        proxy.set(Mode::BlackHole);
        let mut readers = JoinSet::new();
        for key in keys.clone() {
            let reads = reads.clone();
            readers.spawn(async move { (reads.get(key.as_bytes()).await, key) });
        }
        let all_wait = async {
            while reads.reads.queue().waiting.len() < keys.len() - FEW {
                tokio::task::yield_now().await;
            }
        };
        timeout(limit, all_wait).await.unwrap();
        proxy.set(Mode::Pass);
        while let Some(reader) = readers.join_next().await {
            let (value, key) = reader.unwrap();
            let expected = here.contains(&&key).then(|| Value::BulkString(key.clone().into_bytes()));
            assert_eq!(value, expected, "{key}");
        }
        assert_eq!(reads.reads.queue().largest, keys.len() - FEW);
        assert_eq!(reads.reads.unanswered.load(Ordering::Relaxed), 0);
    }
}
