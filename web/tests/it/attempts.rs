//! How often a password may be tried, and which signals follow.

use std::convert::Infallible;
use std::fmt::{Debug, Write as _};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_test_store::Call;
use hallpass_web::{AttemptBy, AttemptLimit, Signal, SignalKind};
use tokio::task::JoinSet;
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::browser::Browser;
use crate::site::{MINUTE, Site, peer};

fn site() -> Site {
    Site::with(|layer| layer.peer_address(peer))
}

async fn try_with(browser: &Browser, id: &str, password: &str) -> u16 {
    browser.post("/counted", &[("id", id), ("password", password)]).await.status
}

#[tokio::test]
async fn after_ten_wrong_passwords_the_right_one_has_to_wait() {
    let site = site();
    let browser = site.browser();
    for _ in 0..10 {
        assert_eq!(try_with(&browser, "alice", "guess").await, 401);
    }
    let answer = browser.post("/counted", &[("id", "alice"), ("password", "secret")]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("901")));
    assert!(answer.set_cookies().is_empty());
    assert_eq!(try_with(&browser, "bob", "secret").await, 200, "another account");
    let mut elsewhere = site.browser();
    elsewhere.from = Ipv4Addr::new(127, 0, 0, 2);
    assert_eq!(try_with(&elsewhere, "alice", "secret").await, 200, "the user, from another address");
    site.advance(MINUTE * 15);
    assert_eq!(try_with(&browser, "alice", "secret").await, 200);
}

#[tokio::test]
async fn names_that_do_not_exist_are_counted_too_and_cost_the_same_calls() {
    let site = site();
    let browser = site.browser();
    site.gate.calls();
    assert_eq!(try_with(&browser, "alice", "guess").await, 401);
    let known = site.gate.calls();
    assert_eq!(try_with(&browser, "mallory", "guess").await, 401);
    assert_eq!(site.gate.calls().len(), known.len(), "{known:?}");
    site.gate.all_down();
    assert_eq!(try_with(&browser, "alice", "guess").await, 401);
    assert_eq!(try_with(&browser, "mallory", "guess").await, 401, "an outage reveals no names");
    site.gate.up();
    for _ in 2..10 {
        assert_eq!(try_with(&browser, "mallory", "guess").await, 401);
    }
    assert_eq!(try_with(&browser, "mallory", "guess").await, 429);
}

