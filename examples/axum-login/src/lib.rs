#![doc = include_str!("../README.md")]

mod accounts;
mod own_page;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::middleware::from_fn;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use axum_login::tower_sessions::cookie::time::Duration;
use axum_login::tower_sessions::{Expiry, SessionManagerLayer};
use axum_login::{AuthManagerLayerBuilder, login_required};
use hallpass_core::{Clock, SystemClock};
use hallpass_tower_sessions_bridge::TowerSessionStore;
use hallpass_web::{AttemptBy, AttemptLimit, MemoryLimit};

use accounts::{Accounts, Credentials};

type AuthSession = axum_login::AuthSession<Accounts>;

/// The site. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that it sees its clients'
/// addresses.
pub fn app(sessions: TowerSessionStore) -> Router {
    let sessions = SessionManagerLayer::new(sessions)
        .with_name("__Host-id")
        .with_expiry(Expiry::OnInactivity(Duration::hours(2)));
    Router::new()
        .route("/", get(home))
        .route_layer(login_required!(Accounts, login_url = "/login"))
        .route("/login", get(form).post(login))
        .route("/logout", post(logout))
        .layer(AuthManagerLayerBuilder::new(Accounts, sessions).build())
        .layer(from_fn(own_page::only))
        .with_state(Arc::new(MemoryLimit::new()))
}

async fn home(auth: AuthSession) -> Response {
    match auth.user {
        Some(user) => page(
            StatusCode::OK,
            &format!(
                "<p>Logged in as {}.</p>\n<form method=post action=/logout><button>Log out</button></form>",
                user.name
            ),
        ),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn form() -> Response {
    ask(StatusCode::OK, "alice / wonderland or bob / builder")
}

async fn login(
    mut auth: AuthSession,
    State(limit): State<Arc<MemoryLimit>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    Form(credentials): Form<Credentials>,
) -> Response {
    let name = credentials.user.clone();
    // Counted before the password is checked, so that concurrent attempts cannot exceed the limit.
    let attempt = AttemptBy::new(&name, Some(client.ip()), SystemClock.now());
    let Ok(wait) = limit.take(attempt).await;
    if let Some(wait) = wait {
        let answer = ask(StatusCode::TOO_MANY_REQUESTS, "Too many attempts. Please try again later.");
        return ([(RETRY_AFTER, (wait.as_secs() + 1).to_string())], answer).into_response();
    }
    let checked = auth.authenticate(credentials).await;
    if !matches!(checked, Ok(None)) {
        // The password was right, or could not be checked.
        let Ok(()) = limit.forgive(attempt).await;
    }
    match checked {
        Ok(Some(user)) => match auth.login(&user).await {
            Ok(()) => Redirect::to("/").into_response(),
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
        Ok(None) => ask(StatusCode::UNAUTHORIZED, "Wrong name or password."),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn logout(mut auth: AuthSession) -> Response {
    match auth.logout().await {
        Ok(_) => Redirect::to("/login").into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn ask(status: StatusCode, note: &str) -> Response {
    page(
        status,
        &format!(
            "<p>{note}</p>
<form method=post action=/login>
<label>Name <input name=user autocomplete=username required></label>
<label>Password <input name=password type=password autocomplete=current-password required></label>
<button>Log in</button>
</form>"
        ),
    )
}

fn page(status: StatusCode, content: &str) -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=en>\n<title>axum-login on hallpass</title>\n{content}\n</html>\n"
    );
    (status, Html(page)).into_response()
}
