//! axum-login over tower-sessions and its memory store: the same site as with hallpass.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use axum_login::tower_sessions::SessionManagerLayer;
use axum_login::{AuthManagerLayerBuilder, AuthUser, AuthnBackend, UserId};
use hallpass_bench_load::site::{call, serve};
use hallpass_bench_load::{http, program};
use tower_sessions_14::MemoryStore;

use crate::{Offers, Setting};

const SYSTEM: &str = "axum-login";

pub(crate) fn add(setting: &mut Setting) {
    let offers = offers(setting);
    setting.add(SYSTEM, offers);
}

fn offers(setting: &Setting) -> Offers {
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_secure(false);
    let site = Router::new()
        .route("/", get(home))
        .route("/login", post(log_in))
        .route("/static", get(nothing))
        .route("/api/me", get(me))
        .layer(AuthManagerLayerBuilder::new(Users, sessions).build());
    let dressed = site.clone().layer(DefaultBodyLimit::max(4 * 1024)).layer(from_fn(dress));
    let demo = serve(&setting.runtime, &dressed)?;
    let address = serve(&setting.runtime, &site)?;
    let cookies = setting.runtime.block_on(http::log_in(address, "/login", ""))?;
    Ok(vec![
        http::offer(&setting.runtime, SYSTEM, "page", address, "/", Some("/login")),
        http::offer(&setting.runtime, SYSTEM, "static", address, "/static", Some("/login")),
        call(SYSTEM, "page in process", &site, "/", &cookies),
        call(SYSTEM, "static in process", &site, "/static", &cookies),
        program::wrk(SYSTEM, "the demo under wrk", demo, "/api/me", &cookies),
    ])
}

#[derive(Clone, Copy, Debug)]
struct User(&'static str, &'static str);

const ALICE: User = User("alice", "wonderland");

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.0.to_owned()
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.1.as_bytes()
    }
}

#[derive(Clone, Copy, Debug)]
struct Users;

impl AuthnBackend for Users {
    type User = User;
    type Credentials = ();
    type Error = Infallible;

    async fn authenticate(&self, (): ()) -> Result<Option<User>, Infallible> {
        Ok(Some(ALICE))
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<User>, Infallible> {
        Ok((id == ALICE.0).then_some(ALICE))
    }
}

type AuthSession = axum_login::AuthSession<Users>;

async fn home(auth: AuthSession) -> Result<String, StatusCode> {
    let user = auth.user.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(format!("Hello, {}", user.0))
}

/// The same answer as the demo's.
async fn me(auth: AuthSession) -> Result<([(HeaderName, &'static str); 1], String), StatusCode> {
    let user = auth.user.ok_or(StatusCode::UNAUTHORIZED)?;
    let body = format!(r#"{{"user":"{}","how":"password","fresh":true}}"#, user.0);
    Ok(([(CONTENT_TYPE, "application/json")], body))
}

/// Adds the same headers as the demo.
async fn dress(request: Request<Body>, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

async fn nothing() -> &'static str {
    "Hello, whoever you are"
}

async fn log_in(mut auth: AuthSession) -> StatusCode {
    match auth.login(&ALICE).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
