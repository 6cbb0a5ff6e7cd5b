//! Tests a layer that requires a CSRF token of clients that do not say whose page sent a request.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use hallpass_web::{Auth, Rejection, SiteData};

use crate::browser::Browser;
use crate::users::{User, Users};
use crate::world::World;

async fn log_in(
    auth: Auth,
    State(users): State<Users>,
    Path(name): Path<String>,
) -> Result<&'static str, Rejection> {
    auth.login(&users.find(&name).unwrap()).await?;
    Ok("in")
}

async fn token(auth: Auth) -> Result<String, Rejection> {
    Ok(auth.csrf_token()?)
}

async fn order(auth: Auth, Path(token): Path<String>) -> Result<String, Rejection> {
    auth.check_csrf(&token).await?;
    Ok(auth.require::<User>().await?.id.clone())
}

async fn log_out(auth: Auth) -> Result<&'static str, Rejection> {
    auth.logout().await?;
    Ok("You are logged out.")
}

async fn switch(auth: Auth, State(users): State<Users>) -> Result<&'static str, Rejection> {
    auth.logout().await?;
    auth.login(&users.find("bob").unwrap()).await?;
    Ok("bob")
}

/// A page that ends something and returns whether there was anything to end.
async fn end(auth: Auth, Path(what): Path<String>) -> Result<String, Rejection> {
    let id = hallpass_core::LoginId([7; 8]);
    let ended = match &*what {
        "device" => auth.logout_device(id).await?,
        "everywhere" => auth.logout_everywhere().await?,
        _ => auth.revoke_key(id).await?,
    };
    Ok(ended.to_string())
}

/// Returns a browser that is logged in as alice and from now on does not say whose page sent a request.
async fn alice(world: &World) -> Browser {
    let app = Router::new()
        .route("/login/{name}", post(log_in))
        .route("/token", get(token))
        .route("/order/{token}", post(order))
        .route("/logout", post(log_out))
        .route("/switch", post(switch))
        .route("/end/{what}", post(end))
        .layer(world.layer.clone())
        .with_state(world.users.clone());
    let mut browser = Browser::new(app).with("sec-fetch-site", "same-origin");
    assert_eq!(browser.post("/login/alice").await.status, 200);
    browser.headers.remove("sec-fetch-site");
    browser
}

fn world() -> World {
    World::with(|layer| layer.require_csrf_token())
}

#[tokio::test]
async fn what_ends_a_login_refuses_a_request_without_its_token() {
    let world = world();
    let mut browser = alice(&world).await;
    for path in ["/logout", "/end/device", "/end/everywhere", "/end/key"] {
        let answer = browser.post(path).await;
        assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (403, 0), "{path}: {}", answer.body);
    }
    let token = browser.get("/token").await.body;
    assert_eq!(browser.post(&format!("/order/{token}")).await.body, "alice", "nothing was ended");
}

#[tokio::test]
async fn a_csrf_token_ends_with_the_login() {
    let world = world();
    let mut browser = alice(&world).await;
    let alices = browser.get("/token").await.body;
    let old = browser.clone();
    let mut browser = browser.with("sec-fetch-site", "same-origin");
    browser.post("/logout").await;
    assert_eq!(browser.cookie("__Host-csrf"), None, "taken away");
    // The old cookie is still there: another tab, or a response that was overtaken.
    for held in [browser.jar.clone(), old.jar] {
        browser.jar = held;
        browser.post("/login/bob").await;
        browser.headers.remove("sec-fetch-site");
        assert_eq!(browser.post(&format!("/order/{alices}")).await.status, 403);
        let bobs = browser.get("/token").await.body;
        assert_eq!(browser.post(&format!("/order/{bobs}")).await.body, "bob");
        browser = browser.with("sec-fetch-site", "same-origin");
    }
}

#[tokio::test]
async fn a_login_after_a_log_out_in_one_request_deletes_nothing_of_the_site() {
    let world = World::with(|layer| layer.clear_site_data([SiteData::Cookies]));
    let mut browser = alice(&world).await;
    let answer = browser.post("/switch").await;
    assert_eq!((&*answer.body, answer.header("clear-site-data")), ("bob", None));
    assert_eq!(browser.post("/logout").await.header("clear-site-data"), Some("\"cookies\""));
}
