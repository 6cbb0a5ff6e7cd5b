//! Errors of starting and controlling a server.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::backend::{Backend, Origin};

/// The error of a server that is unavailable, does not start, or does not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// An environment variable is invalid, or names a server that does not respond.
    Environment {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system returned an error.
    Io {
        /// What was attempted.
        action: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The programs are installed but the server does not start; this is no reason to skip a test.
    Start {
        /// The server.
        backend: Backend,
        /// The end of its log.
        log: String,
    },
    /// A server did not finish in time.
    Timeout {
        /// What was awaited.
        action: &'static str,
        /// The time allowed.
        limit: Duration,
    },
    /// This machine has no such server.
    Unavailable {
        /// The server.
        backend: Backend,
        /// Each place that was searched, and why it has none.
        tried: Vec<String>,
    },
    /// A server of this origin does not support the action.
    Unsupported {
        /// The unsupported action.
        action: &'static str,
        /// The origin of the server.
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
