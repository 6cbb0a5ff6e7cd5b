//! Lost answers, and copied cookies.

use hallpass_core::EventKind;

use crate::browser::{REMEMBER, SESSION};
use crate::site::{DAY, HOUR, MINUTE, SECOND, Site};

#[tokio::test]
async fn a_lost_answer_is_made_good_with_the_same_token() {
    let (site, browser) = Site::reopened_by_alice().await;
    let lost = browser.lose("/me").await;
    assert_eq!(lost.body, "alice remembered stale");
    site.advance(MINUTE * 59);
    let answer = browser.get("/me").await;
    assert_eq!(answer.body, "alice remembered stale");
    let token = |answer: &crate::wire::Answer| answer.cookie(REMEMBER).unwrap().value;
    assert_eq!(token(&answer), token(&lost), "to the byte");
    assert_eq!(site.steps("alice").await, 1);
    assert_eq!(browser.me().await, "alice remembered stale");
}

#[tokio::test]
async fn a_remember_me_cookie_that_is_lost_alone_is_sent_again() {
    let (site, browser) = Site::reopened_by_alice().await;
    let mut answer = browser.lose("/me").await;
    let successor = answer.cookie(REMEMBER).unwrap().value;
    answer.headers.retain(|(_, value)| !value.starts_with(REMEMBER));
    browser.receive(&answer);
    assert_ne!(browser.remember().unwrap(), successor);
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!((browser.remember().unwrap(), site.steps("alice").await), (successor, 1));
    let told =
        [EventKind::Confirmed, EventKind::Retried, EventKind::Reused].map(|kind| site.heard.count(kind) > 0);
    assert_eq!(told, [true, true, false], "the session came in the same answer");
    site.advance(HOUR * 2);
    browser.reopen();
    assert_eq!(browser.me().await, "alice remembered stale");
}

#[tokio::test]
async fn a_theft_is_told_before_all_else() {
    let (site, browser) = Site::reopened_by_alice().await;
    let thief = browser.copied();
    browser.me().await;
    browser.me().await;
    site.advance(MINUTE);
    thief.me().await;
    for session in ["junk", &format!("{}.{}", "A".repeat(22), "A".repeat(43))] {
        browser.jar().swap(SESSION, session);
        assert_eq!(browser.get("/why").await.body, "Revoked(Reused)");
    }
}

#[tokio::test]
async fn many_lost_answers_in_a_row_are_made_good() {
    let (site, browser) = Site::reopened_by_alice().await;
    for _ in 0..10 {
        browser.lose("/me").await;
        site.advance(MINUTE);
    }
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(site.steps("alice").await, 1);
}

#[tokio::test]
async fn a_client_that_comes_back_days_after_a_lost_answer_is_still_known() {
    let (site, browser) = Site::reopened_by_alice().await;
    browser.lose("/me").await;
    site.advance(DAY * 10);
    assert_eq!(
        browser.me().await,
        "alice remembered stale",
        "with the same successor, until it is confirmed"
    );
    assert_eq!(site.heard.count(EventKind::Reused), 0);
    assert_eq!(site.steps("alice").await, 1);
}

#[tokio::test]
async fn the_next_request_shows_that_the_browser_has_the_new_token() {
    let (site, browser) = Site::reopened_by_alice().await;
    let copy = browser.copied();
    browser.me().await;
    assert_eq!(site.heard.count(EventKind::Confirmed), 0);
    browser.me().await;
    assert_eq!(site.heard.count(EventKind::Confirmed), 1, "by the request that carries both cookies");
    for _ in 0..3 {
        browser.me().await;
    }
    assert_eq!(site.heard.count(EventKind::Confirmed), 1, "once");
    site.advance(SECOND * 20);
    assert_eq!(copy.lose("/me").await.body, "alice remembered stale", "a request that was under way");
    site.advance(SECOND * 20);
    assert_eq!(copy.me().await, "anonymous", "longer than a request may take");
}

