//! What a server is, and where it comes from.

use std::fmt;

/// The kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
    /// Any other server, launched by a [`Program`](crate::Program).
    Other(&'static str),
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::Other(name) => name,
        })
    }
}

/// Where a server comes from, in the order in which the places are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A server that runs already; its URL is in the environment. This crate does not stop, start or freeze it.
    Environment,
    /// A program on this machine, with its own folder and port.
    Local,
    /// A container of its own.
    Container,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "the environment",
            Self::Local => "local programs",
            Self::Container => "a container",
        })
    }
}
