//! What the driver's errors mean.
//!
//! Of an error response only the code is passed on, because the rest may quote arguments (S18). An error of
//! the operating system is passed on entirely.

use std::error::Error as StdError;
use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::{ALL_KEYS, Error};

/// The class of an error: what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorClass {
    /// The slot is on another node. Nothing was done.
    Moved,
    /// The slot is moving, and this key has moved. Nothing was done.
    Ask,
    /// The server cannot do this now. Nothing was done.
    Later,
    /// The node is no longer a master. Nothing was done.
    ReadOnly,
    /// The node does not know the script. Nothing was done.
    NoScript,
    /// No answer came, or none that can be read.
    Lost,
    /// The server refuses. Nothing was done.
    Final,
}

/// Classifies an error of a request that was handed to a connection.
pub(crate) fn class(error: &RedisError) -> ErrorClass {
    match error.kind() {
        ErrorKind::Server(kind) => match kind {
            ServerErrorKind::Moved => ErrorClass::Moved,
            ServerErrorKind::Ask => ErrorClass::Ask,
            ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown => ErrorClass::Later,
            ServerErrorKind::ReadOnly => ErrorClass::ReadOnly,
            ServerErrorKind::NoScript => ErrorClass::NoScript,
            _ if code(error) == TOO_MANY_CLIENTS => ErrorClass::Later,
            _ => ErrorClass::Final,
        },
        ErrorKind::Extension if error.code() == Some("BUSY") => ErrorClass::Later,
        ErrorKind::Extension | ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig => {
            ErrorClass::Final
        }
        _ => ErrorClass::Lost,
    }
}

/// A code of this crate, for what the server reports only in words.
pub(super) const TOO_MANY_CLIENTS: &str = "MAXCLIENTS";

/// The code of an error response.
pub(super) fn code(error: &RedisError) -> &str {
    match error.code().unwrap_or("ERR") {
        "ERR" => match error.detail() {
            Some(text) if text.starts_with("max number of clients") => TOO_MANY_CLIENTS,
            // From a command in a script. Redis from 7.2 on and Valkey use different words.
            Some(text)
                if text.starts_with("The user executing the script can't")
                    || text.starts_with("ACL failure in script") =>
            {
                "NOPERM"
            }
            _ => "ERR",
        },
        code => code,
    }
}

/// Describes `error` in words of this crate, with its cause.
pub(crate) fn describe(error: &RedisError) -> Error {
    if let Some(missing) = missing(error) {
        return Error::Denied(missing);
    }
    let server = |why| Error::Server(code(error).to_owned(), why);
    match error.kind() {
        ErrorKind::AuthenticationFailed => {
            Error::Server("AUTH".into(), "the server does not accept this user and password")
        }
        ErrorKind::InvalidClientConfig => Error::Server("CONFIG".into(), "the URL or an option is wrong"),
        ErrorKind::RESP3NotSupported => Error::Server("CONFIG".into(), "the server is older than Redis 6"),
        ErrorKind::Server(_) | ErrorKind::Extension => server(match code(error) {
            "ASK" | "MOVED" | "TRYAGAIN" => "the slot is being moved between nodes",
            "BUSY" => "the server is busy with a script",
            "CLUSTERDOWN" => "the cluster does not serve this slot",
            "CROSSSLOT" => "keys are in different slots",
            TOO_MANY_CLIENTS => "the server takes no more connections",
            "DENIED" => "the server is in protected mode and takes local connections only",
            "LOADING" => "the server is loading its data",
            "MASTERDOWN" => "the replica has lost its master",
            "MISCONF" => "the server cannot save and takes no writes",
            "NOAUTH" => "the server asks for a password",
            "NOPERM" => "the user may not do this; see the permissions that the README lists",
            "NOREPLICAS" => "the server has too few good replicas and takes no writes",
            "OLDLAYOUT" => {
                "an index has entries of an older version, which this one cannot choose by: delete the keys of this \
                 namespace, and its users log in again"
            }
            "OOM" => "the server is at maxmemory and takes no writes",
            "READONLY" => "the server is a replica and takes no writes",
            "WRONGPASS" => "the server does not accept this user and password",
            "WRONGTYPE" => {
                "a key of this namespace holds something that this store does not write: see what else writes keys \
                 that begin with hp:, and delete it"
            }
            _ => "the server refuses",
        }),
        // The cause contains an address at most.
        ErrorKind::Io => Error::Network(cause(error)),
        _ => Error::Plain("the driver failed"),
    }
}

/// Whether the server answered that the user lacks a permission.
pub(crate) fn is_denied(error: &RedisError) -> bool {
    code(error) == "NOPERM"
}

/// Whether TLS failed: the certificate is not trusted, or the server does not use TLS.
pub(super) fn is_distrust(error: &RedisError) -> bool {
    io_error(error).is_some_and(|io| io.kind() == std::io::ErrorKind::InvalidData)
}

/// The commands that the store sends itself, outside of its scripts.
const DIRECT: [&str; 15] = [
    "asking",
    "client",
    "client|tracking",
    "cluster",
    "cluster|slots",
    "eval",
    "evalsha",
    "get",
    "info",
    "mget",
    "ping",
    "role",
    "sentinel",
    "set",
    "wait",
];

/// The permission that the user lacks, if the server names it.
fn missing(error: &RedisError) -> Option<String> {
    let text = error.detail().filter(|_| is_denied(error))?;
    let is_named = |command: &&str| text.contains(&format!("'{command}'"));
    let keys = (text.contains(" access ") && text.contains("key")).then(|| ALL_KEYS.to_owned());
    DIRECT.into_iter().find(is_named).map(|command| format!("+{command}")).or(keys)
}

/// The error of the operating system or of TLS. The driver shares it between clones of an error.
fn cause(error: &RedisError) -> Option<Arc<dyn StdError + Send + Sync>> {
    error.source()?.downcast_ref::<Arc<dyn StdError + Send + Sync>>().cloned()
}

fn io_error(error: &RedisError) -> Option<&std::io::Error> {
    error.source()?.downcast_ref::<Arc<dyn StdError + Send + Sync>>()?.downcast_ref()
}
