//! API keys, in the `Authorization` header.

use hallpass_core::{Kind, Subject};
use hallpass_web::SignalKind;

use crate::browser::{Browser, REMEMBER, SESSION};
use crate::site::{HOUR, Site};

/// A site with alice logged in, and one of her keys.
async fn with_key() -> (Site, Browser, String) {
    let (site, browser) = Site::of_alice().await;
    let key = browser.post("/keys", &[]).await.body;
    (site, browser, key)
}

fn program(site: &Site, key: &str) -> Browser {
    site.browser().program().header("Authorization", format!("Bearer {key}"))
}

#[tokio::test]
async fn a_key_logs_a_program_in_without_cookies_and_never_freshly() {
    let (site, _, key) = with_key().await;
    assert!(key.starts_with("hp_key_"), "{key}");
    site.heard.signals();
    let answer = program(&site, &key).get("/me").await;
    assert_eq!((answer.status, &*answer.body), (200, "alice key stale"));
    assert!(answer.set_cookies().is_empty());
    assert_eq!(site.heard.signals(), [(SignalKind::KeyUsed, Some("alice".into()))]);
    assert_eq!(program(&site, &key).get("/members").await.body, "members");
    assert_eq!(program(&site, &key).get("/delicate").await.status, 401);
    assert_eq!(site.browser().me().await, "anonymous", "a request without the key is anonymous");
}

#[tokio::test]
async fn an_invalid_cookie_does_not_hide_a_valid_key() {
    let (site, browser, key) = with_key().await;
    let session = browser.session().unwrap();
    browser.post("/logout", &[]).await;
    for cookie in ["junk", &session, &"A".repeat(66)] {
        for name in [SESSION, REMEMBER] {
            let both = program(&site, &key).header("Cookie", format!("{name}={cookie}"));
            assert_eq!(both.me().await, "alice key stale");
        }
    }
}

#[tokio::test]
async fn an_invalid_key_does_not_hide_a_valid_cookie() {
    let (site, browser, key) = with_key().await;
    for bad in ["junk", "", &key[..key.len() - 1]] {
        let both = browser.clone().header("Authorization", format!("Bearer {bad}"));
        assert_eq!(both.me().await, "alice session fresh");
    }
    drop(site);
}

#[tokio::test]
async fn the_cookie_says_who_it_is_where_both_are_good() {
    let (site, _, key) = with_key().await;
    let bob = site.browser();
    bob.log_in("bob").await;
    let both = bob.header("Authorization", format!("Bearer {key}"));
    assert_eq!(both.me().await, "bob session fresh");
}

#[tokio::test]
async fn a_mistyped_key_is_refused_before_the_store_is_asked() {
    let (site, _, key) = with_key().await;
    site.gate.calls();
    for at in 7..key.len() {
        let mut bad = key.clone().into_bytes();
        bad[at] = if bad[at] == b'x' { b'y' } else { b'x' };
        let answer = program(&site, std::str::from_utf8(&bad).unwrap()).get("/account").await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{at}");
    }
    assert!(site.gate.calls().is_empty(), "its checksum is wrong");
    assert_eq!(program(&site, &key).me().await, "alice key stale");
}

#[tokio::test]
async fn only_bearer_is_looked_at_in_any_case() {
    let (site, _, key) = with_key().await;
    for scheme in ["bearer", "BEARER", "Bearer "] {
        let browser = site.browser().header("Authorization", format!("{scheme} {key}"));
        assert_eq!(browser.me().await, "alice key stale", "{scheme}");
    }
    for line in [
        format!("Basic {key}"),
        key.clone(),
        format!("Bearer{key}"),
        "Bearer".into(),
        format!("Token {key}"),
        format!("Bearer {key}x"),
        format!("Bearer {}", "x".repeat(10_000)),
    ] {
        assert_eq!(site.browser().header("Authorization", line).me().await, "anonymous");
    }
}

#[tokio::test]
async fn a_key_is_ended_by_its_owner_only() {
    let (site, browser, key) = with_key().await;
    let list = browser.get("/keys").await.body;
    assert!(list.ends_with(" build server") && !list.contains(&key[7..30]), "{list}");
    let id = list.split(' ').next().unwrap();
    let bob = site.browser();
    bob.log_in("bob").await;
    assert_eq!(bob.post("/keys/revoke", &[("login", id)]).await.body, "nothing");
    assert_eq!(site.browser().post("/keys/revoke", &[("login", id)]).await.body, "nothing");
    assert_eq!(program(&site, &key).me().await, "alice key stale");
    assert_eq!(browser.post("/keys/revoke", &[("login", id)]).await.body, "ended");
    assert_eq!(program(&site, &key).me().await, "anonymous");
    assert_eq!(
        (browser.get("/keys").await.body, browser.me().await),
        (String::new(), "alice session fresh".into())
    );
}

#[tokio::test]
async fn a_key_makes_no_key() {
    let (site, _, key) = with_key().await;
    assert_eq!(program(&site, &key).post("/keys", &[]).await.status, 401);
    assert_eq!(site.records("alice", Kind::API_KEY).await.len(), 1);
}

