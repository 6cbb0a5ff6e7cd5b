//! Errors of the service: rejections, kept apart from failures.
//!
//! A *rejection* is a verdict about a token; a *failure* says that no verdict could be reached. Both are the error of
//! one `Result`, so code that only checks `is_ok()` lets no one in.

use std::error::Error;
use std::fmt;

use crate::ident::Kind;
use crate::keyring::{KeyId, UnknownKey};
use crate::limit::{BoxError, DecodeError, LimitError};
use crate::record::Reason;
use crate::selector::Selector;

/// Why a call that judges a token returned an error: the token was rejected, or no verdict could be reached.
///
/// A web application responds to [`Denied::Rejected`] with 401. It responds to [`Denied::Failed`] with 503 if the
/// failure is an [outage](Failure::is_outage), and with 500 if it is a mistake of the program. An outage never means
/// "not logged in".
#[derive(Debug)]
pub enum Denied {
    /// The verdict: the token is not accepted.
    Rejected(Rejected),
    /// No verdict could be reached.
    Failed(Failure),
}

impl Denied {
    /// Returns the rejection, if it is one.
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
/// Its text is always "token rejected". Send that to the client, and do not reveal the variant. [`Rejected::Invalid`]
/// covers an unknown selector, a wrong validator and another kind alike. Every other variant except
/// [`Rejected::Malformed`] and [`Rejected::Fenced`] requires a genuine validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejected {
    /// The absolute or the idle expiry has passed.
    Expired,
    /// Everything of the subject, or the login's parent, was logged out while this login was under way: begin it
    /// again.
    Fenced,
    /// There is no such token of this kind.
    Invalid,
    /// The predecessor came after the retry window, and no client ever presented the successor. The login was ended,
    /// without an alarm.
    Lapsed,
    /// The text is not that of a token.
    Malformed,
    /// A token came back that had been replaced: two parties hold this login. The login was ended.
    Reused,
    /// The login was ended, for this reason.
    Revoked(Reason),
    /// A single-use token was presented again.
    Spent,
    /// The stamp does not match. The token is bound to another stamp; or it is bound to none, and one was given or is
    /// required. The token is refused, and nothing is ended.
    StampMismatch,
}

impl From<Reason> for Rejected {
    /// Returns the rejection of a token whose record was ended for this reason (contract D3).
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
    /// Other calls kept changing the record until the time limit.
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
    /// The token is bound to a stamp and the call gave none.
    StampRequired,
    /// The store returned an error.
    Store(StoreError),
    /// The record's digest was made with a key that this node does not have (yet).
    UnknownKey(KeyId),
    /// No policy is configured for this kind.
    UnknownKind(Kind),
    /// The call does not fit the kind. A single-use kind cannot be verified, and no other kind can be consumed. Only
    /// a device of a subject restores or renews. An API key has a login of its own.
    WrongCall(Kind),
}

impl Failure {
    /// Returns whether the failure may go away by itself or when an operator acts.
    ///
    /// If so, respond with 503 and let the client try again. Otherwise it is a mistake of the program: a wrong call,
    /// an unknown kind, a value beyond its limits, a stamp that was not given.
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
            Self::WrongCall(kind) => write!(f, "this call does not accept tokens of kind {kind}"),
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

/// The error of a [`TokenStore`](crate::store::TokenStore) that could not do what a call asked (contract S12).
///
/// Neither the error nor its sources may contain data or digests (S18). If a write may have happened, return
/// [`StoreError::Timeout`] with unknown outcome, however fast it failed: a connection that broke after the statement
/// was sent, a commit that ended in an error. Core then reads what became of the write; after any other error it does
/// not.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The stored bytes do not decode to a record.
    Corrupt {
        /// The record's selector, if it is known.
        selector: Option<Selector>,
        /// What is wrong.
        source: BoxError,
    },
    /// Any other error; core assumes that nothing was written.
    Other(BoxError),
    /// The store cannot do this as it is configured: a wrong set-up, a read-only backend, a limit.
    Refused(BoxError),
    /// The store got no response in time, or none that it can rely on.
    Timeout {
        /// What the store waited for.
        source: BoxError,
        /// Whether the write may have happened nevertheless; `false` for a read.
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

/// Formats an error and its sources on one line, each after a colon.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
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
        let all = "the token store failed: the store is unavailable: connection refused";
        assert_eq!(error_chain(&failure), all);
    }
}
