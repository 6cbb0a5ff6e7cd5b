//! How often a password or a code may be tried.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use hallpass_core::{BoxError, Timestamp};

use crate::auth::Auth;
use crate::error::Failure;
use crate::rejection::{Rejection, causes};
use crate::signal::SignalKind;

/// Limits how often a password or a code may be tried. [`MemoryLimit`](crate::MemoryLimit) is one for a single
/// process; several processes want one over a server that they share.
///
/// An attempt counts from the moment it is taken, before the password is checked: attempts that come at once do
/// not slip in side by side.
pub trait AttemptLimit: Send + Sync + 'static {
    /// Why the attempts could not be counted.
    type Error: Into<BoxError>;

    /// Counts an attempt: `None` if it may go on. Otherwise it is refused and does not count, and the answer is
    /// how long to wait.
    ///
    /// # Errors
    /// If the attempts cannot be counted: the login is answered with 503.
    fn take(&self, by: AttemptBy<'_>) -> impl Future<Output = Result<Option<Duration>, Self::Error>> + Send;

    /// Gives an attempt back that was counted: it was right, or that cannot be told. The wrong ones before it stay
    /// counted, as they may be guesses of another secret: who knows the password would get codes without end.
    ///
    /// # Errors
    /// If that could not be written: the attempt stays counted, the log tells, and the login goes on.
    fn forgive(&self, by: AttemptBy<'_>) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Who tries what, and when.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptBy<'a> {
    /// The account, as the application calls it; it need not exist.
    pub account: &'a str,
    /// The client's address, where it is known.
    pub address: Option<IpAddr>,
    /// When the attempt was taken, by the clock of the tokens.
    pub at: Timestamp,
}

/// An attempt that counts: say what came of it. One that is dropped counts as a failed one.
#[must_use = "it counts as failed until it is said to have succeeded, or to be undecided"]
pub struct Attempt {
    auth: Auth,
    account: String,
    at: Timestamp,
}

impl Auth {
    /// Counts an attempt to log in as `account`, or to confirm who one is, before the password is checked. Call it
    /// after [`begin_login`](Self::begin_login): a client that hangs up while the store is slow has made no attempt.
    /// Give the name as the application compares it.
    ///
    /// Each secret of an account wants a name of its own, and each form: `"login:alice"`, `"code:alice"` and
    /// `"confirm:alice"` for instance. Under one name, wrong codes would use up the attempts at the password. What the
    /// client types comes last, so that no name that is typed is the counter of another form.
    ///
    /// # Errors
    /// [`Rejection::TooManyAttempts`], answered with 429 and `Retry-After`; [`Refused::CrossSite`](crate::Refused::CrossSite)
    /// if the request needs a CSRF token that was not checked; [`Rejection::Failure`] if the attempts could not be
    /// counted. None of them counts.
    pub async fn attempt(&self, account: &str) -> Result<Attempt, Rejection> {
        // Another site's page would use up the attempts of the user whose browser it runs in.
        self.refuse_unproven()?;
        let attempt =
            Attempt { auth: self.clone(), account: account.to_owned(), at: self.0.config.tokens.now() };
        match self.0.config.attempts.take(attempt.by()).await.map_err(Failure::Attempts)? {
            None => Ok(attempt),
            Some(wait) => {
                self.0.tell(SignalKind::TooManyAttempts, None, None);
                Err(Rejection::TooManyAttempts(wait))
            }
        }
    }
}

impl Attempt {
    /// It was right, so it does not count; those before it do. Say it as soon as the secret was checked, before the
    /// login: what fails later is no wrong password.
    ///
    /// Where the limit cannot give it back, it stays counted, the log tells, and the login goes on: the client knew the
    /// secret.
    pub async fn succeeded(self) {
        self.give_back().await;
    }

    /// Whether it was right cannot be told, as the password could not be checked: it does not count, or stays counted
    /// as for [`succeeded`](Self::succeeded).
    pub async fn undecided(self) {
        self.give_back().await;
    }

    /// It was wrong: tells [`SignalKind::LoginFailed`], with the client's address, and whose account it was if
    /// there is such an account.
    pub fn failed<U: Send + Sync + 'static>(self, user: Option<&U>) {
        let request = &self.auth.0;
        let described = user.and_then(|user| request.config.describe(user).ok());
        request.tell(SignalKind::LoginFailed, described.as_ref().map(|described| &described.subject), None);
    }

    async fn give_back(self) {
        if let Err(error) = self.auth.0.config.attempts.forgive(self.by()).await {
            tracing::warn!(target: "hallpass", error = causes(&*error), "an attempt stays counted");
        }
    }

    fn by(&self) -> AttemptBy<'_> {
        let address = self.auth.0.sent().and_then(|sent| sent.client.address);
        AttemptBy { account: &self.account, address, at: self.at }
    }
}

impl<'a> AttemptBy<'a> {
    /// For tests of a limit.
    #[must_use]
    pub const fn new(account: &'a str, address: Option<IpAddr>, at: Timestamp) -> Self {
        Self { account, address, at }
    }
}

/// An [`AttemptLimit`] of any type.
pub(crate) trait AnyLimit: Send + Sync {
    fn take<'a>(&'a self, by: AttemptBy<'a>) -> Counting<'a, Option<Duration>>;

    fn forgive<'a>(&'a self, by: AttemptBy<'a>) -> Counting<'a, ()>;
}

type Counting<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

impl<L: AttemptLimit> AnyLimit for L {
    fn take<'a>(&'a self, by: AttemptBy<'a>) -> Counting<'a, Option<Duration>> {
        Box::pin(async move { AttemptLimit::take(self, by).await.map_err(Into::into) })
    }

    fn forgive<'a>(&'a self, by: AttemptBy<'a>) -> Counting<'a, ()> {
        Box::pin(async move { AttemptLimit::forgive(self, by).await.map_err(Into::into) })
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").finish_non_exhaustive()
    }
}
