//! Limits how often a password or a code may be tried.

use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use hallpass_core::{BoxError, Timestamp};

/// Limits how often a password or a code may be tried.
///
/// [`MemoryLimit`](crate::MemoryLimit) works within a single process. Several processes need a limit on a server that
/// they share.
///
/// An attempt counts from the moment it is taken, before the password is checked, so concurrent attempts cannot
/// exceed the limit.
pub trait AttemptLimit: Send + Sync + 'static {
    /// The error if attempts could not be counted.
    type Error: Into<BoxError>;

    /// Counts an attempt. Returns `None` if it may go on; otherwise the attempt is refused and does not count, and
    /// the result is how long to wait.
    ///
    /// # Errors
    /// If the attempt cannot be counted: the response to the login is 503.
    fn take(&self, by: AttemptBy<'_>) -> impl Future<Output = Result<Option<Duration>, Self::Error>> + Send;

    /// Takes back a counted attempt that was right, or could not be decided. The wrong ones before it stay counted,
    /// because they may be guesses of another secret: otherwise an attacker who knows the password could try codes
    /// without limit.
    ///
    /// # Errors
    /// If that could not be written: the attempt stays counted, a warning is logged, and the login goes on.
    fn forgive(&self, by: AttemptBy<'_>) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// An attempt: on which account, by which client, and when.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptBy<'a> {
    /// The account by the application's name for it; it need not exist.
    pub account: &'a str,
    /// The client's address, if it is known.
    pub address: Option<IpAddr>,
    /// When the attempt was taken, by the clock of the tokens.
    pub at: Timestamp,
}

impl<'a> AttemptBy<'a> {
    /// Creates an attempt, to test a limit.
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
