//! Tests logging in.

use std::time::Duration;

use hallpass_core::{EventKind, Kind};

use crate::browser::{REMEMBER, SESSION};
use crate::gate::Call;
use crate::site::{MINUTE, Site};

#[tokio::test]
async fn a_visitor_is_nobody_and_gets_no_cookie() {
    let site = Site::new().await;
    let answer = site.browser().get("/me").await;
    assert_eq!((answer.status, &*answer.body), (200, "nobody"));
    assert!(answer.set_cookies().is_empty());
}

#[tokio::test]
async fn a_login_lasts_from_request_to_request() {
    let site = Site::new().await;
    let browser = site.browser();
    let answer = browser.log_in("alice").await;
    assert_eq!(answer.body, "alice password fresh", "in the very request that logs in");
    for _ in 0..3 {
        assert_eq!(browser.me().await, "alice session fresh");
    }
    assert_eq!(site.browser().me().await, "nobody", "another browser is somebody else");
}

#[tokio::test]
async fn a_wrong_password_changes_nothing_for_a_visitor_or_a_member() {
    let site = Site::new().await;
    let browser = site.browser();
    let wrong = [("id", "alice"), ("password", "guess"), ("begun", "on")];
    let answer = browser.post("/login", &wrong).await;
    assert_eq!(answer.status, 422);
    assert!(answer.set_cookies().is_empty() && site.gate.records("alice").await.is_empty());
    browser.log_in("bob").await;
    assert!(browser.post("/login", &wrong).await.set_cookies().is_empty());
    assert_eq!(browser.me().await, "bob session fresh");
}

#[tokio::test]
async fn nobody_is_remembered_who_did_not_ask_for_it() {
    let site = Site::new().await;
    let browser = site.browser();
    let answer = browser.log_in("alice").await;
    assert!(answer.cookie(SESSION).is_some() && answer.cookie(REMEMBER).is_none());
    assert!(site.records("alice", Kind::REMEMBER).await.is_empty());
    browser.reopen();
    assert_eq!(browser.me().await, "nobody");
}

#[tokio::test]
async fn a_login_that_is_said_to_be_stale_is_stale() {
    let site = Site::new().await;
    let browser = site.browser();
    assert_eq!(browser.log_in_with("alice", &[("stale", "on")]).await.body, "alice password stale");
    assert_eq!(browser.me().await, "alice session stale");
}

#[tokio::test]
async fn an_inactive_user_is_refused_and_leaves_no_trace() {
    let site = Site::new().await;
    let browser = site.browser();
    let form = [("id", "carol"), ("password", "secret"), ("remember", "on")];
    let answer = browser.post("/login", &form).await;
    assert_eq!(answer.status, 403);
    assert!(answer.set_cookies().is_empty() && site.gate.records("carol").await.is_empty());
    assert_eq!(browser.me().await, "nobody");
}

#[tokio::test]
async fn an_inactive_user_can_be_forced_in_and_stays_and_is_restored() {
    let site = Site::new().await;
    let browser = site.browser();
    browser.log_in_with("carol", &[("remember", "on"), ("force", "on")]).await;
    assert_eq!(browser.me().await, "carol session fresh");
    browser.reopen();
    assert_eq!(browser.me().await, "carol remembered stale");
    assert_eq!(browser.me().await, "carol remembered stale");
    assert_eq!(site.heard.count(EventKind::Restored), 1, "the restored session is as good as the first");
}

#[tokio::test]
async fn a_planted_session_is_worth_nothing_after_the_login() {
    let site = Site::new().await;
    let attacker = site.browser();
    attacker.post("/cart", &[("item", "bait")]).await;
    let victim = attacker.copied();
    victim.log_in("alice").await;
    assert_ne!(attacker.session(), victim.session());
    assert_eq!(victim.me().await, "alice session fresh");
    assert_eq!(attacker.me().await, "nobody");
    assert_eq!(attacker.get("/cart").await.body, "", "the planted session has ended");
}

#[tokio::test]
async fn a_session_of_the_attackers_own_account_is_replaced_too() {
    let site = Site::new().await;
    let attacker = site.browser();
    attacker.log_in("bob").await;
    let victim = attacker.copied();
    victim.log_in("alice").await;
    assert_eq!((victim.me().await, attacker.me().await), ("alice session fresh".into(), "nobody".into()));
}

#[tokio::test]
async fn what_a_visitor_put_into_the_cart_is_there_after_the_login() {
    let site = Site::new().await;
    let browser = site.browser();
    browser.post("/cart", &[("item", "tea")]).await;
    browser.log_in("alice").await;
    assert_eq!(browser.get("/cart").await.body, "tea");
}

#[tokio::test]
async fn somebody_else_who_logs_in_finds_nothing_of_the_first_user() {
    let site = Site::new().await;
    let browser = site.browser();
    browser.log_in_remembered("alice").await;
    browser.post("/cart", &[("item", "diary")]).await;
    let before = browser.copied();
    browser.log_in("bob").await;
    assert_eq!(browser.get("/cart").await.body, "");
    assert_eq!(before.me().await, "nobody", "and alice's login on this browser has ended");
    browser.reopen();
    assert_eq!(browser.me().await, "nobody", "her remember-me cookie with it");
}

#[tokio::test]
async fn a_second_login_of_one_browser_is_one_device() {
    let site = Site::new().await;
    let browser = site.browser();
    browser.log_in_remembered("alice").await;
    browser.post("/cart", &[("item", "tea")]).await;
    let first = browser.copied();
    browser.log_in_remembered("alice").await;
    assert_eq!(browser.get("/devices").await.body.lines().count(), 1);
    assert_eq!(site.live("alice").await, 2, "one session, one remember-me token");
    assert_eq!(browser.get("/cart").await.body, "tea", "the data were this user's");
    assert_eq!(first.me().await, "nobody");
}

