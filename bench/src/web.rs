//! The smallest site: a page that greets who is logged in, and one that asks nobody anything.

use std::convert::Infallible;
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use hallpass_bench_load::{Offer, Turn, http, program};
use hallpass_core::{MemoryStore, Stamp, Subject, Tokens};
use hallpass_demo::{Activity, Cookies};
use hallpass_web::{Auth, AuthLayer, CurrentUser, Rejection, UserLoader};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tower_service::Service;

use crate::options::Options;
use crate::peers::Peers;
use crate::report::Report;
use crate::run;

const OURS: &str = "hallpass-web";
const BARE: &str = "axum alone";
/// Operations between two looks at the clock.
const BATCH: u64 = 100;

pub(crate) fn bench(report: &mut Report, options: &Options, runtime: &Handle) {
    let tokens = Tokens::builder(MemoryStore::new()).build().unwrap();
    let auth = AuthLayer::builder(tokens, Users).insecure_cookies().build().unwrap();
    let site = Router::new().route("/", get(home)).route("/login", post(log_in));
    let site = site.route("/static", get(nothing)).layer(auth);
    let bare = Router::new().route("/", get(greeting)).route("/static", get(nothing));
    let (ours, theirs) = (serve(runtime, &site), serve(runtime, &bare));
    let cookies = runtime.block_on(async {
        let mut client = http::Client::open(ours).await.unwrap();
        client.exchange(&http::request("POST", "/login", "")).await.unwrap().cookies
    });
    let mut offers = vec![
        http::offer(runtime, OURS, "page", ours, "/", Some("/login")),
        http::offer(runtime, BARE, "page", theirs, "/", None),
        http::offer(runtime, OURS, "static", ours, "/static", Some("/login")),
        http::offer(runtime, BARE, "static", theirs, "/static", None),
        call(OURS, "page in process", &site, "/", &cookies),
        call(BARE, "page in process", &bare, "/", &cookies),
        call(OURS, "static in process", &site, "/static", &cookies),
        call(BARE, "static in process", &bare, "/static", &cookies),
    ];
    offers.push(demo(runtime));
    let peers = Peers::start(report, "web", "-", options.rows);
    offers.extend(peers.iter().flat_map(Peers::offers));
    run::area(report, "web", offers, options);
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
    auth.login(&ALICE).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// The demo over memory, asked who one is.
fn demo(runtime: &Handle) -> Offer<'static> {
    let activity = Activity::default();
    let tokens = Tokens::builder(MemoryStore::new()).observer(activity.clone()).build().unwrap();
    let address = serve(runtime, &hallpass_demo::app(tokens, activity, Cookies::Insecure).unwrap());
    let (user, password) = hallpass_demo::announced().next().unwrap();
    let cookies = runtime.block_on(async {
        let mut client = http::Client::open(address).await.unwrap();
        let fields = format!("user={user}&password={password}");
        client.exchange(&http::form("/login", &fields)).await.unwrap().cookies
    });
    program::wrk(OURS, "the demo under wrk", address, "/api/me", &cookies)
}

/// Serves a site on the loopback device for as long as this program runs.
fn serve(runtime: &Handle, site: &Router) -> SocketAddr {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let site = site.clone();
    runtime.spawn(async move { axum::serve(listener, site).await });
    address
}

/// What a request costs without a network, on one thread.
fn call(system: &str, operation: &str, site: &Router, path: &str, cookies: &str) -> Offer<'static> {
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
    Offer::new(system, operation, play).only_from(&[1]).allocating(allocations)
}
