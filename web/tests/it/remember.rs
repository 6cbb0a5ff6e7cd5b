//! Remember me.

use hallpass_core::{EventKind, Kind};
use hallpass_test_store::Call;

use crate::browser::{REMEMBER, SESSION};
use crate::site::{DAY, HOUR, MINUTE, SECOND, Site};

#[tokio::test]
async fn a_browser_that_was_closed_comes_back_logged_in_but_not_fresh() {
    let (site, browser) = Site::remembering_alice().await;
    assert_eq!(browser.me().await, "alice session fresh", "until it is closed");
    browser.reopen();
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(browser.me().await, "alice remembered stale", "with the session that was restored");
    assert_eq!(site.heard.count(EventKind::Restored), 1, "one session, not one per request");
}

#[tokio::test]
async fn a_session_that_ran_out_is_restored_in_the_open_browser() {
    let (site, browser) = Site::remembering_alice().await;
    site.advance(HOUR);
    assert!(browser.session().is_some(), "the browser still has it");
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(browser.me().await, "alice remembered stale");
}

#[tokio::test]
async fn a_restored_session_is_the_same_login() {
    let (_site, browser) = Site::remembering_alice().await;
    let before = browser.get("/devices").await.body;
    browser.reopen();
    let after = browser.get("/devices").await.body;
    assert_eq!(before, after);
    assert!(after.ends_with(" here") && after.lines().count() == 1, "{after}");
}

#[tokio::test]
async fn a_restore_hands_out_a_new_token_of_the_same_series() {
    let (site, browser) = Site::remembering_alice().await;
    let old = browser.remember().unwrap();
    browser.reopen();
    let answer = browser.get("/me").await;
    let new = answer.cookie(REMEMBER).unwrap().value;
    let parts = |token: &str| token.split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(parts(&old).0, parts(&new).0, "the series");
    assert_ne!(parts(&old).1, parts(&new).1, "the token");
    assert_eq!(site.steps("alice").await, 1);
    assert!(answer.cookie(SESSION).is_some());
}

#[tokio::test]
async fn rotation_makes_no_remember_me_token_live_longer() {
    let (site, browser) = Site::visited();
    let first = browser.log_in_remembered("alice").await.cookie(REMEMBER).unwrap().max_age();
    assert_eq!(first, Some(30 * 86_400));
    for day in [10, 20, 29] {
        site.advance(if day == 29 { DAY * 9 } else { DAY * 10 });
        browser.reopen();
        let answer = browser.get("/me").await;
        assert_eq!(answer.cookie(REMEMBER).unwrap().max_age(), Some((30 - day) * 86_400), "day {day}");
        browser.me().await;
    }
    site.advance(DAY);
    assert_eq!(browser.remember(), None, "the browser has dropped it");
    assert_eq!(browser.me().await, "anonymous");
}

#[tokio::test]
async fn a_lifetime_of_its_own_holds_in_the_browser_and_on_the_server() {
    let (site, browser) = Site::visited();
    let answer = browser.log_in_with("alice", &[("seconds", "25200")]).await;
    assert_eq!(answer.cookie(REMEMBER).unwrap().max_age(), Some(25_200));
    let kept = format!("{REMEMBER}={}", browser.remember().unwrap());
    site.advance(HOUR * 7 - SECOND);
    assert_eq!(site.browser().header("Cookie", &*kept).me().await, "alice remembered stale");
    site.advance(SECOND);
    let tampered = site.browser().header("Cookie", &*kept);
    assert_eq!(tampered.me().await, "anonymous", "although the browser still sends it");
    assert_eq!(tampered.get("/why").await.body, "Expired");
}

#[tokio::test]
async fn a_token_that_is_not_used_expires_before_its_time() {
    let (site, browser) = Site::remembering_alice().await;
    site.advance(DAY * 13);
    browser.reopen();
    assert_eq!(browser.me().await, "alice remembered stale");
    site.advance(DAY * 15);
    assert!(browser.remember().is_some());
    assert_eq!(browser.me().await, "anonymous");
    assert_eq!(browser.get("/why").await.body, "Expired");
    assert_eq!(site.steps("alice").await, 1, "an expired token is not rotated");
}

#[tokio::test]
async fn a_token_of_no_series_is_anonymous() {
    let (site, browser) = Site::remembering_alice().await;
    let token = browser.remember().unwrap();
    let foreign = format!("{}.{}", "A".repeat(22), token.split_once('.').unwrap().1);
    let guess = site.browser().header("Cookie", format!("{REMEMBER}={foreign}"));
    let answer = guess.get("/me").await;
    assert_eq!((answer.status, &*answer.body), (200, "anonymous"));
    assert!(answer.set_cookies().is_empty());
}

