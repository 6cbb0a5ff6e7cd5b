//! Logging out one device, the others, or all. Each asks for the password first (ASVS 5.0, 7.5.2).

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use hallpass_core::LoginId;
use hallpass_web::{Auth, CurrentUser, Rejection};
use serde::Deserialize;

use super::form::Filled;
use super::login::{NOT_YOURS, knows_password};
use crate::accounts::Account;
use crate::pages::{self, Ending};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    device: String,
    password: String,
}

/// A device that the user does not have counts as logged out.
pub(super) async fn log_out_one(
    auth: Auth,
    user: CurrentUser<Account>,
    Filled(form): Filled<Asked>,
) -> Result<Response, Rejection> {
    let ending = Ending { action: "/devices/logout", what: "that device", device: Some(&form.device) };
    if let Some(page) = ask(&auth, &user, &form, ending).await? {
        return Ok(page);
    }
    if let Ok(device) = form.device.parse::<LoginId>() {
        auth.logout_device(device).await?;
    }
    Ok(Redirect::to("/?done=device").into_response())
}

pub(super) async fn log_out_others(
    auth: Auth,
    user: CurrentUser<Account>,
    Filled(form): Filled<Asked>,
) -> Result<Response, Rejection> {
    let ending = Ending { action: "/logout-others", what: "the others", device: None };
    if let Some(page) = ask(&auth, &user, &form, ending).await? {
        return Ok(page);
    }
    auth.logout_others().await?;
    Ok(Redirect::to("/?done=others").into_response())
}

pub(super) async fn log_out_everywhere(
    auth: Auth,
    user: CurrentUser<Account>,
    Filled(form): Filled<Asked>,
) -> Result<Response, Rejection> {
    let ending = Ending { action: "/logout-everywhere", what: "every device", device: None };
    if let Some(page) = ask(&auth, &user, &form, ending).await? {
        return Ok(page);
    }
    auth.logout_everywhere().await?;
    Ok(Redirect::to("/").into_response())
}

/// Shows the page that asks for the password; `None` if the form contained the right one.
async fn ask(
    auth: &Auth,
    user: &CurrentUser<Account>,
    form: &Asked,
    ending: Ending<'_>,
) -> Result<Option<Response>, Rejection> {
    let page = |notice| (StatusCode::UNAUTHORIZED, pages::end(notice, &user.name, ending)).into_response();
    if form.password.is_empty() {
        return Ok(Some(page(None)));
    }
    let right = knows_password(auth, user, form.password.clone()).await?;
    Ok((!right).then(|| page(Some(NOT_YOURS))))
}
