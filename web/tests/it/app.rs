//! The application under test, with a route for each thing that an application does.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use hallpass_core::Kind;
use hallpass_web::{
    Auth, CurrentUser, Denied, Failure, FreshUser, LoginRequired, Refusal, Rejection, Session, SessionData,
    danger,
};
use serde::{Deserialize, Serialize};

use crate::users::{User, Users};

#[derive(Deserialize)]
#[serde(default)]
struct Form {
    user: String,
    remember: bool,
    days: Option<u64>,
    fresh: bool,
    force: bool,
    begun: bool,
    begun_by: Option<String>,
    everywhere: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            user: String::new(),
            remember: false,
            days: None,
            fresh: true,
            force: false,
            begun: false,
            begun_by: None,
            everywhere: false,
        }
    }
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Cart {
    items: Vec<String>,
}

impl SessionData for Cart {
    const KEY: &'static str = "cart";
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Visits(u32);

impl SessionData for Visits {
    const KEY: &'static str = "visits";
}

pub(crate) fn router(users: Users) -> Router {
    let members = Router::new()
        .route("/members", get(async || "members").options(async || "options").post(async || "posted"))
        .route_layer(LoginRequired::new());
    let vault = Router::new().route("/vault", get(async || "vault")).route_layer(LoginRequired::fresh());
    Router::new()
        .route("/quiet", get(async || "quiet"))
        .route("/", get(home))
        .route("/me", get(me).post(me))
        .route("/fresh", get(fresh))
        .route("/since", get(since))
        .route("/twice", get(twice))
        .route("/again", get(again))
        .route("/login", post(log_in))
        .route("/confirm", post(confirm))
        .route("/confirm-current", post(confirm_current))
        .route("/logout", post(log_out))
        .route("/logout-again", post(log_out_and_ask))
        .route("/switch/{user}", post(switch))
        .route("/devices", get(devices))
        .route("/devices/others", post(others))
        .route("/devices/everywhere", post(everywhere))
        .route("/devices/{login}", post(device))
        .route("/password", post(password))
        .route("/why", get(why))
        .route("/slow", get(slow))
        .route("/vary/{names}", get(vary))
        .route("/cart-and-visit/{item}", post(add_twice))
        .route("/ended/{item}", post(ended))
        .route("/password-of/{user}", post(password_of))
        .route("/cart", get(cart))
        .route("/cart/{item}", post(add))
        .route("/visits", post(visit))
        .route("/keys", get(keys).post(new_key))
        .route("/keys/{key}", post(drop_key))
        .route("/once/{user}", post(once))
        .route("/consume/{token}", post(consume))
        .merge(members)
        .nest("/inner", vault)
        .with_state(users)
}

fn describe(user: &CurrentUser<User>) -> String {
    let identity = user.identity();
    format!("{} {:?} {}", user.id, identity.via(), if identity.is_fresh() { "fresh" } else { "stale" })
}

async fn home(user: Option<CurrentUser<User>>) -> String {
    user.map_or_else(|| "nobody".into(), |user| describe(&user))
}

async fn me(user: CurrentUser<User>) -> String {
    describe(&user)
}

async fn fresh(user: FreshUser<User>) -> String {
    describe(&user)
}

/// The number of seconds since the password was entered.
async fn since(auth: Auth, user: CurrentUser<User>) -> String {
    auth.tokens().now().since(user.identity().authenticated_at()).as_secs().to_string()
}

/// Asks for the user in every possible way.
async fn twice(auth: Auth, first: Option<CurrentUser<User>>) -> Result<String, Rejection> {
    let (a, b) = tokio::join!(auth.require::<User>(), auth.require::<User>());
    drop((first, b));
    Ok(describe(&a?))
}

/// Asks again after the first question failed.
async fn again(auth: Auth) -> Result<String, Failure> {
    let first = auth.user::<User>().await;
    let second = auth.user::<User>().await?;
    Ok(format!("{} {}", first.is_err(), second.as_ref().map(describe).unwrap_or_default()))
}

async fn log_in(
    auth: Auth,
    State(users): State<Users>,
    Query(form): Query<Form>,
) -> Result<String, Rejection> {
    let user = users.find(&form.user).ok_or(Rejection::Unauthorized(None))?;
    let begun =
        auth.begin_login(&users.find(form.begun_by.as_deref().unwrap_or(&form.user)).unwrap()).await?;
    if form.everywhere {
        let subject = begun.subject().unwrap();
        let reason = hallpass_core::Reason::LoggedOutElsewhere;
        auth.tokens().revoke_subject(subject, hallpass_core::Kinds::Any, reason).await?;
    }
    let mut login = auth.login(&user).remember(form.remember).fresh(form.fresh);
    if let Some(days) = form.days {
        login = login.remember_for(Duration::from_secs(days * 24 * 60 * 60));
    }
    if form.force {
        login = danger::force(login);
    }
    if form.begun {
        login = login.begun(Ok(begun));
    }
    login.await?;
    Ok("in".into())
}

async fn confirm(
    auth: Auth,
    State(users): State<Users>,
    Query(form): Query<Form>,
) -> Result<String, Rejection> {
    let user = users.find(&form.user).ok_or(Rejection::Unauthorized(None))?;
    auth.reauthenticate(&user).await?;
    Ok(auth.user::<User>().await?.as_ref().map(describe).unwrap_or_default())
}

/// Passes an extractor's value, which is not a `User` itself.
async fn confirm_current(auth: Auth, user: CurrentUser<User>) -> Result<String, Rejection> {
    auth.reauthenticate(&user).await?;
    auth.reauthenticate(user.user()).await?;
    Ok(describe(&user))
}

async fn log_out(auth: Auth) -> Result<String, Rejection> {
    let ended = auth.logout().await?;
    let user = auth.user::<User>().await?;
    Ok(format!("{ended} {}", user.is_some()))
}

/// Asks for the user although the log-out failed.
async fn log_out_and_ask(auth: Auth) -> Result<String, Failure> {
    auth.identity().await?;
    let failed = auth.logout().await.is_err();
    let user = auth.user::<User>().await?;
    Ok(format!("{failed} {}", user.as_ref().map(describe).unwrap_or_default()))
}

/// Logs out, and logs another user in.
async fn switch(
    auth: Auth,
    State(users): State<Users>,
    Path(user): Path<String>,
) -> Result<String, Rejection> {
    let before = auth.identity().await?.is_some();
    auth.logout().await?;
    if !before || auth.identity().await?.is_some() {
        return Ok("not logged out".into());
    }
    auth.login(&users.find(&user).unwrap()).await?;
    Ok(auth.user::<User>().await?.as_ref().map(describe).unwrap_or_default())
}

async fn devices(auth: Auth) -> Result<String, Failure> {
    let devices = auth.devices().await?;
    let line = |device: &hallpass_core::ActiveLogin| {
        format!("{} {} {}", device.login, device.device, if device.current { "here" } else { "there" })
    };
    Ok(devices.iter().map(line).collect::<Vec<_>>().join("\n"))
}

async fn others(auth: Auth) -> Result<String, Rejection> {
    auth.logout_others().await?;
    Ok("others".into())
}

async fn everywhere(auth: Auth) -> Result<String, Rejection> {
    Ok(auth.logout_everywhere().await?.to_string())
}

async fn device(auth: Auth, Path(login): Path<String>) -> Result<String, Rejection> {
    Ok(auth.logout_device(login.parse().unwrap()).await?.to_string())
}

/// Changes the password; the new one is in the field `user`.
async fn password(
    auth: Auth,
    user: CurrentUser<User>,
    State(users): State<Users>,
    Query(form): Query<Form>,
) -> Result<String, Rejection> {
    let changed = users.change(&user.id, |user| user.password = form.user);
    auth.credential_changed(&changed).await?;
    Ok("changed".into())
}

async fn why(auth: Auth) -> Result<String, Failure> {
    Ok(auth.why_anonymous().await?.map_or_else(|| "no reason".into(), |why| format!("{why:?}")))
}

async fn vary(_: Option<CurrentUser<User>>, Path(names): Path<String>) -> [(&'static str, String); 1] {
    [("vary", names)]
}

/// Waits until the test lets it continue.
async fn slow(user: CurrentUser<User>, State(users): State<Users>) -> String {
    users.meet().await;
    users.meet().await;
    describe(&user)
}

async fn cart(cart: Session<Cart>) -> Result<String, Failure> {
    Ok(cart.read().await?.items.join(","))
}

async fn add(cart: Session<Cart>, Path(item): Path<String>) -> Result<String, Rejection> {
    let item = if item == "huge" { "x".repeat(20_000) } else { item };
    Ok(cart.update(|cart| cart.items.push(item.clone())).await?.items.join(","))
}

/// Changes two parts of the data in one request, one of them twice.
async fn add_twice(
    cart: Session<Cart>,
    visits: Session<Visits>,
    path: Path<String>,
) -> Result<String, Rejection> {
    let item = path.0;
    cart.update(|cart| cart.items.push(item.clone())).await?;
    let visits = visits.update(|visits| visits.0 += 1).await?.0;
    cart.update(|cart| cart.items.push(item.clone())).await?;
    Ok(format!("{} {visits}", cart.read().await?.items.join(",")))
}

/// The login is ended elsewhere after this request has recognised it.
async fn ended(
    auth: Auth,
    user: CurrentUser<User>,
    cart: Session<Cart>,
    path: Path<String>,
) -> Result<String, Failure> {
    let reason = hallpass_core::Reason::LoggedOutElsewhere;
    auth.tokens().revoke_login(user.identity().subject(), user.identity().login(), reason).await?;
    let refused = cart.update(|cart| cart.items.push(path.0.clone())).await;
    Ok(format!(
        "{:?} {}",
        refused.map_err(|denied| denied.refusal()).err().flatten(),
        auth.identity().await?.is_some()
    ))
}

/// Reports that a user's password has changed, no matter which user is logged in.
async fn password_of(
    auth: Auth,
    State(users): State<Users>,
    Path(user): Path<String>,
) -> Result<String, Rejection> {
    auth.credential_changed(&users.find(&user).unwrap()).await?;
    Ok("changed".into())
}

async fn visit(visits: Session<Visits>) -> Result<String, Rejection> {
    Ok(visits.update(|visits| visits.0 += 1).await?.0.to_string())
}

async fn keys(auth: Auth) -> Result<String, Failure> {
    Ok(auth
        .keys()
        .await?
        .iter()
        .map(|key| format!("{} {}", key.login, key.device))
        .collect::<Vec<_>>()
        .join("\n"))
}

async fn new_key(auth: Auth, Query(names): Query<Vec<(String, String)>>) -> Result<String, Rejection> {
    let name = names.first().map_or("backup job", |(_, name)| name);
    Ok(auth.issue_key(name).await?.token.expose().to_owned())
}

async fn drop_key(auth: Auth, Path(key): Path<String>) -> Result<String, Rejection> {
    Ok(auth.revoke_key(key.parse().unwrap()).await?.to_string())
}

async fn once(auth: Auth, State(users): State<Users>, Path(user): Path<String>) -> Result<String, Rejection> {
    let user = users.find(&user).unwrap();
    Ok(auth.issue_once(Kind::ONE_TIME, &user).await?.token.expose().to_owned())
}

async fn consume(auth: Auth, Path(token): Path<String>) -> Result<String, Failure> {
    match auth.consume::<User>(Kind::ONE_TIME, &token).await {
        Ok(user) => Ok(user.id.clone()),
        Err(Denied::Refused(Refusal::Token(rejected))) => Ok(format!("{rejected:?}")),
        Err(Denied::Refused(refused)) => Ok(format!("{refused:?}")),
        Err(Denied::Failed(failure)) => Err(failure),
    }
}
