//! One server: its address and its connections.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, PushKind, RedisError};
use redis::{Pipeline, ProtocolVersion, PushInfo, Value};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::durability::Rounds;
use crate::error::{Causes, describe};
use crate::gather::Gather;
use crate::layout::Family;

/// How long after a failed attempt other calls get its error, instead of waiting for attempts of their own.
const PAUSE: Duration = Duration::from_millis(100);
/// How many requests may wait for the connection's task.
const QUEUE: usize = 1024;

/// How connections are made.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    /// User, password, TLS and the number of the database; each node has a different address.
    pub(crate) like: ConnectionInfo,
    /// How many connections to a node.
    pub(crate) lanes: usize,
    /// How long opening one may take.
    pub(crate) patience: Duration,
    pub(crate) nodelay: bool,
    /// In a cluster: the one to which a server must belong.
    pub(crate) family: Option<Arc<Family>>,
}

impl Dialer {
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
            .set_keepalive(redis::io::tcp::socket2::TcpKeepalive::new().with_time(Duration::from_secs(15)));
        // Without the driver's name, because setting it would require a permission that allows much more.
        let settings = self.like.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let settings = settings.set_skip_set_lib_name();
        let info = self.like.clone().set_addr(address).set_tcp_settings(tcp).set_redis_settings(settings);
        Ok(Arc::new(Node {
            name: info.addr().to_string(),
            client: Client::open(info)?,
            patience: self.patience,
            family: self.family.clone(),
            lanes: (0..self.lanes.max(1)).map(|_| Lane::default()).collect(),
            turn: AtomicUsize::new(0),
            rounds: Rounds::default(),
        }))
    }
}

/// A server.
#[derive(Debug)]
pub(crate) struct Node {
    /// `host:port`.
    pub(crate) name: String,
    client: Client,
    pub(crate) patience: Duration,
    family: Option<Arc<Family>>,
    lanes: Box<[Lane]>,
    turn: AtomicUsize,
    /// The connection that waits for replicas.
    pub(crate) rounds: Rounds,
}

impl Node {
    /// Provides a connection, and opens it if necessary.
    ///
    /// # Errors
    /// Why it cannot be opened; then nothing was sent.
    pub(crate) async fn connection(&self) -> Result<Live, RedisError> {
        self.next_lane().get(self).await
    }

    /// Returns a connection, if one is open.
    pub(crate) fn open_connection(&self) -> Option<Live> {
        self.next_lane().current()
    }

    fn next_lane(&self) -> &Lane {
        let lane = match self.lanes.len() {
            1 => 0,
            lanes => self.turn.fetch_add(1, Ordering::Relaxed) % lanes,
        };
        &self.lanes[lane]
    }

    /// Sends a command, and waits for the answer for as long as `patience` allows.
    pub(crate) async fn ask(&self, command: &Cmd) -> Result<Value, RedisError> {
        let asked = async { self.connection().await?.send(command).await };
        match timeout(self.patience, asked).await {
            Ok(answer) => answer,
            Err(_) => {
                self.close();
                Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into())
            }
        }
    }

    /// Keeps later requests from using the current connections.
    pub(crate) fn close(&self) {
        for lane in &self.lanes {
            if let Some(live) = lane.current() {
                live.close();
            }
        }
        self.rounds.close();
    }

    async fn dial(&self) -> Result<Live, RedisError> {
        let open = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&open);
        // The driver reports when the server closes the connection, so that nothing more is sent on it.
        let closed = move |push: PushInfo| -> Result<(), redis::aio::SendError> {
            if push.kind == PushKind::Disconnection {
                seen.store(false, Ordering::Release);
            }
            Ok(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE)
            .set_push_sender(closed);
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut live = Live { connection, open, gather: Arc::default() };
        if let Some(family) = &self.family {
            match timeout(self.patience, family.admit(&mut live)).await {
                Ok(admitted) => admitted?,
                Err(_) => return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
            }
        }
        Ok(live)
    }
}

/// A place for one connection, which is open or being opened.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    live: RwLock<Option<Live>>,
    /// The last failure to open it.
    opening: Mutex<Option<(Instant, RedisError)>>,
}

impl Lane {
    pub(crate) async fn get(&self, node: &Node) -> Result<Live, RedisError> {
        if let Some(live) = self.current() {
            return Ok(live);
        }
        let mut failed = self.opening.lock().await;
        if let Some(live) = self.current() {
            return Ok(live);
        }
        if let Some((at, error)) = &*failed
            && at.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        match node.dial().await {
            Ok(live) => {
                tracing::debug!(node = %node.name, again = failed.is_some(), "connected");
                *failed = None;
                *self.live.write().unwrap_or_else(PoisonError::into_inner) = Some(live.clone());
                Ok(live)
            }
            Err(error) => {
                tracing::warn!(node = %node.name, error = %Causes(&describe(&error)), "cannot connect");
                *failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    pub(crate) fn current(&self) -> Option<Live> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.as_ref().filter(|live| live.is_open()).cloned()
    }
}

/// A connection that was open a moment ago.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    connection: MultiplexedConnection,
    open: Arc<AtomicBool>,
    /// Reads that share trips.
    pub(crate) gather: Arc<Gather>,
}

impl Live {
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Keeps later requests from using it. Requests under way have their own time limit.
    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::Release);
    }

    pub(crate) async fn send(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        self.connection.send_packed_command(command).await?.extract_error()
    }

    /// Sends all commands together, and returns the answers, each of which may be an error.
    pub(crate) async fn send_all(&mut self, all: &Pipeline, count: usize) -> Result<Vec<Value>, RedisError> {
        self.connection.send_packed_commands(all, 0, count).await
    }

    /// Sends both commands together, and returns the answer to the second.
    pub(crate) async fn send_after(&mut self, first: &Cmd, second: &Cmd) -> Result<Value, RedisError> {
        let mut both = Pipeline::with_capacity(2);
        both.add_command(first.clone()).add_command(second.clone());
        let answers = self.send_all(&both, 2).await?;
        let answer = answers.into_iter().next_back().unwrap_or(Value::Nil);
        answer.extract_error()
    }
}

#[cfg(test)]
mod tests {
    use redis::IntoConnectionInfo;

    use super::*;

    #[test]
    fn every_connection_is_made_as_told() {
        for (nodelay, lanes) in [(true, 3), (false, 1)] {
            let like = "redis://u:p@127.0.0.1:1/2".into_connection_info().unwrap();
            let dialer = Dialer { like, lanes, patience: Duration::from_secs(1), nodelay, family: None };
            let node = dialer.node("127.0.0.2", 7).unwrap();
            let info = node.client.get_connection_info();
            assert_eq!((info.tcp_settings().nodelay(), node.lanes.len()), (nodelay, lanes));
            assert_eq!(info.addr().to_string(), "127.0.0.2:7");
            assert_eq!((info.redis_settings().username(), info.redis_settings().db()), (Some("u"), 2));
        }
    }
}