#[tokio::test]
async fn a_store_in_trouble_tells_no_names_whichever_of_its_calls_fail() {
    for down in [
        &[Call::Epoch, Call::Insert, Call::Replace, Call::Delete, Call::Revoke][..],
        &[Call::Find],
        &[Call::Epoch],
    ] {
        let site = site();
        let browser = site.browser();
        down.iter().for_each(|call| site.gate.down(*call));
        let [known, unknown] = ["alice", "mallory"].map(|id| [("id", id), ("password", "guess")]);
        let (known, unknown) =
            (browser.post("/counted", &known).await, browser.post("/counted", &unknown).await);
        assert_eq!(
            (known.status, known.body, known.headers.len()),
            (unknown.status, unknown.body, unknown.headers.len()),
            "{down:?}"
        );
        if down.contains(&Call::Epoch) {
            assert_eq!(try_with(&browser, "alice", "secret").await, 503, "the owner gets an error");
        }
        site.gate.up();
        assert_eq!(try_with(&browser, "alice", "secret").await, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_thirty_attempts_at_once_ten_are_made() {
    let site = site();
    let request = site.browser().prepare("POST", "/counted", &[("id", "alice"), ("password", "guess")]);
    let held = site.gate.hold(Call::Epoch);
    let mut tasks = JoinSet::new();
    for _ in 0..30 {
        let request = request.clone();
        tasks.spawn(async move { request.send().await.status });
    }
    let mut answers = Vec::new();
    while answers.len() < 20 {
        answers.push(tasks.join_next().await.unwrap().unwrap());
    }
    held.release();
    answers.extend(tasks.join_all().await);
    assert_eq!(answers[..20], [429; 20], "while the others are being checked");
    assert_eq!(answers[20..], [401; 10]);
}

#[tokio::test]
async fn failed_logins_are_told_with_the_client_s_address() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = told.clone();
    let listener = move |signal: &Signal<'_>| {
        let subject = signal.subject.map(ToString::to_string);
        hears.lock().unwrap().push((signal.what, subject, signal.address.map(|at| at.to_string())));
    };
    let site = Site::with(|layer| layer.peer_address(peer).listener(listener));
    let browser = site.browser();
    try_with(&browser, "alice", "guess").await;
    try_with(&browser, "mallory", "guess").await;
    let here = Some("127.0.0.1".to_owned());
    assert_eq!(
        *told.lock().unwrap(),
        [
            (SignalKind::LoginFailed, Some("alice".into()), here.clone()),
            (SignalKind::LoginFailed, None, here.clone()),
        ]
    );
    for _ in 0..9 {
        try_with(&browser, "alice", "guess").await;
    }
    try_with(&browser, "alice", "guess").await;
    assert_eq!(told.lock().unwrap().pop(), Some((SignalKind::TooManyAttempts, None, here)));
}

/// A limit over a server that fails on demand; all clients share three attempts.
#[derive(Clone, Default)]
struct Stuck {
    taken: Arc<AtomicU32>,
    takes_none: Arc<AtomicBool>,
}

impl AttemptLimit for Stuck {
    type Error = &'static str;

    async fn take(&self, _: AttemptBy<'_>) -> Result<Option<Duration>, &'static str> {
        if self.takes_none.load(Ordering::SeqCst) {
            return Err("the server of the attempts is down");
        }
        Ok((self.taken.fetch_add(1, Ordering::SeqCst) >= 3).then_some(MINUTE))
    }

    async fn forgive(&self, _: AttemptBy<'_>) -> Result<(), &'static str> {
        Err("the server of the attempts takes no writes")
    }
}

#[tokio::test]
async fn a_limit_that_cannot_give_an_attempt_back_costs_no_login_and_gives_no_guess() {
    let limit = Stuck::default();
    let layer = limit.clone();
    let site = Site::with(|builder| builder.attempt_limit(layer));
    let browser = site.browser();
    let answer = browser.post("/counted", &[("id", "alice"), ("password", "secret")]).await;
    assert_eq!((answer.status, answer.set_cookies().len()), (200, 1), "{answer:?}");
    assert_eq!(browser.me().await, "alice session fresh");
    assert_eq!(try_with(&site.browser(), "alice", "guess").await, 401);
    assert_eq!(try_with(&site.browser(), "alice", "guess").await, 401);
    for password in ["guess", "secret"] {
        assert_eq!(try_with(&site.browser(), "alice", password).await, 429, "still counted");
    }
    limit.takes_none.store(true, Ordering::SeqCst);
    for password in ["guess", "secret"] {
        assert_eq!(
            try_with(&site.browser(), "alice", password).await,
            503,
            "an attempt that cannot be counted is refused"
        );
    }
    assert_eq!(browser.me().await, "alice session fresh");
}

/// A limit of the application: two attempts per address.
#[derive(Clone, Default)]
struct Two(Arc<Mutex<u32>>);

impl AttemptLimit for Two {
    type Error = Infallible;

    async fn take(&self, by: AttemptBy<'_>) -> Result<Option<Duration>, Infallible> {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        Ok((*count > 2).then(|| Duration::from_secs(by.account.len() as u64)))
    }

    async fn forgive(&self, _: AttemptBy<'_>) -> Result<(), Infallible> {
        *self.0.lock().unwrap() = 0;
        Ok(())
    }
}

#[tokio::test]
async fn a_site_may_count_for_itself() {
    let site = Site::with(|layer| layer.attempt_limit(Two::default()));
    let browser = site.browser();
    assert_eq!(try_with(&browser, "alice", "guess").await, 401);
    assert_eq!(try_with(&browser, "alice", "secret").await, 200);
    for status in [401, 401, 429] {
        assert_eq!(try_with(&browser, "alice", "guess").await, status);
    }
}

#[tokio::test]
async fn an_outage_is_no_wrong_password_and_keeps_no_user_out_after_it() {
    let site = site();
    let browser = site.browser();
    for down in [&[Call::Insert][..], &[Call::Insert, Call::Epoch, Call::Find]] {
        down.iter().for_each(|call| site.gate.down(*call));
        for _ in 0..10 {
            assert_eq!(try_with(&browser, "alice", "secret").await, 503);
        }
        site.gate.up();
        assert_eq!(try_with(&browser, "alice", "secret").await, 200);
    }
}

#[tokio::test]
async fn what_could_not_be_checked_does_not_count() {
    let site = site();
    let browser = site.browser();
    for _ in 0..9 {
        assert_eq!(try_with(&browser, "alice", "guess").await, 401);
    }
    for _ in 0..10 {
        assert_eq!(try_with(&browser, "alice", "unchecked").await, 503);
    }
    assert_eq!(try_with(&browser, "alice", "guess").await, 401);
    assert_eq!(try_with(&browser, "alice", "secret").await, 429);
}

/// The log of this thread.
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
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn the_log_names_the_error_that_keeps_an_attempt_counted() {
    let site = Site::with(|layer| layer.attempt_limit(Stuck::default()));
    for (password, status) in [("secret", 200), ("unchecked", 503)] {
        let log = Log::default();
        let reading = tracing::subscriber::set_default(log.clone());
        assert_eq!(try_with(&site.browser(), "alice", password).await, status, "the handler's own answer");
        drop(reading);
        let log = log.0.lock().unwrap();
        let error = "message=an attempt stays counted error=\"the server of the attempts takes no writes\"";
        assert!(log.contains(error) && !log.contains(password), "{log}");
    }
}
