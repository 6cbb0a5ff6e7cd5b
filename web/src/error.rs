//! Refusals apart from failures, as in core: the first are values, the second errors.

use std::error::Error;
use std::fmt;

use hallpass_core::{BoxError, LimitError};

/// Why nobody can tell who sent a request, or why a change was not made.
///
/// It is answered with 503 and `Retry-After`; no cookie is cleared.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The [`UserLoader`](crate::UserLoader) failed.
    Loader(BoxError),
    /// The tokens gave no verdict.
    Tokens(hallpass_core::Failure),
    /// The session's data grew beyond their limit, or do not serialize.
    Data(BoxError),
    /// The user is of another type than the layer's loader knows: a mistake in the program.
    WrongUserType,
}

impl Failure {
    /// Whether it may pass by itself: the answer is 503. Otherwise the program is wrong, or what it was given is
    /// too long.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        use hallpass_core::Failure as Core;
        match self {
            Self::Loader(_) => true,
            Self::Data(_) | Self::WrongUserType => false,
            Self::Tokens(failure) => !matches!(
                failure,
                Core::Limit(_) | Core::StampRequired | Core::UnknownKind(_) | Core::WrongCall(_)
            ),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loader(_) => "the user could not be loaded",
            Self::Tokens(_) => "the tokens gave no verdict",
            Self::Data(_) => "the session's data could not be written",
            Self::WrongUserType => "the layer's loader knows another type of user",
        })
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Loader(source) | Self::Data(source) => Some(source.as_ref()),
            Self::Tokens(source) => Some(source),
            Self::WrongUserType => None,
        }
    }
}

impl From<hallpass_core::Failure> for Failure {
    fn from(failure: hallpass_core::Failure) -> Self {
        Self::Tokens(failure)
    }
}

impl From<LimitError> for Failure {
    fn from(error: LimitError) -> Self {
        Self::Tokens(error.into())
    }
}

/// `Ok(Ok(_))`: done. `Ok(Err(_))`: refused, for a reason to show the user. `Err(_)`: nobody knows; try
/// again. In a handler that answers `Result<_, Rejection>`, `??` passes both on.
pub type Outcome<T> = Result<Result<T, Refused>, Failure>;

/// Why a login or a change of one was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// Nobody is logged in with a session, or it was ended meanwhile.
    Anonymous,
    /// Everything of the user was logged out while this login was under way: begin it again.
    Fenced,
    /// The user is not active, and the login was not forced.
    Inactive,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "not logged in",
            Self::Fenced => "logged out while logging in",
            Self::Inactive => "this account is not active",
        })
    }
}

impl Error for Refused {}