#[tokio::test]
async fn a_key_is_no_session_and_a_session_no_key() {
    let (site, browser, key) = with_key().await;
    assert_eq!(site.browser().header("Cookie", format!("{SESSION}={key}")).me().await, "anonymous");
    assert_eq!(program(&site, &browser.session().unwrap()).me().await, "anonymous");
}

#[tokio::test]
async fn keys_outlive_a_changed_password_and_a_logout_everywhere() {
    let (site, browser, key) = with_key().await;
    browser.post("/password", &[("password", "new")]).await;
    browser.post("/devices/others", &[]).await;
    assert_eq!(program(&site, &key).post("/logout", &[]).await.body, "nothing, alice key stale");
    assert_eq!(browser.get("/devices").await.body.lines().count(), 1, "a key is no device");
    browser.post("/devices/all", &[]).await;
    assert_eq!(
        (browser.me().await, program(&site, &key).me().await),
        ("anonymous".into(), "alice key stale".into())
    );
    site.users.change("alice", |user| user.active = false);
    assert_eq!(program(&site, &key).me().await, "anonymous", "but the user is locked");
}

#[tokio::test]
async fn every_key_is_in_the_list() {
    let site = Site::with(|layer| layer.max_keys(130.try_into().unwrap()));
    let browser = site.browser();
    browser.log_in("alice").await;
    for _ in 0..130 {
        assert_eq!(browser.post("/keys", &[]).await.status, 200);
    }
    assert_eq!(browser.post("/keys", &[]).await.status, 403, "one too many");
    assert_eq!(browser.get("/keys").await.body.lines().count(), 130);
    assert_eq!(site.records("alice", Kind::API_KEY).await.len(), 130);
}

#[tokio::test]
async fn a_key_manages_nothing_but_itself() {
    let (site, browser, key) = with_key().await;
    let holder = program(&site, &key);
    let own = browser.get("/keys").await.body[..16].to_owned();
    let other = browser.post("/keys", &[]).await.body;
    let list = browser.get("/keys").await.body;
    let id = list.lines().map(|line| &line[..16]).find(|id| *id != own).unwrap();
    let device = browser.get("/devices").await.body[..16].to_owned();
    assert_eq!(holder.get("/devices").await.body, "", "no list of devices");
    assert_eq!(holder.get("/keys").await.body, "", "no list of keys");
    assert_eq!(holder.post("/devices/one", &[("login", &device)]).await.body, "nothing");
    assert_eq!(holder.post("/devices/all", &[]).await.body, "nothing");
    site.heard.signals();
    assert_eq!(browser.post("/devices/one", &[("login", id)]).await.body, "nothing", "a key is no device");
    assert_eq!(
        browser.post("/keys/revoke", &[("login", &device)]).await.body,
        "nothing",
        "nor a device a key"
    );
    assert!(site.heard.signals().is_empty());
    assert_eq!(browser.me().await, "alice session fresh");
    assert_eq!(holder.post("/keys/revoke", &[("login", id)]).await.body, "nothing");
    assert_eq!(program(&site, &other).me().await, "alice key stale");
    assert_eq!(holder.post("/keys/revoke", &[("login", &own)]).await.body, "ended", "a key may end itself");
    assert_eq!(holder.me().await, "anonymous");
}

#[tokio::test]
async fn a_site_may_take_no_keys_at_all() {
    let (site, _, key) = with_key().await;
    let node = site.node(|layer| layer.keys(None));
    assert_eq!(program(&node, &key).me().await, "anonymous");
}

#[tokio::test]
async fn a_key_that_names_itself_as_a_device_ends_nothing() {
    let (site, browser, key) = with_key().await;
    let own = browser.get("/keys").await.body[..16].to_owned();
    site.advance(HOUR);
    let both = browser.clone().header("Authorization", format!("Bearer {key}"));
    let answer = both.post("/devices/one", &[("login", &own)]).await;
    assert_eq!((&*answer.body, answer.set_cookies().len()), ("nothing", 0), "the cookies do not count");
    assert_eq!(both.me().await, "alice key stale");
}

#[tokio::test]
async fn a_name_too_long_is_cut() {
    let (_site, browser, _) = with_key().await;
    assert_eq!(browser.post("/keys", &[("name", &"x".repeat(513))]).await.status, 200);
    let list = browser.get("/keys").await.body;
    assert!(list.lines().any(|line| line[16..] == format!(" {}", "x".repeat(512))), "{list}");
}

#[tokio::test]
async fn what_a_key_keeps_forces_no_inactive_user_in() {
    let site = Site::new();
    let tokens = site.layer.tokens();
    // The first byte that the layer itself writes for a user who was forced in, today and in an earlier version.
    for first in (0x40..0x48_u8).chain(0xF8..=0xFF) {
        let login = tokens.begin_login(&Subject::new("carol").unwrap()).await.unwrap();
        let data = [&[first][..], b"uild server"].concat();
        let key = tokens.issue(&login, Kind::API_KEY).data(data).await.unwrap();
        assert_eq!(program(&site, key.token.expose()).get("/account").await.status, 401, "{first:#x}");
    }
}
