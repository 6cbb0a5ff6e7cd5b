//! Tests requests that others overtake, or that are given up in the middle.

use hallpass_core::EventKind;

use crate::browser::{Browser, REMEMBER, SESSION};
use crate::gate::Call;
use crate::site::{MINUTE, Site};
use crate::wire::Answer;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_logout_wins_against_a_restore_that_is_under_way() {
    let site = Site::new().await;
    let browser = site.reopened().await;
    let held = site.gate.hold(Call::Insert);
    let restore = browser.prepare("GET", "/me", &[]);
    let restore = tokio::spawn(async move { restore.send().await });
    held.arrival().await;
    assert_eq!(browser.post("/logout", &[]).await.body, "ended, nobody");
    held.release();
    let answer = restore.await.unwrap();
    site.gate.up();
    assert_eq!((answer.status, &*answer.body), (200, "nobody"));
    assert!(answer.set_cookies().is_empty(), "nothing that would bring the login back");
    browser.receive(&answer);
    assert_eq!(browser.me().await, "nobody");
    assert_eq!(site.live("alice").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_logout_everywhere_wins_against_a_restore_that_is_under_way() {
    let site = Site::new().await;
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
    assert_eq!(answer.body, "nobody");
    browser.receive(&answer);
    assert_eq!(browser.me().await, "nobody");
    assert_eq!(site.live("alice").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_that_ends_in_mid_restore_leaves_the_cookie_of_another_alone() {
    let site = Site::new().await;
    let (one, other) = (site.reopened().await, site.reopened().await);
    // It has just rotated, so its next restore has no successor to send.
    assert_eq!(other.me().await, "alice remembered stale");
    assert_eq!(other.me().await, "alice remembered stale");
    let both = [&one, &other].map(|browser| format!("{REMEMBER}={}", browser.remember().unwrap())).join("; ");
    let restore = site.browser().header("Cookie", both).prepare("GET", "/me", &[]);
    let held = site.gate.hold(Call::Insert);
    let restore = tokio::spawn(async move { restore.send().await });
    held.arrival().await;
    assert_eq!(one.post("/logout", &[]).await.body, "ended, nobody");
    held.release();
    let answer = restore.await.unwrap();
    site.gate.up();
    assert_eq!(answer.body, "alice remembered stale");
    assert!(answer.cookie(SESSION).is_some() && answer.cookie(REMEMBER).is_none(), "{answer:?}");
}

/// Restores a session on a slow page, and does something in another tab meanwhile.
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
        let site = Site::new().await;
        let browser = site.reopened().await;
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
    let site = Site::new().await;
    let browser = site.reopened().await;
    let late = overtaken(&site, &browser, "/logout", &[]).await;
    browser.receive(&late);
    assert_eq!((browser.session(), browser.remember()), (None, None));
    assert_eq!((browser.me().await, site.live("alice").await), ("nobody".into(), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_hangs_up_in_mid_request_is_not_logged_out() {
    let site = Site::new().await;
    let browser = site.reopened().await;
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
    // A response that restores, and one that only sends the lost successor again.
    for lost_alone in [false, true] {
        let site = Site::new().await;
        let browser = site.reopened().await;
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
        assert_eq!(site.heard.count(EventKind::Reused), 0, "and there is no alarm");
    }
}
