//! Tests what counts as an attempt, and what does not.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hallpass_core::Timestamp;
use hallpass_web::{AttemptBy, AttemptLimit, Auth, MemoryLimit, Rejection};
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::browser::Browser;
use crate::users::Users;
use crate::world::World;

/// The login handler of the README.
async fn log_in(
    auth: Auth,
    State(users): State<Users>,
    Path((name, password)): Path<(String, String)>,
) -> Result<Response, Rejection> {
    let user = users.find(&name);
    let login = auth.begin_login(user.as_ref()).await;
    let attempt = auth.attempt(&name).await?;
    if password == "unchecked" {
        attempt.undecided().await;
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    }
    let Some(user) = user.as_ref().filter(|user| user.password == password) else {
        attempt.failed(user.as_ref());
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    };
    attempt.succeeded().await;
    auth.login(user).begun(login).await?;
    Ok("in".into_response())
}

fn site(world: &World) -> Browser {
    let app = Router::new()
        .route("/login/{name}/{password}", post(log_in))
        .layer(world.layer.clone())
        .with_state(world.users.clone());
    Browser::new(app)
}

#[tokio::test]
async fn an_outage_keeps_no_user_out_after_it() {
    let world = World::new();
    let mut browser = site(&world);
    world.store.switch(false);
    for _ in 0..10 {
        assert_eq!(browser.post("/login/alice/secret").await.status, 503);
    }
    world.store.switch(true);
    assert_eq!(browser.post("/login/alice/secret").await.status, 200);
}

#[tokio::test]
async fn a_login_that_fails_behind_the_password_check_is_no_wrong_password() {
    let world = World::new();
    let mut browser = site(&world);
    for _ in 0..10 {
        // The write after that of `begin_login` fails.
        world.store.fail_write(1);
        assert_eq!(browser.post("/login/alice/secret").await.status, 503);
    }
    world.store.fail_no_write();
    assert_eq!(browser.post("/login/alice/secret").await.status, 200);
}

#[tokio::test]
async fn what_could_not_be_checked_does_not_count() {
    let mut browser = site(&World::new());
    for _ in 0..9 {
        assert_eq!(browser.post("/login/alice/guess").await.status, 401);
    }
    for _ in 0..10 {
        assert_eq!(browser.post("/login/alice/unchecked").await.status, 503);
    }
    assert_eq!(browser.post("/login/alice/guess").await.status, 401);
    assert_eq!(browser.post("/login/alice/secret").await.status, 429);
}

/// A limit that takes every attempt and fails to give it back.
struct Keeps;

impl AttemptLimit for Keeps {
    type Error = &'static str;

    async fn take(&self, _: AttemptBy<'_>) -> Result<Option<Duration>, &'static str> {
        Ok(None)
    }

    async fn forgive(&self, _: AttemptBy<'_>) -> Result<(), &'static str> {
        Err("the disk is full")
    }
}

/// Returns the text of the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut log = self.0.lock().unwrap();
        event.record(&mut |field: &Field, value: &dyn Debug| write!(log, "{field}={value:?} ").unwrap());
        log.push('\n');
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn the_log_tells_of_an_attempt_that_stays_counted() {
    let log = Log::default();
    let _reading = tracing::subscriber::set_default(log.clone());
    let mut browser = site(&World::with(|layer| layer.attempt_limit(Keeps)));
    for (password, status, body) in [("secret", 200, "in"), ("unchecked", 503, "")] {
        log.0.lock().unwrap().clear();
        let answer = browser.post(&format!("/login/alice/{password}")).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (status, body), "the handler's own answer");
        let log = log.0.lock().unwrap();
        assert!(log.contains("message=an attempt stays counted error=\"the disk is full\""), "{log}");
        assert!(!log.contains(password), "{log}");
    }
}

#[tokio::test]
async fn a_right_password_between_wrong_codes_gives_no_more_codes() {
    let limit = MemoryLimit::new();
    let by = AttemptBy::new("alice", "192.0.2.1".parse().ok(), Timestamp::from_millis(1_800_000_000_000));
    let mut codes = 0;
    for _ in 0..50 {
        let Ok(refused) = limit.take(by).await;
        if refused.is_some() {
            break;
        }
        let Ok(()) = limit.forgive(by).await;
        let Ok(refused) = limit.take(by).await;
        codes += usize::from(refused.is_none());
    }
    assert_eq!(codes, 10, "the limit of a client on an account");
}
