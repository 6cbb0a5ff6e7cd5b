//! Users and their ids, changed passwords, and a failing database of users.

use crate::browser::{REMEMBER, SESSION};
use crate::site::{HOUR, MINUTE, Site};

#[tokio::test]
async fn any_text_may_be_an_id() {
    let site = Site::new();
    for id in ["42", "佐藤", "Ünï cödé, \"quoted\"; =id=", &"x".repeat(255)] {
        let browser = site.browser();
        browser.log_in_remembered(id).await;
        assert_eq!(browser.me().await, format!("{id} session fresh"));
        browser.reopen();
        assert_eq!(browser.me().await, format!("{id} remembered stale"));
        browser.post("/logout", &[]).await;
        assert_eq!((browser.me().await, site.live(id).await), ("anonymous".into(), 0));
    }
}

#[tokio::test]
async fn ids_that_look_alike_are_different_users() {
    let site = Site::new();
    for id in ["Alice", "alice ", "ａlice", "4２", "042"] {
        site.users.add(id, true);
        let browser = site.browser();
        browser.log_in(id).await;
        assert_eq!(browser.me().await, format!("{id} session fresh"));
    }
    let browser = site.browser();
    browser.log_in("alice").await;
    browser.post("/devices/all", &[]).await;
    assert_eq!(site.live("Alice").await + site.live("alice ").await + site.live("ａlice").await, 3);
}

#[tokio::test]
async fn a_deleted_user_is_anonymous_and_keeps_the_cookies() {
    let (site, browser) = Site::remembering_alice().await;
    site.users.remove("alice");
    let answer = browser.get("/me").await;
    assert_eq!((answer.status, &*answer.body), (200, "anonymous"));
    assert!(answer.set_cookies().is_empty());
    let closed = browser.copied();
    closed.reopen();
    assert_eq!(closed.me().await, "anonymous");
    assert_eq!(browser.get("/account").await.status, 303);
    site.users.add("alice", true);
    assert_eq!(browser.me().await, "alice session fresh", "the user exists again");
}

#[tokio::test]
async fn a_locked_user_is_anonymous_at_once() {
    let (site, browser) = Site::remembering_alice().await;
    let closed = browser.copied();
    closed.reopen();
    site.users.change("alice", |user| user.active = false);
    assert_eq!((browser.me().await, closed.me().await), ("anonymous".into(), "anonymous".into()));
    assert_eq!(site.steps("alice").await, 0, "a locked user's token is not replaced");
    site.users.change("alice", |user| user.active = true);
    assert_eq!(browser.me().await, "alice session fresh");
    assert_eq!(closed.me().await, "alice remembered stale");
}

#[tokio::test]
async fn a_loader_that_fails_is_an_outage_and_logs_no_user_out() {
    let (site, browser) = Site::remembering_alice().await;
    let closed = browser.copied();
    closed.reopen();
    site.users.down(true);
    for browser in [&browser, &closed, &browser.clone().program()] {
        for path in ["/me", "/account", "/members", "/cart", "/why"] {
            let answer = browser.get(path).await;
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{path}");
            assert!(answer.set_cookies().is_empty() && !answer.body.contains("database"), "{answer:?}");
        }
    }
    assert_eq!(site.browser().me().await, "anonymous", "a visitor is still anonymous");
    site.users.down(false);
    assert_eq!(browser.me().await, "alice session fresh");
    assert_eq!(closed.me().await, "alice remembered stale");
}

#[tokio::test]
async fn a_password_changed_elsewhere_logs_this_device_out() {
    let site = Site::new();
    let (here, there) = (site.browser(), site.browser());
    here.log_in_remembered("alice").await;
    there.log_in_remembered("alice").await;
    let closed = here.copied();
    closed.reopen();
    assert_eq!(there.post("/password", &[("password", "new")]).await.body, "changed");
    assert_eq!((here.me().await, closed.me().await), ("anonymous".into(), "anonymous".into()));
    assert_eq!(here.get("/why").await.body, "Revoked(CredentialChanged)");
    here.reopen();
    assert_eq!(here.me().await, "anonymous");
    let old = here.post("/login", &[("id", "alice"), ("password", "secret")]).await;
    assert_eq!(old.status, 422);
    let new = here.post("/login", &[("id", "alice"), ("password", "new")]).await;
    assert_eq!((new.status, &*here.me().await), (200, "alice session fresh"));
}

