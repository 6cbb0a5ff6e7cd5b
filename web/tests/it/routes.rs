//! The pages of the site under test. Each does one thing that an application does.

mod account;
mod guards;
mod odd;

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::VARY;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use hallpass_core::Kind;
use hallpass_web::{
    Auth, CurrentUser, FreshUser, LoginRequired, Rejection, Session, SessionData, danger, local_path,
};
use serde::{Deserialize, Serialize};

use crate::users::{User, Users};

pub(crate) type Answered = Result<Response, Rejection>;

pub(crate) fn router(users: Users) -> Router {
    let any = || get(async || "members").post(async || "posted").options(async || "options");
    let members = Router::new().route("/members", any()).route_layer(LoginRequired::new());
    let vault = Router::new().route("/vault", any()).route_layer(LoginRequired::fresh());
    Router::new()
        .route("/", get(async || "welcome"))
        .route("/varied/{names}", get(varied))
        .route("/me", get(me).post(me))
        .route("/thrice", get(thrice))
        .route("/slow", get(slow))
        .route("/account", get(account))
        .route("/delicate", get(delicate).post(delicate))
        .route("/why", get(why))
        .route("/login", get(async || Html("<form method=post>…</form>")).post(log_in))
        .route("/confirm", post(confirm))
        .route("/logout", post(log_out))
        .route("/cart", get(cart).post(add))
        .route("/theme", get(theme).post(paint))
        .route("/theme/as-number", get(theme_as_number))
        .merge(account::router())
        .merge(guards::router())
        .merge(odd::router())
        .merge(members)
        .merge(vault.clone())
        .nest("/inner", vault)
        .with_state(users)
}

async fn varied(_: Option<CurrentUser<User>>, names: Path<String>) -> impl IntoResponse {
    ([(VARY, names.0)], "hello")
}

/// `alice session fresh`, or `anonymous`.
pub(crate) fn line(user: Option<&CurrentUser<User>>) -> String {
    let Some(user) = user else { return "anonymous".into() };
    let via = format!("{:?}", user.identity().via()).to_lowercase();
    format!("{} {via} {}", user.id, if user.identity().is_fresh() { "fresh" } else { "stale" })
}

async fn me(user: Option<CurrentUser<User>>) -> String {
    line(user.as_ref())
}

async fn thrice(
    _auth: Auth,
    one: Option<CurrentUser<User>>,
    two: Option<CurrentUser<User>>,
    _cart: Session<Cart>,
    auth: Auth,
) -> Answered {
    let three = auth.require::<User>().await;
    let four = auth.require::<User>().await;
    Ok(format!("{}, {}, {}, {}", line(one.as_ref()), line(two.as_ref()), three.is_ok(), four.is_ok())
        .into_response())
}

/// Shows the user, after a pause that the test ends.
async fn slow(State(users): State<Users>, user: Option<CurrentUser<User>>) -> String {
    users.pause().await;
    line(user.as_ref())
}

async fn account(user: CurrentUser<User>) -> String {
    line(Some(&user))
}

async fn delicate(user: FreshUser<User>) -> String {
    line(Some(&user))
}

/// What the login page shows to a user whose login has ended.
async fn why(auth: Auth) -> Answered {
    Ok(match auth.why_anonymous().await? {
        Some(rejected) => format!("{rejected:?}"),
        None => "nothing to tell".into(),
    }
    .into_response())
}

#[derive(Deserialize)]
struct Input {
    id: String,
    password: String,
    remember: Option<String>,
    seconds: Option<u64>,
    stale: Option<String>,
    force: Option<String>,
    /// `on`, or the user whose login begins before the password is checked.
    begun: Option<String>,
    /// Whether checking the password waits for the test.
    slowly: Option<String>,
}

#[derive(Deserialize)]
struct To {
    next: Option<String>,
}

async fn log_in(State(users): State<Users>, auth: Auth, to: Query<To>, form: Form<Input>) -> Answered {
    let wrong = || (StatusCode::UNPROCESSABLE_ENTITY, "wrong").into_response();
    let Some(user) = users.find(&form.id) else { return Ok(wrong()) };
    let begun = match &form.begun {
        Some(whose) => Some(auth.begin_login(&users.find(whose).unwrap_or(user.clone())).await),
        None => None,
    };
    if form.slowly.is_some() {
        users.pause().await;
    }
    if user.password != form.password {
        return Ok(wrong());
    }
    let mut login = auth.login(&user).remember(form.remember.is_some()).fresh(form.stale.is_none());
    if let Some(seconds) = form.seconds {
        login = login.remember_for(Duration::from_secs(seconds));
    }
    if form.force.is_some() {
        login = danger::force(login);
    }
    if let Some(begun) = begun {
        login = login.begun(begun);
    }
    login.await?;
    if let Some(next) = &to.next {
        return Ok(Redirect::to(local_path(next).unwrap_or("/")).into_response());
    }
    Ok(line(auth.user().await?.as_ref()).into_response())
}

#[derive(Deserialize)]
struct Confirmation {
    password: String,
    /// Another user, by a mistake of the site.
    whose: Option<String>,
}

async fn confirm(
    State(users): State<Users>,
    user: Option<CurrentUser<User>>,
    auth: Auth,
    form: Form<Confirmation>,
) -> Answered {
    let whose = form.whose.as_ref().and_then(|id| users.find(id));
    let user = match (user, &whose) {
        (Some(user), _) => user,
        (None, Some(whose)) => {
            auth.reauthenticate(whose).await?;
            return Ok("confirmed".into_response());
        }
        (None, None) => auth.require().await?,
    };
    if user.password != form.password {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, "wrong").into_response());
    }
    let whose = whose.unwrap_or(User::clone(&user));
    auth.reauthenticate(&whose).await?;
    Ok(line(auth.user().await?.as_ref()).into_response())
}

async fn log_out(auth: Auth) -> Answered {
    let ended = auth.logout().await?;
    let then = auth.user::<User>().await?;
    Ok(format!("{}, {}", if ended { "ended" } else { "nothing" }, line(then.as_ref())).into_response())
}

#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Cart {
    pub(crate) items: Vec<String>,
}

impl SessionData for Cart {
    const KEY: &'static str = "cart";
}

#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Theme(pub(crate) String);

impl SessionData for Theme {
    const KEY: &'static str = "theme";
}

/// The type of a theme in an older version of the site.
#[derive(Debug, Default, Deserialize, Serialize)]
struct OldTheme(u32);

impl SessionData for OldTheme {
    const KEY: &'static str = "theme";
}

#[derive(Deserialize)]
pub(crate) struct Item {
    pub(crate) item: String,
}

async fn cart(cart: Session<Cart>) -> Answered {
    Ok(cart.read().await?.items.join(",").into_response())
}

async fn add(cart: Session<Cart>, form: Form<Item>) -> Answered {
    let cart = cart.update(|cart| cart.items.push(form.item.clone())).await?;
    Ok(cart.items.len().to_string().into_response())
}

async fn theme(theme: Session<Theme>) -> Answered {
    Ok(theme.read().await?.0.into_response())
}

async fn paint(theme: Session<Theme>, form: Form<Item>) -> Answered {
    theme.update(|theme| theme.0.clone_from(&form.item)).await?;
    Ok("painted".into_response())
}

async fn theme_as_number(theme: Session<OldTheme>) -> Answered {
    Ok(theme.read().await?.0.to_string().into_response())
}

/// The kinds of token that a form may name.
pub(crate) fn kind(name: &str) -> Kind {
    Kind::new(name).unwrap()
}
