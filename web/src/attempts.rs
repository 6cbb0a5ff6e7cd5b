//! Counts attempts to log in: each is taken before the password is checked, and says afterwards how it ended.

use std::fmt;

use hallpass_core::Timestamp;

use crate::attempt_limit::AttemptBy;
use crate::auth::Auth;
use crate::error::{Failure, causes};
use crate::rejection::Rejection;
use crate::signal::SignalKind;

/// A counted attempt: report how it ended. If it is dropped, it counts as failed.
#[must_use = "it counts as failed until it is said to have succeeded, or to be undecided"]
pub struct Attempt {
    auth: Auth,
    account: String,
    at: Timestamp,
}

impl Auth {
    /// Counts an attempt to log in as `account`, or to authenticate again, before the password is checked.
    ///
    /// Call it after [`begin_login`](Self::begin_login): then a client that disconnects while the store is slow has
    /// made no attempt. Pass the name in the form in which the application compares it.
    ///
    /// Use a different name for each secret of an account and for each form, such as `"login:alice"`, `"code:alice"`
    /// and `"confirm:alice"`. Under one name, wrong codes would use up the attempts at the password. Put the text
    /// that the client typed last, so that it cannot produce the name of another form.
    ///
    /// # Errors
    /// [`Rejection::TooManyAttempts`], which becomes a 429 with `Retry-After`;
    /// [`Refusal::CrossSite`](crate::Refusal::CrossSite) if the request needs a CSRF token that was not checked;
    /// [`Rejection::Failure`] if the attempt could not be counted. In each case the attempt does not count.
    pub async fn attempt(&self, account: &str) -> Result<Attempt, Rejection> {
        // Otherwise a page of another site could use up the attempts of the user whose browser shows it.
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
    /// Reports that the secret was right: the attempt does not count, but those before it do.
    ///
    /// Call it as soon as the secret was checked, before the login, because a later failure is not a wrong password.
    /// If the limit cannot take the attempt back, it stays counted, a warning is logged, and the login goes on,
    /// because the client knew the secret.
    pub async fn succeeded(self) {
        self.give_back().await;
    }

    /// Reports that the password could not be checked: the attempt does not count, or stays counted as for
    /// [`succeeded`](Self::succeeded).
    pub async fn undecided(self) {
        self.give_back().await;
    }

    /// Reports that the secret was wrong: sends [`SignalKind::LoginFailed`] with the client's address, and with the
    /// account's user if there is one.
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

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").finish_non_exhaustive()
    }
}