#[tokio::test]
async fn the_device_that_changes_the_password_stays_with_new_tokens() {
    let (_site, browser) = Site::remembering_alice().await;
    browser.post("/cart", &[("item", "tea")]).await;
    let before = browser.copied();
    let answer = browser.post("/password", &[("password", "new")]).await;
    assert!(answer.cookie(SESSION).is_some() && answer.cookie(REMEMBER).is_some());
    assert_eq!(browser.me().await, "alice session fresh");
    assert_eq!(browser.get("/cart").await.body, "tea", "and with its data");
    assert_eq!(before.me().await, "anonymous", "a copy of the old tokens is ended");
    browser.reopen();
    assert_eq!(browser.me().await, "alice remembered stale");
}

#[tokio::test]
async fn a_password_changed_behind_the_site_s_back_is_refused_everywhere_until_it_is_back() {
    let site = Site::new();
    let (browser, closed, bob) = (site.browser(), site.browser(), site.browser());
    browser.log_in_remembered("alice").await;
    closed.log_in_remembered("alice").await;
    bob.log_in("bob").await;
    closed.reopen();
    site.users.change("alice", |user| user.password = "restored from a backup".into());
    assert_eq!((browser.me().await, closed.me().await), ("anonymous".into(), "anonymous".into()));
    assert_eq!(browser.get("/why").await.body, "StampMismatch");
    site.users.change("alice", |user| user.password = "secret".into());
    assert_eq!(browser.me().await, "alice session fresh", "the token was refused, not ended");
    assert_eq!(closed.me().await, "alice remembered stale");
    assert_eq!(bob.me().await, "bob session fresh");
}

#[tokio::test]
async fn a_login_that_checked_the_old_password_does_not_slip_in() {
    let site = Site::new();
    let (inside, late) = (site.browser(), site.browser());
    inside.log_in("alice").await;
    let held = site.gate.hold(hallpass_test_store::Call::Insert);
    let form = [("id", "alice"), ("password", "secret"), ("begun", "on"), ("remember", "on")];
    let request = late.prepare("POST", "/login", &form);
    let login = tokio::spawn(async move { request.send().await });
    held.arrival().await;
    site.gate.up();
    inside.post("/password", &[("password", "new")]).await;
    held.release();
    late.receive(&login.await.unwrap());
    assert_eq!(late.me().await, "anonymous");
    assert_eq!(inside.me().await, "alice session fresh");
}

#[tokio::test]
async fn a_user_that_changes_anothers_password_does_not_become_them() {
    let site = Site::new();
    let (alice, bob) = (site.browser(), site.browser());
    alice.log_in("alice").await;
    bob.log_in("bob").await;
    let answer = alice.post("/password", &[("password", "new"), ("whose", "bob")]).await;
    assert_eq!((answer.status, answer.set_cookies().len()), (401, 0), "alice's login was not changed");
    assert_eq!((alice.me().await, bob.me().await), ("alice session fresh".into(), "anonymous".into()));
}

#[tokio::test]
async fn changing_the_password_wants_a_fresh_login() {
    let (site, browser) = Site::reopened_by_alice().await;
    site.advance(MINUTE);
    assert_eq!(browser.post("/password", &[("password", "stolen")]).await.status, 401);
    assert_eq!(site.users.find("alice").unwrap().password, "secret");
    site.advance(HOUR);
    assert_eq!(browser.me().await, "alice remembered stale");
}

#[tokio::test]
async fn a_restored_session_may_change_the_password_and_a_visitor_may_not() {
    let (site, browser) = Site::reopened_by_alice().await;
    let form = [("password", "new"), ("whose", "alice")];
    assert_eq!(site.browser().post("/password/unchecked", &form).await.status, 401);
    site.users.change("alice", |user| user.password = "secret".into());
    assert_eq!(
        browser.post("/password/unchecked", &form).await.body,
        "changed",
        "restored in this very request"
    );
    for _ in 0..2 {
        assert_eq!(browser.me().await, "alice remembered stale");
        browser.reopen();
    }
}