#[tokio::test]
async fn a_login_without_remember_me_takes_an_older_remember_me_away() {
    let site = Site::new().await;
    let browser = site.browser();
    browser.log_in_remembered("alice").await;
    let answer = browser.log_in("alice").await;
    assert_eq!(answer.cookie(REMEMBER).unwrap().max_age(), Some(0));
    assert_eq!(browser.remember(), None);
    browser.reopen();
    assert_eq!(browser.me().await, "nobody");
}

#[tokio::test]
async fn a_logout_everywhere_turns_away_a_login_that_is_under_way() {
    let site = Site::new().await;
    let (inside, late) = (site.browser(), site.browser());
    inside.log_in("alice").await;
    let held = site.gate.hold(Call::Insert);
    let form = [("id", "alice"), ("password", "secret"), ("remember", "on"), ("begun", "on")];
    let login = late.prepare("POST", "/login", &form);
    let login = tokio::spawn(async move { login.send().await });
    held.arrival().await;
    site.gate.up();
    assert_eq!(inside.post("/devices/all", &[]).await.body, "ended");
    held.release();
    let answer = tokio::time::timeout(Duration::from_secs(30), login).await.unwrap().unwrap();
    assert_eq!(answer.status, 401);
    assert!(answer.set_cookies().is_empty());
    assert_eq!(site.live("alice").await, 0);
}

#[tokio::test]
async fn a_logout_everywhere_while_the_password_is_checked_turns_the_login_away() {
    let site = Site::new().await;
    let (inside, late) = (site.browser(), site.browser());
    inside.log_in("alice").await;
    let form = [("id", "alice"), ("password", "secret"), ("begun", "on"), ("slowly", "on")];
    let request = late.prepare("POST", "/login", &form);
    let login = tokio::spawn(async move { request.send().await });
    let (arrived, passes) = &*site.users.slow;
    arrived.acquire().await.unwrap().forget();
    inside.post("/devices/all", &[]).await;
    passes.add_permits(1);
    let answer = login.await.unwrap();
    assert_eq!((answer.status, answer.set_cookies().len(), site.live("alice").await), (401, 0, 0));
}

#[tokio::test]
async fn a_login_that_was_begun_for_somebody_else_is_refused() {
    let site = Site::new().await;
    let browser = site.browser();
    let form = [("id", "alice"), ("password", "secret"), ("begun", "bob")];
    let answer = browser.post("/login", &form).await;
    assert_eq!((answer.status, answer.set_cookies().len()), (401, 0));
    assert_eq!(site.live("alice").await + site.live("bob").await, 0);
}

#[tokio::test]
async fn a_login_that_fails_turns_no_other_login_away() {
    let site = Site::new().await;
    let (browser, form) = (site.browser(), [("id", "alice"), ("password", "secret")]);
    let slowly = [form[0], form[1], ("begun", "alice"), ("slowly", "on")];
    let under_way = browser.prepare("POST", "/login", &slowly);
    let under_way = tokio::spawn(async move { under_way.send().await });
    site.users.slow.0.acquire().await.unwrap().forget();
    site.gate.down_after(Call::Insert, 1);
    let failed = site.browser().post("/login", &[form[0], form[1], ("remember", "on")]).await;
    site.gate.up();
    assert_eq!((failed.status, site.live("alice").await), (503, 0), "its remember-me token is gone");
    site.users.slow.1.add_permits(1);
    assert_eq!(under_way.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_browser_that_logs_in_anew_at_the_cap_logs_no_other_device_out() {
    let cap = std::num::NonZeroU32::new(2).unwrap();
    let site = Site::tuned(|tokens| tokens.max_logins(cap), |layer| layer).await;
    let (other, browser) = (site.browser(), site.browser());
    other.log_in("alice").await;
    site.advance(MINUTE);
    browser.log_in_remembered("alice").await;
    for (path, remember) in [("/login", "on"), ("/login", "off"), ("/login", "on"), ("/confirm", "on")] {
        site.advance(MINUTE);
        let form = [("id", "alice"), ("password", "secret"), ("remember", remember)];
        let form = if remember == "on" { &form[..] } else { &form[..2] };
        assert_eq!(browser.post(path, form).await.status, 200);
        assert_eq!(other.me().await, "alice session fresh", "{path}, remember {remember}");
        assert_eq!(browser.me().await, "alice session fresh", "{path}, remember {remember}");
    }
}

#[tokio::test]
async fn nobody_confirms_for_somebody_else() {
    let site = Site::new().await;
    let browser = site.browser();
    browser.log_in_with("alice", &[("stale", "on")]).await;
    let answer = browser.post("/confirm", &[("password", "secret"), ("whose", "bob")]).await;
    assert_eq!((answer.status, answer.set_cookies().len()), (401, 0));
    assert_eq!(browser.me().await, "alice session stale");
}

#[tokio::test]
async fn the_test_helper_logs_somebody_in_without_a_password() {
    let site = Site::new().await;
    let mut headers = http::HeaderMap::new();
    headers.insert("user-agent", http::HeaderValue::from_static("Firefox"));
    let user = site.users.find("alice").unwrap();
    let cookies = hallpass_web::testing::cookies(&site.layer, &user, &headers, true).await.unwrap();
    let browser = site.browser().header("Cookie", cookies.as_bytes());
    assert_eq!(browser.me().await, "alice session fresh");
    let only_remember =
        cookies.to_str().unwrap().split("; ").find(|pair| pair.starts_with(REMEMBER)).unwrap();
    assert_eq!(site.browser().header("Cookie", only_remember).me().await, "alice remembered stale");
}