#[tokio::test]
async fn a_guess_with_the_right_series_logs_no_user_out() {
    let (site, browser) = Site::remembering_alice().await;
    let series = browser.remember().unwrap().split_once('.').unwrap().0.to_owned();
    for _ in 0..3 {
        let guess = site.browser().header("Cookie", format!("{REMEMBER}={series}.{}", "A".repeat(43)));
        assert_eq!(guess.me().await, "anonymous");
        assert_eq!(guess.post("/logout", &[]).await.body, "nothing, anonymous");
    }
    assert_eq!(site.heard.count(EventKind::Reused), 0);
    browser.reopen();
    assert_eq!(browser.me().await, "alice remembered stale");
}

#[tokio::test]
async fn a_token_is_not_replaced_again_within_a_minute() {
    let (site, browser) = Site::reopened_by_alice().await;
    browser.me().await;
    let token = browser.remember();
    for _ in 0..5 {
        site.advance(SECOND);
        browser.reopen();
        assert_eq!(browser.me().await, "alice remembered stale");
    }
    assert_eq!((site.steps("alice").await, browser.remember()), (1, token.clone()));
    site.advance(MINUTE * 2);
    browser.reopen();
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(site.steps("alice").await, 2);
    assert_ne!(browser.remember(), token);
}

#[tokio::test]
async fn confirming_makes_a_restored_login_fresh_and_no_longer_remembered() {
    let (site, browser) = Site::remembering_alice().await;
    site.advance(DAY);
    browser.reopen();
    assert_eq!(browser.me().await, "alice remembered stale");
    let wrong = browser.post("/confirm", &[("password", "guess")]).await;
    assert_eq!((wrong.status, browser.me().await), (422, "alice remembered stale".into()));
    browser.post("/cart", &[("item", "tea")]).await;
    let before = browser.copied();
    let answer = browser.post("/confirm", &[("password", "secret")]).await;
    assert_eq!(answer.body, "alice password fresh");
    assert_eq!(answer.cookie(REMEMBER).unwrap().max_age(), Some(29 * 86_400), "the lifetime is not extended");
    assert_eq!(browser.me().await, "alice session fresh");
    assert_eq!(browser.get("/cart").await.body, "tea", "the data stay");
    assert_eq!(before.me().await, "anonymous", "the earlier tokens have ended");
    browser.reopen();
    assert_eq!(browser.me().await, "alice remembered stale");
}

#[tokio::test]
async fn a_restored_session_costs_one_read_once_the_new_token_is_known_to_have_arrived() {
    let (site, browser) = Site::reopened_by_alice().await;
    browser.me().await;
    browser.me().await;
    site.gate.calls();
    for _ in 0..3 {
        assert!(browser.get("/me").await.set_cookies().is_empty());
    }
    assert_eq!(site.gate.calls(), [Call::Find; 3]);
}

#[tokio::test]
async fn a_step_up_does_not_remember_a_user_that_did_not_ask() {
    let (site, browser) = Site::of_alice().await;
    browser.post("/confirm", &[("password", "secret")]).await;
    assert_eq!(browser.remember(), None);
    assert!(site.records("alice", Kind::REMEMBER).await.is_empty());
}

#[tokio::test]
async fn one_kind_of_token_does_not_serve_for_the_other() {
    let (site, browser) = Site::remembering_alice().await;
    let (session, remember) = (browser.session().unwrap(), browser.remember().unwrap());
    let swapped = site.browser().header("Cookie", format!("{SESSION}={remember}; {REMEMBER}={session}"));
    assert_eq!(swapped.me().await, "anonymous");
    assert_eq!(browser.me().await, "alice session fresh");
}

#[tokio::test]
async fn a_client_that_never_sends_a_session_fills_no_table() {
    let (site, browser) = Site::remembering_alice().await;
    for _ in 0..40 {
        browser.reopen();
        assert_eq!(browser.me().await, "alice remembered stale");
    }
    let live = site.live("alice").await;
    assert!(live <= 32, "{live} live records of one login");
    assert_eq!(browser.me().await, "alice remembered stale", "the newest is among them");
}

#[tokio::test]
async fn a_restore_without_a_successor_has_nothing_to_confirm() {
    let (site, browser) = Site::reopened_by_alice().await;
    browser.me().await;
    browser.me().await;
    browser.reopen();
    assert_eq!(browser.get("/me").await.set_cookies().len(), 1, "too soon after the last rotation");
    site.gate.calls();
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(site.gate.calls(), [Call::Find]);
}

#[tokio::test]
async fn another_login_s_remember_me_cookie_has_nothing_to_confirm() {
    let site = Site::new();
    let (browser, other) = (site.reopened().await, site.reopened().await);
    browser.me().await;
    browser.jar().swap(REMEMBER, &other.remember().unwrap());
    let rotated = site.heard.count(EventKind::Rotated);
    browser.me().await;
    site.gate.calls();
    for _ in 0..3 {
        assert_eq!(browser.me().await, "alice remembered stale");
    }
    assert_eq!(site.gate.calls(), [Call::Find; 3], "it was read once");
    assert_eq!(site.heard.count(EventKind::Rotated), rotated, "it was not rotated");
}
