//! Streams and WebSockets: requests that live longer than the login that let them in.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures_util::future::join_all;
use hallpass_core::{EventKind, NearCache, Policy};
use hallpass_web::Auth;
use tokio::task::JoinHandle;

use crate::browser::Browser;
use crate::near::Still;
use crate::site::{HOUR, MINUTE, Site};
use crate::users::User;
use crate::wire::Answer;

/// What a stream of events shows whose login ends: its one event, and the end of the body.
const WHOLE: &str = "D\r\ndata: hello\n\n\r\n0\r\n\r\n";

/// Opens a stream of events that lasts as long as its login.
async fn opened(site: &Site, browser: &Browser) -> JoinHandle<Answer> {
    let request = browser.prepare("GET", "/events", &[]);
    let stream = tokio::spawn(async move { request.send_and_wait().await });
    site.users.slow.0.acquire().await.unwrap().forget();
    assert!(!stream.is_finished());
    stream
}

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

#[tokio::test]
async fn a_stream_of_events_closes_when_its_login_is_ended_on_another_device() {
    let site = Site::new();
    let (browser, elsewhere) = (site.browser_over_tcp().await, site.browser_over_tcp().await);
    browser.log_in_remembered("alice").await;
    elsewhere.log_in("alice").await;
    let (one, other) = (opened(&site, &browser).await, opened(&site, &elsewhere).await);
    assert_eq!(elsewhere.post("/devices/others", &[]).await.status, 200);
    let one = one.await.unwrap();
    assert_eq!((one.status, one.header("cache-control")), (200, Some("private, no-store")));
    assert_eq!(one.body, WHOLE);
    assert_eq!(browser.program().get("/events").await.status, 401, "and no other is opened");
    assert_eq!(other.await.unwrap().body, WHOLE, "its tokens were renewed");
    let again = opened(&site, &elsewhere).await;
    assert_eq!(elsewhere.post("/logout", &[]).await.status, 200);
    assert_eq!(again.await.unwrap().body, WHOLE);
}

#[tokio::test]
async fn a_stream_of_events_closes_when_its_login_expires() {
    let short = Policy::session().idle(None).absolute(MINUTE * 5);
    let site = Site::tuned(|tokens| tokens.policy(short), |layer| layer);
    let browser = site.browser_over_tcp().await;
    browser.log_in("alice").await;
    let left = std::time::Duration::from_millis(50);
    site.advance(MINUTE * 5 - left);
    let stream = opened(&site, &browser).await;
    site.advance(left);
    assert_eq!(stream.await.unwrap().body, WHOLE);
}

#[tokio::test]
async fn a_stream_of_events_closes_although_the_feed_is_broken() {
    let site = Site::new();
    let browser = site.browser_over_tcp().await;
    browser.log_in("alice").await;
    let before = opened(&site, &browser).await;
    site.gate.break_feed();
    let after = opened(&site, &browser).await;
    assert_eq!(browser.post("/logout", &[]).await.status, 200);
    assert_eq!((before.await.unwrap().body, after.await.unwrap().body), (WHOLE.into(), WHOLE.into()));
}

#[tokio::test]
async fn a_stream_of_events_of_a_key_closes_with_the_key_and_a_stranger_gets_none() {
    let site = Site::new();
    let browser = site.browser_over_tcp().await;
    browser.log_in("alice").await;
    let key = browser.post("/keys", &[]).await.body;
    let program = site.browser_over_tcp().await.program();
    assert_eq!(program.get("/events").await.status, 401);
    let program = program.header("Authorization", format!("Bearer {key}"));
    let stream = opened(&site, &program).await;
    let id = browser.get("/keys").await.body[..16].to_owned();
    assert_eq!(browser.post("/keys/revoke", &[("login", &id)]).await.status, 200);
    assert_eq!(stream.await.unwrap().body, WHOLE);
}

#[tokio::test]
async fn thousands_of_streams_make_no_calls_while_they_wait() {
    const STREAMS: usize = 2_000;
    // The clock stands still, so that no lease ends on a busy machine: that would wake them all.
    let site = Site::tuned(|tokens| tokens.near_cache(NearCache::new().node_clock(Still)), |layer| layer);
    let browser = site.browser();
    browser.log_in("alice").await;
    let ended = async |auth: Auth| {
        let ended = auth.ended().await.unwrap();
        Body::from_stream(futures_util::stream::once(async move {
            Ok::<_, Infallible>(format!("{:?}", ended.await))
        }))
    };
    let app = Router::new().route("/ended", get(ended)).layer(site.layer.clone());
    let request = browser.to(app).prepare("GET", "/ended", &[]);
    let come_and_go = async || {
        let other = site.browser_over_tcp().await;
        other.log_in("bob").await;
        let stream = opened(&site, &other).await;
        other.post("/logout", &[]).await;
        stream.await.unwrap();
    };
    // The first one opens the feed, which wakes all that wait already.
    come_and_go().await;
    site.gate.calls();
    let streams: Vec<_> = (0..STREAMS)
        .map(|_| {
            let request = request.clone();
            tokio::spawn(async move { request.send_and_wait().await.body })
        })
        .collect();
    // Each reads its session when it is opened, and once more when it begins to wait.
    let (mut calls, mut tries) = (0, 0..300_000);
    while calls < 2 * STREAMS {
        tries.next().expect("each of them waits at last");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        calls += site.gate.calls().len();
    }
    // Others come and go meanwhile, and are announced.
    for _ in 0..5 {
        come_and_go().await;
    }
    assert!(site.gate.calls().len() < 200, "not one of the streams asked");
    assert!(!streams.iter().any(JoinHandle::is_finished));
    browser.post("/logout", &[]).await;
    for seen in join_all(streams).await {
        assert_eq!(seen.unwrap(), "Invalid", "a log-out removes the record");
    }
}
