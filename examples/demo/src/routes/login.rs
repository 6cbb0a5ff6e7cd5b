//! Log in, log out, and authenticate again.

use axum::extract::{Query as UrlQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use hallpass_web::{Auth, CurrentUser, Denied, Failure, Refusal, Rejection};
use serde::Deserialize;

use super::form::Filled;
use super::{Query, Site, local};
use crate::accounts::{Account, check};
use crate::pages;

const WRONG: &str = "There is no account with this name and password.";
pub(super) const NOT_YOURS: &str = "That is not your password.";
const FENCED: &str = "You were logged out everywhere while you were logging in. Please try again.";

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Credentials {
    user: String,
    password: String,
    remember: String,
    next: String,
}

pub(super) async fn page(
    auth: Auth,
    user: Option<CurrentUser<Account>>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Response, Rejection> {
    if user.is_some() {
        return Ok(Redirect::to(local(&query.next)).into_response());
    }
    let why = auth.why_anonymous().await?.and_then(pages::reason);
    Ok(pages::login(why, "", local(&query.next)).into_response())
}

pub(super) async fn log_in(
    auth: Auth,
    State(site): State<Site>,
    Filled(form): Filled<Credentials>,
) -> Result<Response, Rejection> {
    let refuse = |why| {
        (StatusCode::UNAUTHORIZED, pages::login(Some(why), &form.user, local(&form.next))).into_response()
    };
    let account = site.accounts.find(&form.user);
    // Called before the password is checked: a log-out in the meantime then also stops this login. Without `?`: an
    // error before the check of the password would reveal which names exist.
    let login = auth.begin_login(account.as_ref()).await;
    let counter = format!("login:{}", form.user);
    let right = is_right(&auth, &counter, account.as_ref(), form.password.clone()).await?;
    let Some(account) = account.as_ref().filter(|_| right) else { return Ok(refuse(WRONG)) };
    let remember = matches!(&*form.remember, "on" | "1" | "true" | "yes");
    match auth.login(account).begun(login).remember(remember).await {
        Ok(()) => Ok(Redirect::to(local(&form.next)).into_response()),
        Err(Denied::Refused(Refusal::Fenced)) => Ok(refuse(FENCED)),
        Err(other) => Err(other.into()),
    }
}

pub(super) async fn log_out(auth: Auth) -> Result<Redirect, Rejection> {
    auth.logout().await?;
    Ok(Redirect::to("/"))
}

pub(super) async fn confirm_page(
    user: CurrentUser<Account>,
    UrlQuery(query): UrlQuery<Query>,
) -> impl IntoResponse {
    pages::confirm(None, &user.name, local(&query.next))
}

/// Makes a login fresh again.
pub(super) async fn confirm(
    auth: Auth,
    user: CurrentUser<Account>,
    Filled(form): Filled<Credentials>,
) -> Result<Response, Rejection> {
    let login = auth.begin_login(&*user).await;
    if !knows_password(&auth, &user, form.password).await? {
        let page = pages::confirm(Some(NOT_YOURS), &user.name, local(&form.next));
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    auth.reauthenticate(&*user).begun(login).await?;
    Ok(Redirect::to(local(&form.next)).into_response())
}

/// Whether `password` is that of `user`, who is logged in. Wrong ones are counted separately from those at the
/// login, so that a user who mistypes here can still log in.
pub(super) async fn knows_password(
    auth: &Auth,
    user: &CurrentUser<Account>,
    password: String,
) -> Result<bool, Rejection> {
    is_right(auth, &format!("confirm:{}", user.name), Some(user.user()), password).await
}

/// Whether `password` is that of `account`. The attempt is counted before the check, so that concurrent attempts
/// cannot exceed the limit. It does not count if the password could not be checked.
async fn is_right(
    auth: &Auth,
    counter: &str,
    account: Option<&Account>,
    password: String,
) -> Result<bool, Rejection> {
    let attempt = auth.attempt(counter).await?;
    match check(account, password).await {
        Ok(true) => {
            attempt.succeeded().await;
            Ok(true)
        }
        Ok(false) => {
            attempt.failed(account);
            Ok(false)
        }
        Err(error) => {
            attempt.undecided().await;
            Err(Failure::Loader(error).into())
        }
    }
}
