//! Tests work that continues while the response goes out, and after.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use hallpass_web::Auth;
use http::Request;
use tokio::sync::Semaphore;

use crate::browser::Browser;
use crate::users::User;
use crate::world::{HOUR, World};

#[tokio::test]
async fn a_stream_that_first_asks_after_the_answer_goes_on() {
    let world = World::new();
    let seen: Arc<Mutex<Vec<bool>>> = Arc::default();
    let (go, done) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let told = (seen.clone(), go.clone(), done.clone());
    let stream = async move |auth: Auth| {
        let (seen, go, done) = told.clone();
        tokio::spawn(async move {
            go.acquire().await.unwrap().forget();
            for _ in 0..3 {
                let known = auth.recheck::<User>().await.unwrap().is_some();
                seen.lock().unwrap().push(known);
            }
            done.add_permits(1);
        });
        "answered"
    };
    let app = Router::new().route("/stream", get(stream)).layer(world.layer.clone());
    let mut browser = Browser::new(app);
    browser.jar = world.remembered().await.reopened().jar;
    assert_eq!(browser.get("/stream").await.body, "answered");
    go.add_permits(1);
    done.acquire().await.unwrap().forget();
    assert_eq!(*seen.lock().unwrap(), [true, true, true], "nothing was ended");
}

#[tokio::test]
async fn a_login_while_the_answer_is_on_its_way_is_refused_or_sent() {
    let world = World::new();
    let browser = world.remembered().await.reopened();
    world.advance(HOUR);
    let slot: Arc<Mutex<Option<Auth>>> = Arc::default();
    let (kept, store) = (slot.clone(), world.store.clone());
    let page = async move |auth: Auth| {
        let known = auth.user::<User>().await.unwrap().is_some();
        *kept.lock().unwrap() = Some(auth);
        // The next read is the check whether the response was overtaken: it waits.
        store.meet(2);
        known.to_string()
    };
    let mut app = Router::new().route("/", get(page)).layer(world.layer.clone());
    let request = Request::builder()
        .uri("/")
        .header("cookie", format!("__Host-remember={}", browser.remember()))
        .body(Body::empty())
        .unwrap();
    let mut answer = Box::pin(tower::Service::call(&mut app, request));
    let auth = loop {
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(answer.as_mut().poll(cx))).await;
        assert!(first.is_pending(), "it asks whether it was overtaken");
        if let Some(auth) = slot.lock().unwrap().take() {
            break auth;
        }
        tokio::task::yield_now().await;
    };
    let bob = world.users.find("bob").unwrap();
    let logged_in = auth.login(&bob).await.is_ok();
    let cookies = answer.await.unwrap().headers().get_all("set-cookie").iter().count();
    assert_eq!((logged_in, cookies), (true, 2), "his session, and alice's remember-me cookie taken away");
}

#[tokio::test]
async fn a_stream_that_asks_only_after_the_answer_is_kept_by_no_cache() {
    let world = World::new();
    let stream = async |auth: Auth| {
        let news = async move {
            Ok::<_, std::convert::Infallible>(match auth.recheck::<User>().await.unwrap() {
                Some(user) => user.id.clone(),
                None => "nobody".into(),
            })
        };
        Body::from_stream(futures_util::stream::once(news))
    };
    let app = Router::new().route("/news", get(stream)).layer(world.layer.clone());
    let mut browser = Browser::new(app);
    let answer = browser.get("/news").await;
    assert_eq!((&*answer.body, answer.header("cache-control")), ("nobody", None));
    for cookies in [world.logged_in().await.jar, world.remembered().await.reopened().jar] {
        browser.jar = cookies;
        let answer = browser.get("/news").await;
        assert_eq!((&*answer.body, answer.header("cache-control")), ("alice", Some("private, no-store")));
    }
}
