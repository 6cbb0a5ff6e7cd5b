//! Why a test has no server, or a server did not do what it was told.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::server::{Backend, Origin};

/// Why a test has no server, or a server did not do what it was told.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A variable of the environment does not make sense, or names a server that does not answer.
    Environment {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused.
    Io {
        /// What was tried.
        action: &'static str,
        /// What it answered.
        source: io::Error,
    },
    /// The programs are there and the server does not come up: this is no reason to skip a test.
    Start {
        /// The server.
        backend: Backend,
        /// The end of its log.
        log: String,
    },
    /// A server did not do it in time.
    Timeout {
        /// What was waited for.
        action: &'static str,
        /// For how long.
        limit: Duration,
    },
    /// This machine has no such server to offer.
    Unavailable {
        /// The server.
        backend: Backend,
        /// Each place that was looked at, and why there is none.
        tried: Vec<String>,
    },
    /// A server from there cannot do that.
    Unsupported {
        /// What it cannot do.
        action: &'static str,
        /// Where it came from.
        origin: Origin,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment { variable, reason } => write!(f, "{variable}: {reason}"),
            Self::Io { action, .. } => write!(f, "cannot {action}"),
            Self::Start { backend, log } => write!(f, "{backend} does not start; its log ends: {log}"),
            Self::Timeout { action, limit } => write!(f, "gave up after {limit:?} waiting to {action}"),
            Self::Unavailable { backend, tried } => write!(f, "no {backend}: {}", tried.join("; ")),
            Self::Unsupported { action, origin } => write!(f, "cannot {action} a server from {origin}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
