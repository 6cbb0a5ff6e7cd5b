//! Tests single-use tokens.

use crate::world::{MINUTE, SECOND, World};

#[tokio::test]
async fn it_works_once() {
    let world = World::new();
    let mut browser = world.browser();
    let token = browser.post("/once/alice").await.body;
    assert_eq!(browser.post(&format!("/consume/{token}")).await.body, "alice");
    assert_eq!(browser.post(&format!("/consume/{token}")).await.body, "Spent");
    assert_eq!(browser.post("/consume/junk").await.body, "Malformed");
}

#[tokio::test]
async fn it_expires_on_the_server() {
    let world = World::new();
    let mut browser = world.browser();
    let token = browser.post("/once/alice").await.body;
    world.advance(15 * MINUTE - SECOND);
    let late = browser.post("/once/alice").await.body;
    world.advance(SECOND);
    assert_eq!(browser.post(&format!("/consume/{token}")).await.body, "Expired");
    assert_eq!(browser.post(&format!("/consume/{late}")).await.body, "alice");
}

#[tokio::test]
async fn a_changed_password_kills_it() {
    let world = World::new();
    let mut browser = world.browser();
    let token = browser.post("/once/alice").await.body;
    world.users.change("alice", |user| user.password = "better".into());
    assert_eq!(browser.post(&format!("/consume/{token}")).await.body, "StampMismatch");
}

#[tokio::test]
async fn it_is_no_session_and_a_session_is_not_it() {
    let world = World::new();
    let mut browser = world.browser();
    let token = browser.post("/once/alice").await.body;
    for name in ["__Host-session", "__Host-remember"] {
        let mut forged = world.browser();
        forged.jar.push((name.into(), token.clone()));
        assert_eq!(forged.get("/").await.body, "nobody");
    }
    let session = world.logged_in().await.session().to_owned();
    assert_eq!(browser.post(&format!("/consume/{session}")).await.body, "Invalid");
    assert_eq!(browser.post(&format!("/consume/{token}")).await.body, "alice");
}

#[tokio::test]
async fn it_is_worth_nothing_when_its_user_is_gone() {
    let world = World::new();
    let mut browser = world.browser();
    let token = browser.post("/once/alice").await.body;
    world.users.remove("alice");
    assert_eq!(browser.post(&format!("/consume/{token}")).await.body, "Invalid");
}
