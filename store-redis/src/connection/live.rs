//! One connection: how it is opened, kept, and given up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, PushInfo, PushKind, RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::describe;
use hallpass_core::error_chain;

/// How long after a failed attempt other calls get its error, instead of waiting for attempts of their own.
const PAUSE: Duration = Duration::from_millis(100);
/// How many requests may wait for the connection's task.
const QUEUE: usize = 1024;

/// A place for one connection, which is open or being opened. `T` is the connection with what belongs to it.
#[derive(Debug)]
pub(super) struct Connection<T = LiveConnection> {
    live: RwLock<Option<T>>,
    /// The last failure to open it. Locked while a call opens it, so that other calls wait for that one attempt.
    opening: Mutex<Option<(Instant, RedisError)>>,
}

impl<T: AsRef<LiveConnection> + Clone> Connection<T> {
    /// Returns the open connection, or else the one that `dial` opens to the server of this name.
    pub(super) async fn get(
        &self,
        name: &str,
        dial: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        if let Some(live) = self.current() {
            return Ok(live);
        }
        let mut failed = self.opening.lock().await;
        // Another call may have opened it, or failed to, while this one waited.
        if let Some(live) = self.current() {
            return Ok(live);
        }
        if let Some((at, error)) = &*failed
            && at.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        match dial.await {
            Ok(live) => {
                tracing::debug!(node = %name, again = failed.is_some(), "connected");
                *failed = None;
                // Before `opening` is unlocked, where the other calls wait and then look for it.
                *self.live.write().unwrap_or_else(PoisonError::into_inner) = Some(live.clone());
                Ok(live)
            }
            Err(error) => {
                tracing::warn!(node = %name, error = error_chain(&describe(&error)), "cannot connect");
                *failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    pub(super) fn current(&self) -> Option<T> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.as_ref().filter(|live| live.as_ref().is_open()).cloned()
    }

    pub(super) fn close(&self) {
        if let Some(live) = self.current() {
            live.as_ref().close();
        }
    }
}

impl<T> Default for Connection<T> {
    fn default() -> Self {
        Self { live: RwLock::new(None), opening: Mutex::default() }
    }
}

/// A connection that was open a moment ago. All its clones are one connection, on which the driver sends the
/// requests of all callers, and matches the answers to them by their order.
#[derive(Clone, Debug)]
pub(crate) struct LiveConnection {
    connection: MultiplexedConnection,
    open: Arc<AtomicBool>,
}

impl LiveConnection {
    /// Opens a connection. `heard` gets what the server sends without being asked. The driver calls it as it reads,
    /// so before it passes on the answers that follow.
    pub(super) async fn open(
        client: &Client,
        limit: Duration,
        heard: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<Self, RedisError> {
        let open = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&open);
        // The driver reports when the server closes the connection, so that nothing more is sent on it.
        let pushed = move |push: PushInfo| -> Result<(), SendError> {
            match push.kind {
                PushKind::Disconnection => seen.store(false, Ordering::Release),
                _ => heard(push),
            }
            Ok(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(limit))
            // The router limits the time of each call.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE)
            .set_push_sender(pushed);
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { connection, open })
    }

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

impl AsRef<Self> for LiveConnection {
    fn as_ref(&self) -> &Self {
        self
    }
}
