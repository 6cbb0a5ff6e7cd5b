//! Sessions and keys in the near cache: what costs no call of the store, and what is exact all the same.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hallpass_core::{NearCache, NodeClock, Policy, Subject, Timestamp, TokensBuilder};
use hallpass_web::{AuthLayer, Protection, UserLoader};

use crate::browser::Browser;
use crate::cached_users::CachedUsers;
use crate::routes;
use crate::site::{MINUTE, Site, peer};

/// A clock that stands still, so that no proof and no entry grows old while a busy machine runs these tests.
#[derive(Debug)]
pub(crate) struct Still;

impl NodeClock for Still {
    fn since_boot(&self) -> u64 {
        1_000_000_000
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }
}

fn kept(tokens: TokensBuilder) -> TokensBuilder {
    tokens
        .policy(Policy::session().cached_for(MINUTE))
        .policy(Policy::api_key().cached_for(MINUTE))
        .near_cache(NearCache::new().node_clock(Still))
}

/// A site that keeps sessions and keys, with session protection.
fn near() -> Site {
    Site::tuned(kept, |layer| layer.protection(Protection::Basic).peer_address(peer))
}

/// Another node over the same store, without a near cache.
fn far(site: &Site) -> Site {
    site.node(|layer| layer.protection(Protection::Basic).peer_address(peer))
}

/// Requests a page until it costs no call, checks that it goes on so, and that it always shows the same.
async fn costs_nothing(site: &Site, browser: &Browser, path: &str, shows: &str) {
    let calls = async || {
        site.gate.calls();
        let answer = browser.get(path).await;
        assert_eq!(answer.body, shows, "{path}");
        site.gate.calls().len()
    };
    let mut tries = 0;
    while calls().await > 0 {
        // The next turn of the feed proves that the record is what it was.
        tokio::time::sleep(Duration::from_millis(1)).await;
        tries += 1;
        assert!(tries < 30_000, "{path}: it is never kept");
    }
    for _ in 0..3 {
        assert_eq!(calls().await, 0, "{path}");
    }
}

#[tokio::test]
async fn a_page_with_a_cached_session_makes_no_call_of_the_store() {
    let site = near();
    let browser = site.browser();
    browser.log_in_remembered("alice").await;
    costs_nothing(&site, &browser, "/me", "alice session fresh").await;
    let thrice = "alice session fresh, alice session fresh, true, true";
    costs_nothing(&site, &browser, "/thrice", thrice).await;
    browser.reopen();
    costs_nothing(&site, &browser, "/me", "alice remembered stale").await;
    let elsewhere = site.browser();
    elsewhere.log_in("bob").await;
    let elsewhere = elsewhere.agent("curl");
    costs_nothing(&site, &elsewhere, "/me", "bob session stale").await;
    let anonymous = site.browser();
    anonymous.post("/cart", &[("item", "tea")]).await;
    costs_nothing(&site, &anonymous, "/me", "anonymous").await;
}

#[tokio::test]
async fn a_page_with_a_cached_key_makes_no_call_of_the_store() {
    let site = near();
    let browser = site.browser();
    browser.log_in("alice").await;
    let key = browser.post("/keys", &[]).await.body;
    let program = site.browser().program().header("Authorization", format!("Bearer {key}"));
    costs_nothing(&site, &program, "/me", "alice key stale").await;
}

#[tokio::test]
async fn what_protection_found_elsewhere_closes_delicate_pages_at_once() {
    let site = near();
    let browser = site.browser().program();
    browser.log_in("alice").await;
    costs_nothing(&site, &browser, "/me", "alice session fresh").await;
    assert_eq!(browser.get("/delicate").await.status, 200);
    assert_eq!(browser.get("/vault").await.status, 200);
    // Another client comes to another node.
    let thief = browser.at(&far(&site)).agent("curl");
    assert_eq!(thief.me().await, "alice session stale");
    costs_nothing(&site, &browser, "/me", "alice session fresh").await;
    for path in ["/delicate", "/vault", "/both"] {
        site.gate.calls();
        assert_eq!(browser.get(path).await.status, 401, "{path}");
        assert!(!site.gate.calls().is_empty(), "{path}: the store was asked");
    }
    assert_eq!(browser.get("/asked-again").await.body, "alice session fresh, alice session stale");
    let thief = browser.agent("curl");
    assert_eq!(thief.me().await, "alice session stale", "whatever the cache holds");
}

#[tokio::test]
async fn the_data_of_a_cached_session_are_exact_and_cost_one_read() {
    let site = near();
    let browser = site.browser();
    browser.log_in("alice").await;
    browser.post("/cart", &[("item", "tea")]).await;
    costs_nothing(&site, &browser, "/me", "alice session fresh").await;
    let other = browser.at(&far(&site));
    other.post("/cart", &[("item", "milk")]).await;
    costs_nothing(&site, &browser, "/me", "alice session fresh").await;
    site.gate.calls();
    assert_eq!(browser.get("/cart").await.body, "tea,milk");
    assert_eq!(site.gate.calls().len(), 1);
    assert_eq!(browser.post("/cart/twice", &[("item", "jam")]).await.body, "tea,milk,jam,jam");
    assert_eq!(other.get("/cart").await.body, "tea,milk,jam,jam");
}

