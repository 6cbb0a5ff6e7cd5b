//! Logging in.

use std::time::Duration;

use hallpass_core::{EventKind, Kind};
use hallpass_test_store::Call;
use hallpass_web::SiteData;

use crate::browser::{REMEMBER, SESSION};
use crate::site::{DAY, MINUTE, Site};

#[tokio::test]
async fn a_visitor_is_anonymous_and_gets_no_cookie() {
    let site = Site::new();
    let answer = site.browser().get("/me").await;
    assert_eq!((answer.status, &*answer.body), (200, "anonymous"));
    assert!(answer.set_cookies().is_empty());
}

#[tokio::test]
async fn a_login_lasts_from_request_to_request() {
    let site = Site::new();
    let browser = site.browser_over_tcp().await;
    let answer = browser.log_in("alice").await;
    assert_eq!(answer.body, "alice password fresh", "in the very request that logs in");
    for _ in 0..3 {
        assert_eq!(browser.me().await, "alice session fresh");
    }
    assert_eq!(site.browser().me().await, "anonymous", "another browser is not logged in");
}

#[tokio::test]
async fn a_wrong_password_changes_nothing_for_a_visitor_or_a_member() {
    let (site, browser) = Site::visited();
    let wrong = [("id", "alice"), ("password", "guess"), ("begun", "on")];
    let answer = browser.post("/login", &wrong).await;
    assert_eq!(answer.status, 422);
    assert!(answer.set_cookies().is_empty() && site.gate.records("alice").await.is_empty());
    browser.log_in("bob").await;
    assert!(browser.post("/login", &wrong).await.set_cookies().is_empty());
    assert_eq!(browser.me().await, "bob session fresh");
}

#[tokio::test]
async fn a_user_that_did_not_ask_for_it_is_not_remembered() {
    let (site, browser) = Site::visited();
    let answer = browser.log_in("alice").await;
    assert!(answer.cookie(SESSION).is_some() && answer.cookie(REMEMBER).is_none());
    assert!(site.records("alice", Kind::REMEMBER).await.is_empty());
    browser.reopen();
    assert_eq!(browser.me().await, "anonymous");
}

#[tokio::test]
async fn a_login_that_is_said_to_be_stale_is_stale() {
    let (_site, browser) = Site::visited();
    assert_eq!(browser.log_in_with("alice", &[("stale", "on")]).await.body, "alice password stale");
    assert_eq!(browser.me().await, "alice session stale");
}

#[tokio::test]
async fn an_inactive_user_is_refused_and_leaves_no_trace() {
    let (site, browser) = Site::visited();
    let form = [("id", "carol"), ("password", "secret"), ("remember", "on")];
    let answer = browser.post("/login", &form).await;
    assert_eq!(answer.status, 403);
    assert!(answer.set_cookies().is_empty() && site.gate.records("carol").await.is_empty());
    assert_eq!(browser.me().await, "anonymous");
}

#[tokio::test]
async fn an_inactive_user_can_be_forced_in_and_stays_and_is_restored() {
    let (site, browser) = Site::visited();
    browser.log_in_with("carol", &[("remember", "on"), ("force", "on")]).await;
    assert_eq!(browser.me().await, "carol session fresh");
    browser.reopen();
    assert_eq!(browser.me().await, "carol remembered stale");
    assert_eq!(browser.me().await, "carol remembered stale");
    assert_eq!(site.heard.count(EventKind::Restored), 1, "the restored session is used again");
}

#[tokio::test]
async fn a_planted_session_is_worth_nothing_after_the_login() {
    let site = Site::new();
    let attacker = site.browser();
    attacker.post("/cart", &[("item", "bait")]).await;
    let victim = attacker.copied();
    victim.log_in("alice").await;
    assert_ne!(attacker.session(), victim.session());
    assert_eq!(victim.me().await, "alice session fresh");
    assert_eq!(attacker.me().await, "anonymous");
    assert_eq!(attacker.get("/cart").await.body, "", "the planted session has ended");
}

