//! The bridge under the layer of tower-sessions, as an application uses it.

use std::convert::Infallible;

use hallpass_core::MemoryStore;
use hallpass_test_store::{Call, Fault, Gate, Held};
use hallpass_tower_sessions_bridge::TowerSessionStore;
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response, StatusCode};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_sessions::{Session, SessionManagerLayer};

type Answer = Response<String>;

/// `/in` counts, `/out` logs out, `/clear` empties the session without reading it, `/wait` changes the session and
/// waits until its gate opens.
fn site(
    store: TowerSessionStore,
    held: Held,
) -> impl Service<Request<()>, Response = Answer, Error = Infallible, Future: Send> + Clone + Send {
    SessionManagerLayer::new(store).layer(service_fn(move |request: Request<()>| {
        let held = held.clone();
        async move {
            let session = request.extensions().get::<Session>().unwrap();
            let count: u32 = match request.uri().path() {
                "/clear" => {
                    session.clear().await;
                    0
                }
                _ => session.get("count").await.unwrap().unwrap_or_default(),
            };
            match request.uri().path() {
                "/in" => session.insert("count", count + 1).await.unwrap(),
                "/out" => session.flush().await.unwrap(),
                "/wait" => {
                    session.insert("count", count + 1).await.unwrap();
                    held.pass().await;
                }
                _ => {}
            }
            Ok::<_, Infallible>(Response::new(count.to_string()))
        }
    }))
}

fn request(path: &str, cookie: &str) -> Request<()> {
    Request::get(path).header(COOKIE, cookie).body(()).unwrap()
}

fn cookie(answer: &Answer) -> String {
    let line = answer.headers()[SET_COOKIE].to_str().unwrap();
    line.split(';').next().unwrap().into()
}

#[tokio::test]
async fn a_request_under_way_during_the_logout_does_not_undo_it() {
    let held = Held::default();
    let site = site(TowerSessionStore::new(MemoryStore::new()), held.clone());
    let answer = site.clone().oneshot(request("/in", "")).await.unwrap();
    let cookie = cookie(&answer);
    assert_eq!(site.clone().oneshot(request("/read", &cookie)).await.unwrap().body(), "1");

    let slow = tokio::spawn(site.clone().oneshot(request("/wait", &cookie)));
    held.arrival().await;
    site.clone().oneshot(request("/out", &cookie)).await.unwrap();
    held.release();
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);

    let after = site.oneshot(request("/read", &cookie)).await.unwrap();
    assert_eq!(after.body(), "0", "the session is gone");
    assert!(after.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"), "and so is the cookie");
}

/// The only way in which tower-sessions saves an id that no store gave it.
#[tokio::test]
async fn an_id_that_the_client_made_up_becomes_no_session() {
    let gate = Gate::new(MemoryStore::new());
    let site = site(TowerSessionStore::new(gate.clone()), Held::default());
    let planted = "id=AAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(site.clone().oneshot(request("/clear", planted)).await.unwrap().status(), StatusCode::OK);
    [Call::Insert, Call::Replace].into_iter().for_each(|call| gate.down(call));
    assert_eq!(site.oneshot(request("/read", planted)).await.unwrap().body(), "0");
}

#[tokio::test]
async fn an_outage_answers_500_and_leaves_the_cookie_alone() {
    let gate = Gate::new(MemoryStore::new());
    let site = site(TowerSessionStore::new(gate.clone()), Held::default());
    let cookie = cookie(&site.clone().oneshot(request("/in", "")).await.unwrap());
    gate.fail_one(&[Call::Replace], 0, Fault::Down);
    let answer = site.clone().oneshot(request("/in", &cookie)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!answer.headers().contains_key(SET_COOKIE));
    assert_eq!(site.oneshot(request("/read", &cookie)).await.unwrap().body(), "1");
}
