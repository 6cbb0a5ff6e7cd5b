//! Errors, before they are translated for one version of tower-sessions.

use std::error::Error;
use std::fmt;

use hallpass_core::{Failure, StoreError};

/// An error of the session store: a sentence without data, ids or digests.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The backend failed, random bytes were not available, or other saves kept changing the session.
    Backend(String),
    /// The stored bytes are not a session.
    Decode(String),
    /// The session cannot be stored as it is.
    Encode(String),
}

impl Trouble {
    /// Joins `error` and its causes, because an error of tower-sessions is a single text. A store keeps data and
    /// digests out of them (contract S18).
    pub(crate) fn backend(error: &dyn Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self::Backend(text)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend(text) | Self::Decode(text) | Self::Encode(text) => f.write_str(text),
        }
    }
}

impl Error for Trouble {}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::backend(&failure)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { .. } => Self::Decode(error.to_string()),
            _ => Self::backend(&error),
        }
    }
}
