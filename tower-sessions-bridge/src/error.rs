//! Errors, before they are translated for one version of tower-sessions.

use std::fmt;

use hallpass_core::{Failure, StoreError, error_chain};

/// An error of the session store: a sentence without data, ids or digests.
#[derive(Debug)]
pub(crate) enum Error {
    /// The backend failed, random bytes were not available, or other saves kept changing the session.
    Backend(String),
    /// The stored bytes are not a session.
    Decode(String),
    /// The session cannot be stored as it is.
    Encode(String),
}

impl Error {
    /// Joins `error` and its causes, because an error of tower-sessions is a single text. A store keeps data and
    /// digests out of them (contract S18).
    pub(crate) fn backend(error: &dyn std::error::Error) -> Self {
        Self::Backend(error_chain(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend(text) | Self::Decode(text) | Self::Encode(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::backend(&failure)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { .. } => Self::Decode(error.to_string()),
            _ => Self::backend(&error),
        }
    }
}