#[tokio::test]
async fn a_session_of_the_attackers_own_account_is_replaced_too() {
    let site = Site::new();
    let attacker = site.browser();
    attacker.log_in("bob").await;
    let victim = attacker.copied();
    victim.log_in("alice").await;
    assert_eq!((victim.me().await, attacker.me().await), ("alice session fresh".into(), "anonymous".into()));
}

#[tokio::test]
async fn what_a_visitor_put_into_the_cart_is_there_after_the_login() {
    let (_site, browser) = Site::visited();
    browser.post("/cart", &[("item", "tea")]).await;
    browser.log_in("alice").await;
    assert_eq!(browser.get("/cart").await.body, "tea");
}

#[tokio::test]
async fn another_user_that_logs_in_finds_nothing_of_the_first() {
    let (_site, browser) = Site::remembering_alice().await;
    browser.post("/cart", &[("item", "diary")]).await;
    let before = browser.copied();
    browser.log_in("bob").await;
    assert_eq!(browser.get("/cart").await.body, "");
    assert_eq!(before.me().await, "anonymous", "and alice's login on this browser has ended");
    browser.reopen();
    assert_eq!(browser.me().await, "anonymous", "her remember-me cookie with it");
}

#[tokio::test]
async fn a_second_login_of_one_browser_is_one_device() {
    let (site, browser) = Site::remembering_alice().await;
    browser.post("/cart", &[("item", "tea")]).await;
    let first = browser.copied();
    browser.log_in_remembered("alice").await;
    assert_eq!(browser.get("/devices").await.body.lines().count(), 1);
    assert_eq!(site.live("alice").await, 2, "one session, one remember-me token");
    assert_eq!(browser.get("/cart").await.body, "tea", "the data were this user's");
    assert_eq!(first.me().await, "anonymous");
}

#[tokio::test]
async fn a_login_without_remember_me_takes_an_older_remember_me_away() {
    let (_site, browser) = Site::remembering_alice().await;
    let answer = browser.log_in("alice").await;
    assert_eq!(answer.cookie(REMEMBER).unwrap().max_age(), Some(0));
    assert_eq!(browser.remember(), None);
    browser.reopen();
    assert_eq!(browser.me().await, "anonymous");
}

