//! A server, and the connections to it.

mod live;
mod read_batcher;
mod replica_wait;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hallpass_core::StoreError;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{Client, Cmd, ConnectionAddr, ConnectionInfo, ProtocolVersion, PushInfo, RedisError, Value};
use tokio::time::timeout;

use self::live::Connection;
pub(crate) use self::live::LiveConnection;
pub(crate) use self::read_batcher::ReadBatcher;
use self::read_batcher::ReadCommand;
pub(crate) use self::replica_wait::{Markers, ReplicaWait, WaitRounds};
use crate::cluster_slots::{ClusterId, Layout};

/// How connections are made.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    /// User, password, TLS and the number of the database; each node has a different address.
    pub(crate) like: ConnectionInfo,
    /// How many connections to a node.
    pub(crate) connections: usize,
    /// How long opening one may take.
    pub(crate) connect_timeout: Duration,
    /// How long a batch of reads may take.
    pub(crate) read_timeout: Duration,
    pub(crate) nodelay: bool,
    /// In a cluster: the one to which a server must belong.
    pub(crate) cluster_id: Option<Arc<ClusterId>>,
}

impl Dialer {
    /// Makes one connection to a node, for calls that may take this long.
    pub(crate) fn new(like: ConnectionInfo, timeout: Duration) -> Self {
        Self {
            like,
            connections: 1,
            connect_timeout: timeout / 4,
            read_timeout: timeout / 2,
            nodelay: false,
            cluster_id: None,
        }
    }

    /// Returns the server at this address. It connects at its first request.
    pub(crate) fn node(&self, host: &str, port: u16) -> Result<Arc<Node>, RedisError> {
        self.open(match self.like.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
                host: host.to_owned(),
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host.to_owned(), port),
        })
    }

    pub(crate) fn open(&self, address: ConnectionAddr) -> Result<Arc<Node>, RedisError> {
        let tcp = TcpSettings::default()
            .set_nodelay(self.nodelay)
            .set_keepalive(TcpKeepalive::new().with_time(Duration::from_secs(15)));
        // Without the driver's name, because setting it would require a permission that allows much more.
        let settings = self.like.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let settings = settings.set_skip_set_lib_name();
        let info = self.like.clone().set_addr(address).set_tcp_settings(tcp).set_redis_settings(settings);
        Ok(Arc::new(Node {
            name: info.addr().to_string(),
            client: Client::open(info)?,
            connect_timeout: self.connect_timeout,
            read_timeout: self.read_timeout,
            cluster_id: self.cluster_id.clone(),
            connections: (0..self.connections.max(1)).map(|_| Connection::default()).collect(),
            turn: AtomicUsize::new(0),
            rounds: WaitRounds::default(),
        }))
    }
}

/// A server.
#[derive(Debug)]
pub(crate) struct Node {
    /// `host:port`.
    pub(crate) name: String,
    client: Client,
    connect_timeout: Duration,
    read_timeout: Duration,
    cluster_id: Option<Arc<ClusterId>>,
    /// Each with the reads that share its round trips.
    connections: Box<[Connection<ReadBatcher>]>,
    turn: AtomicUsize,
    rounds: WaitRounds,
}

impl Node {
    /// Provides a connection, and opens it if necessary.
    ///
    /// # Errors
    /// Why it cannot be opened; then nothing was sent.
    pub(crate) async fn connection(&self) -> Result<LiveConnection, RedisError> {
        let reads = self.next().get(&self.name, async {
            // In a cluster a slot may have moved away, and a command for several keys would fail as a whole.
            let command = if self.cluster_id.is_some() { ReadCommand::Pipeline } else { ReadCommand::Mget };
            Ok(ReadBatcher::new(self.dial().await?, command, self.read_timeout))
        });
        Ok(reads.await?.connection().clone())
    }

    /// Returns the reads of a connection, if one is open.
    pub(crate) fn open_reads(&self) -> Option<ReadBatcher> {
        self.next().current()
    }

