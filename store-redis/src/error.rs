//! Converts the driver's errors.
//!
//! Of an error response only the code is passed on, because the rest may quote arguments (S18). An error of
//! the operating system is passed on entirely.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use hallpass_core::{BoxError, DecodeError, Selector, StoreError};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The source of a [`StoreError`] of this crate: one sentence, and its cause.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// A connection failed, with the error of the operating system.
    Network(Option<Arc<dyn Error + Send + Sync>>),
    /// A fixed sentence.
    Plain(&'static str),
    /// A fixed sentence, and the error before it.
    Because(&'static str, Box<Trouble>),
    /// The server's error code, and what it means.
    Server(String, &'static str),
    /// The permission that the user lacks.
    Denied(String),
    /// The write is done, but not on as many replicas as requested.
    TooFewReplicas { wanted: u32, confirmed: u32 },
    /// The time is up. The cause is the last error before that.
    Late(Option<Box<Trouble>>),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(_) => f.write_str("the connection failed"),
            Self::Plain(why) | Self::Because(why, _) => f.write_str(why),
            Self::Denied(what) => {
                write!(f, "the user lacks {what}: see the permissions that the README lists (NOPERM)")
            }
            Self::Server(code, why) => write!(f, "{why} ({code})"),
            Self::TooFewReplicas { wanted, confirmed } => {
                write!(f, "written, but confirmed by {confirmed} of {wanted} replicas")
            }
            Self::Late(_) => f.write_str("Redis does not answer in time"),
        }
    }
}

impl Error for Trouble {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Network(cause) => cause.as_deref().map(|cause| cause as &(dyn Error + 'static)),
            Self::Because(_, cause) => Some(&**cause),
            Self::Late(cause) => cause.as_deref().map(|cause| cause as &(dyn Error + 'static)),
            _ => None,
        }
    }
}

/// An error with its causes, on one line, for a log.
pub(crate) struct Causes<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(next) = cause {
            write!(f, ": {next}")?;
            cause = next.source();
        }
        Ok(())
    }
}

/// The class of an error: what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
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
pub(crate) fn class(error: &RedisError) -> Class {
    match error.kind() {
        ErrorKind::Server(kind) => match kind {
            ServerErrorKind::Moved => Class::Moved,
            ServerErrorKind::Ask => Class::Ask,
            ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown => Class::Later,
            ServerErrorKind::ReadOnly => Class::ReadOnly,
            ServerErrorKind::NoScript => Class::NoScript,
            _ if code(error) == CROWDED => Class::Later,
            _ => Class::Final,
        },
        ErrorKind::Extension if error.code() == Some("BUSY") => Class::Later,
        ErrorKind::Extension | ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig => {
            Class::Final
        }
        _ => Class::Lost,
    }
}

/// A code of this crate, for what the server reports only in words.
const CROWDED: &str = "MAXCLIENTS";