#[tokio::test]
async fn a_logout_everywhere_turns_away_a_login_that_is_under_way() {
    let site = Site::new();
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
    let site = Site::new();
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
async fn a_login_begun_for_another_user_is_refused() {
    let (site, browser) = Site::visited();
    let form = [("id", "alice"), ("password", "secret"), ("begun", "bob")];
    let answer = browser.post("/login", &form).await;
    assert_eq!((answer.status, answer.set_cookies().len()), (401, 0));
    assert_eq!(site.live("alice").await + site.live("bob").await, 0);
}

#[tokio::test]
async fn a_login_that_fails_turns_no_other_login_away() {
    let site = Site::new();
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
    let site = Site::tuned(|tokens| tokens.max_logins(cap), |layer| layer);
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
async fn no_user_confirms_for_another() {
    let (_site, browser) = Site::visited();
    browser.log_in_with("alice", &[("stale", "on")]).await;
    let answer = browser.post("/confirm", &[("password", "secret"), ("whose", "bob")]).await;
    assert_eq!((answer.status, answer.set_cookies().len()), (401, 0));
    assert_eq!(browser.me().await, "alice session stale");
}

#[tokio::test]
async fn the_test_helper_logs_a_user_in_without_a_password() {
    let site = Site::new();
    let mut headers = http::HeaderMap::new();
    headers.insert("user-agent", http::HeaderValue::from_static("Firefox"));
    let user = site.users.find("alice").unwrap();
    let cookies = hallpass_web::testing::cookies(&site.layer, &user, &headers, true).await.unwrap();
    let browser = site.browser().header("Cookie", cookies.as_bytes());
    assert_eq!(browser.me().await, "alice session fresh");
    assert_eq!(browser.clone().agent("curl").me().await, "alice session stale", "it is bound to the client");
    let only_remember =
        cookies.to_str().unwrap().split("; ").find(|pair| pair.starts_with(REMEMBER)).unwrap();
    assert_eq!(site.browser().header("Cookie", only_remember).me().await, "alice remembered stale");
    let error = hallpass_web::testing::cookies(&site.layer, &"alice", &headers, false).await.unwrap_err();
    assert_eq!(error.to_string(), "the layer's loader knows another type of user");
}

#[tokio::test]
async fn a_handler_may_name_the_user_by_what_the_extractor_gave() {
    let (_site, browser) = Site::of_alice().await;
    assert_eq!(browser.post("/confirm/current", &[]).await.body, "alice session fresh");
}

#[tokio::test]
async fn a_visitor_confirms_for_no_user() {
    let site = Site::new();
    let answer = site.browser().post("/confirm", &[("password", "secret"), ("whose", "alice")]).await;
    assert_eq!((answer.status, answer.set_cookies().len(), site.live("alice").await), (401, 0, 0));
}

#[tokio::test]
async fn one_request_may_log_out_and_another_user_in() {
    let site = Site::with(|layer| layer.clear_site_data([SiteData::Cookies]));
    let session = site.browser();
    session.log_in_remembered("alice").await;
    for browser in [session, site.reopened().await] {
        let old = browser.copied();
        let answer = browser.post("/switch", &[("id", "bob")]).await;
        assert_eq!((&*answer.body, answer.header("clear-site-data")), ("bob password fresh", None));
        assert_eq!(browser.me().await, "bob session fresh");
        assert_eq!(browser.remember(), None, "the remember-me cookie was alice's");
        assert_eq!(old.me().await, "anonymous");
    }
}

#[tokio::test]
async fn a_login_ends_every_older_login_that_the_browser_sends() {
    let site = Site::new();
    let bystander = site.browser();
    bystander.log_in_remembered("alice").await;
    for sent in [[SESSION; 2], [REMEMBER; 2], [SESSION, REMEMBER]] {
        let older = [site.browser(), site.browser()];
        let mut cookies = Vec::new();
        for (browser, name) in older.iter().zip(sent) {
            browser.log_in_remembered("alice").await;
            cookies.push(format!("{name}={}", browser.jar().value(name).unwrap()));
        }
        let browser = site.browser().header("Cookie", cookies.join("; "));
        // One page has restored something in this very request, and one has not.
        let path = if sent[0] == sent[1] { "/confirm" } else { "/login" };
        let answer = browser.post(path, &[("id", "alice"), ("password", "secret")]).await;
        assert_eq!(answer.status, 200);
        for old in older {
            assert_eq!(old.me().await, "anonymous", "{sent:?}");
            old.reopen();
            assert_eq!(old.me().await, "anonymous", "{sent:?}");
        }
        let new = site.browser();
        new.receive(&answer);
        assert_eq!(new.me().await, "alice session fresh");
    }
    assert_eq!(bystander.me().await, "alice session fresh", "no other login was ended");
}

#[tokio::test]
async fn another_user_s_remember_me_cookie_makes_no_confirmed_login_remembered() {
    let site = Site::new();
    let (browser, bob) = (site.browser(), site.browser());
    browser.log_in("alice").await;
    bob.log_in_remembered("bob").await;
    let both = browser.clone().header("Cookie", format!("{REMEMBER}={}", bob.remember().unwrap()));
    assert_eq!(both.post("/confirm", &[("password", "secret")]).await.body, "alice password fresh");
    assert_eq!(browser.remember(), None);
    assert_eq!(bob.me().await, "anonymous", "this browser sent it, so it is ended");
}

#[tokio::test]
async fn a_page_sees_when_the_password_was_last_entered() {
    let (site, browser) = Site::remembering_alice().await;
    let mut since = 0;
    for by in [Duration::ZERO, MINUTE * 10, DAY, DAY] {
        site.advance(by);
        since += by.as_secs();
        for _ in 0..2 {
            assert_eq!(browser.get("/since").await.body, since.to_string(), "by the session, or restored");
            browser.reopen();
        }
    }
    browser.post("/devices/others", &[]).await;
    assert_eq!(browser.get("/since").await.body, since.to_string(), "a renewal is not an authentication");
    browser.post("/confirm", &[("password", "secret")]).await;
    assert_eq!(browser.get("/since").await.body, "0");
}
