//! Tests an outage of the store or of the users: 503, no cookie cleared, and everything works again afterwards.

use std::sync::{Arc, Mutex};

use hallpass_core::{EventKind, KeyId, Keyring, Tokens};
use hallpass_web::{AuthLayer, Signal, SignalKind};

use crate::app::router;
use crate::browser::Browser;
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
            assert!(!answer.body.contains("switched off"), "the response shows the cause: {}", answer.body);
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
    // The epoch, for which the test's handler asks once more than necessary, the two tokens, and the end of what the
    // browser held.
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
    // The rotation is written, the session is not: only this response can bring the new token to the browser.
    world.store.fail_write(1);
    let answer = browser.get("/").await;
    assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (503, 1));
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
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
    assert!(!world.events().contains(&EventKind::Confirmed));
    world.advance(MINUTE);
    assert_eq!(browser.get("/").await.body, "alice Remembered stale", "the answer got lost");
}

#[tokio::test]
async fn a_logout_that_fails_half_way_ends_what_it_can_and_is_repeated() {
    for failing in 0..2 {
        let world = World::new();
        let (mut alice, mut bob) = (world.logged_in().await, world.browser());
        bob.post("/login?user=bob&remember=true").await;
        let mut browser = alice.clone();
        browser.jar.extend(bob.reopened().jar);
        let jar = browser.jar.clone();
        world.signals();
        world.store.fail_write(failing);
        let answer = browser.post("/logout").await;
        assert_eq!((answer.status.as_u16(), &browser.jar), (503, &jar));
        let [ended, left] = [["bob", "alice"], ["alice", "bob"]][failing];
        assert_eq!(world.signals_about(), [(SignalKind::LoggedOut, Some(ended.into()))]);
        let mut inside = [&mut alice, &mut bob];
        inside.rotate_left(failing);
        assert!(inside[0].get("/").await.body.starts_with(left), "{failing}");
        assert_eq!(inside[1].get("/").await.body, "nobody", "{failing}");
        assert_eq!(browser.post("/logout").await.body, "true false");
        assert_eq!(world.signals_about(), [(SignalKind::LoggedOut, Some(left.into()))]);
        assert!(browser.jar.is_empty());
    }
}

#[tokio::test]
async fn the_request_of_a_logout_that_failed_half_way_asks_anew() {
    let world = World::new();
    let mut bob = world.browser();
    bob.post("/login?user=bob").await;
    let mut browser = world.logged_in().await;
    browser.jar.extend(bob.jar);
    world.store.fail_write(1);
    assert_eq!(browser.post("/logout-again").await.body, "true bob Session fresh", "alice is out");
}

#[tokio::test]
async fn a_logout_needs_no_key_to_end_a_login() {
    let world = World::new();
    let signals = Arc::new(Mutex::new(Vec::new()));
    let node = |key: u32| {
        let ring = Keyring::new(KeyId::new(key).unwrap(), &[7; 32]).unwrap();
        let tokens = Tokens::builder(world.store.clone()).clock(world.clock.clone()).keyring(ring);
        let told = signals.clone();
        let layer = AuthLayer::builder(tokens.build().unwrap(), world.users.clone())
            .listener(move |signal: &Signal<'_>| told.lock().unwrap().push(signal.what))
            .build();
        Browser::new(router(world.users.clone()).layer(layer.unwrap()))
    };
    let mut browser = node(1);
    browser.post("/login?user=alice&remember=true").await;
    let mut elsewhere = node(2);
    elsewhere.jar.clone_from(&browser.jar);
    assert_eq!(elsewhere.get("/").await.body, "nobody", "here nobody can tell whose these are");
    assert_eq!(elsewhere.post("/logout").await.body, "true false");
    assert!(elsewhere.jar.is_empty());
    assert_eq!(browser.get("/").await.body, "nobody");
    assert_eq!(
        *signals.lock().unwrap(),
        [SignalKind::LoggedIn, SignalKind::Unreadable, SignalKind::LoggedOut]
    );
}