#[tokio::test]
async fn a_copied_old_cookie_ends_the_login_and_its_owner_is_told() {
    let site = Site::new();
    let (browser, elsewhere) = (site.browser(), site.browser());
    elsewhere.log_in("alice").await;
    browser.log_in_remembered("alice").await;
    browser.reopen();
    let thief = browser.copied().agent("curl");
    browser.me().await;
    browser.me().await;
    site.advance(MINUTE);
    assert_eq!(thief.me().await, "anonymous");
    assert_eq!(site.heard.count(EventKind::Reused), 1, "the alarm");
    assert_eq!(browser.me().await, "anonymous", "the site cannot know which of the two is the owner");
    assert_eq!(browser.get("/why").await.body, "Revoked(Reused)", "the owner sees the reason");
    assert_eq!(elsewhere.me().await, "alice session fresh", "another login is not affected");
    browser.log_in("alice").await;
    assert_eq!(browser.get("/why").await.body, "nothing to tell", "until the next login");
}

#[tokio::test]
async fn a_thief_who_is_faster_is_found_out_by_the_owner_s_next_visit() {
    let site = Site::new();
    let owner = site.reopened().await;
    let thief = owner.copied();
    assert_eq!(thief.me().await, "alice remembered stale");
    assert_eq!(thief.me().await, "alice remembered stale");
    site.advance(MINUTE);
    assert_eq!(owner.me().await, "anonymous");
    assert_eq!(owner.get("/why").await.body, "Revoked(Reused)");
    assert_eq!(thief.me().await, "anonymous", "the session that the thief restored has ended with it");
    assert_eq!(site.live("alice").await, 0);
}

#[tokio::test]
async fn an_answer_with_new_tokens_that_is_lost_costs_a_login_and_no_alarm() {
    for (path, form) in [("/devices/others", ("a", "b")), ("/confirm", ("password", "secret"))] {
        let (site, browser) = Site::remembering_alice().await;
        let lost = browser.prepare("POST", path, &[form]).send().await;
        assert_eq!((lost.status, lost.set_cookies().len()), (200, 2));
        assert_eq!(browser.me().await, "anonymous", "the old tokens have ended for every client");
        assert_eq!(site.heard.count(EventKind::Reused), 0);
        browser.log_in("alice").await;
        assert_eq!(browser.me().await, "alice session fresh");
    }
}

#[tokio::test]
async fn a_token_of_generations_ago_is_still_recognised() {
    let (site, browser) = Site::remembering_alice().await;
    let ancient = browser.copied();
    ancient.reopen();
    for _ in 0..4 {
        browser.reopen();
        browser.me().await;
        browser.me().await;
        site.advance(HOUR);
    }
    assert_eq!(site.steps("alice").await, 4);
    assert_eq!(ancient.me().await, "anonymous");
    assert_eq!(site.heard.count(EventKind::Reused), 1);
    assert_eq!(browser.me().await, "anonymous");
}

#[tokio::test]
async fn a_replayed_cookie_gets_nothing_in_its_place() {
    let (site, browser) = Site::reopened_by_alice().await;
    let thief = browser.copied();
    browser.me().await;
    browser.me().await;
    site.advance(MINUTE);
    let answer = thief.get("/me").await;
    assert!(answer.set_cookies().is_empty(), "the rejection clears no cookie, so the owner sees it later");
}

#[tokio::test]
async fn a_stale_cookie_never_comes_back() {
    let (site, browser) = Site::reopened_by_alice().await;
    let old = browser.prepare("GET", "/me", &[]);
    browser.me().await;
    let new = browser.remember().unwrap();
    for _ in 0..3 {
        let late = old.send().await;
        assert_eq!(late.cookie(REMEMBER).unwrap().value, new, "a late request gets the newest token");
        browser.receive(&late);
        let answer = browser.get("/me").await;
        let again = answer.cookie(REMEMBER).map(|cookie| cookie.value);
        assert!(again.is_none_or(|again| again == new));
        assert_eq!(browser.remember().as_deref(), Some(&*new));
    }
    assert_eq!(site.steps("alice").await, 1);
}
