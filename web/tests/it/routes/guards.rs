//! More pages of the site under test: counted attempts, CSRF tokens, and long-lived requests.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Form, Router};
use hallpass_web::{Auth, CurrentUser};
use serde::Deserialize;

use super::Answered;
use crate::users::{User, Users};

pub(crate) fn router() -> Router<Users> {
    Router::new()
        .route("/counted", post(counted))
        .route("/csrf", get(csrf).post(csrf_form))
        .route("/watch", get(watch))
        .route("/address", get(address))
        .route("/watch/late", get(watch_late))
}

#[derive(Deserialize)]
struct Input {
    id: String,
    password: String,
}

/// A login page as it should be: it counts attempts, and names that do not exist cost the same.
async fn counted(State(users): State<Users>, auth: Auth, form: Form<Input>) -> Answered {
    let attempt = auth.attempt(&form.id).await?;
    let user = users.find(&form.id);
    let login = auth.begin_login(user.as_ref()).await;
    if form.password == "unchecked" {
        attempt.undecided().await;
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    }
    let Some(user) = user.as_ref().filter(|user| user.password == form.password) else {
        attempt.failed(user.as_ref());
        return Ok((StatusCode::UNAUTHORIZED, "wrong").into_response());
    };
    attempt.succeeded().await;
    auth.login(user).begun(login).await?;
    Ok("in".into_response())
}

async fn csrf(auth: Auth) -> Answered {
    Ok(auth.csrf_token()?.into_response())
}

#[derive(Deserialize)]
struct Guarded {
    csrf: String,
}

async fn csrf_form(auth: Auth, form: Form<Guarded>) -> Answered {
    auth.check_csrf(&form.csrf).await?;
    let user = auth.require::<User>().await?;
    Ok(user.id.clone().into_response())
}

fn name(user: Option<&CurrentUser<User>>) -> String {
    user.map_or_else(|| "anonymous".into(), |user| user.id.clone())
}

/// A long-lived stream: it shows the user before and after a pause, as it was known and as it is now.
async fn watch(State(users): State<Users>, auth: Auth) -> Answered {
    let before = auth.user::<User>().await?;
    users.pause().await;
    let known = auth.user::<User>().await?;
    let again = match auth.recheck::<User>().await {
        Ok(user) => name(user.as_ref()),
        Err(_) => "an outage".into(),
    };
    let after = auth.user::<User>().await?;
    let names = [name(before.as_ref()), name(known.as_ref()), again, name(after.as_ref())];
    Ok(names.join(", ").into_response())
}

/// Asks for the user only in the way in which a streaming body can: after the answer.
async fn address(State(users): State<Users>, auth: Auth) -> &'static str {
    tokio::spawn(async move {
        users.pause().await;
        let user = auth.user::<User>().await;
        users.report(name(user.ok().flatten().as_ref()));
    });
    "answered"
}

/// Checks the login three times, for the first time after the answer.
async fn watch_late(State(users): State<Users>, auth: Auth) -> &'static str {
    tokio::spawn(async move {
        users.pause().await;
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(name(auth.recheck::<User>().await.unwrap().as_ref()));
        }
        users.report(seen.join(", "));
    });
    "answered"
}
