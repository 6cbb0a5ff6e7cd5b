//! axum-login over tower-sessions and its memory store: the same site as ours.

use std::convert::Infallible;
use std::hint::black_box;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

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
use hallpass_bench_load::{Offer, Turn, http, program};
use tokio::net::TcpListener;
use tower_service::Service;
use tower_sessions_14::MemoryStore;

use crate::{Offers, Setting};

const SYSTEM: &str = "axum-login";
/// Operations between two looks at the clock.
const BATCH: u64 = 100;

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
    let demo = serve(setting, &dressed)?;
    let address = serve(setting, &site)?;
    let cookies = setting.runtime.block_on(async {
        let mut client = http::Client::open(address).await?;
        io::Result::Ok(client.exchange(&http::request("POST", "/login", "")).await?.cookies)
    })?;
    Ok(vec![
        http::offer(&setting.runtime, SYSTEM, "page", address, "/", Some("/login")),
        http::offer(&setting.runtime, SYSTEM, "static", address, "/static", Some("/login")),
        call("page in process", &site, "/", &cookies),
        call("static in process", &site, "/static", &cookies),
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

/// What the demo answers there.
async fn me(auth: AuthSession) -> Result<([(HeaderName, &'static str); 1], String), StatusCode> {
    let user = auth.user.ok_or(StatusCode::UNAUTHORIZED)?;
    let body = format!(r#"{{"user":"{}","how":"password","fresh":true}}"#, user.0);
    Ok(([(CONTENT_TYPE, "application/json")], body))
}

/// What the demo tells browsers with every answer.
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

/// Serves a site on the loopback device for as long as this program runs.
fn serve(setting: &Setting, site: &Router) -> io::Result<SocketAddr> {
    let listener = setting.runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let site = site.clone();
    setting.runtime.spawn(async move { axum::serve(listener, site).await });
    Ok(address)
}

/// What a request costs without a network, on one thread.
fn call(operation: &str, site: &Router, path: &str, cookies: &str) -> Offer<'static> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut service = site.clone().into_service::<Body>();
    let (path, cookies) = (path.to_owned(), cookies.to_owned());
    let mut batch = move || {
        runtime.block_on(async {
            for _ in 0..BATCH {
                let request = Request::get(&path).header("cookie", &cookies).body(Body::empty()).unwrap();
                let answer = service.call(request).await.unwrap();
                assert_eq!(black_box(answer).status(), 200);
            }
        });
    };
    batch();
    let allocations = allocation_counter::measure(&mut batch).count_total as f64 / BATCH as f64;
    let play = move |_, length: Duration| Ok(Turn::repeat(length, BATCH, &mut batch));
    Offer::new(SYSTEM, operation, play).only_from(&[1]).allocating(allocations)
}
