//! Rejections apart from failures.
//!
//! A *rejection* is a verdict about a token; a *failure* says that no verdict could be reached. Both are the
//! error of one `Result`, so a caller that only looks at `is_ok()` lets no one in.

use std::error::Error;
use std::fmt;

use crate::ident::Kind;
use crate::keyring::{KeyId, UnknownKey};
use crate::limit::{BoxError, DecodeError, LimitError};
use crate::record::Reason;
use crate::selector::Selector;

/// Why a call that judges a token gave nothing: the token was rejected, or no verdict could be reached.
///
/// A web application answers [`Denied::Rejected`] with 401. It answers [`Denied::Failed`] with 503 where the
/// failure is an [outage](Failure::is_outage), with 500 where it is a mistake of the program. An outage never
/// means "not logged in".
#[derive(Debug)]
pub enum Denied {
    /// A verdict: the token is not good.
    Rejected(Rejected),
    /// No verdict.
    Failed(Failure),
}

impl Denied {
    /// The rejection, if it is one.
    #[must_use]
    pub const fn rejection(&self) -> Option<Rejected> {
        match self {
            Self::Rejected(rejected) => Some(*rejected),
            Self::Failed(_) => None,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl Error for Denied {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Rejected(_) => None,
            Self::Failed(failure) => failure.source(),
        }
    }
}

impl From<Rejected> for Denied {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<StoreError> for Denied {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<LimitError> for Denied {
    fn from(error: LimitError) -> Self {
        Self::Failed(error.into())
    }
}

/// Why a token was not accepted.
///
/// Its text is always "token rejected": tell a client that, and keep the variant for yourself.
/// [`Rejected::Invalid`] covers an unknown selector, a wrong validator and another kind alike; every
/// other variant but [`Rejected::Malformed`] and [`Rejected::Fenced`] is reached only with a genuine
/// validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejected {
    /// The absolute or the idle expiry has passed.
    Expired,
    /// Everything of the subject, or the login's parent, was logged out while this login was under
    /// way: begin it again.
    Fenced,
    /// No such token of this kind.
    Invalid,
    /// The predecessor of a successor that nobody ever presented came after the retry window. The
    /// login is over; no alarm.
    Lapsed,
    /// Not the text of a token.
    Malformed,
    /// A token came back that had been replaced: two parties hold this login. It is revoked.
    Reused,
    /// The login was ended, for this reason.
    Revoked(Reason),
    /// A single-use token was presented again.
    Spent,
    /// The stamp that was given is not the one that the token is bound to, or the token is bound to none and one
    /// was given or demanded. The token is refused, and nothing is ended.
    StampMismatch,
}

impl From<Reason> for Rejected {
    /// What a token of a record is told that was ended for this reason (contract D3).
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Spent => Self::Spent,
            _ => Self::Revoked(reason),
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("token rejected")
    }
}

impl Error for Rejected {}

/// Why no verdict could be reached.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// Others kept changing the record until the time limit.
    Contended,
    /// A record does not decode.
    Corrupt {
        /// The record's selector.
        selector: Selector,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// An argument is beyond its limits.
    Limit(LimitError),
    /// The operating system gave no randomness.
    Randomness(BoxError),
    /// The token is bound to a stamp and the call supplied none.
    StampRequired,
    /// The store could not do what it was asked.
    Store(StoreError),
    /// The record's digest was made with a key that this node does not have (yet).
    UnknownKey(KeyId),
    /// No policy is configured for this kind.
    UnknownKind(Kind),
    /// The kind and the call do not go together: a single-use kind cannot be verified, another cannot
    /// be consumed, only a device of a subject restores or renews, and an API key has a login of its own.
    WrongCall(Kind),
}

impl Failure {
    /// Whether it may go away by itself or by an operator's hand: answer 503 and let the client try again.
    /// Otherwise it is a mistake of the program: a wrong call, an unknown kind, a value beyond its limits, a
    /// stamp that was not supplied.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::Contended
            | Self::Corrupt { .. }
            | Self::Randomness(_)
            | Self::Store(_)
            | Self::UnknownKey(_) => true,
            Self::Limit(_) | Self::StampRequired | Self::UnknownKind(_) | Self::WrongCall(_) => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contended => f.write_str("the record kept changing until the time limit"),
            Self::Corrupt { selector, .. } => write!(f, "record {selector} is corrupt"),
            Self::Limit(_) => f.write_str("an argument is beyond its limits"),
            Self::Randomness(_) => f.write_str("no randomness from the operating system"),
            Self::StampRequired => f.write_str("the token is bound to a stamp and none was supplied"),
            Self::Store(_) => f.write_str("the token store failed"),
            Self::UnknownKey(id) => write!(f, "key {id} is not in the keyring"),
            Self::UnknownKind(kind) => write!(f, "no policy for tokens of kind {kind}"),
            Self::WrongCall(kind) => write!(f, "this call does not go with tokens of kind {kind}"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Corrupt { source, .. } => Some(source),
            Self::Limit(source) => Some(source),
            Self::Randomness(source) => Some(source.as_ref()),
            Self::Store(source) => Some(source),
            _ => None,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<LimitError> for Failure {
    fn from(error: LimitError) -> Self {
        Self::Limit(error)
    }
}

impl From<UnknownKey> for Failure {
    fn from(UnknownKey(id): UnknownKey) -> Self {
        Self::UnknownKey(id)
    }
}

/// What a [`TokenStore`](crate::TokenStore) answers when it cannot do what it was asked (contract S12).
///
/// Neither it nor its sources may contain data or digests (S18). A write that may have happened is
/// [`StoreError::Timeout`] with unknown outcome, however fast it failed: a connection that broke after the
/// statement was sent, a commit that ended in an error. Then core reads what became of it; after any other
/// error it does not look.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// Stored bytes do not make a record.
    Corrupt {
        /// The record's selector, where it is known.
        selector: Option<Selector>,
        /// What is wrong.
        source: BoxError,
    },
    /// Something else went wrong; core takes it that nothing was written.
    Other(BoxError),
    /// The store will not do this as it is configured: a wrong set-up, a read-only backend, a limit.
    Refused(BoxError),
    /// No answer in time, or none that can be relied on.
    Timeout {
        /// What was waited for.
        source: BoxError,
        /// Whether the write may have happened all the same; `false` for a read.
        outcome_unknown: bool,
    },
    /// The backend cannot be reached; nothing was written.
    Unavailable(BoxError),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { selector: Some(selector), .. } => {
                write!(f, "stored record {selector} is corrupt")
            }
            Self::Corrupt { selector: None, .. } => f.write_str("stored data are corrupt"),
            Self::Other(_) => f.write_str("the store failed"),
            Self::Refused(_) => f.write_str("the store refused"),
            Self::Timeout { outcome_unknown: true, .. } => f.write_str("timed out, outcome unknown"),
            Self::Timeout { outcome_unknown: false, .. } => f.write_str("timed out, nothing written"),
            Self::Unavailable(_) => f.write_str("the store is unavailable"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Corrupt { source, .. } | Self::Timeout { source, .. } => Some(source.as_ref()),
            Self::Other(source) | Self::Refused(source) | Self::Unavailable(source) => Some(source.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rejection_reads_the_same() {
        for rejected in [Rejected::Expired, Rejected::Invalid, Rejected::Revoked(Reason::Reused)] {
            assert_eq!(rejected.to_string(), "token rejected");
        }
    }

    #[test]
    fn a_failure_shows_its_source_only_as_a_source() {
        let failure = Failure::from(StoreError::Unavailable("connection refused".into()));
        assert_eq!(failure.to_string(), "the token store failed");
        let store = failure.source().unwrap();
        assert_eq!(store.to_string(), "the store is unavailable");
        assert_eq!(store.source().unwrap().to_string(), "connection refused");
    }
}
