//! A cookie whose row cannot be judged: it is ignored, and everything else works.

use hallpass_core::store::{Body, Fence, Record, TokenStore};
use hallpass_core::{KeyId, Keyring, Kind, Note};
use hallpass_web::SignalKind;

use crate::browser::{Browser, REMEMBER, SESSION};
use crate::site::Site;

fn ring(id: u32) -> Keyring {
    Keyring::new(KeyId::new(id).unwrap(), &[id as u8; 32]).unwrap()
}

/// Damages every record of one kind of a user.
async fn damage(site: &Site, id: &str, kind: Kind) {
    for record in site.records(id, kind).await {
        let body = Body::new(vec![0xff; 5]).unwrap();
        assert!(site.gate.store.delete(record.selector, &Note::none()).await.unwrap());
        let damaged = Record { body, ..record };
        assert!(site.gate.store.insert(&damaged, Fence::None).await.unwrap().is_inserted());
    }
}

/// The browser asks for its user, logs in and logs out, with the cookies that it has.
async fn goes_on(browser: &Browser, who: &str) {
    let (login, logout) = (browser.copied(), browser.copied());
    assert_eq!(browser.copied().get("/account").await.status, if who == "anonymous" { 303 } else { 200 });
    assert_eq!(browser.me().await, who);
    login.log_in("alice").await;
    assert_eq!(login.me().await, "alice session fresh");
    let answer = logout.post("/logout", &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((logout.session(), logout.remember()), (None, None));
    assert_eq!(logout.me().await, "anonymous");
}

#[tokio::test]
async fn a_damaged_session_does_not_hide_the_remember_me_cookie() {
    let (site, browser) = Site::remembering_alice().await;
    damage(&site, "alice", Kind::SESSION).await;
    site.heard.signals();
    browser.copied().get("/thrice").await;
    let told = site.heard.kinds();
    assert_eq!(told.iter().filter(|kind| **kind == SignalKind::Unreadable).count(), 1, "{told:?}");
    goes_on(&browser, "alice remembered stale").await;
}

#[tokio::test]
async fn a_browser_with_only_damaged_rows_is_anonymous_and_may_log_in_and_out() {
    let (site, browser) = Site::remembering_alice().await;
    damage(&site, "alice", Kind::SESSION).await;
    damage(&site, "alice", Kind::REMEMBER).await;
    goes_on(&browser, "anonymous").await;
}

#[tokio::test]
async fn a_damaged_session_does_not_hide_a_good_one_of_the_same_name() {
    let site = Site::new();
    let (bob, alice) = (site.browser(), site.browser());
    bob.log_in("bob").await;
    alice.log_in("alice").await;
    let (bad, good) = (bob.session().unwrap(), alice.session().unwrap());
    damage(&site, "bob", Kind::SESSION).await;
    let both = site.browser().header("Cookie", format!("{SESSION}={bad}; {SESSION}={good}"));
    assert_eq!(both.me().await, "alice session fresh");
    assert_eq!(both.post("/logout", &[]).await.status, 200);
    assert_eq!(alice.me().await, "anonymous");
}

#[tokio::test]
async fn a_row_made_with_a_key_that_this_node_lacks_says_nothing_here() {
    let site = Site::tuned(|tokens| tokens.keyring(ring(1)), |layer| layer);
    let node = site.tuned_node(|tokens| tokens.keyring(ring(2)), |layer| layer);
    let browser = site.browser();
    browser.log_in_remembered("alice").await;
    assert_eq!(browser.at(&node).me().await, "anonymous");
    assert_eq!(browser.me().await, "alice session fresh", "a node that has the key accepts it");
    goes_on(&browser.at(&node), "anonymous").await;
}

#[tokio::test]
async fn a_user_whose_tokens_are_no_longer_bound_to_a_password_logs_in_again() {
    let (site, browser) = Site::remembering_alice().await;
    site.users.change("alice", |user| user.bound = false);
    let closed = browser.copied();
    closed.reopen();
    assert_eq!(closed.me().await, "anonymous");
    assert!(browser.jar().value(REMEMBER).is_some(), "no cookie is cleared");
    goes_on(&browser, "anonymous").await;
}

#[tokio::test]
async fn a_logout_needs_no_key_to_end_a_login() {
    let site = Site::tuned(|tokens| tokens.keyring(ring(1)), |layer| layer);
    let node = site.tuned_node(|tokens| tokens.keyring(ring(2)), |layer| layer);
    let browser = site.browser();
    browser.log_in_remembered("alice").await;
    let elsewhere = browser.copied().at(&node);
    assert_eq!(elsewhere.me().await, "anonymous", "this node cannot read these tokens");
    assert_eq!(elsewhere.post("/logout", &[]).await.body, "ended, anonymous");
    assert_eq!((elsewhere.session(), elsewhere.remember()), (None, None));
    assert_eq!(browser.me().await, "anonymous");
    assert_eq!(site.heard.kinds(), [SignalKind::LoggedIn, SignalKind::Unreadable, SignalKind::LoggedOut]);
}
