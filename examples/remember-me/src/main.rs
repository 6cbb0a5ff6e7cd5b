//! The smallest complete site with "remember me".

use std::convert::Infallible;

use axum::extract::Query;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use hallpass_core::{BoxError, MemoryStore, Stamp, Subject, Tokens};
use hallpass_web::{Auth, AuthLayer, CurrentUser, Rejection, UserLoader, local_path};
use serde::Deserialize;

/// A name and a password; a real site keeps a slow hash of it, Argon2 for instance.
#[derive(Clone, Copy)]
struct User(&'static str, &'static str);

const ALICE: User = User("alice", "wonderland");
struct Users; // a database, say
impl UserLoader for Users {
    type User = User;
    type Error = Infallible;

    async fn load(&self, id: &Subject) -> Result<Option<User>, Infallible> {
        Ok((id.as_str() == ALICE.0).then_some(ALICE))
    }

    fn id(&self, user: &User) -> String {
        user.0.to_owned()
    }

    fn stamp(&self, user: &User) -> Option<Stamp> {
        Some(Stamp::of(user.1)) // a new password ends every login that the old one began
    }
}

#[derive(Deserialize)]
struct Input {
    name: String,
    password: String,
    remember: Option<String>,
}

#[derive(Deserialize)]
struct To {
    next: Option<String>,
}

const LOGIN: Html<&str> = Html(
    "<form method=post><input name=name value=alice><input name=password type=password>\
     <label><input name=remember type=checkbox>Remember me</label><button>Log in</button></form>",
);

async fn home(user: CurrentUser<User>) -> Html<String> {
    let (name, how) = (user.0, user.identity().via());
    Html(format!("{name}, by {how:?} <form method=post action=/logout><button>Log out</button></form>"))
}

async fn log_in(auth: Auth, to: Query<To>, input: Form<Input>) -> Result<Response, Rejection> {
    if (&*input.name, &*input.password) != (ALICE.0, ALICE.1) {
        return Ok(LOGIN.into_response());
    }
    auth.login(&ALICE).remember(input.remember.is_some()).await??;
    Ok(Redirect::to(to.next.as_deref().and_then(local_path).unwrap_or("/")).into_response())
}

async fn log_out(auth: Auth) -> Result<Redirect, Rejection> {
    auth.logout().await?;
    Ok(Redirect::to("/login"))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let tokens = Tokens::builder(MemoryStore::new()).build()?;
    let auth = AuthLayer::builder(tokens, Users).login_page("/login").insecure_cookies().build()?;
    let login = get(async || LOGIN).post(log_in);
    let app = Router::new().route("/", get(home)).route("/login", login).route("/logout", post(log_out));
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, app.layer(auth)).await?)
}
