//! The smallest complete site with "remember me", safe to copy: replace `ACCOUNTS` by a database.

use std::convert::Infallible;
use std::net::SocketAddr;

use argon2::{Argon2, PasswordVerifier, password_hash::Error, password_hash::phc::PasswordHash};
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use hallpass_core::{BoxError, MemoryStore, Purger, Stamp, Subject, Tokens};
use hallpass_web::{Auth, AuthLayer, CurrentUser, Failure, Rejection, UserLoader, local_path};
use serde::Deserialize;
use tokio::sync::Semaphore;

/// An account: its name, the Argon2id hash of its password, and how many times the password was changed.
#[derive(Clone, Copy)]
struct User(&'static str, &'static str, u32);

const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Kaat/wVe/WDGm6ApSsR+ow$91dyomJGb0xuZNP+tAMGmBs2+15SpRcdY8kQcdB6K8M";
const ACCOUNTS: [User; 1] = [User("alice", HASH, 0)];

fn find(name: &str) -> Option<User> {
    ACCOUNTS.into_iter().find(|user| user.0 == name)
}

struct Users;
impl UserLoader for Users {
    type User = User;
    type Error = Infallible;

    async fn load(&self, id: &Subject) -> Result<Option<User>, Infallible> {
        Ok(find(id.as_str()))
    }

    fn id(&self, user: &User) -> String {
        user.0.to_owned()
    }

    /// A new password ends every login. The hash is not used, because it also changes when a login upgrades it.
    fn stamp(&self, user: &User) -> Option<Stamp> {
        Some(Stamp::of(user.2.to_string()))
    }
}

/// Checks a password. An unknown name takes as long, so that the time does not reveal which names exist.
async fn check(user: Option<User>, password: String) -> Result<bool, BoxError> {
    static AT_A_TIME: Semaphore = Semaphore::const_new(4); // a hash takes 19 MiB
    let permit = AT_A_TIME.acquire().await?;
    let compared = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let hash = PasswordHash::new(user.map_or(HASH, |user| user.1))?;
        match Argon2::default().verify_password(password.as_bytes(), &hash) {
            Ok(()) => Ok(user.is_some()),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(BoxError::from(error)),
        }
    });
    compared.await?
}

#[derive(Deserialize)]
struct Input {
    name: String,
    password: String,
    remember: Option<String>,
}

const LOGIN: Html<&str> = Html(
    "<form method=post><input name=name value=alice><input name=password type=password>\
     <label><input name=remember type=checkbox>Remember me</label><button>Log in</button></form>",
);

async fn home(user: CurrentUser<User>) -> Html<String> {
    let (name, via) = (user.0, user.identity().via());
    Html(format!("{name}, by {via:?} <form method=post action=/logout><button>Log out</button></form>"))
}

type Query = axum::extract::Query<std::collections::HashMap<String, String>>;
async fn log_in(auth: Auth, to: Query, Form(input): Form<Input>) -> Result<Response, Rejection> {
    let user = find(&input.name);
    let login = auth.begin_login(user.as_ref()).await; // no `?`: an outage must not reveal which names exist
    let attempt = auth.attempt(&input.name).await?; // too many attempts: 429
    let right = match check(user, input.password).await {
        Ok(right) => right,
        Err(error) => {
            attempt.undecided().await; // not checked, so it does not count
            return Err(Failure::Loader(error).into());
        }
    };
    let Some(user) = user.filter(|_| right) else {
        attempt.failed(user.as_ref());
        return Ok((StatusCode::UNAUTHORIZED, LOGIN).into_response());
    };
    attempt.succeeded().await; // a failure from here on is not a wrong password
    auth.login(&user).begun(login).remember(input.remember.is_some()).await?;
    let next = to.get("next").and_then(|next| local_path(next)); // never to another site
    Ok(Redirect::to(next.unwrap_or("/")).into_response())
}

async fn log_out(auth: Auth) -> Result<Redirect, Rejection> {
    auth.logout().await?;
    Ok(Redirect::to("/login"))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init(); // it warns if browsers drop the cookies
    let tokens = Tokens::builder(MemoryStore::new()).build()?; // use another store to keep logins across restarts
    let _task = Purger::new(tokens.clone()).spawn(); // removes expired records in the background
    let auth = AuthLayer::builder(tokens, Users).login_page("/login").cookie_names("remember-me");
    let auth = auth.peer_address(|parts| Some(parts.get::<ConnectInfo<SocketAddr>>()?.0.ip())).build()?;
    let login = get(async || LOGIN).post(log_in);
    let app = Router::new().route("/", get(home)).route("/login", login).route("/logout", post(log_out));
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, app.layer(auth).into_make_service_with_connect_info::<SocketAddr>()).await?)
}
