//! The data that a site keeps with a session.

use hallpass_core::{EventKind, Kind};

use crate::site::{HOUR, Site};

#[tokio::test]
async fn data_last_from_request_to_request_and_parts_are_apart() {
    let (_site, browser) = Site::of_alice().await;
    assert_eq!(
        (browser.get("/cart").await.body, browser.get("/theme").await.body),
        (String::new(), String::new())
    );
    browser.post("/cart", &[("item", "tea")]).await;
    browser.post("/theme", &[("item", "dark")]).await;
    assert_eq!(browser.post("/cart", &[("item", "佐藤 \"quoted\"")]).await.body, "2");
    assert_eq!(browser.get("/cart").await.body, "tea,佐藤 \"quoted\"");
    assert_eq!(browser.get("/theme").await.body, "dark");
    assert_eq!(browser.me().await, "alice session fresh", "the login is untouched");
}

#[tokio::test]
async fn keeping_something_makes_no_login_fresh() {
    let (_site, browser) = Site::visited();
    browser.log_in_with("carol", &[("stale", "on"), ("force", "on")]).await;
    browser.post("/cart", &[("item", "tea")]).await;
    assert_eq!(browser.me().await, "carol session stale", "a forced login is not ended");
}

#[tokio::test]
async fn looking_makes_no_session_and_keeping_does() {
    let (site, browser) = Site::visited();
    let answer = browser.get("/cart").await;
    assert!(answer.set_cookies().is_empty());
    assert_eq!(site.heard.count(EventKind::Issued), 0);
    let answer = browser.post("/cart", &[("item", "tea")]).await;
    assert_eq!((answer.body.as_str(), answer.set_cookies().len()), ("1", 1));
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    assert_eq!((browser.get("/cart").await.body, browser.me().await), ("tea".into(), "anonymous".into()));
    assert!(browser.post("/cart", &[("item", "milk")]).await.set_cookies().is_empty(), "the same session");
    assert_eq!(site.heard.count(EventKind::Issued), 1);
    assert_eq!(site.browser().get("/cart").await.body, "", "another visitor has another session");
}

#[tokio::test]
async fn a_visitor_s_session_expires_like_any_other() {
    let (site, browser) = Site::visited();
    browser.post("/cart", &[("item", "tea")]).await;
    site.advance(HOUR);
    assert_eq!(browser.get("/cart").await.body, "");
    assert_eq!(browser.post("/cart", &[("item", "milk")]).await.body, "1");
    assert_eq!(browser.get("/cart").await.body, "milk");
}

#[tokio::test]
async fn too_much_is_refused_and_changes_nothing() {
    let (site, browser) = Site::of_alice().await;
    browser.post("/cart", &[("item", "tea")]).await;
    let answer = browser.post("/cart", &[("item", &"x".repeat(17_000))]).await;
    assert_eq!((answer.status, answer.header("content-type")), (413, Some("application/problem+json")));
    assert!(answer.set_cookies().is_empty());
    assert_eq!(
        (browser.get("/cart").await.body, browser.me().await),
        ("tea".into(), "alice session fresh".into())
    );
    let visitor = site.browser();
    let answer = visitor.post("/cart", &[("item", &"x".repeat(17_000))]).await;
    assert!(answer.status == 413 && answer.set_cookies().is_empty(), "no session begins");
    assert_eq!(visitor.post("/cart", &[("item", &"x".repeat(15_000))]).await.status, 200);
    let body = visitor.post("/cart", &[("item", &"x".repeat(1_500_000))]).await;
    assert_eq!(body.status, 413, "a body that is too large is refused earlier");
}

#[tokio::test]
async fn what_does_not_read_any_more_reads_as_nothing() {
    let (_site, browser) = Site::of_alice().await;
    browser.post("/cart", &[("item", "tea")]).await;
    browser.post("/theme", &[("item", "dark")]).await;
    let answer = browser.get("/theme/as-number").await;
    assert_eq!((answer.status, &*answer.body), (200, "0"));
    assert_eq!(
        (browser.get("/theme").await.body, browser.get("/cart").await.body),
        ("dark".into(), "tea".into())
    );
}

#[tokio::test]
async fn a_restored_session_keeps_what_the_visitor_had_begun() {
    let (_site, browser) = Site::reopened_by_alice().await;
    let remember = browser.remember().unwrap();
    browser.jar().delete(crate::browser::REMEMBER);
    browser.post("/cart", &[("item", "tea")]).await;
    let both = browser.clone().header("Cookie", format!("{}={remember}", crate::browser::REMEMBER));
    assert_eq!(both.me().await, "alice remembered stale");
    browser.jar().delete(crate::browser::REMEMBER);
    assert_eq!(browser.get("/cart").await.body, "tea");
    assert_eq!(browser.me().await, "alice remembered stale");
}

#[tokio::test]
async fn data_go_with_the_session_that_ran_out() {
    let (site, browser) = Site::remembering_alice().await;
    browser.post("/cart", &[("item", "diary")]).await;
    site.advance(HOUR);
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(browser.get("/cart").await.body, "");
    browser.post("/cart", &[("item", "tea")]).await;
    assert_eq!(browser.get("/cart").await.body, "tea");
    assert_eq!(site.steps("alice").await, 1);
    assert_eq!(
        site.records("alice", Kind::SESSION)
            .await
            .iter()
            .filter(|r| r.is_live(hallpass_core::Clock::now(&*site.clock)))
            .count(),
        1
    );
}

#[tokio::test]
async fn a_change_in_the_request_that_restores_is_kept() {
    let (_site, browser) = Site::reopened_by_alice().await;
    assert_eq!(browser.post("/cart", &[("item", "tea")]).await.body, "1");
    assert_eq!(
        (browser.get("/cart").await.body, browser.me().await),
        ("tea".into(), "alice remembered stale".into())
    );
}

#[tokio::test]
async fn one_request_may_change_more_than_once() {
    let site = Site::new();
    let (visitor, member) = (site.browser(), site.browser());
    member.log_in("alice").await;
    for browser in [visitor, member] {
        assert_eq!(browser.post("/cart/twice", &[("item", "pen")]).await.body, "pen,pen");
        assert_eq!(
            (browser.get("/cart").await.body, browser.get("/theme").await.body),
            ("pen,pen".into(), "pen".into())
        );
    }
}

#[tokio::test]
async fn nothing_is_kept_with_a_session_that_was_ended_meanwhile() {
    let (_site, browser) = Site::of_alice().await;
    let answer = browser.post("/cart/ended", &[("item", "pen")]).await;
    assert_eq!((&*answer.body, answer.set_cookies().len()), ("Some(Anonymous), anonymous", 0));
    assert_eq!(browser.get("/cart").await.body, "");
}
