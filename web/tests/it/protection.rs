//! Tests session protection: another address or another browser.

use std::net::IpAddr;

use hallpass_core::Kind;
use hallpass_web::{AuthLayerBuilder, MissingFingerprint, Protection, SignalKind};
use http::Extensions;

use crate::browser::Browser;
use crate::world::World;

/// The test's proxy writes the address of the client into `x-forwarded-for`.
fn behind_a_proxy(layer: AuthLayerBuilder) -> AuthLayerBuilder {
    let proxy: IpAddr = "10.0.0.1".parse().unwrap();
    layer.peer_address(move |_: &Extensions| Some(proxy)).trusted_proxies([proxy.into()])
}

async fn at(world: &World, address: &str, agent: &str) -> Browser {
    let mut browser = world.browser().with("x-forwarded-for", address).with("user-agent", agent);
    browser.post("/login?user=alice&remember=true").await;
    browser
}

fn moved(browser: &Browser, address: &str, agent: &str) -> Browser {
    browser.clone().with("x-forwarded-for", address).with("user-agent", agent)
}

#[tokio::test]
async fn basic_lowers_trust_and_reports_once() {
    let world = World::with(behind_a_proxy);
    let browser = at(&world, "203.0.113.7", "Firefox").await;
    assert_eq!(moved(&browser, "203.0.113.7", "Firefox").get("/").await.body, "alice Session fresh");
    for (address, agent) in [("203.0.113.8", "Firefox"), ("203.0.113.7", "curl")] {
        let browser = at(&world, "203.0.113.7", "Firefox").await;
        world.signals();
        for _ in 0..3 {
            assert_eq!(moved(&browser, address, agent).get("/").await.body, "alice Session stale");
        }
        assert_eq!(world.signals(), [SignalKind::Protected]);
        let mut back = moved(&browser, "203.0.113.7", "Firefox");
        assert_eq!(back.get("/").await.body, "alice Session stale", "trust does not come back by itself");
        assert_eq!(back.post("/confirm?user=alice").await.body, "alice Password fresh");
    }
}

#[tokio::test]
async fn basic_keeps_the_sessions_data() {
    let world = World::with(behind_a_proxy);
    let mut browser = at(&world, "203.0.113.7", "Firefox").await;
    browser.post("/cart/pen").await;
    assert_eq!(moved(&browser, "203.0.113.8", "Firefox").get("/cart").await.body, "pen");
    assert_eq!(browser.get("/").await.body, "alice Session stale");
}

#[tokio::test]
async fn strong_ends_the_login_with_its_remember_token_and_reports_once() {
    let world = World::with(|layer| behind_a_proxy(layer).protection(Protection::Strong));
    let mut browser = at(&world, "203.0.113.7", "Firefox").await;
    assert_eq!(browser.get("/").await.body, "alice Session fresh");
    world.signals();
    let mut thief = moved(&browser, "198.51.100.1", "Firefox");
    assert_eq!(thief.get("/").await.body, "nobody");
    assert_eq!(thief.get("/").await.body, "nobody");
    assert_eq!(world.signals(), [SignalKind::Protected]);
    assert_eq!(browser.get("/").await.body, "nobody");
    assert_eq!(browser.reopened().get("/").await.body, "nobody");
}

#[tokio::test]
async fn a_remember_token_may_come_from_anywhere() {
    let world = World::with(|layer| behind_a_proxy(layer).protection(Protection::Strong));
    let browser = at(&world, "203.0.113.7", "Firefox").await;
    let mut abroad = moved(&browser.reopened(), "198.51.100.1", "Firefox 200");
    assert_eq!(abroad.get("/").await.body, "alice Remembered stale");
    assert_eq!(
        abroad.get("/").await.body,
        "alice Remembered stale",
        "the session is bound to where it was restored"
    );
    assert_eq!(moved(&abroad, "203.0.113.7", "Firefox 200").get("/").await.body, "nobody");
}

#[tokio::test]
async fn a_restored_session_has_no_trust_to_lose() {
    let world = World::with(behind_a_proxy);
    let mut browser = at(&world, "203.0.113.7", "Firefox").await.reopened();
    browser.get("/").await;
    world.signals();
    assert_eq!(moved(&browser, "203.0.113.8", "Firefox").get("/").await.body, "alice Remembered stale");
    assert_eq!(world.signals(), []);
}

#[tokio::test]
async fn none_looks_at_nothing() {
    let world = World::with(|layer| behind_a_proxy(layer).protection(Protection::None));
    let browser = at(&world, "203.0.113.7", "Firefox").await;
    assert_eq!(moved(&browser, "198.51.100.1", "curl").get("/").await.body, "alice Session fresh");
}

#[tokio::test]
async fn only_a_trusted_proxy_is_believed() {
    let peer: IpAddr = "192.0.2.1".parse().unwrap();
    let world = World::with(|layer| layer.peer_address(move |_: &Extensions| Some(peer)));
    let browser = at(&world, "203.0.113.7", "Firefox").await;
    assert_eq!(
        moved(&browser, "198.51.100.1", "Firefox").get("/").await.body,
        "alice Session fresh",
        "what an untrusted peer writes changes nothing"
    );
}

#[tokio::test]
async fn a_session_without_a_fingerprint_is_what_the_layer_says() {
    for (missing, expected) in [
        (MissingFingerprint::Differs, "alice Session stale"),
        (MissingFingerprint::Matches, "alice Session fresh"),
    ] {
        let world = World::with(|layer| layer.missing_fingerprint(missing));
        let user = world.users.find("alice").unwrap();
        let tokens = world.layer.tokens();
        let login = tokens.begin_login(&hallpass_core::Subject::new("alice").unwrap()).await.unwrap();
        let stamp = hallpass_core::Stamp::of(&user.password);
        let session = tokens.issue(&login, Kind::SESSION).stamp(stamp).await.unwrap();
        let mut browser = world.browser();
        browser.jar.push(("__Host-session".into(), session.token.expose().into()));
        assert_eq!(browser.get("/").await.body, expected);
    }
}
