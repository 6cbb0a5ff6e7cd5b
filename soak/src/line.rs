//! What a node is told and what it reports, one line each.

use std::fmt;
use std::str::{FromStr, Split};

use hallpass_core::Kind;

/// A token, and what it is for. It is a secret: it goes to the nodes, and into no record.
#[derive(Clone)]
pub(crate) struct Secret {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

/// What a node is told.
pub(crate) enum Order {
    /// To verify this token again and again.
    Keep { number: u64, token: Secret },
    /// To verify it no more.
    Drop { number: u64 },
    /// To make a call.
    Call { number: u64, deed: Deed },
}

/// A call that a node makes for a user.
pub(crate) struct Deed {
    pub(crate) verb: Verb,
    pub(crate) user: String,
    /// The token that the user presents, if the call takes one.
    pub(crate) token: Option<Secret>,
}

/// Which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Verb {
    LogIn,
    LogInRemembered,
    Revoke,
    RevokeLogin,
    RevokeSubject,
    Forget,
    AuthenticateAgain,
    ChangeCredential,
    RevokeOthers,
    Rotate,
    /// Presents a token that was rotated long ago, as a thief would.
    Replay,
    Purge,
}

/// What a node reports.
pub(crate) enum Report {
    /// It is connected.
    Ready,
    /// It accepted a token. All instants are nanoseconds since the boot.
    Accepted { number: u64, began: u64, returned: u64, is_read: bool },
    /// A call returned at this instant, with these tokens.
    Done { number: u64, at: u64, tokens: Vec<Secret> },
    /// A call failed, and may have had an effect.
    Failed { number: u64, why: String },
}

const VERBS: [(Verb, &str); 12] = [
    (Verb::LogIn, "log-in"),
    (Verb::LogInRemembered, "log-in-remembered"),
    (Verb::Revoke, "revoke"),
    (Verb::RevokeLogin, "revoke-login"),
    (Verb::RevokeSubject, "revoke-subject"),
    (Verb::Forget, "forget"),
    (Verb::AuthenticateAgain, "authenticate-again"),
    (Verb::ChangeCredential, "change-credential"),
    (Verb::RevokeOthers, "revoke-others"),
    (Verb::Rotate, "rotate"),
    (Verb::Replay, "replay"),
    (Verb::Purge, "purge"),
];

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(VERBS.iter().find(|(verb, _)| verb == self).map_or("", |(_, name)| name))
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.text)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep { number, token } => write!(f, "keep {number} {token}"),
            Self::Drop { number } => write!(f, "drop {number}"),
            Self::Call { number, deed: Deed { verb, user, token } } => {
                write!(f, "call {number} {verb} {user}")?;
                token.iter().try_for_each(|token| write!(f, " {token}"))
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Accepted { number, began, returned, is_read } => {
                write!(f, "accepted {number} {began} {returned} {is_read}")
            }
            Self::Done { number, at, tokens } => {
                write!(f, "done {number} {at}")?;
                tokens.iter().try_for_each(|token| write!(f, " {token}"))
            }
            Self::Failed { number, why } => write!(f, "failed {number} {}", why.replace('\n', " ")),
        }
    }
}

/// The error of a line that is neither.
#[derive(Debug)]
pub(crate) struct Unintelligible;

/// The words of a line.
struct Words<'a>(Split<'a, char>);

impl Words<'_> {
    fn next<T: FromStr>(&mut self) -> Result<T, Unintelligible> {
        self.0.next().and_then(|word| word.parse().ok()).ok_or(Unintelligible)
    }

    /// Returns the tokens that follow.
    fn tokens(&mut self) -> Result<Vec<Secret>, Unintelligible> {
        let mut tokens = Vec::new();
        while let Some(kind) = self.0.next() {
            let kind = kind.parse().map_err(|_| Unintelligible)?;
            tokens.push(Secret { kind, text: self.next()? });
        }
        Ok(tokens)
    }
}

impl FromStr for Verb {
    type Err = Unintelligible;

    fn from_str(text: &str) -> Result<Self, Unintelligible> {
        VERBS.iter().find(|(_, name)| *name == text).map(|(verb, _)| *verb).ok_or(Unintelligible)
    }
}

impl FromStr for Order {
    type Err = Unintelligible;

    fn from_str(line: &str) -> Result<Self, Unintelligible> {
        let mut words = Words(line.split(' '));
        let (word, number): (String, _) = (words.next()?, words.next()?);
        match word.as_str() {
            "keep" => Ok(Self::Keep { number, token: words.tokens()?.pop().ok_or(Unintelligible)? }),
            "drop" => Ok(Self::Drop { number }),
            "call" => {
                let (verb, user) = (words.next()?, words.next()?);
                Ok(Self::Call { number, deed: Deed { verb, user, token: words.tokens()?.pop() } })
            }
            _ => Err(Unintelligible),
        }
    }
}

impl FromStr for Report {
    type Err = Unintelligible;

    fn from_str(line: &str) -> Result<Self, Unintelligible> {
        let mut words = Words(line.split(' '));
        match words.next::<String>()?.as_str() {
            "ready" => Ok(Self::Ready),
            "accepted" => Ok(Self::Accepted {
                number: words.next()?,
                began: words.next()?,
                returned: words.next()?,
                is_read: words.next()?,
            }),
            "done" => Ok(Self::Done { number: words.next()?, at: words.next()?, tokens: words.tokens()? }),
            "failed" => {
                let number = words.next()?;
                Ok(Self::Failed { number, why: words.0.collect::<Vec<_>>().join(" ") })
            }
            _ => Err(Unintelligible),
        }
    }
}
