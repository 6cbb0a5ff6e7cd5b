//! What is answered where.

use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use hallpass_core::{Failure, How, Kinds, ListQuery, Reason};
use serde::{Deserialize, Serialize};

use crate::accounts::{self, Account};
use crate::auth::{Site, Visitor};
use crate::pages;

/// No form of ours is longer.
const MAX_BODY: usize = 4 * 1024;

const WRONG: &str = "There is no account with this name and password.";
const FENCED: &str = "You were logged out everywhere while you logged in. Please try again.";

pub(crate) fn router(site: Site) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/login", get(home).post(log_in))
        .route("/logout", post(log_out))
        .route("/logout-everywhere", post(log_out_everywhere))
        .route("/api/me", get(me))
        .route("/healthz", get("ok\n"))
        .route("/style.css", get(([(CONTENT_TYPE, "text/css")], pages::STYLE)))
        .fallback((StatusCode::NOT_FOUND, pages::message("Not here", "There is no such page.")))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(guard))
        .with_state(site)
}

async fn home(State(site): State<Site>, headers: HeaderMap) -> Result<Response, Outage> {
    let (visitor, changes) = site.recognise(&headers).await?;
    let page = match visitor {
        Visitor::User(user) => {
            let query = ListQuery { current: Some(user.login), ..ListQuery::default() };
            let devices = site.tokens.list(&user.subject, &query).await?;
            pages::home(&user, &devices.logins, site.tokens.now())
        }
        Visitor::Stranger(rejections) => pages::login(rejections.into_iter().find_map(pages::reason), ""),
    };
    Ok((changes, page).into_response())
}

/// `/api/me`.
#[derive(Serialize)]
struct Me<'a> {
    user: &'a str,
    how: &'a str,
    fresh: bool,
}

async fn me(State(site): State<Site>, headers: HeaderMap) -> Response {
    match site.recognise(&headers).await {
        Ok((Visitor::User(user), changes)) => {
            let fresh = user.how == How::Authenticated;
            let how = if fresh { "password" } else { "remembered" };
            (changes, Json(Me { user: user.subject.as_str(), how, fresh })).into_response()
        }
        Ok((Visitor::Stranger(_), changes)) => {
            (StatusCode::UNAUTHORIZED, changes, Json(Problem { error: "not logged in" })).into_response()
        }
        Err(failure) => unavailable(&failure, Json(Problem { error: "unavailable, please try again" })),
    }
}

#[derive(Serialize)]
struct Problem {
    error: &'static str,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Credentials {
    user: String,
    password: String,
    remember: String,
}

async fn log_in(
    State(site): State<Site>,
    headers: HeaderMap,
    form: Result<Form<Credentials>, FormRejection>,
) -> Result<Response, Outage> {
    let form = match form {
        Ok(Form(form)) => form,
        Err(rejection) => {
            let page = pages::message("That was no login form", &rejection.body_text());
            return Ok((rejection.status(), page).into_response());
        }
    };
    let refuse = |why| (StatusCode::UNAUTHORIZED, pages::login(Some(why), &form.user)).into_response();
    let account = Account::find(&form.user);
    // Begun before the password is checked: what is logged out meanwhile, this login included, stays out.
    let login = match account {
        Some(account) => Some(site.tokens.begin_login(&account.subject().map_err(Failure::from)?).await?),
        None => None,
    };
    let right = accounts::check(account, form.password).await;
    let (Some(account), Some(login), true) = (account, login, right) else { return Ok(refuse(WRONG)) };
    let remember = matches!(&*form.remember, "on" | "1" | "true" | "yes");
    Ok(match site.log_in(account, &login, remember, &headers).await? {
        Ok(changes) => (changes, Redirect::to("/")).into_response(),
        Err(_) => refuse(FENCED),
    })
}

async fn log_out(State(site): State<Site>, headers: HeaderMap) -> Result<Response, Outage> {
    Ok((site.log_out(&headers).await?, Redirect::to("/")).into_response())
}

async fn log_out_everywhere(State(site): State<Site>, headers: HeaderMap) -> Result<Response, Outage> {
    match site.recognise(&headers).await? {
        (Visitor::User(user), _) => {
            site.tokens.revoke_subject(&user.subject, Kinds::Any, Reason::LoggedOutElsewhere).await?;
            Ok((site.forget(), Redirect::to("/")).into_response())
        }
        (Visitor::Stranger(rejections), changes) => {
            let why = rejections.into_iter().find_map(pages::reason).unwrap_or("Please log in first.");
            Ok((StatusCode::UNAUTHORIZED, changes, pages::login(Some(why), "")).into_response())
        }
    }
}

/// Refuses what another site made the browser send, and tells browsers to be strict.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = if request.method().is_safe() || is_same_origin(request.headers()) {
        next.run(request).await
    } else {
        let page = pages::message("Refused", "Another site sent this form, so nothing was done.");
        (StatusCode::FORBIDDEN, page).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: with that, browsers send `Origin: null` with our own forms.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Whether one of our own pages sent it, or no browser at all. `SameSite=Lax` keeps the cookies from
/// other *sites*; this keeps out other origins of the same site too, and forged logins.
fn is_same_origin(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    host.is_some_and(|host| headers.get(HOST).is_some_and(|own| own == host))
}

/// No verdict could be reached: 503, and the cookies stay as they are.
struct Outage(Failure);

impl From<Failure> for Outage {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl IntoResponse for Outage {
    fn into_response(self) -> Response {
        let text = "Nobody can be recognised just now. You are still logged in: please try again shortly.";
        unavailable(&self.0, pages::message("One moment", text))
    }
}

fn unavailable(failure: &Failure, body: impl IntoResponse) -> Response {
    tracing::error!("no verdict: {}", crate::with_causes(failure));
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], body).into_response()
}