#[tokio::test]
async fn a_cached_session_changes_the_password_and_makes_keys_like_any_other() {
    let site = near();
    let (browser, phone) = (site.browser(), site.browser());
    browser.log_in_remembered("alice").await;
    phone.log_in("alice").await;
    costs_nothing(&site, &browser, "/me", "alice session fresh").await;
    assert_eq!(browser.post("/keys", &[]).await.status, 200);
    costs_nothing(&site, &browser, "/me", "alice session fresh").await;
    // The user is asked for before the change, from the cache; afterwards the old stamp is refused.
    let change = [("password", "new"), ("whose", "alice")];
    assert_eq!(browser.post("/password/unchecked", &change).await.body, "changed");
    assert_eq!(browser.me().await, "alice session fresh");
    assert_eq!(phone.me().await, "anonymous");
    costs_nothing(&site, &browser, "/me", "alice session fresh").await;
    assert_eq!(browser.post("/logout", &[]).await.status, 200);
    assert_eq!(browser.me().await, "anonymous", "a node sees its own endings at once");
}

/// Another node over the same tokens and users, with a cache of users.
fn caching(site: &Site) -> Router {
    node_of(site, CachedUsers::new(site.users.clone(), MINUTE * 60))
}

fn node_of(site: &Site, users: impl UserLoader) -> Router {
    let layer = AuthLayer::builder(site.layer.tokens().clone(), users);
    let layer = layer.listener(site.heard.clone()).login_page("/login").build().unwrap();
    routes::router(site.users.clone()).layer(layer)
}

#[tokio::test]
async fn with_a_cache_of_users_a_page_costs_nothing_at_all() {
    let site = near();
    let browser = site.browser().to(caching(&site));
    browser.log_in("alice").await;
    costs_nothing(&site, &browser, "/me", "alice session fresh").await;
    let loads = site.users.loads();
    costs_nothing(&site, &browser, "/me", "alice session fresh").await;
    assert_eq!(site.users.loads(), loads);
    // A key is bound to no stamp, although its user has one.
    let key = browser.post("/keys", &[]).await.body;
    let program =
        site.browser().to(caching(&site)).program().header("Authorization", format!("Bearer {key}"));
    costs_nothing(&site, &program, "/me", "alice key stale").await;
    let loads = site.users.loads();
    costs_nothing(&site, &program, "/me", "alice key stale").await;
    assert_eq!(site.users.loads(), loads);
}

#[tokio::test]
async fn a_cache_of_users_lags_only_where_nothing_delicate_is_asked() {
    let site = Site::new();
    let browser = site.browser().to(caching(&site)).program();
    browser.log_in("alice").await;
    assert_eq!(browser.me().await, "alice session fresh");
    site.users.change("alice", |user| user.active = false);
    assert_eq!(browser.me().await, "alice session fresh", "the user of a moment ago");
    for path in ["/delicate", "/vault", "/both"] {
        assert_eq!(browser.get(path).await.status, 401, "{path}");
    }
    assert_eq!(browser.me().await, "anonymous", "what was asked exactly is kept");
}

#[tokio::test]
async fn a_user_who_is_forgotten_or_too_old_is_loaded_again() {
    let site = Site::new();
    let users = Arc::new(CachedUsers::new(site.users.clone(), MINUTE * 60));
    let browser = site.browser().to(node_of(&site, users.clone()));
    browser.log_in("alice").await;
    assert_eq!(browser.me().await, "alice session fresh");
    site.users.change("alice", |user| user.active = false);
    assert_eq!(browser.me().await, "alice session fresh");
    users.forget(&Subject::new("alice").unwrap());
    assert_eq!(browser.me().await, "anonymous");

    let never = site.browser().to(node_of(&site, CachedUsers::new(site.users.clone(), Duration::ZERO)));
    never.log_in("bob").await;
    assert_eq!(never.me().await, "bob session fresh");
    site.users.change("bob", |user| user.active = false);
    assert_eq!(never.me().await, "anonymous");
}

#[tokio::test]
async fn a_changed_password_drops_the_cached_user_on_every_node() {
    let site = Site::new();
    let here = site.browser().to(caching(&site));
    here.log_in("alice").await;
    let there = here.to(caching(&site));
    assert_eq!(there.me().await, "alice session fresh", "the user is cached there, too");
    assert_eq!(here.post("/password", &[("password", "new")]).await.body, "changed");
    for browser in [&here, &there] {
        assert_eq!(browser.me().await, "alice session fresh", "the new tokens, and the new user");
    }
    let loads = site.users.loads();
    for browser in [&here, &there] {
        assert_eq!(browser.me().await, "alice session fresh");
    }
    assert_eq!(site.users.loads(), loads, "who is kept again");
}

/// A user from memory may be older than the token, so it never refuses one.
#[tokio::test]
async fn a_cached_user_refuses_no_token() {
    let site = Site::new();
    let browser = site.browser();
    browser.log_in("alice").await;
    let there = browser.to(caching(&site));
    assert_eq!(there.me().await, "alice session fresh", "the user is cached there");
    // A passkey takes the place of the password: from now on tokens are bound to no stamp.
    site.users.change("alice", |user| user.bound = false);
    browser.log_in("alice").await;
    assert_eq!(there.me().await, "alice session fresh");

    site.users.change("alice", |user| user.active = false);
    let other = browser.to(caching(&site));
    assert_eq!(other.me().await, "anonymous", "the user who is not active is cached there");
    site.users.change("alice", |user| user.active = true);
    assert_eq!(other.me().await, "alice session fresh");
}
