//! The store fails: the site answers 503 and clears no cookie, and everything works again when the store is back.

use hallpass_core::EventKind;
use hallpass_test_store::{Call, Fault};

use crate::browser::{REMEMBER, SESSION};
use crate::site::{HOUR, MINUTE, SECOND, Site};
use crate::wire::Answer;

/// The answer is "try again", and changes no cookie.
fn unavailable(answer: &Answer) {
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.set_cookies().is_empty());
    assert!(!answer.body.contains("the test says so"), "the cause is not revealed: {}", answer.body);
}

#[tokio::test]
async fn an_outage_is_never_a_logout() {
    let site = Site::new();
    let (browser, closed) = (site.browser(), site.browser());
    browser.log_in_remembered("alice").await;
    closed.log_in_remembered("alice").await;
    closed.reopen();
    let cookies = |browser: &crate::browser::Browser| (browser.session(), browser.remember());
    let before = (cookies(&browser), cookies(&closed));
    site.gate.all_down();
    for browser in [&browser, &closed] {
        for path in
            ["/me", "/account", "/members", "/delicate", "/vault", "/cart", "/devices", "/why", "/keys"]
        {
            unavailable(&browser.get(path).await);
        }
        let login = "0123456789abcdef";
        for path in ["/logout", "/devices/one", "/devices/others", "/devices/all", "/keys"] {
            unavailable(&browser.post(path, &[("login", login)]).await);
        }
        unavailable(&browser.post("/cart", &[("item", "tea")]).await);
        unavailable(&browser.post("/confirm", &[("password", "secret")]).await);
        unavailable(&browser.post("/login", &[("id", "alice"), ("password", "secret")]).await);
    }
    assert_eq!((cookies(&browser), cookies(&closed)), before);
    site.gate.up();
    assert_eq!(
        (browser.me().await, closed.me().await),
        ("alice session fresh".into(), "alice remembered stale".into())
    );
}

#[tokio::test]
async fn a_visitor_notices_no_outage_until_something_has_to_be_kept() {
    let site = Site::new();
    let visitor = site.browser();
    site.gate.all_down();
    assert_eq!((visitor.get("/").await.status, visitor.me().await), (200, "anonymous".into()));
    assert_eq!(visitor.get("/account").await.status, 303);
    assert_eq!(visitor.get("/cart").await.status, 200);
    unavailable(&visitor.post("/cart", &[("item", "tea")]).await);
    let junk = site.browser().header("Cookie", format!("{SESSION}=junk; {REMEMBER}=junk"));
    assert_eq!(junk.me().await, "anonymous", "text that is not a token needs no store");
}

#[tokio::test]
async fn a_login_that_cannot_be_written_leaves_nothing_half_done() {
    // Before the login, at its remember-me token, and between that and its session.
    for (call, after) in [(Call::Epoch, 0), (Call::Insert, 0), (Call::Insert, 1)] {
        let (site, browser) = Site::visited();
        site.gate.down_after(call, after);
        let form = [("id", "alice"), ("password", "secret"), ("remember", "on")];
        unavailable(&browser.post("/login", &form).await);
        site.gate.up();
        assert_eq!((browser.me().await, site.live("alice").await), ("anonymous".into(), 0));
        browser.log_in_remembered("alice").await;
        assert_eq!(browser.get("/devices").await.body.lines().count(), 1);
    }
}

#[tokio::test]
async fn a_login_that_cannot_end_the_one_before_leaves_that_one_in_place() {
    let (site, browser) = Site::visited();
    browser.log_in_remembered("bob").await;
    site.gate.down(Call::Revoke);
    unavailable(&browser.post("/login", &[("id", "alice"), ("password", "secret")]).await);
    site.gate.up();
    assert_eq!(browser.me().await, "bob session fresh");
}

#[tokio::test]
async fn a_logout_that_cannot_be_written_is_no_logout_and_can_be_repeated() {
    let (site, browser) = Site::remembering_alice().await;
    site.gate.down(Call::Revoke);
    for path in ["/logout", "/devices/all"] {
        unavailable(&browser.post(path, &[]).await);
    }
    assert!(
        site.heard.kinds().iter().all(|kind| *kind != hallpass_web::SignalKind::LoggedOut),
        "no signal is sent"
    );
    assert_eq!(browser.me().await, "alice session fresh");
    site.gate.up();
    assert_eq!(browser.post("/logout", &[]).await.body, "ended, anonymous");
    assert_eq!(site.live("alice").await, 0);
}

#[tokio::test]
async fn a_restore_that_cannot_be_written_can_be_repeated() {
    let (site, browser) = Site::reopened_by_alice().await;
    site.gate.down(Call::Insert);
    let first = browser.get("/me").await;
    assert_eq!((first.status, first.set_cookies().len()), (503, 1), "the token had rotated by then");
    assert_eq!(first.cookie(REMEMBER).unwrap().value, browser.remember().unwrap());
    assert_eq!(first.header("cache-control"), Some("private, no-store"));
    for _ in 0..2 {
        site.advance(SECOND * 20);
        unavailable(&browser.get("/me").await);
    }
    site.advance(HOUR * 2);
    site.gate.up();
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(site.heard.count(EventKind::Reused) + site.heard.count(EventKind::Lapsed), 0);
}

