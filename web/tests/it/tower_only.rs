//! The layers around a service that is no axum.

use std::convert::Infallible;
use std::sync::Arc;

use hallpass_core::{MemoryStore, TokenStore, Tokens};
use hallpass_web::{Auth, AuthLayer, LoginRequired, Rejection, testing};
use http::{HeaderMap, Request, Response};
use tower::{Layer, ServiceExt, service_fn};

use crate::users::User;
use crate::world::World;

async fn handle(request: Request<()>) -> Result<Response<String>, Infallible> {
    let answer = async {
        let auth = Auth::of(request.headers(), request.extensions())?;
        let user = auth.require::<User>().await?;
        Ok::<_, Rejection>(Response::new(user.id.clone()))
    };
    Ok(answer.await.unwrap_or_else(|rejection| rejection.response()))
}

#[tokio::test]
async fn a_plain_tower_service_asks_and_is_guarded() {
    let world = World::new();
    let alice = world.users.find("alice").unwrap();
    let cookies = testing::cookies(&world.layer, &alice, &HeaderMap::new(), true).await.unwrap();
    let plain = world.layer.layer(service_fn(handle));
    let guarded = world.layer.layer(LoginRequired::new().layer(service_fn(handle)));
    let request = |cookie: Option<&str>| {
        let request = Request::builder().uri("/");
        cookie
            .map_or(Request::builder().uri("/"), |cookie| request.header("cookie", cookie))
            .body(())
            .unwrap()
    };
    let cookies = cookies.to_str().unwrap();
    let remember = cookies.split("; ").find(|pair| pair.starts_with("__Host-remember=")).unwrap();
    for (cookie, status, set) in [(None, 401, 0), (Some(cookies), 200, 0), (Some(remember), 200, 2)] {
        let answer = plain.clone().oneshot(request(cookie)).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers().get_all("set-cookie").iter().count(), set);
    }
    assert_eq!(guarded.clone().oneshot(request(None)).await.unwrap().status(), 401);
    assert_eq!(guarded.oneshot(request(Some(cookies))).await.unwrap().into_body(), "alice");
}

#[tokio::test]
async fn the_store_may_be_of_any_type_or_of_none() {
    let users = crate::users::Users::new(&["alice"]);
    let alice = users.find("alice").unwrap();
    let store: Arc<dyn TokenStore> = Arc::new(MemoryStore::new());
    let concrete = Tokens::builder(MemoryStore::new()).build().unwrap();
    for tokens in [concrete, Tokens::builder(store).build().unwrap()] {
        let layer = AuthLayer::builder(tokens, users.clone()).build().unwrap();
        let cookies = testing::cookies(&layer, &alice, &HeaderMap::new(), true).await.unwrap();
        let request = Request::builder().uri("/").header("cookie", cookies).body(()).unwrap();
        let answer = layer.layer(service_fn(handle)).oneshot(request).await.unwrap();
        assert_eq!(answer.into_body(), "alice");
    }
}
