//! More pages of the site under test: devices, passwords, keys, and links in e-mails.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use hallpass_web::{Auth, CurrentUser, Denied, FreshUser, Refusal};
use serde::Deserialize;

use super::{Answered, kind};
use crate::users::{User, Users};

pub(crate) fn router() -> Router<Users> {
    Router::new()
        .route("/devices", get(devices))
        .route("/devices/one", post(one))
        .route("/devices/others", post(others))
        .route("/devices/all", post(all))
        .route("/password", post(password))
        .route("/password/unchecked", post(password_unchecked))
        .route("/keys", get(keys).post(issue_key))
        .route("/keys/revoke", post(revoke_key))
        .route("/once", post(once))
        .route("/consume", post(consume))
        .route("/reset", post(reset))
        .route("/late", post(late))
        .route("/kept", get(kept))
}

/// A line for each device: the login, the name, and `here` for the requesting one.
async fn devices(auth: Auth) -> Answered {
    let line = |device: &hallpass_core::ActiveLogin| {
        format!("{} {} {}", device.login, device.device, if device.current { "here" } else { "elsewhere" })
    };
    Ok(auth.devices().await?.iter().map(line).collect::<Vec<_>>().join("\n").into_response())
}

#[derive(Deserialize)]
struct Login {
    login: String,
}

fn ended(ended: bool) -> Response {
    if ended { "ended" } else { "nothing" }.into_response()
}

async fn one(auth: Auth, form: Form<Login>) -> Answered {
    let Ok(login) = form.login.parse() else { return Ok(StatusCode::UNPROCESSABLE_ENTITY.into_response()) };
    Ok(ended(auth.logout_device(login).await?))
}

async fn others(auth: Auth) -> Answered {
    auth.logout_others().await?;
    Ok("done".into_response())
}

async fn all(auth: Auth) -> Answered {
    Ok(ended(auth.logout_everywhere().await?))
}

#[derive(Deserialize)]
struct Password {
    password: String,
    /// Another user, as for an administrator.
    whose: Option<String>,
}

async fn password(
    State(users): State<Users>,
    auth: Auth,
    user: FreshUser<User>,
    form: Form<Password>,
) -> Answered {
    let whose = form.whose.as_ref().and_then(|id| users.find(id)).unwrap_or(User::clone(&user));
    users.change(&whose.id, |user| user.password.clone_from(&form.password));
    let now = User { password: form.password.clone(), ..whose };
    auth.credential_changed(&now).await?;
    Ok("changed".into_response())
}

/// Sets a new password, no matter which user is logged in and how.
async fn password_unchecked(State(users): State<Users>, auth: Auth, form: Form<Password>) -> Answered {
    let mut user = users.find(form.whose.as_deref().unwrap()).unwrap();
    auth.identity().await?;
    user.password.clone_from(&form.password);
    users.change(&user.id, |user| user.password.clone_from(&form.password));
    auth.credential_changed(&user).await?;
    Ok("changed".into_response())
}

async fn keys(auth: Auth) -> Answered {
    let line = |key: &hallpass_core::ActiveLogin| format!("{} {}", key.login, key.device);
    Ok(auth.keys().await?.iter().map(line).collect::<Vec<_>>().join("\n").into_response())
}

#[derive(Deserialize)]
struct Key {
    name: Option<String>,
}

async fn issue_key(auth: Auth, form: Form<Key>) -> Answered {
    Ok(auth
        .issue_key(form.name.as_deref().unwrap_or("build server"))
        .await?
        .token
        .expose()
        .to_owned()
        .into_response())
}

async fn revoke_key(auth: Auth, form: Form<Login>) -> Answered {
    let Ok(login) = form.login.parse() else { return Ok(StatusCode::UNPROCESSABLE_ENTITY.into_response()) };
    Ok(ended(auth.revoke_key(login).await?))
}

#[derive(Deserialize)]
struct Mail {
    kind: String,
    id: String,
}

/// Returns what would be sent to the user by e-mail.
async fn once(State(users): State<Users>, auth: Auth, form: Form<Mail>) -> Answered {
    let Some(user) = users.find(&form.id) else {
        return Ok(StatusCode::UNPROCESSABLE_ENTITY.into_response());
    };
    Ok(auth.issue_once(kind(&form.kind), &user).await?.token.expose().to_owned().into_response())
}

#[derive(Deserialize)]
struct Link {
    kind: String,
    token: String,
}

async fn consume(auth: Auth, form: Form<Link>) -> Answered {
    match auth.consume::<User>(kind(&form.kind), &form.token).await {
        Ok(user) => Ok(user.id.clone().into_response()),
        Err(Denied::Refused(Refusal::Token(rejected))) => Ok(format!("{rejected:?}").into_response()),
        Err(Denied::Refused(refused)) => Ok(format!("{refused:?}").into_response()),
        Err(Denied::Failed(failure)) => Err(failure.into()),
    }
}

#[derive(Deserialize)]
struct Reset {
    token: String,
    password: String,
}

/// Sets a new password for the user of the link.
async fn reset(State(users): State<Users>, auth: Auth, form: Form<Reset>) -> Answered {
    match auth.consume::<User>(crate::site::RESET, &form.token).await {
        Ok(user) => {
            users.change(&user.id, |user| user.password.clone_from(&form.password));
            Ok("changed".into_response())
        }
        Err(Denied::Refused(_)) => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, "this link no longer works").into_response())
        }
        Err(Denied::Failed(failure)) => Err(failure.into()),
    }
}

/// Answers, and logs alice in afterwards.
async fn late(State(users): State<Users>, auth: Auth) -> &'static str {
    tokio::spawn(async move {
        users.pause().await;
        let outcome = auth.login(&users.find("alice").unwrap()).await;
        users.report(format!("{outcome:?}"));
    });
    "answered"
}

/// Sets its own cache headers.
async fn kept(_: Option<CurrentUser<User>>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "private, max-age=60")], "kept")
}
