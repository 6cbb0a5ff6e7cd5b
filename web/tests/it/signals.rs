//! Each signal is told once, with whom it is about.

use hallpass_web::SignalKind::{self, *};

use crate::world::World;

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
    assert_eq!(world.signals_about(), [], "nobody was logged in");
    browser.get("/twice").await;
    assert_eq!(world.signals_about(), [(Unauthorized, None)]);
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
