//! The layers around a plain tower service: `--no-default-features --test tower` builds it without axum.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::sync::Arc;

use hallpass_core::store::TokenStore;
use hallpass_core::{MemoryStore, Stamp, Subject, Tokens};
use hallpass_web::{Auth, AuthLayer, LoginRequired, Rejection, UserLoader, testing};
use http::{HeaderMap, Request, Response};
use tower::{Layer, ServiceExt, service_fn};

struct User(String);

struct Users;

impl UserLoader for Users {
    type User = User;
    type Error = Infallible;

    async fn load(&self, id: &Subject) -> Result<Option<User>, Infallible> {
        Ok(Some(User(id.to_string())))
    }

    fn id(&self, user: &User) -> String {
        user.0.clone()
    }

    fn stamp(&self, user: &User) -> Option<Stamp> {
        Some(Stamp::of(&user.0))
    }
}

fn layer(store: impl TokenStore) -> AuthLayer {
    AuthLayer::builder(Tokens::builder(store).build().unwrap(), Users).build().unwrap()
}

async fn handle(request: Request<()>) -> Result<Response<String>, Infallible> {
    let answer = async {
        let auth = Auth::of(request.headers(), request.extensions())?;
        let user = auth.require::<User>().await?;
        Ok::<_, Rejection>(Response::new(user.0.clone()))
    };
    Ok(answer.await.unwrap_or_else(|rejection| rejection.response()))
}

#[tokio::test]
async fn a_plain_tower_service_asks_and_is_guarded() {
    let layer = layer(MemoryStore::new());
    let cookies = testing::cookies(&layer, &User("alice".into()), &HeaderMap::new(), true).await.unwrap();
    let plain = layer.layer(service_fn(handle));
    let guarded = layer.layer(LoginRequired::new().layer(service_fn(handle)));
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
    let store: Arc<dyn TokenStore> = Arc::new(MemoryStore::new());
    for layer in [layer(MemoryStore::new()), layer(store)] {
        let cookies = testing::cookies(&layer, &User("alice".into()), &HeaderMap::new(), true).await.unwrap();
        let request = Request::builder().uri("/").header("cookie", cookies).body(()).unwrap();
        let answer = layer.layer(service_fn(handle)).oneshot(request).await.unwrap();
        assert_eq!(answer.into_body(), "alice");
    }
}
