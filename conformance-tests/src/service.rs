//! The token service over the store under test, through which cases issue and check tokens.

use std::fmt::Display;
use std::time::Duration;

use hallpass_core::{
    Denied, Issued, Kind, Policy, Rejected, RetryWindow, StoreError, Tokens, Valid, Windows,
};

use crate::clause::Clause;
use crate::outcome::{CaseResult, hold};
use crate::specimen::subject;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const MILLI: Duration = Duration::from_millis(1);

/// A remember-me policy whose retry window lasts an hour, even if the successor is not confirmed.
pub(crate) fn one_hour() -> Policy {
    let windows = Windows { retry_window: RetryWindow::For(HOUR), ..Windows::DEFAULT };
    Policy::remember().rotation(Some(windows))
}

/// Logs `name` in and issues a token of `kind`, as production code does.
pub(crate) async fn log_in(tokens: &Tokens, name: &str, kind: Kind) -> CaseResult<Issued> {
    let login = tokens.begin_login(&subject(name)).await?;
    accepted(Clause::S11, "a login that nothing interferes with", tokens.issue(&login, kind).await)
}

/// The accepted value; a rejection breaks `clause`.
pub(crate) fn accepted<T>(clause: Clause, what: impl Display, verdict: Result<T, Denied>) -> CaseResult<T> {
    match verdict {
        Ok(value) => Ok(value),
        Err(Denied::Failed(failure)) => Err(failure.into()),
        Err(Denied::Rejected(rejected)) => {
            hold(clause, false, format_args!("{what} was rejected: {rejected:?}"))?;
            Err(StoreError::Other("unreachable".into()).into())
        }
    }
}

/// Requires a rejection for the reason `want`.
pub(crate) fn rejected<T>(
    clause: Clause,
    what: impl Display,
    verdict: Result<T, Denied>,
    want: Rejected,
) -> CaseResult {
    match verdict {
        Ok(_) => hold(clause, false, format_args!("{what} was accepted; expected a rejection as {want:?}")),
        Err(Denied::Failed(failure)) => Err(failure.into()),
        Err(Denied::Rejected(got)) => hold(
            clause,
            got == want,
            format_args!("{what} was rejected as {got:?}, but expected was {want:?}"),
        ),
    }
}

/// Whether `text` is accepted; a failure counts as the store's.
pub(crate) async fn is_good(tokens: &Tokens, kind: Kind, text: &str) -> CaseResult<bool> {
    match tokens.verify(kind, text).await {
        Ok(_) => Ok(true),
        Err(Denied::Rejected(_)) => Ok(false),
        Err(Denied::Failed(failure)) => Err(failure.into()),
    }
}

/// The text of the successor, which the rotation must return.
pub(crate) fn successor(
    clause: Clause,
    what: impl Display,
    verdict: Result<Valid, Denied>,
) -> CaseResult<String> {
    match accepted(clause, &what, verdict)?.successor {
        Some(issued) => Ok(issued.token.expose().to_owned()),
        None => {
            hold(clause, false, format_args!("{what} gave no successor"))?;
            Ok(String::new())
        }
    }
}

/// Rotates the remember-me token `text` and returns its successor.
pub(crate) async fn rotate(tokens: &Tokens, text: &str) -> CaseResult<String> {
    let verdict = tokens.verify_and_rotate(Kind::REMEMBER, text).await;
    successor(Clause::D5, "a rotation that was due", verdict)
}

/// Requires that two texts are the same token, without showing either.
pub(crate) fn same_token(clause: Clause, what: impl Display, got: &str, want: &str) -> CaseResult {
    hold(clause, got == want, what)
}
