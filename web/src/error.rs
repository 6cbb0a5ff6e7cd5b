//! Errors: refusals, kept apart from failures as in core. Both are the error of one `Result`.

use std::error::Error;
use std::fmt;

use hallpass_core::{BoxError, LimitError, Rejected, StoreError};

/// Why a login or a change of one was not made: it was refused, or it failed.
///
/// In a handler that returns `Result<_, Rejection>`, `?` propagates both: a refusal becomes 401 or 403, a failure 503
/// or 500.
#[derive(Debug)]
pub enum Denied {
    /// Refused, for a reason to show to the user.
    Refused(Refusal),
    /// Failed: try again, or correct the program.
    Failed(Failure),
}

/// Why the user of a request could not be determined, or a change was not made.
///
/// An [outage](Self::is_outage) becomes a 503 with `Retry-After` and clears no cookie.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The response that would have carried the cookies was already sent: a mistake of the program.
    AnswerSent,
    /// The [limit of attempts](crate::AttemptLimit) failed.
    Attempts(BoxError),
    /// The user's id begins with the name of an [audience](crate::AuthLayerBuilder::audience) and `:`, and the layer
    /// has no audience: its tokens would belong to a user of that audience. Give the user another id, or the layer an
    /// audience.
    ForeignId,
    /// The [`UserLoader`](crate::UserLoader) failed.
    Loader(BoxError),
    /// The tokens gave no verdict.
    Tokens(hallpass_core::Failure),
    /// The session's data grew beyond their limit, or cannot be serialized.
    Data(BoxError),
    /// The user's type is not the one of the layer's loader: a mistake of the program.
    WrongUserType,
}

/// Why a login or a change of one was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The request is anonymous, or its session was ended meanwhile.
    Anonymous,
    /// The client does not say whose page sent the request, and no CSRF token was checked.
    CrossSite,
    /// Everything of the user was logged out while this login was under way: begin it again.
    Fenced,
    /// The user is not active, and the login was not forced.
    Inactive,
    /// The token was rejected.
    Token(Rejected),
    /// The user has as many API keys as allowed.
    TooManyKeys,
}

/// Why a token lets no user in.
pub(crate) enum NotAdmitted {
    /// A verdict.
    Rejected(Rejected),
    /// There is no verdict on this one token, because its row is damaged or was made with a key that this node lacks.
    /// It is ignored, and everything else goes on.
    Unreadable(hallpass_core::Failure),
    /// There is no verdict on any token.
    Failed(Failure),
}

impl Denied {
    /// Returns the refusal, if it is one.
    #[must_use]
    pub const fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused(refused) => Some(*refused),
            Self::Failed(_) => None,
        }
    }

    /// Makes core's only verdict on a call into `refusal`.
    pub(crate) fn as_refusal(denied: hallpass_core::Denied, refusal: Refusal) -> Self {
        match denied {
            hallpass_core::Denied::Rejected(_) => Self::Refused(refusal),
            hallpass_core::Denied::Failed(failure) => failure.into(),
        }
    }
}

impl Failure {
    /// Returns whether the failure may go away by itself: then the response is 503. Otherwise it is a mistake of the
    /// program, or a value is too long.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::Attempts(_) | Self::Loader(_) => true,
            Self::AnswerSent | Self::Data(_) | Self::ForeignId | Self::WrongUserType => false,
            Self::Tokens(failure) => failure.is_outage(),
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl Error for Denied {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Failed(failure) => failure.source(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnswerSent => "the response with the cookies was already sent",
            Self::Attempts(_) => "the attempts could not be counted",
            Self::ForeignId => "the user's id belongs to another audience",
            Self::Loader(_) => "the user could not be loaded",
            Self::Tokens(_) => "the token service failed",
            Self::Data(_) => "the session's data could not be written",
            Self::WrongUserType => "the layer's loader knows another type of user",
        })
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Attempts(source) | Self::Loader(source) | Self::Data(source) => Some(source.as_ref()),
            Self::Tokens(source) => Some(source),
            Self::AnswerSent | Self::ForeignId | Self::WrongUserType => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "not logged in",
            Self::CrossSite => "the CSRF token is missing",
            Self::Fenced => "logged out while logging in",
            Self::Inactive => "this account is not active",
            Self::Token(_) => "token rejected",
            Self::TooManyKeys => "too many API keys",
        })
    }
}

impl Error for Refusal {}

impl From<Refusal> for Denied {
    fn from(refused: Refusal) -> Self {
        Self::Refused(refused)
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<hallpass_core::Failure> for Denied {
    fn from(failure: hallpass_core::Failure) -> Self {
        Self::Failed(failure.into())
    }
}

impl From<hallpass_core::Denied> for Denied {
    fn from(denied: hallpass_core::Denied) -> Self {
        match denied {
            hallpass_core::Denied::Rejected(rejected) => Self::Refused(Refusal::Token(rejected)),
            hallpass_core::Denied::Failed(failure) => Self::Failed(failure.into()),
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

impl From<Rejected> for NotAdmitted {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<Failure> for NotAdmitted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<hallpass_core::Denied> for NotAdmitted {
    fn from(denied: hallpass_core::Denied) -> Self {
        use hallpass_core::{Denied, Failure};
        match denied {
            Denied::Rejected(rejected) => Self::Rejected(rejected),
            Denied::Failed(
                failure @ (Failure::Corrupt { .. }
                | Failure::UnknownKey(_)
                | Failure::Store(StoreError::Corrupt { .. })),
            ) => Self::Unreadable(failure),
            // The record is bound to a stamp, and its user no longer has one.
            Denied::Failed(Failure::StampRequired) => Self::Rejected(Rejected::StampMismatch),
            Denied::Failed(failure) => Self::Failed(failure.into()),
        }
    }
}

/// Formats an error and its causes.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
