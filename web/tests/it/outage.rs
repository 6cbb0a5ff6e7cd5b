//! The store or the users out of reach: 503, nothing cleared, and everything works again afterwards.

use hallpass_core::What;
use hallpass_web::SignalKind;

use crate::world::{HOUR, MINUTE, World};

const PATHS: [&str; 6] = ["/", "/me", "/fresh", "/members", "/devices", "/cart"];

#[tokio::test]
async fn a_store_out_of_reach_is_503_and_clears_nothing() {
    let world = World::new();
    let browser = world.remembered().await;
    world.store.switch(false);
    for mut visitor in [browser.clone(), browser.reopened()] {
        for path in PATHS {
            let answer = visitor.get(path).await;
            assert_eq!(answer.status, 503, "{path}");
            assert!(answer.header("retry-after").is_some(), "{path}");
            assert_eq!(answer.set_cookies().len(), 0, "{path}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            assert!(!answer.body.contains("switched off"), "the cause is nobody's business: {}", answer.body);
        }
        for path in
            ["/logout", "/login?user=alice", "/devices/others", "/devices/everywhere", "/confirm?user=alice"]
        {
            let answer = visitor.post(path).await;
            assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (503, 0), "{path}");
        }
    }
    world.store.switch(true);
    assert_eq!(browser.clone().get("/").await.body, "alice Session fresh");
    assert_eq!(browser.reopened().get("/").await.body, "alice Remembered stale");
    assert!(world.signals().iter().all(|&what| what != SignalKind::LoggedOut));
}

#[tokio::test]
async fn a_login_that_fails_half_way_leaves_no_device_behind() {
    let world = World::new();
    let mut browser = world.remembered().await;
    let jar = browser.jar.clone();
    // The epoch, which the test's handler asks for once more than it has to, the two tokens, and the end of
    // what the browser held.
    for others in 0..5 {
        world.store.fail_write(others);
        let answer = browser.post("/login?user=alice&remember=true").await;
        assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (503, 0), "write {others}");
    }
    world.store.calls();
    assert_eq!(browser.post("/login?user=alice&remember=true").await.body, "in");
    assert_eq!(world.store.calls().1, 5, "two epochs, two tokens, and the end of what was there");
    assert_ne!(browser.jar, jar);
    assert_eq!(browser.get("/devices").await.body.lines().count(), 1);
}

#[tokio::test]
async fn a_failing_loader_is_503_and_never_logged_out() {
    let world = World::new();
    let browser = world.remembered().await;
    world.users.down(true);
    for mut visitor in [browser.clone(), browser.reopened()] {
        for path in ["/", "/me", "/members"] {
            let answer = visitor.get(path).await;
            assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (503, 0), "{path}");
            assert!(!answer.body.contains("database"), "{}", answer.body);
        }
    }
    world.users.down(false);
    assert_eq!(browser.clone().get("/").await.body, "alice Session fresh");
}

#[tokio::test]
async fn who_sent_no_token_is_nobody_whatever_the_store_does() {
    let world = World::new();
    world.store.switch(false);
    assert_eq!(world.browser().get("/").await.body, "nobody");
    assert_eq!(world.browser().get("/me").await.status, 401);
    assert_eq!(world.browser().get("/quiet").await.body, "quiet");
}

#[tokio::test]
async fn an_outage_in_the_middle_of_a_restore_is_made_good() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    world.advance(HOUR);
    // The rotation is written, the session is not: only this answer can tell the browser its new token.
    world.store.fail_write(1);
    let answer = browser.get("/").await;
    assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (503, 1));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    world.advance(2 * HOUR);
    assert_eq!(browser.get("/").await.body, "alice Remembered stale");
    assert_eq!(browser.get("/").await.body, "alice Remembered stale");
}

#[tokio::test]
async fn an_outage_of_the_users_in_the_middle_of_a_restore_changes_nothing() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    world.advance(HOUR);
    world.users.down(true);
    let answer = browser.get("/").await;
    assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (503, 0));
    world.users.down(false);
    world.advance(2 * HOUR);
    assert_eq!(browser.get("/").await.body, "alice Remembered stale");
}

#[tokio::test]
async fn a_handler_that_asks_again_confirms_nothing_that_the_browser_has_not_got() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    world.advance(HOUR);
    world.store.fail_write(1);
    let lost = browser.ask(http::Method::GET, "/again").await;
    assert_eq!(lost.body, "true alice Remembered stale");
    assert!(!world.events().contains(&What::Confirmed));
    world.advance(MINUTE);
    assert_eq!(browser.get("/").await.body, "alice Remembered stale", "the answer got lost");
}
