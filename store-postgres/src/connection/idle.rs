//! The connections that no call uses, and what the store knows about the server.

use std::time::Duration;

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tokio::time::Instant;

use super::REST;

/// The age at which a connection is closed.
const AGE: Duration = Duration::from_secs(30 * 60);

/// The idle connections and the counts that [`Connections`](super::Connections) keeps under one lock.
pub(super) struct IdleConnections {
    pub(super) connections: Vec<IdleConnection>,
    /// How many connections are in use.
    pub(super) leased: usize,
    /// How many connections that wrote are in doubt.
    pub(super) doubtful_writes: usize,
    /// While the server gives no connection: when the next task may start to wait for one.
    pub(super) next_try: Option<Instant>,
    /// Whether the outage was logged.
    pub(super) is_down: bool,
    /// Connections last used before this instant are tested first, because another one has broken since.
    pub(super) trusted_since: Instant,
}

/// A connection that was used before, or is about to be.
pub(super) struct IdleConnection {
    pub(super) connection: PoolConnection<Postgres>,
    /// The process of the server, if known.
    pub(super) process: Option<Process>,
    opened: Instant,
    used: Instant,
}

/// A process of the server: its number, and when it started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    pub(super) number: i32,
    pub(super) since: crate::instant::Instant,
}

/// A connection for a call.
pub(super) enum Available {
    /// It was used before; `true` if it needs no test.
    Idle(IdleConnection, bool),
    New(PoolConnection<Postgres>),
}

impl IdleConnections {
    pub(super) fn new() -> Self {
        Self {
            connections: Vec::new(),
            leased: 0,
            doubtful_writes: 0,
            next_try: None,
            is_down: false,
            trusted_since: Instant::now(),
        }
    }

    /// Takes the connection that was used last: the others may rest until they are too old.
    pub(super) fn take(&mut self) -> Option<Available> {
        let kept = self.connections.pop()?;
        let is_trusted = kept.used >= self.trusted_since && kept.used.elapsed() < REST;
        Some(Available::Idle(kept, is_trusted))
    }

    /// Whether the store has no connection at all, apart from those in doubt.
    pub(super) fn has_none(&self) -> bool {
        self.leased == 0 && self.connections.is_empty()
    }
}

impl IdleConnection {
    pub(super) fn new(connection: PoolConnection<Postgres>) -> Self {
        let now = Instant::now();
        Self { connection, process: None, opened: now, used: now }
    }

    /// Notes that it was used until now.
    pub(super) fn touch(&mut self) {
        self.used = Instant::now();
    }

    pub(super) fn is_old(&self) -> bool {
        self.opened.elapsed() >= AGE
    }

    /// Closes the socket without a message to the server, because sending one could block indefinitely.
    pub(super) fn close(self) {
        drop(self.connection.detach());
    }
}