/// The code of an error response.
fn code(error: &RedisError) -> &str {
    match error.code().unwrap_or("ERR") {
        "ERR" => match error.detail() {
            Some(text) if text.starts_with("max number of clients") => CROWDED,
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

/// Returns the error for the application, if trying again or elsewhere does not help. `misplaced` describes a
/// server that does not know or does not allow the command.
pub(crate) fn settled(error: &RedisError, misplaced: &'static str) -> Option<StoreError> {
    match class(error) {
        _ if is_distrust(error) => Some(not_done(error)),
        Class::Final if code(error) == "ERR" => Some(refused(misplaced)),
        Class::Final => Some(not_done(error)),
        _ => None,
    }
}

/// The error for a request that was certainly not done.
pub(crate) fn not_done(error: &RedisError) -> StoreError {
    let trouble = describe(error);
    match (&trouble, error.kind()) {
        (Trouble::Denied(_), _) => StoreError::Refused(trouble.into()),
        (Trouble::Server(code, _), _) => match code.as_str() {
            "LOADING" | "CLUSTERDOWN" | "MASTERDOWN" | "TRYAGAIN" | "BUSY" | "READONLY" | "OOM"
            | "MISCONF" | "NOREPLICAS" | "MOVED" | "ASK" | "UNBLOCKED" | CROWDED => {
                StoreError::Unavailable(trouble.into())
            }
            "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" | "CROSSSLOT" | "AUTH" | "CONFIG" | "OLDLAYOUT" => {
                StoreError::Refused(trouble.into())
            }
            "WRONGTYPE" => StoreError::Corrupt { selector: None, source: trouble.into() },
            _ => StoreError::Other(trouble.into()),
        },
        _ if is_distrust(error) => StoreError::Refused(trouble.into()),
        _ => StoreError::Unavailable(trouble.into()),
    }
}

/// Whether TLS failed: the certificate is not trusted, or the server does not use TLS.
fn is_distrust(error: &RedisError) -> bool {
    io_error(error).is_some_and(|io| io.kind() == std::io::ErrorKind::InvalidData)
}

/// The error for a request that got no answer.
pub(crate) fn unanswered(error: &RedisError, writes: bool) -> StoreError {
    let source = describe(error).into();
    if writes {
        StoreError::Timeout { source, outcome_unknown: true }
    } else {
        StoreError::Unavailable(source)
    }
}

/// The error for a request that changes nothing.
pub(crate) fn no_answer(error: &RedisError) -> StoreError {
    match class(error) {
        Class::Lost if !is_distrust(error) => unanswered(error, false),
        _ => not_done(error),
    }
}

/// The error for a call whose time is up; `last` is the last error before that.
pub(crate) fn late(outcome_unknown: bool, last: Option<&RedisError>) -> StoreError {
    let last = last.map(|error| Box::new(describe(error)));
    StoreError::Timeout { source: Trouble::Late(last).into(), outcome_unknown }
}

/// The error for a stored value that is not a valid record.
pub(crate) fn corrupt(selector: Option<Selector>, source: DecodeError) -> StoreError {
    StoreError::Corrupt { selector, source: source.into() }
}

/// The reason why an entry of a list is not a valid record.
pub(crate) fn no_record(why: &'static str) -> BoxError {
    Trouble::Plain(why).into()
}

/// The error for a response that the command cannot have.
pub(crate) fn odd_answer(writes: bool) -> StoreError {
    let source = Trouble::Plain("unexpected response from the server").into();
    match writes {
        true => StoreError::Timeout { source, outcome_unknown: true },
        false => StoreError::Other(source),
    }
}

pub(crate) fn refused(why: &'static str) -> StoreError {
    StoreError::Refused(Trouble::Plain(why).into())
}

pub(crate) fn unavailable(why: &'static str) -> StoreError {
    StoreError::Unavailable(Trouble::Plain(why).into())
}

/// [`unavailable`] with the last error, if there was one.
pub(crate) fn unavailable_because(why: &'static str, last: Option<&RedisError>) -> StoreError {
    match last {
        Some(error) => StoreError::Unavailable(Trouble::Because(why, Box::new(describe(error))).into()),
        None => unavailable(why),
    }
}

/// Describes `error` in words of this crate, with its cause.
pub(crate) fn describe(error: &RedisError) -> Trouble {
    if let Some(missing) = missing(error) {
        return Trouble::Denied(missing);
    }
    let server = |why| Trouble::Server(code(error).to_owned(), why);
    match error.kind() {
        ErrorKind::AuthenticationFailed => {
            Trouble::Server("AUTH".into(), "the server does not accept this user and password")
        }
        ErrorKind::InvalidClientConfig => Trouble::Server("CONFIG".into(), "the URL or an option is wrong"),
        ErrorKind::RESP3NotSupported => Trouble::Server("CONFIG".into(), "the server is older than Redis 6"),
        ErrorKind::Server(_) | ErrorKind::Extension => server(match code(error) {
            "ASK" | "MOVED" | "TRYAGAIN" => "the slot is being moved between nodes",
            "BUSY" => "the server is busy with a script",
            "CLUSTERDOWN" => "the cluster does not serve this slot",
            "CROSSSLOT" => "keys are in different slots",
            CROWDED => "the server takes no more connections",
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
        ErrorKind::Io => Trouble::Network(cause(error)),
        _ => Trouble::Plain("the driver failed"),
    }
}

/// The commands that the store sends itself, outside of its scripts.
const DIRECT: [&str; 13] = [
    "asking",
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

/// The pattern of every key that a store has.
pub(crate) const ALL_KEYS: &str = "~hp:*";

/// The error for a user that lacks permissions.
pub(crate) fn denied(what: String) -> StoreError {
    StoreError::Refused(Trouble::Denied(what).into())
}

/// Whether the server answered that the user lacks a permission.
pub(crate) fn is_denied(error: &RedisError) -> bool {
    code(error) == "NOPERM"
}

/// The error of the operating system or of TLS. The driver shares it between clones of an error.
fn cause(error: &RedisError) -> Option<Arc<dyn Error + Send + Sync>> {
    error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>().cloned()
}

fn io_error(error: &RedisError) -> Option<&std::io::Error> {
    error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> RedisError {
        let mut value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        if let redis::Value::Array(values) = &mut value {
            value = values.remove(0);
        }
        value.extract_error().unwrap_err()
    }

    #[test]
    fn the_server_is_not_quoted() {
        for line in ["ERR Error running script: secret", "OOM secret", "WRONGTYPE secret", "BUSY secret"] {
            let error = not_done(&said(line));
            let text = format!("{error:?} {error} {}", error.source().unwrap());
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn what_passes_is_told_from_what_must_be_set_up() {
        for line in [
            "LOADING x",
            "OOM x",
            "READONLY x",
            "MISCONF x",
            "NOREPLICAS x",
            "CLUSTERDOWN x",
            "BUSY x",
            "ERR max number of clients reached",
        ] {
            assert!(matches!(not_done(&said(line)), StoreError::Unavailable(_)), "{line}");
        }
        for line in [
            "NOAUTH x",
            "WRONGPASS x",
            "NOPERM x",
            "DENIED x",
            "CROSSSLOT x",
            "ERR The user executing the script can't run this command or subcommand script: x",
            "ERR ACL failure in script: User x has no permissions to run the 'get' command script: x",
        ] {
            assert_eq!(class(&said(line)), Class::Final, "{line}");
            assert!(matches!(not_done(&said(line)), StoreError::Refused(_)), "{line}");
        }
    }

    #[test]
    fn a_missing_permission_is_named_where_the_server_says_which() {
        for (line, name) in [
            ("NOPERM this user has no permissions to run the 'evalsha' command", "+evalsha"),
            ("NOPERM User secret has no permissions to run the 'cluster|slots' command", "+cluster|slots"),
            ("NOPERM this user has no permissions to access one of the keys used as arguments", "~hp:*"),
            ("NOPERM No permissions to access a key", "~hp:*"),
            ("NOPERM x", "permissions that the README lists"),
        ] {
            let error = not_done(&said(line));
            let text = error.source().unwrap().to_string();
            assert!(matches!(error, StoreError::Refused(_)) && text.contains(name), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_write_without_an_answer_is_of_unknown_outcome() {
        let error = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert_eq!(class(&error), Class::Lost);
        assert!(matches!(unanswered(&error, true), StoreError::Timeout { outcome_unknown: true, .. }));
        assert!(matches!(unanswered(&error, false), StoreError::Unavailable(_)));
    }

    #[test]
    fn a_refused_connection_says_so() {
        let error = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        assert_eq!(Causes(&describe(&error)).to_string(), "the connection failed: connection refused");
    }
}
