//! Tests a user whose id looks like that of a user of an audience.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use hallpass_core::{Kind, MemoryStore, Policy, Stamp, Subject, Tokens};
use hallpass_web::{Auth, AuthLayer, AuthLayerBuilder, CurrentUser, Denied, Failure, Rejection, UserLoader};

use crate::browser::Browser;

/// Users whose ids are names that they chose.
#[derive(Clone, Copy)]
struct Names(&'static [&'static str]);

struct Name(String);

impl UserLoader for Names {
    type User = Name;
    type Error = Infallible;

    async fn load(&self, id: &Subject) -> Result<Option<Name>, Infallible> {
        Ok(self.0.contains(&id.as_str()).then(|| Name(id.to_string())))
    }

    fn id(&self, user: &Name) -> String {
        user.0.clone()
    }

    /// As in the README: how many times the password was changed.
    fn stamp(&self, _: &Name) -> Option<Stamp> {
        Some(Stamp::of("0"))
    }
}

async fn me(user: Option<CurrentUser<Name>>) -> String {
    user.map_or_else(|| "nobody".into(), |user| user.0.clone())
}

async fn log_in(auth: Auth, Path(name): Path<String>) -> Result<String, Rejection> {
    auth.login(&Name(name)).await?;
    Ok("in".into())
}

async fn everywhere(auth: Auth) -> Result<String, Denied> {
    auth.logout_everywhere().await.map(|ended| ended.to_string())
}

async fn count(auth: Auth) -> Result<String, Failure> {
    Ok(auth.devices().await?.len().to_string())
}

async fn reset(auth: Auth, Path(name): Path<String>) -> Result<String, Rejection> {
    Ok(auth.issue_once(Kind::ONE_TIME, &Name(name)).await?.token.expose().to_owned())
}

async fn new_password(auth: Auth, Path(token): Path<String>) -> Result<String, Rejection> {
    Ok(auth.consume::<Name>(Kind::ONE_TIME, &token).await?.0.clone())
}

async fn new_key(auth: Auth) -> Result<String, Rejection> {
    Ok(auth.issue_key("a key").await?.token.expose().to_owned())
}

fn site(
    tokens: &Tokens,
    names: &'static [&'static str],
    adjust: impl FnOnce(AuthLayerBuilder) -> AuthLayerBuilder,
) -> Browser {
    let layer = adjust(AuthLayer::builder(tokens.clone(), Names(names))).build().unwrap();
    let app = Router::new()
        .route("/", get(me))
        .route("/login/{name}", post(log_in))
        .route("/everywhere", post(everywhere))
        .route("/devices", get(count))
        .route("/reset/{name}", post(reset))
        .route("/new-password/{token}", post(new_password))
        .route("/key", post(new_key))
        .layer(layer);
    Browser::new(app)
}

fn shared() -> Tokens {
    let builder = Tokens::builder(MemoryStore::new())
        .policy(Policy::session().for_kind(Kind::from_static("session:admin")))
        .policy(Policy::remember().for_kind(Kind::from_static("remember:admin")));
    builder.build().unwrap()
}

#[tokio::test]
async fn whoever_is_called_like_somebody_of_an_audience_ends_nothing_of_theirs() {
    let tokens = shared();
    let mut climber = site(&tokens, &["admin:root"], |layer| layer);
    let mut boss = site(&tokens, &["root"], |layer| layer.audience("admin"));
    assert_eq!(boss.post("/login/root").await.body, "in");
    climber.post("/login/admin:root").await;
    let seen = climber.get("/devices").await.body;
    climber.post("/everywhere").await;
    assert_eq!((&*seen, &*boss.get("/").await.body), ("0", "root"));
}

#[tokio::test]
async fn whoever_is_called_like_somebody_of_an_audience_gets_no_token_of_theirs() {
    let tokens = shared();
    let mut climber = site(&tokens, &["admin:root"], |layer| layer);
    let mut boss = site(&tokens, &["root"], |layer| layer.audience("admin"));
    let token = climber.post("/reset/admin:root").await.body;
    let answer = boss.post(&format!("/new-password/{}", token.replace(['{', '"', ' '], ""))).await;
    assert_ne!(&*answer.body, "root", "an administrator by a link to a user's new password");
}

#[tokio::test]
async fn whoever_is_called_like_somebody_of_an_audience_has_no_key_of_theirs() {
    let tokens = shared();
    let mut climber = site(&tokens, &["admin:root"], |layer| layer);
    let boss = site(&tokens, &["root"], |layer| layer.audience("admin").keys(Kind::API_KEY));
    climber.post("/login/admin:root").await;
    let key = climber.post("/key").await.body.replace(['\n', '\r'], " ");
    let mut program = boss.with("authorization", &format!("Bearer {key}"));
    assert_eq!(program.get("/").await.body, "nobody");
}
