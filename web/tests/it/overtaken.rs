//! Requests that are overtaken by others, or dropped, halfway through.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use hallpass_core::EventKind;
use hallpass_test_store::Call;
use hallpass_web::Auth;

use crate::browser::{Browser, REMEMBER, SESSION};
use crate::site::{HOUR, MINUTE, Site};
use crate::users::User;
use crate::wire::Answer;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_logout_wins_against_a_restore_that_is_under_way() {
    let (site, browser) = Site::reopened_by_alice().await;
    let held = site.gate.hold(Call::Insert);
    let restore = browser.prepare("GET", "/me", &[]);
    let restore = tokio::spawn(async move { restore.send().await });
    held.arrival().await;
    assert_eq!(browser.post("/logout", &[]).await.body, "ended, anonymous");
    held.release();
    let answer = restore.await.unwrap();
    site.gate.up();
    assert_eq!((answer.status, &*answer.body), (200, "anonymous"));
    assert!(answer.set_cookies().is_empty(), "no cookie that would bring the login back");
    browser.receive(&answer);
    assert_eq!(browser.me().await, "anonymous");
    assert_eq!(site.live("alice").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_logout_everywhere_wins_against_a_restore_that_is_under_way() {
    let site = Site::new();
    let (browser, elsewhere) = (site.reopened().await, site.browser());
    elsewhere.log_in("alice").await;
    let held = site.gate.hold(Call::Insert);
    let restore = browser.prepare("GET", "/me", &[]);
    let restore = tokio::spawn(async move { restore.send().await });
    held.arrival().await;
    assert_eq!(elsewhere.post("/devices/all", &[]).await.body, "ended");
    held.release();
    let answer = restore.await.unwrap();
    site.gate.up();
    assert_eq!(answer.body, "anonymous");
    browser.receive(&answer);
    assert_eq!(browser.me().await, "anonymous");
    assert_eq!(site.live("alice").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_that_ends_in_mid_restore_leaves_the_cookie_of_another_alone() {
    let site = Site::new();
    let (one, other) = (site.reopened().await, site.reopened().await);
    // It has just rotated, so its next restore sends no successor.
    assert_eq!(other.me().await, "alice remembered stale");
    assert_eq!(other.me().await, "alice remembered stale");
    let both = [&one, &other].map(|browser| format!("{REMEMBER}={}", browser.remember().unwrap())).join("; ");
    let restore = site.browser().header("Cookie", both).prepare("GET", "/me", &[]);
    let held = site.gate.hold(Call::Insert);
    let restore = tokio::spawn(async move { restore.send().await });
    held.arrival().await;
    assert_eq!(one.post("/logout", &[]).await.body, "ended, anonymous");
    held.release();
    let answer = restore.await.unwrap();
    site.gate.up();
    assert_eq!(answer.body, "alice remembered stale");
    assert!(answer.cookie(SESSION).is_some() && answer.cookie(REMEMBER).is_none(), "{answer:?}");
}

/// Restores in a slow request, while another tab sends `path`.
async fn overtaken(site: &Site, browser: &Browser, path: &str, form: &[(&str, &str)]) -> Answer {
    let slow = browser.prepare("GET", "/slow", &[]);
    let slow = tokio::spawn(async move { slow.send().await });
    let (arrived, passes) = &*site.users.slow;
    arrived.acquire().await.unwrap().forget();
    assert_eq!(browser.post(path, form).await.status, 200);
    passes.add_permits(1);
    slow.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restore_that_is_overtaken_by_a_login_leaves_the_newer_cookies_alone() {
    for id in ["alice", "bob"] {
        let (site, browser) = Site::reopened_by_alice().await;
        let form = [("id", id), ("password", "secret"), ("remember", "on")];
        let late = overtaken(&site, &browser, "/login", &form).await;
        assert!(late.set_cookies().is_empty(), "{late:?}");
        browser.receive(&late);
        assert_eq!(browser.me().await, format!("{id} session fresh"));
        browser.reopen();
        assert_eq!(browser.me().await, format!("{id} remembered stale"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restore_that_is_overtaken_by_a_logout_brings_no_cookie_back() {
    let (site, browser) = Site::reopened_by_alice().await;
    let late = overtaken(&site, &browser, "/logout", &[]).await;
    browser.receive(&late);
    assert_eq!((browser.session(), browser.remember()), (None, None));
    assert_eq!((browser.me().await, site.live("alice").await), ("anonymous".into(), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_hangs_up_in_mid_request_is_not_logged_out() {
    let site = Site::new();
    let browser = site.browser_over_tcp().await;
    browser.log_in_remembered("alice").await;
    browser.reopen();
    let held = site.gate.hold(Call::Replace);
    let stream = browser.prepare("GET", "/me", &[]).send_and_hang_up().await;
    held.arrival().await;
    drop(stream);
    held.release();
    site.gate.up();
    for _ in 0..3 {
        assert_eq!(browser.me().await, "alice remembered stale");
    }
    assert!(site.steps("alice").await <= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_that_is_overtaken_by_a_newer_token_does_not_bring_its_own_back() {
    // An answer that restores, and an answer that repeats only a successor that was lost.
    for lost_alone in [false, true] {
        let (site, browser) = Site::reopened_by_alice().await;
        if lost_alone {
            let mut answer = browser.lose("/me").await;
            answer.headers.retain(|(_, value)| !value.starts_with(REMEMBER));
            browser.receive(&answer);
        }
        let slow = browser.prepare("GET", "/slow", &[]);
        let slow = tokio::spawn(async move { slow.send().await });
        let (arrived, passes) = &*site.users.slow;
        arrived.acquire().await.unwrap().forget();
        for _ in 0..2 {
            assert_eq!(browser.me().await, "alice remembered stale");
            assert_eq!(browser.me().await, "alice remembered stale");
            site.advance(MINUTE * 2);
            browser.reopen();
        }
        assert_eq!(browser.me().await, "alice remembered stale");
        let newest = browser.remember();
        passes.add_permits(1);
        let late = slow.await.unwrap();
        assert_eq!(late.body, "alice remembered stale");
        browser.receive(&late);
        assert_eq!(browser.remember(), newest, "a stale cookie never comes back");
        site.advance(MINUTE * 2);
        assert_eq!(browser.me().await, "alice remembered stale");
        assert_eq!(site.heard.count(EventKind::Reused), 0, "no theft is reported");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_that_nothing_overtook_restores_though_the_store_is_gone_by_then() {
    let (site, browser) = Site::reopened_by_alice().await;
    for up in [true, false] {
        let slow = browser.prepare("GET", "/slow", &[]);
        let slow = tokio::spawn(async move { slow.send().await });
        let (arrived, passes) = &*site.users.slow;
        arrived.acquire().await.unwrap().forget();
        if !up {
            site.gate.all_down();
        }
        passes.add_permits(1);
        assert_eq!(slow.await.unwrap().set_cookies().len(), 2);
        site.gate.up();
    }
}

#[tokio::test]
async fn a_login_while_the_answer_is_on_its_way_is_refused_or_sent() {
    let (site, browser) = Site::reopened_by_alice().await;
    site.advance(HOUR);
    let slot: Arc<Mutex<Option<Auth>>> = Arc::default();
    let (kept, gate) = (slot.clone(), site.gate.clone());
    let page = async move |auth: Auth| {
        auth.user::<User>().await.unwrap().unwrap();
        *kept.lock().unwrap() = Some(auth);
        // The next read is the one that asks whether the answer was overtaken: it waits for another.
        gate.meet(Call::Find, 2);
        "page"
    };
    let browser = browser.to(Router::new().route("/", get(page)).layer(site.layer.clone()));
    let request = browser.prepare("GET", "/", &[]);
    let mut answer = Box::pin(request.send());
    let auth = loop {
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(answer.as_mut().poll(cx))).await;
        assert!(first.is_pending(), "it asks whether it was overtaken");
        if let Some(auth) = slot.lock().unwrap().take() {
            break auth;
        }
        tokio::task::yield_now().await;
    };
    let bob = site.users.find("bob").unwrap();
    let logged_in = auth.login(&bob).await.is_ok();
    let cookies = answer.await.set_cookies().len();
    assert_eq!((logged_in, cookies), (true, 2), "his session, and alice's remember-me cookie taken away");
}
