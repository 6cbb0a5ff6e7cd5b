//! The routes.

mod account;
mod activity;
mod devices;
mod form;
mod login;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use hallpass_web::{AuthLayer, local_path};
use serde::Deserialize;

use crate::accounts::Accounts;
use crate::activity::Activity;
use crate::pages;

/// The size limit of a form.
const MAX_BODY: usize = 4 * 1024;

/// The state that handlers share.
#[derive(Clone, Debug)]
struct Site {
    accounts: Accounts,
    activity: Activity,
}

pub(crate) fn router(auth: AuthLayer, accounts: Accounts, activity: Activity) -> Router {
    Router::new()
        .route("/", get(account::home))
        .route("/activity", get(activity::page))
        .route("/activity/events", get(activity::events))
        .route("/activity.js", get(([(CONTENT_TYPE, "text/javascript")], pages::SCRIPT)))
        .route("/login", get(login::page).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/confirm", get(login::confirm_page).post(login::confirm))
        .route("/password", get(account::password_page).post(account::change_password))
        .route("/devices/logout", post(devices::log_out_one))
        .route("/logout-others", post(devices::log_out_others))
        .route("/logout-everywhere", post(devices::log_out_everywhere))
        .route("/api/me", get(account::me))
        .route("/healthz", get("ok\n"))
        .route("/style.css", get(([(CONTENT_TYPE, "text/css")], pages::STYLE)))
        .route("/icon.svg", get(([(CONTENT_TYPE, "image/svg+xml")], pages::ICON)))
        .fallback((StatusCode::NOT_FOUND, pages::message("Not here", "There is no such page.")))
        .layer(auth)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(dress))
        .with_state(Site { accounts, activity })
}

/// The query of a page.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Query {
    /// Where to go afterwards.
    next: String,
    /// What was done, to be shown on the page.
    done: String,
}

/// Returns `next` if it is on this site, otherwise the start page.
fn local(next: &str) -> &str {
    local_path(next).unwrap_or("/")
}

/// Adds the security headers, and turns the layer's short errors into pages for people.
async fn dress(request: Request, next: Next) -> Response {
    let person =
        request.headers().get_all(ACCEPT).iter().any(|accept| accept.as_bytes().starts_with(b"text/html"));
    let mut response = next.run(request).await;
    if person && is_problem(response.headers()) {
        let page = pages::problem(response.status());
        *response.body_mut() = Body::from(page.into_string());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: with it, browsers send `Origin: null` even with our own forms.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

fn is_problem(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json")
}
