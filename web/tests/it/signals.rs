//! Tests that each signal is sent once, with its user.

use hallpass_web::SignalKind::{self, *};

use crate::world::{HOUR, World};

fn alice(what: SignalKind) -> (SignalKind, Option<String>) {
    (what, Some("alice".into()))
}

#[tokio::test]
async fn a_life_in_signals() {
    let world = World::new();
    let mut browser = world.remembered().await;
    assert_eq!(world.signals_about(), [alice(LoggedIn)]);
    browser.get("/").await;
    assert_eq!(world.signals_about(), []);
    let mut browser = browser.reopened();
    browser.get("/twice").await;
    assert_eq!(world.signals_about(), [alice(Restored)], "however many ask");
    browser.get("/fresh").await;
    assert_eq!(world.signals_about(), [alice(FreshNeeded)]);
    browser.post("/confirm?user=alice").await;
    assert_eq!(world.signals_about(), [alice(Confirmed)]);
    browser.post("/devices/others").await;
    assert_eq!(world.signals_about(), [alice(LoggedOut)]);
    browser.post("/logout").await;
    assert_eq!(world.signals_about(), [alice(LoggedOut)]);
    browser.post("/logout").await;
    assert_eq!(world.signals_about(), [], "no user was logged in");
    browser.get("/twice").await;
    assert_eq!(world.signals_about(), [(Unauthorized, None)]);
}

#[tokio::test]
async fn a_logout_tells_once_of_each_login_and_not_of_a_visitor() {
    let world = World::new();
    let mut visitor = world.browser();
    visitor.post("/cart/pen").await;
    let cart = visitor.jar.clone();
    assert_eq!(visitor.post("/logout").await.body, "true false");
    assert_eq!(world.signals_about(), [], "no user was logged in");

    visitor.post("/cart/pen").await;
    let mut browser = world.remembered().await.reopened();
    let mut bob = world.browser();
    bob.post("/login?user=bob").await;
    let mut expired = world.logged_in().await;
    world.signals();
    browser.jar.splice(0..0, cart.into_iter().chain(visitor.jar.clone()));
    browser.jar.extend(bob.jar.clone());
    assert_eq!(browser.post("/logout").await.body, "true false");
    let bob_too = (LoggedOut, Some("bob".into()));
    assert_eq!(world.signals_about(), [bob_too, alice(LoggedOut)], "sessions come first");

    world.advance(HOUR);
    expired.post("/logout").await;
    assert_eq!(world.signals_about(), [(LoggedOut, None)], "without the user");
    let mut browser = world.remembered().await;
    world.signals();
    world.advance(HOUR);
    browser.jar.extend(browser.jar.clone());
    browser.post("/logout").await;
    assert_eq!(world.signals_about(), [alice(LoggedOut)]);
}

#[tokio::test]
async fn whom_the_loader_does_not_know_and_who_is_not_active() {
    let world = World::new();
    let mut browser = world.remembered().await;
    world.signals();
    world.users.change("alice", |user| user.active = false);
    browser.get("/twice").await;
    assert_eq!(world.signals_about(), [alice(Inactive), (Unauthorized, None)]);
    browser.post("/login?user=alice").await;
    assert_eq!(world.signals_about(), [alice(Inactive)]);
    world.users.remove("alice");
    browser.get("/twice").await;
    assert_eq!(world.signals_about(), [alice(UnknownUser), (Unauthorized, None)]);
}

#[tokio::test]
async fn a_cross_site_request_is_told_once() {
    let world = World::new();
    let mut browser = world.logged_in().await.with("sec-fetch-site", "cross-site");
    world.signals();
    assert_eq!(browser.post("/logout").await.status, 403);
    assert_eq!(world.signals_about(), [(CrossSite, None)]);
}
