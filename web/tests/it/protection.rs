//! Session protection: the same session, sent by another client.

use hallpass_web::{AuthLayerBuilder, MissingFingerprint, Network, Protection, SignalKind};

use crate::site::{Site, peer};

fn basic(layer: AuthLayerBuilder) -> AuthLayerBuilder {
    layer.protection(Protection::Basic).peer_address(peer)
}

fn strong(layer: AuthLayerBuilder) -> AuthLayerBuilder {
    layer.protection(Protection::Strong).peer_address(peer)
}

/// Behind a proxy on this machine.
fn proxied(layer: AuthLayerBuilder) -> AuthLayerBuilder {
    strong(layer).trusted_proxies(["127.0.0.1".parse::<Network>().unwrap()])
}

#[tokio::test]
async fn the_same_client_passes_in_every_mode() {
    for protection in [Protection::Basic, Protection::None, Protection::Strong] {
        let site = Site::with(|layer| layer.protection(protection).peer_address(peer));
        let browser = site.browser();
        browser.log_in_remembered("alice").await;
        for _ in 0..3 {
            assert_eq!(browser.me().await, "alice session fresh");
        }
        assert_eq!(site.heard.kinds(), [SignalKind::LoggedIn]);
    }
}

#[tokio::test]
async fn basic_lowers_another_client_once_and_for_good() {
    let site = Site::with(basic);
    let browser = site.browser();
    browser.log_in_remembered("alice").await;
    site.heard.signals();
    let other = browser.clone().agent("curl");
    for _ in 0..3 {
        assert_eq!(other.me().await, "alice session stale");
    }
    assert_eq!(browser.me().await, "alice session stale", "for the first client, too");
    assert_eq!(site.heard.signals(), [(SignalKind::Protected, Some("alice".into()))], "told once");
    assert_eq!(other.post("/confirm", &[("password", "secret")]).await.status, 200);
    assert_eq!(other.me().await, "alice session fresh", "until the password is entered");
}

#[tokio::test]
async fn basic_keeps_delicate_pages_from_another_client() {
    let site = Site::with(basic);
    let browser = site.browser().program();
    browser.log_in("alice").await;
    assert_eq!(browser.get("/delicate").await.status, 200);
    assert_eq!(browser.clone().agent("curl").get("/delicate").await.status, 401);
    assert_eq!(browser.get("/account").await.status, 200);
}

#[tokio::test]
async fn what_a_session_keeps_survives_basic_protection() {
    let site = Site::with(basic);
    let browser = site.browser();
    browser.post("/cart", &[("item", "tea")]).await;
    browser.log_in("alice").await;
    browser.post("/theme", &[("item", "dark")]).await;
    let other = browser.clone().agent("curl");
    assert_eq!(other.me().await, "alice session stale");
    assert_eq!(
        (other.get("/cart").await.body, browser.get("/theme").await.body),
        ("tea".into(), "dark".into())
    );
}

#[tokio::test]
async fn strong_ends_the_login_of_another_client_and_its_remember_me_token() {
    let site = Site::with(strong);
    let (browser, elsewhere) = (site.browser(), site.browser());
    elsewhere.log_in("alice").await;
    browser.log_in_remembered("alice").await;
    site.heard.signals();
    let thief = browser.copied().agent("curl");
    for _ in 0..3 {
        assert_eq!(thief.me().await, "anonymous");
    }
    assert_eq!(site.heard.signals(), [(SignalKind::Protected, Some("alice".into()))], "told once");
    assert_eq!(browser.me().await, "anonymous");
    assert_eq!(browser.get("/why").await.body, "Revoked(Administrative)");
    browser.reopen();
    assert_eq!(browser.me().await, "anonymous");
    assert_eq!(elsewhere.me().await, "alice session fresh", "another login is not affected");
}

#[tokio::test]
async fn what_a_session_keeps_is_not_shown_to_another_client_under_strong_protection() {
    let site = Site::with(strong);
    let browser = site.browser();
    browser.log_in("alice").await;
    browser.post("/cart", &[("item", "diary")]).await;
    assert_eq!(browser.copied().agent("curl").get("/cart").await.body, "");
}

#[tokio::test]
async fn none_compares_nothing() {
    let site = Site::with(|layer| layer.protection(Protection::None).peer_address(peer));
    let browser = site.browser();
    browser.log_in("alice").await;
    let mut other = browser.clone().agent("curl");
    other.from = [127, 0, 0, 2].into();
    assert_eq!(other.me().await, "alice session fresh");
}

