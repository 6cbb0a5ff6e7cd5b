//! Tests that a changed password ends every token issued under the old one.

use crate::world::World;

#[tokio::test]
async fn a_changed_password_logs_every_other_device_out_and_renews_this_one() {
    let world = World::new();
    let mut here = world.remembered().await;
    let mut there = world.remembered().await;
    let before = here.clone();
    assert_eq!(here.post("/password?user=better").await.body, "changed");
    assert_ne!((before.session(), before.remember()), (here.session(), here.remember()));
    assert_eq!(here.get("/").await.body, "alice Session fresh");
    assert_eq!(here.reopened().get("/").await.body, "alice Remembered stale");
    for browser in [&mut there, &mut before.clone()] {
        assert_eq!(browser.get("/").await.body, "nobody");
        assert_eq!(browser.reopened().get("/").await.body, "nobody");
    }
    assert_eq!(there.get("/why").await.body, "Revoked(CredentialChanged)");
}

#[tokio::test]
async fn only_ones_own_credential_changes_ones_login() {
    let world = World::new();
    let mut browser = world.logged_in().await;
    let answer = browser.post("/password-of/bob").await;
    assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (401, 0));
    assert_eq!(browser.get("/").await.body, "alice Session fresh");
    assert_eq!(browser.post("/password-of/alice").await.body, "changed");
    assert_eq!(world.browser().post("/password-of/alice").await.status, 401);
}

#[tokio::test]
async fn a_stamp_that_changed_behind_our_back_refuses_sessions_and_remember_tokens() {
    let world = World::new();
    let mut session = world.logged_in().await;
    let mut remembered = world.remembered().await.reopened();
    world.users.change("alice", |user| user.password = "better".into());
    assert_eq!(session.get("/").await.body, "nobody");
    assert_eq!(remembered.get("/").await.body, "nobody");
    assert_eq!(remembered.get("/why").await.body, "StampMismatch");
    world.users.change("alice", |user| user.password = "secret".into());
    assert_eq!(session.get("/").await.body, "alice Session fresh", "refused, not ended: the old one is back");
    assert_eq!(remembered.get("/").await.body, "alice Remembered stale");
}

#[tokio::test]
async fn a_restored_session_may_change_the_password_too() {
    let world = World::new();
    let mut browser = world.remembered().await.reopened();
    assert_eq!(browser.post("/password?user=better").await.body, "changed", "restored in this very request");
    assert_eq!(browser.get("/").await.body, "alice Remembered stale");
    assert_eq!(browser.reopened().get("/").await.body, "alice Remembered stale");
}