    /// Provides the connection for [`wait_for_replicas`](Self::wait_for_replicas). Call it before the write: if
    /// the server restarts later, and forgets the write, it closes this connection.
    ///
    /// # Errors
    /// Why there is no connection; then nothing was sent.
    pub(crate) async fn waiting_connection(&self) -> Result<LiveConnection, RedisError> {
        self.rounds.connection.get(&self.name, self.dial()).await
    }

    /// Waits until replicas have everything that was answered before this call.
    ///
    /// # Errors
    /// With unknown outcome: the write is done, but may be lost with its server.
    pub(crate) async fn wait_for_replicas(
        &self,
        connection: &mut LiveConnection,
        replica_wait: ReplicaWait,
        markers: Markers<'_>,
    ) -> Result<(), StoreError> {
        self.rounds.wait(connection, replica_wait, self.connect_timeout, markers).await
    }

    /// Does the same in rounds of one caller alone, on its own connection.
    ///
    /// # Errors
    /// If too few replicas have it in time.
    pub(crate) async fn wait_alone(
        &self,
        rounds: &WaitRounds,
        connection: &mut LiveConnection,
        replica_wait: ReplicaWait,
        markers: Markers<'_>,
    ) -> Result<(), StoreError> {
        rounds.wait(connection, replica_wait, self.connect_timeout, markers).await
    }

    /// Opens a connection for one caller alone. `heard` gets what the server sends without being asked. In a cluster
    /// it is used only if its server belongs to this cluster.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(crate) async fn listen(
        &self,
        heard: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<LiveConnection, RedisError> {
        let mut connection = LiveConnection::open(&self.client, self.connect_timeout, heard).await?;
        if let Some(cluster_id) = self.cluster_id.as_ref().filter(|known| !known.is_empty()) {
            let question = Layout::question();
            let answer = timeout(self.connect_timeout, connection.send(&question)).await;
            if !cluster_id.shares(&Layout::read(&answer.map_err(|_| timed_out())??)) {
                let foreign = "the server at this address belongs to another cluster";
                return Err(std::io::Error::other(foreign).into());
            }
        }
        Ok(connection)
    }

    /// Sends a command, and waits for the answer for as long as opening a connection may take.
    pub(crate) async fn ask(&self, command: &Cmd) -> Result<Value, RedisError> {
        let asked = async { self.connection().await?.send(command).await };
        match timeout(self.connect_timeout, asked).await {
            Ok(answer) => answer,
            Err(_) => {
                // Its answer is still to come, and answers come in order: what is sent here later would wait for it.
                self.close();
                Err(timed_out())
            }
        }
    }

    /// Keeps later requests from using the current connections.
    pub(crate) fn close(&self) {
        self.connections.iter().for_each(Connection::close);
        self.rounds.connection.close();
    }

    fn next(&self) -> &Connection<ReadBatcher> {
        let turn = match self.connections.len() {
            1 => 0,
            connections => self.turn.fetch_add(1, Ordering::Relaxed) % connections,
        };
        &self.connections[turn]
    }

    /// Opens a connection. The driver's future is deep. Unless it is hidden in a box, the compiler reaches its limit of
    /// recursion in programs that use the store.
    async fn dial(&self) -> Result<LiveConnection, RedisError> {
        let opening: Opening<'_> = Box::pin(self.listen(|_| {}));
        opening.await
    }
}

type Opening<'a> = Pin<Box<dyn Future<Output = Result<LiveConnection, RedisError>> + Send + 'a>>;

fn timed_out() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

#[cfg(test)]
mod tests {
    use redis::IntoConnectionInfo;

    use super::*;

    #[test]
    fn every_connection_is_made_as_told() {
        for (nodelay, connections) in [(true, 3), (false, 1)] {
            let like = "redis://u:p@127.0.0.1:1/2".into_connection_info().unwrap();
            let dialer = Dialer { connections, nodelay, ..Dialer::new(like, Duration::from_secs(1)) };
            let node = dialer.node("127.0.0.2", 7).unwrap();
            let info = node.client.get_connection_info();
            assert_eq!((info.tcp_settings().nodelay(), node.connections.len()), (nodelay, connections));
            assert_eq!(info.addr().to_string(), "127.0.0.2:7");
            assert_eq!((info.redis_settings().username(), info.redis_settings().db()), (Some("u"), 2));
        }
    }
}
