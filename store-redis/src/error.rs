//! The errors of this store, and which of them the application gets.

mod driver;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use hallpass_core::{BoxError, DecodeError, Selector, StoreError};
use redis::RedisError;

pub(crate) use self::driver::{ErrorClass, class, describe, is_denied};
use self::driver::{TOO_MANY_CLIENTS, code, is_distrust};

/// The source of a [`StoreError`] of this crate: one sentence, and its cause.
#[derive(Clone, Debug)]
pub(crate) enum Error {
    /// A connection failed, with the error of the operating system.
    Network(Option<Arc<dyn StdError + Send + Sync>>),
    /// A fixed sentence.
    Plain(&'static str),
    /// A fixed sentence, and the error before it.
    Because(&'static str, Box<Error>),
    /// The server's error code, and what it means.
    Server(String, &'static str),
    /// The permission that the user lacks.
    Denied(String),
    /// The write is done, but not on as many replicas as requested.
    TooFewReplicas { wanted: u32, received: u32 },
    /// The time is up. The cause is the last error before that.
    Late(Option<Box<Error>>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(_) => f.write_str("the connection failed"),
            Self::Plain(why) | Self::Because(why, _) => f.write_str(why),
            Self::Denied(what) => {
                write!(f, "the user lacks {what}: see the permissions that the README lists (NOPERM)")
            }
            Self::Server(code, why) => write!(f, "{why} ({code})"),
            Self::TooFewReplicas { wanted, received } => {
                write!(f, "written, but received by {received} of {wanted} replicas")
            }
            Self::Late(_) => f.write_str("Redis does not answer in time"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Network(cause) => cause.as_deref().map(|cause| cause as &(dyn StdError + 'static)),
            Self::Because(_, cause) => Some(&**cause),
            Self::Late(cause) => cause.as_deref().map(|cause| cause as &(dyn StdError + 'static)),
            _ => None,
        }
    }
}

/// Returns the error for the application, if trying again or elsewhere does not help. `misplaced` describes a
/// server that does not know or does not allow the command.
pub(crate) fn settled(error: &RedisError, misplaced: &'static str) -> Option<StoreError> {
    match class(error) {
        _ if is_distrust(error) => Some(not_done(error)),
        ErrorClass::Final if code(error) == "ERR" => Some(refused(misplaced)),
        ErrorClass::Final => Some(not_done(error)),
        _ => None,
    }
}

/// The error for a request that was certainly not done.
pub(crate) fn not_done(error: &RedisError) -> StoreError {
    let source = describe(error);
    match &source {
        Error::Denied(_) => StoreError::Refused(source.into()),
        Error::Server(code, _) => match code.as_str() {
            "LOADING" | "CLUSTERDOWN" | "MASTERDOWN" | "TRYAGAIN" | "BUSY" | "READONLY" | "OOM"
            | "MISCONF" | "NOREPLICAS" | "MOVED" | "ASK" | "UNBLOCKED" | TOO_MANY_CLIENTS => {
                StoreError::Unavailable(source.into())
            }
            "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" | "CROSSSLOT" | "AUTH" | "CONFIG" | "OLDLAYOUT" => {
                StoreError::Refused(source.into())
            }
            "WRONGTYPE" => StoreError::Corrupt { selector: None, source: source.into() },
            _ => StoreError::Other(source.into()),
        },
        _ if is_distrust(error) => StoreError::Refused(source.into()),
        _ => StoreError::Unavailable(source.into()),
    }
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
        ErrorClass::Lost if !is_distrust(error) => unanswered(error, false),
        _ => not_done(error),
    }
}

/// The error for a call whose time is up; `last` is the last error before that.
pub(crate) fn late(outcome_unknown: bool, last: Option<&RedisError>) -> StoreError {
    let last = last.map(|error| Box::new(describe(error)));
    StoreError::Timeout { source: Error::Late(last).into(), outcome_unknown }
}

/// The error for a stored value that is not a valid record.
pub(crate) fn corrupt(selector: Option<Selector>, source: DecodeError) -> StoreError {
    StoreError::Corrupt { selector, source: source.into() }
}

/// The reason why an entry of a list is not a valid record.
pub(crate) fn no_record(why: &'static str) -> BoxError {
    Error::Plain(why).into()
}

/// The error for a response that the command cannot have.
pub(crate) fn odd_answer(writes: bool) -> StoreError {
    let source = Error::Plain("unexpected response from the server").into();
    match writes {
        true => StoreError::Timeout { source, outcome_unknown: true },
        false => StoreError::Other(source),
    }
}

pub(crate) fn refused(why: &'static str) -> StoreError {
    StoreError::Refused(Error::Plain(why).into())
}

pub(crate) fn unavailable(why: &'static str) -> StoreError {
    StoreError::Unavailable(Error::Plain(why).into())
}

/// [`unavailable`] with the last error, if there was one.
pub(crate) fn unavailable_because(why: &'static str, last: Option<&RedisError>) -> StoreError {
    match last {
        Some(error) => StoreError::Unavailable(Error::Because(why, Box::new(describe(error))).into()),
        None => unavailable(why),
    }
}

/// The pattern of every key that a store has.
pub(crate) const ALL_KEYS: &str = "~hp:*";

/// The error for a user that lacks permissions.
pub(crate) fn denied(what: String) -> StoreError {
    StoreError::Refused(Error::Denied(what).into())
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
            assert_eq!(class(&said(line)), ErrorClass::Final, "{line}");
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
        assert_eq!(class(&error), ErrorClass::Lost);
        assert!(matches!(unanswered(&error, true), StoreError::Timeout { outcome_unknown: true, .. }));
        assert!(matches!(unanswered(&error, false), StoreError::Unavailable(_)));
    }

    #[test]
    fn a_refused_connection_says_so() {
        let error = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        assert_eq!(
            hallpass_core::error_chain(&describe(&error)),
            "the connection failed: connection refused"
        );
    }
}
