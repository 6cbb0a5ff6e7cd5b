//! The smallest site: a page that greets the user, and one that does not use the session.

use std::convert::Infallible;
use std::hint::black_box;
use std::num::NonZeroU32;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use hallpass_bench_load::site::{call, serve};
use hallpass_bench_load::{Offer, http, program};
use hallpass_core::{MemoryStore, Stamp, Subject, Tokens};
use hallpass_demo::{Activity, Cookies};
use hallpass_web::{Auth, AuthLayer, CurrentUser, Rejection, UserLoader};
use tokio::runtime::Handle;
use tower_layer::Identity;

use crate::options::Options;
use crate::report::Report;
use crate::run;

const OURS: &str = "hallpass-web";
const BARE: &str = "axum alone";
/// The cost of any layer in axum, whatever it does.
const IDLE: &str = "axum with a layer that does nothing";

pub(crate) fn bench(report: &mut Report, options: &Options, runtime: &Handle) {
    // The clients of each round log in anew: with the default cap the session of the calls in process would be evicted.
    let tokens = Tokens::builder(MemoryStore::new()).max_logins(NonZeroU32::MAX).build().unwrap();
    let site = site(tokens);
    let bare = Router::new().route("/", get(greeting)).route("/static", get(nothing));
    let idle = bare.clone().layer(Identity::new());
    let (ours, theirs) = (serve(runtime, &site).unwrap(), serve(runtime, &bare).unwrap());
    let cookies = runtime.block_on(http::log_in(ours, "/login", "")).unwrap();
    let offers = vec![
        http::offer(runtime, OURS, "page", ours, "/", Some("/login")),
        http::offer(runtime, BARE, "page", theirs, "/", None),
        http::offer(runtime, OURS, "static", ours, "/static", Some("/login")),
        http::offer(runtime, BARE, "static", theirs, "/static", None),
        call(OURS, "page in process", &site, "/", &cookies),
        call(BARE, "page in process", &bare, "/", &cookies),
        call(IDLE, "page in process", &idle, "/", &cookies),
        call(OURS, "static in process", &site, "/static", &cookies),
        call(BARE, "static in process", &bare, "/static", &cookies),
        call(IDLE, "static in process", &idle, "/static", &cookies),
        demo(runtime),
    ];
    run::area(report, "web", offers, ("-", options.rows), options);
}

/// The site: a page that greets the user, a login, and a page that does not use the session.
pub(crate) fn site(tokens: Tokens) -> Router {
    let auth = hallpass_web::danger::insecure_cookies(AuthLayer::builder(tokens, Users)).build().unwrap();
    let site = Router::new().route("/", get(home)).route("/login", post(log_in));
    site.route("/static", get(nothing)).layer(auth)
}

#[derive(Clone, Copy)]
struct User(&'static str, &'static str);

const ALICE: User = User("alice", "wonderland");

struct Users;

impl UserLoader for Users {
    type User = User;
    type Error = Infallible;

    async fn load(&self, id: &Subject) -> Result<Option<User>, Infallible> {
        Ok((id.as_str() == ALICE.0).then_some(ALICE))
    }

    fn id(&self, user: &User) -> String {
        user.0.to_owned()
    }

    fn stamp(&self, user: &User) -> Option<Stamp> {
        Some(Stamp::of(user.1))
    }
}

async fn home(user: CurrentUser<User>) -> String {
    format!("Hello, {}", user.0)
}

async fn greeting() -> String {
    format!("Hello, {}", black_box(ALICE).0)
}

async fn nothing() -> &'static str {
    "Hello, whoever you are"
}

async fn log_in(auth: Auth) -> Result<StatusCode, Rejection> {
    auth.login(&ALICE).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The demo over memory, with requests for `/api/me`.
fn demo(runtime: &Handle) -> Offer<'static> {
    let activity = Activity::default();
    let tokens = Tokens::builder(MemoryStore::new()).observer(activity.clone()).build().unwrap();
    let site = hallpass_demo::app(tokens, activity, Cookies::Insecure).unwrap();
    let address = serve(runtime, &site).unwrap();
    let (user, password) = hallpass_demo::announced().next().unwrap();
    let fields = format!("user={user}&password={password}");
    let cookies = runtime.block_on(http::log_in(address, "/login", &fields)).unwrap();
    program::wrk(OURS, "the demo under wrk", address, "/api/me", &cookies)
}
