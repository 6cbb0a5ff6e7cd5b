//! Logging devices out: one, the others, all.

use axum::response::Redirect;
use hallpass_core::LoginId;
use hallpass_web::{Auth, CurrentUser, Rejection};
use serde::Deserialize;

use super::form::Filled;
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
    Filled(form): Filled<Which>,
) -> Result<Redirect, Rejection> {
    if let Ok(device) = form.device.parse::<LoginId>() {
        auth.logout_device(device).await?;
    }
    Ok(Redirect::to("/?done=device"))
}

pub(super) async fn log_out_others(auth: Auth, _: CurrentUser<Account>) -> Result<Redirect, Rejection> {
    auth.logout_others().await??;
    Ok(Redirect::to("/?done=others"))
}

pub(super) async fn log_out_everywhere(auth: Auth, _: CurrentUser<Account>) -> Result<Redirect, Rejection> {
    auth.logout_everywhere().await?;
    Ok(Redirect::to("/"))
}
