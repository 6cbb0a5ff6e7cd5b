//! Signals: each is sent exactly once, however many requests there are.

use hallpass_web::SignalKind as Kind;

use crate::site::{HOUR, Site, peer};

type Told = Vec<(Kind, Option<String>)>;

fn alice(kind: Kind) -> Told {
    vec![(kind, Some("alice".into()))]
}

#[tokio::test]
async fn a_login_and_a_logout_are_told_once() {
    let (site, browser) = Site::remembering_alice().await;
    assert_eq!(site.heard.signals(), alice(Kind::LoggedIn));
    browser.get("/thrice").await;
    assert_eq!(site.heard.signals(), [], "a plain request sends no signal");
    browser.post("/logout", &[]).await;
    assert_eq!(site.heard.signals(), alice(Kind::LoggedOut));
    browser.post("/logout", &[]).await;
    assert_eq!(site.heard.signals(), [], "the user was logged out already");
}

#[tokio::test]
async fn a_logout_without_a_session_is_told_with_its_user() {
    let (site, browser) = Site::remembering_alice().await;
    site.heard.signals();
    site.advance(HOUR);
    browser.post("/logout", &[]).await;
    assert_eq!(site.heard.signals(), alice(Kind::LoggedOut), "the session is not restored for a log-out");
}

#[tokio::test]
async fn a_restore_is_told_once() {
    let (site, browser) = Site::reopened_by_alice().await;
    site.heard.signals();
    browser.get("/thrice").await;
    assert_eq!(site.heard.signals(), alice(Kind::Restored));
    browser.get("/thrice").await;
    assert_eq!(site.heard.signals(), []);
}

#[tokio::test]
async fn a_confirmation_is_told_once_and_only_where_it_happened() {
    let (site, browser) = Site::visited();
    assert_eq!(browser.post("/confirm", &[("password", "secret")]).await.status, 303);
    assert_eq!(site.heard.kinds(), [Kind::Unauthorized]);
    browser.log_in_with("alice", &[("stale", "on")]).await;
    site.heard.signals();
    browser.post("/confirm", &[("password", "guess")]).await;
    assert_eq!(site.heard.signals(), []);
    browser.post("/confirm", &[("password", "secret")]).await;
    assert_eq!(site.heard.signals(), alice(Kind::Reauthenticated));
}

#[tokio::test]
async fn a_closed_page_is_told_once_however_often_it_is_asked() {
    let site = Site::new();
    for path in ["/account", "/members", "/thrice"] {
        site.browser().get(path).await;
        assert_eq!(site.heard.signals(), [(Kind::Unauthorized, None)], "{path}");
    }
    site.browser().get("/me").await;
    assert_eq!(site.heard.signals(), [], "a page that is open to visitors refuses no request");
}

#[tokio::test]
async fn a_stale_login_at_a_delicate_page_is_told_once() {
    let (site, browser) = Site::visited();
    browser.log_in_with("alice", &[("stale", "on")]).await;
    site.heard.signals();
    for path in ["/delicate", "/vault"] {
        browser.get(path).await;
        assert_eq!(site.heard.signals(), alice(Kind::FreshNeeded), "{path}");
    }
}

#[tokio::test]
async fn a_user_who_is_not_active_is_told() {
    let site = Site::new();
    site.browser().post("/login", &[("id", "carol"), ("password", "secret")]).await;
    assert_eq!(site.heard.signals(), [(Kind::Inactive, Some("carol".into()))]);
    let browser = site.browser();
    browser.log_in_remembered("alice").await;
    site.users.change("alice", |user| user.active = false);
    site.heard.signals();
    browser.get("/thrice").await;
    assert_eq!(
        site.heard.signals(),
        [(Kind::Inactive, Some("alice".into())), (Kind::Unauthorized, None)],
        "once, for the session and the remember-me token together"
    );
}

#[tokio::test]
async fn a_user_whom_the_loader_does_not_know_is_told_once() {
    let (site, browser) = Site::remembering_alice().await;
    site.users.remove("alice");
    site.heard.signals();
    browser.get("/me").await;
    assert_eq!(site.heard.signals(), alice(Kind::UnknownUser));
}

#[tokio::test]
async fn logging_devices_out_is_told() {
    let site = Site::new();
    let (here, there) = (site.browser(), site.browser());
    here.log_in_remembered("alice").await;
    there.log_in("alice").await;
    let list = here.get("/devices").await.body;
    let id =
        list.lines().find(|line| line.ends_with("elsewhere")).unwrap().split(' ').next().unwrap().to_owned();
    site.heard.signals();
    here.post("/devices/one", &[("login", &id)]).await;
    assert_eq!(site.heard.signals(), alice(Kind::LoggedOut));
    here.post("/devices/one", &[("login", &id)]).await;
    assert_eq!(site.heard.signals(), []);
    for path in ["/devices/others", "/devices/all"] {
        here.post(path, &[]).await;
        assert_eq!(site.heard.signals(), alice(Kind::LoggedOut), "{path}");
    }
}

#[tokio::test]
async fn core_s_events_say_who_made_the_request() {
    let site = Site::with(|layer| layer.peer_address(peer));
    let mut browser = site.browser().agent("Firefox on a laptop").header("X-Request-Id", "42-a");
    browser.from = std::net::Ipv4Addr::new(127, 0, 0, 2);
    for path in ["/login", "/logout"] {
        browser.post(path, &[("id", "alice"), ("password", "secret")]).await;
        let context = site.heard.context();
        assert_eq!(context.peer_address().unwrap().to_string(), "127.0.0.2", "{path}");
        assert_eq!((context.agent(), context.id()), (Some("Firefox on a laptop"), Some("42-a")), "{path}");
    }
}
