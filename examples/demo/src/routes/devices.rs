//! Logging devices out: one, the others, all.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::response::{IntoResponse, Redirect, Response};
use hallpass_core::LoginId;
use hallpass_web::{Auth, CurrentUser, Rejection};
use serde::Deserialize;

use super::read;
use crate::accounts::Account;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    device: String,
}

/// What is no device of theirs is as logged out as it can be.
pub(super) async fn log_out_one(
    auth: Auth,
    _: CurrentUser<Account>,
    form: Result<Form<Which>, FormRejection>,
) -> Result<Response, Rejection> {
    let form = match read(form) {
        Ok(form) => form,
        Err(response) => return Ok(response),
    };
    if let Ok(device) = form.device.parse::<LoginId>() {
        auth.logout_device(device).await?;
    }
    Ok(Redirect::to("/?done=device").into_response())
}

pub(super) async fn log_out_others(auth: Auth, _: CurrentUser<Account>) -> Result<Redirect, Rejection> {
    auth.logout_others().await??;
    Ok(Redirect::to("/?done=others"))
}

pub(super) async fn log_out_everywhere(auth: Auth, _: CurrentUser<Account>) -> Result<Redirect, Rejection> {
    auth.logout_everywhere().await?;
    Ok(Redirect::to("/"))
}