#[tokio::test]
async fn a_remember_me_token_may_come_from_another_client() {
    for strong_mode in [false, true] {
        let site = Site::with(if strong_mode { strong } else { basic });
        let browser = site.reopened().await;
        site.heard.signals();
        let updated = browser.clone().agent("Firefox, one version later");
        for _ in 0..3 {
            assert_eq!(updated.me().await, "alice remembered stale");
        }
        assert_eq!(site.heard.kinds(), [SignalKind::Restored], "and the session is bound to this client");
        let first = if strong_mode { "anonymous" } else { "alice remembered stale" };
        assert_eq!(browser.me().await, first, "and to no other");
    }
}

#[tokio::test]
async fn a_restored_session_has_no_freshness_to_lose() {
    let site = Site::with(basic);
    let browser = site.reopened().await;
    browser.me().await;
    site.heard.signals();
    assert_eq!(browser.clone().agent("curl").me().await, "alice remembered stale");
    assert!(site.heard.signals().is_empty(), "so no signal is sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn protection_is_told_once_though_many_requests_come_at_once() {
    for (mode, me) in [(basic as fn(_) -> _, "alice session stale"), (strong, "anonymous")] {
        let site = Site::with(mode);
        let browser = site.browser();
        browser.log_in("alice").await;
        site.heard.signals();
        let answers = crate::races::at_once(&site, &browser.copied().agent("curl"), 8, "/me").await;
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == me), "{answers:?}");
        assert_eq!(site.heard.kinds(), [SignalKind::Protected]);
    }
}

#[tokio::test]
async fn a_visitor_is_protected_from_nothing() {
    for mode in [basic, strong] {
        let site = Site::with(mode);
        let browser = site.browser();
        assert!(browser.get("/me").await.set_cookies().is_empty());
        browser.post("/cart", &[("item", "tea")]).await;
        let other = browser.clone().agent("curl");
        assert_eq!(other.me().await, "anonymous");
        assert_eq!(browser.get("/cart").await.body, "tea");
        assert!(site.heard.signals().is_empty());
    }
}

#[tokio::test]
async fn another_address_is_another_client() {
    let site = Site::with(strong);
    let browser = site.browser_over_tcp().await;
    browser.log_in("alice").await;
    let mut moved = browser.clone();
    moved.from = [127, 0, 0, 2].into();
    assert_eq!(moved.me().await, "anonymous");
    assert_eq!(browser.me().await, "anonymous");
}

#[tokio::test]
async fn what_a_client_says_of_its_address_counts_for_nothing() {
    let site = Site::with(strong);
    let at = |address: &str| site.browser().header("X-Forwarded-For", address);
    let browser = at("10.1.1.1");
    browser.log_in("alice").await;
    for address in ["10.1.1.2", "10.1.1.1, 127.0.0.1", "unknown", ""] {
        let mut other = browser.clone();
        other.headers = at(address).headers;
        assert_eq!(other.me().await, "alice session fresh", "{address:?}");
    }
    let mut thief = browser.clone();
    thief.from = [127, 0, 0, 2].into();
    thief.headers = at("127.0.0.1").headers;
    assert_eq!(thief.me().await, "anonymous", "the header of a client is ignored");
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client_s_address() {
    for (first, then, same) in [
        ("10.1.1.1", "10.1.1.1", true),
        ("10.1.1.1", "6.6.6.6, 10.1.1.1", true),
        ("10.1.1.1", "10.1.1.1, 127.0.0.1", true),
        ("10.1.1.1", "10.1.1.2", false),
        ("10.1.1.1", "10.1.1.1, 10.1.1.2", false),
        ("2001:db8::1", "2001:db8::ffff", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
        ("10.1.1.1", "10.1.1.1, unknown", false),
    ] {
        let site = Site::with(proxied);
        let browser = site.browser().header("X-Forwarded-For", first);
        browser.log_in("alice").await;
        site.heard.signals();
        let mut other = browser.clone();
        other.headers = vec![("X-Forwarded-For", then.into())];
        let (me, told) = if same { ("alice session fresh", 0) } else { ("anonymous", 1) };
        assert_eq!(
            (other.me().await.as_str(), site.heard.signals().len()),
            (me, told),
            "{first} then {then}"
        );
    }
}

#[tokio::test]
async fn a_session_from_before_protection_is_taken_for_what_the_site_says() {
    let site = Site::with(|layer| layer.protection(Protection::None));
    let browser = site.browser();
    browser.log_in("alice").await;
    let matches = site.node(|layer| layer.missing_fingerprint(MissingFingerprint::Matches));
    assert_eq!(browser.at(&matches).me().await, "alice session fresh");
    let differs = site.node(|layer| layer);
    assert_eq!(browser.at(&differs).me().await, "alice session stale");
    let strong = site.node(strong);
    assert_eq!(browser.at(&strong).me().await, "anonymous");
}