#[tokio::test]
async fn a_rotation_that_cannot_be_written_is_put_off() {
    let (site, browser) = Site::reopened_by_alice().await;
    let token = browser.remember();
    site.gate.down(Call::Replace);
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!((browser.remember(), site.steps("alice").await), (token.clone(), 0));
    site.gate.up();
    browser.reopen();
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(site.steps("alice").await, 1);
    assert_ne!(browser.remember(), token);
}

#[tokio::test]
async fn a_rotation_of_unknown_outcome_logs_no_user_out() {
    let (site, browser) = Site::reopened_by_alice().await;
    site.gate.unknown(Call::Replace);
    let answer = browser.get("/me").await;
    assert!(answer.status == 503 || answer.body == "alice remembered stale", "{answer:?}");
    site.gate.up();
    for _ in 0..3 {
        assert_eq!(browser.me().await, "alice remembered stale");
    }
    site.advance(HOUR * 2);
    browser.reopen();
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(site.heard.count(EventKind::Reused) + site.heard.count(EventKind::Lapsed), 0);
}

#[tokio::test]
async fn a_session_that_cannot_be_kept_alive_is_good_all_the_same() {
    let (site, browser) = Site::of_alice().await;
    site.advance(MINUTE * 5);
    site.gate.down(Call::Replace);
    assert_eq!(browser.me().await, "alice session fresh");
    unavailable(&browser.post("/cart", &[("item", "tea")]).await);
    site.gate.up();
    assert_eq!(
        (browser.get("/cart").await.body, browser.me().await),
        (String::new(), "alice session fresh".into())
    );
}

#[tokio::test]
async fn a_thief_is_not_let_in_by_an_outage() {
    let (site, browser) = Site::reopened_by_alice().await;
    let thief = browser.copied();
    browser.me().await;
    browser.me().await;
    site.advance(MINUTE);
    site.gate.down(Call::Revoke);
    unavailable(&thief.get("/me").await);
    site.gate.up();
    assert_eq!(thief.me().await, "anonymous");
    assert_eq!(browser.me().await, "anonymous");
}

#[tokio::test]
async fn a_key_that_cannot_be_looked_up_is_not_refused() {
    let (site, browser) = Site::of_alice().await;
    let key = browser.post("/keys", &[]).await.body;
    let program = site.browser().program().header("Authorization", format!("Bearer {key}"));
    site.gate.all_down();
    unavailable(&program.get("/account").await);
    site.gate.up();
    assert_eq!(program.get("/account").await.body, "alice key stale");
}

/// Sends a request of alice, whose browser may have been closed since she logged in, while the store's call after
/// `others` fails. Returns whether there was such a call.
async fn survives(
    cap: u32,
    closed: bool,
    (method, path): (&str, &str),
    form: &[(&str, &str)],
    others: usize,
) -> bool {
    let site = Site::tuned(|tokens| tokens.max_logins(cap.try_into().unwrap()), |layer| layer);
    let browser = site.browser();
    site.browser().log_in("alice").await;
    site.advance(MINUTE);
    browser.log_in_remembered("alice").await;
    if closed {
        browser.reopen();
    }
    site.advance(MINUTE * 2);
    site.gate.calls();
    site.gate.fail_one(&Call::ALL, others, Fault::Down);
    let answer = browser.send(method, path, form).await;
    let calls = site.gate.calls().len();
    site.gate.up();
    let case = format!("{method} {path}, cap: {cap}, closed: {closed}, call {others} of {calls}: {answer:?}");
    let cleared = answer.set_cookies().iter().any(|cookie| cookie.value.is_empty());
    assert!(answer.status != 500 && !(answer.status == 503 && cleared), "{case}");
    for _ in 0..3 {
        site.advance(MINUTE);
        assert!(browser.me().await.starts_with("alice "), "{case}");
    }
    assert_eq!(site.heard.count(EventKind::Reused) + site.heard.count(EventKind::Lapsed), 0, "{case}");
    others < calls
}

#[tokio::test]
async fn whichever_call_of_the_store_fails_the_user_stays_logged_in() {
    let login = [("id", "alice"), ("password", "secret"), ("remember", "on")];
    for (cap, method, path, form) in [
        (100, "GET", "/me", &[][..]),
        (100, "GET", "/devices", &[]),
        (100, "POST", "/cart", &[("item", "tea")]),
        (1, "POST", "/confirm", &login[1..2]),
        (100, "POST", "/confirm", &login[1..2]),
        (1, "POST", "/login", &login),
        (100, "POST", "/login", &login),
        (1, "POST", "/counted", &login),
        (100, "POST", "/counted", &login),
        (100, "POST", "/devices/others", &[]),
        (100, "POST", "/keys", &[]),
    ] {
        for closed in [false, true] {
            let mut others = 0;
            while survives(cap, closed, (method, path), form, others).await {
                others += 1;
            }
            assert!(others > 0, "{path}: the store was asked");
        }
    }
}

#[tokio::test]
async fn a_handler_that_asks_again_confirms_nothing_that_the_browser_has_not_got() {
    let (site, browser) = Site::reopened_by_alice().await;
    site.advance(HOUR);
    site.gate.fail_one(&[Call::Insert], 0, Fault::Down);
    assert_eq!(browser.lose("/again").await.body, "true, alice remembered stale");
    assert_eq!(site.heard.count(EventKind::Confirmed), 0);
    site.advance(MINUTE);
    assert_eq!(browser.me().await, "alice remembered stale", "the answer got lost");
}
