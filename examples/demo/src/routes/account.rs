//! The user's own pages, and the change of a password.

use axum::Json;
use axum::extract::{Query as UrlQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use hallpass_web::{Auth, CurrentUser, Failure, FreshUser, Rejection, Via};
use serde::{Deserialize, Serialize};

use super::form::Filled;
use super::login::{NOT_YOURS, knows_password};
use super::{Query, Site};
use crate::accounts::Account;
use crate::pages;

/// The minimum length of a password, in characters.
const SHORTEST: usize = 8;

pub(super) async fn home(
    auth: Auth,
    user: Option<CurrentUser<Account>>,
    State(site): State<Site>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Response, Rejection> {
    let Some(user) = user else {
        let why = auth.why_anonymous().await?.and_then(pages::reason);
        return Ok(pages::login(why, "", "/").into_response());
    };
    let devices = auth.devices().await?;
    let entries = site.activity.of(user.identity().subject());
    let home = pages::Home {
        name: &user.name,
        identity: user.identity(),
        devices: &devices,
        activity: &entries,
        done: pages::done(&query.done),
        now: auth.tokens().now(),
    };
    Ok(home.render().into_response())
}

/// `/api/me`.
#[derive(Serialize)]
pub(super) struct Me {
    user: String,
    how: &'static str,
    fresh: bool,
}

pub(super) async fn me(user: CurrentUser<Account>) -> Json<Me> {
    let how = match user.identity().via() {
        Via::Key => "key",
        Via::Password | Via::Session => "password",
        Via::Remembered => "remembered",
    };
    Json(Me { user: user.name.clone(), how, fresh: user.identity().is_fresh() })
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NewPassword {
    current: String,
    password: String,
    again: String,
}

pub(super) async fn password_page(user: FreshUser<Account>) -> impl IntoResponse {
    pages::password(None, &user.name)
}

/// Changes the password of a user who knows the current one (ASVS 5.0, 6.2.3). Every other device is logged out.
pub(super) async fn change_password(
    auth: Auth,
    user: FreshUser<Account>,
    State(site): State<Site>,
    Filled(form): Filled<NewPassword>,
) -> Result<Response, Rejection> {
    let refuse =
        |why| (StatusCode::UNPROCESSABLE_ENTITY, pages::password(Some(why), &user.name)).into_response();
    if form.password.chars().count() < SHORTEST {
        return Ok(refuse("A password needs at least 8 characters."));
    }
    if form.password != form.again {
        return Ok(refuse("The two new passwords are not the same."));
    }
    // Last, so that an unsuitable new password does not cost an attempt.
    if !knows_password(&auth, &user, form.current).await? {
        return Ok(refuse(NOT_YOURS));
    }
    // The password is changed first, durably. Then the devices that knew the old one are logged out.
    let changed = site.accounts.change_password(&user, form.password).await.map_err(Failure::Loader)?;
    auth.credential_changed(&changed).await?;
    Ok(Redirect::to("/?done=password").into_response())
}
