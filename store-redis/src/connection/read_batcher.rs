//! Batches reads: those that arrive while others are under way share the next round trip.
//!
//! A few reads go alone, each immediately. When there are many they share batches, until they are few again. No
//! timer delays a read: it waits only while [`BATCHES`] batches are under way. A read that is dropped while it
//! waits is not sent. Only plain reads of one key share batches: if anything goes wrong, each of them is
//! repeated by itself. `hallpass-batch` decides which reads share.

use std::time::Duration;

use hallpass_batch::{Admitted, Batcher, Limits, Runner, Sharing, Waiting};
use redis::{Cmd, Pipeline, RedisError, Value};
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
pub(crate) struct ReadBatcher(Batcher<Reads>);

/// Sends the reads of one connection.
#[derive(Debug)]
struct Reads {
    connection: LiveConnection,
    command: ReadCommand,
    /// How long a batch may take.
    timeout: Duration,
}

impl ReadBatcher {
    pub(super) fn new(connection: LiveConnection, command: ReadCommand, timeout: Duration) -> Self {
        let sharing = Sharing::WhenMany { few: FEW, small: SMALL };
        let limits = Limits { slots: BATCHES, batch: MOST, queue: MOST_WAITING, sharing };
        Self(Batcher::new(Reads { connection, command, timeout }, limits))
    }

    pub(crate) fn connection(&self) -> &LiveConnection {
        &self.0.runner().connection
    }

    /// Returns the value of `key`; `None` if the caller must ask for it by itself.
    pub(crate) async fn get(&self, key: &[u8]) -> Option<Value> {
        match self.0.admit(key.to_vec()) {
            // The slot is dropped after the answer, also if this future is dropped: then the next batch begins.
            Admitted::Alone(_slot, key) => {
                self.connection().clone().send(&command("GET", &[&key])).await.ok()
            }
            Admitted::Waits(answer) => answer.wait().await.ok().flatten(),
            Admitted::Full(_) => None,
        }
    }
}

impl AsRef<LiveConnection> for ReadBatcher {
    fn as_ref(&self) -> &LiveConnection {
        self.connection()
    }
}

impl Runner for Reads {
    type Call = Vec<u8>;
    /// `None`: the caller must ask by itself.
    type Answer = Option<Value>;

    async fn run_batch(&self, waiting: Waiting<'_, Self::Call, Self::Answer>) {
        let calls = waiting.take();
        let keys: Vec<&[u8]> = calls.iter().map(|call| call.request().as_slice()).collect();
        let answers = timeout(self.timeout, self.ask(&keys)).await;
        let answers = answers.ok().and_then(Result::ok).filter(|answers| answers.len() == calls.len());
        let answers = answers.unwrap_or_default().into_iter().map(|value| value.extract_error().ok());
        for (call, answer) in calls.into_iter().zip(answers.chain(std::iter::repeat(None))) {
            call.answer(answer);
        }
    }
}

impl Reads {
    async fn ask(&self, keys: &[&[u8]]) -> Result<Vec<Value>, RedisError> {
        let connection = &mut self.connection.clone();
        match (keys, self.command) {
            // Every caller gave up while the batch was prepared.
            ([], _) => Ok(Vec::new()),
            (_, ReadCommand::Mget) => values(connection, keys).await,
            (_, ReadCommand::Pipeline) => one_by_one(connection, keys).await,
        }
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
            while reads.0.waiting() < keys.len() - FEW {
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
    }
}
