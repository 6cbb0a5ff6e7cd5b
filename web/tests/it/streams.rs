//! Streams and WebSockets: requests that live longer than the login that let them in.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use hallpass_core::EventKind;
use hallpass_web::Auth;

use crate::browser::Browser;
use crate::site::{HOUR, Site};
use crate::users::User;

/// Opens the stream, runs `meanwhile`, and returns what the stream showed.
async fn watched<F: Future<Output = ()>>(site: &Site, browser: &Browser, meanwhile: F) -> String {
    let request = browser.prepare("GET", "/watch", &[]);
    let stream = tokio::spawn(async move { request.send().await });
    site.users.slow.0.acquire().await.unwrap().forget();
    meanwhile.await;
    site.users.slow.1.add_permits(1);
    stream.await.unwrap().body
}

#[tokio::test]
async fn a_stream_that_asks_again_hears_that_its_login_was_ended() {
    let (site, browser) = Site::remembering_alice().await;
    assert_eq!(watched(&site, &browser, async {}).await, "alice, alice, alice, alice");
    let seen = watched(&site, &browser, async {
        browser.copied().post("/logout", &[]).await;
    });
    assert_eq!(seen.await, "alice, alice, anonymous, anonymous");
}

#[tokio::test]
async fn a_stream_that_asks_again_hears_of_its_user_too() {
    let (site, browser) = Site::of_alice().await;
    let seen = watched(&site, &browser, async { site.users.change("alice", |user| user.active = false) });
    assert_eq!(seen.await, "alice, alice, anonymous, anonymous");
    site.users.change("alice", |user| user.active = true);
    let seen =
        watched(&site, &browser, async { site.users.change("alice", |user| user.password = "n".into()) });
    assert_eq!(seen.await, "alice, alice, anonymous, anonymous");
    site.users.change("alice", |user| user.password = "secret".into());
    let expired = watched(&site, &browser, async { site.advance(HOUR * 13) });
    assert_eq!(expired.await, "alice, alice, anonymous, anonymous");
}

#[tokio::test]
async fn an_outage_ends_no_stream() {
    let (site, browser) = Site::of_alice().await;
    let seen = watched(&site, &browser, async { site.gate.all_down() });
    assert_eq!(seen.await, "alice, alice, an outage, alice");
}

#[tokio::test]
async fn a_stream_that_a_remember_me_cookie_opened_neither_rotates_it_again_nor_begins_another_session() {
    let (site, browser) = Site::reopened_by_alice().await;
    site.advance(HOUR);
    let seen = watched(&site, &browser, async { site.advance(HOUR / 4) });
    assert_eq!(seen.await, "alice, alice, alice, alice");
    assert_eq!(site.steps("alice").await, 1);
    let sessions = site.records("alice", hallpass_core::Kind::SESSION).await;
    assert_eq!(sessions.len(), 2, "the first one, and the one that was restored");
}

#[tokio::test]
async fn a_stream_whose_answer_was_lost_shows_not_that_the_browser_has_its_cookies() {
    let (site, browser) = Site::reopened_by_alice().await;
    site.advance(HOUR);
    // The answer never arrives.
    assert_eq!(watched(&site, &browser, async {}).await, "alice, alice, alice, alice");
    site.advance(HOUR / 4);
    assert_eq!(browser.me().await, "alice remembered stale");
    assert_eq!(site.heard.count(EventKind::Reused), 0);
}

#[tokio::test]
async fn a_stream_of_a_key_hears_of_its_end() {
    let (site, browser) = Site::of_alice().await;
    let key = browser.post("/keys", &[]).await.body;
    let program = site.browser().program().header("Authorization", format!("Bearer {key}"));
    assert_eq!(watched(&site, &program, async {}).await, "alice, alice, alice, alice");
    let id = browser.get("/keys").await.body[..16].to_owned();
    let seen = watched(&site, &program, async {
        browser.post("/keys/revoke", &[("login", &id)]).await;
    });
    assert_eq!(seen.await, "alice, alice, anonymous, anonymous");
}

#[tokio::test]
async fn a_body_that_asks_first_when_the_answer_went_out_is_told_and_no_row_is_made() {
    let (site, browser) = Site::reopened_by_alice().await;
    site.advance(HOUR);
    assert_eq!(browser.get("/address").await.body, "answered");
    site.users.slow.1.add_permits(1);
    assert_eq!(site.users.reported().await, "alice");
    assert_eq!(site.steps("alice").await, 0, "a successor could not be sent any more");
    assert_eq!(site.records("alice", hallpass_core::Kind::SESSION).await.len(), 1);
}

#[tokio::test]
async fn a_stream_that_first_asks_after_the_answer_goes_on() {
    let (site, browser) = Site::reopened_by_alice().await;
    assert_eq!(browser.get("/watch/late").await.body, "answered");
    site.users.slow.1.add_permits(1);
    assert_eq!(site.users.reported().await, "alice, alice, alice", "nothing was ended");
}

#[tokio::test]
async fn a_stream_that_asks_only_after_the_answer_is_kept_by_no_cache() {
    let site = Site::new();
    let stream = async |auth: Auth| {
        let news = async move {
            let user = auth.recheck::<User>().await.unwrap();
            Ok::<_, Infallible>(user.map_or_else(|| "anonymous".into(), |user| user.id.clone()))
        };
        Body::from_stream(futures_util::stream::once(news))
    };
    let news = Router::new().route("/news", get(stream)).layer(site.layer.clone());
    let member = site.browser();
    member.log_in("alice").await;
    for (browser, seen, cache) in [
        (site.browser(), "anonymous", None),
        (member, "alice", Some("private, no-store")),
        (site.reopened().await, "alice", Some("private, no-store")),
    ] {
        let answer = browser.to(news.clone()).get("/news").await;
        assert_eq!((&*answer.body, answer.header("cache-control")), (seen, cache));
    }
}
