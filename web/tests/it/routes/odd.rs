//! More pages of the site under test, with handlers that do several things in one request.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Form, Router};
use futures_util::{StreamExt as _, stream};
use hallpass_core::Reason;
use hallpass_web::{Auth, CurrentUser, Session};
use serde::Deserialize;

use super::{Answered, Cart, Item, Theme, line};
use crate::users::{User, Users};

pub(crate) fn router() -> Router<Users> {
    Router::new()
        .route("/again", get(again))
        .route("/since", get(since))
        .route("/both", get(both))
        .route("/asked-again", get(asked_again))
        .route("/events", get(events))
        .route("/switch", post(switch))
        .route("/confirm/current", post(confirm_current))
        .route("/logout/again", post(log_out_and_ask))
        .route("/cart/twice", post(add_twice))
        .route("/cart/ended", post(add_after_the_end))
}

/// Asks again after the first question failed.
async fn again(auth: Auth) -> Answered {
    let first = auth.user::<User>().await;
    let second = auth.user::<User>().await?;
    Ok(format!("{}, {}", first.is_err(), line(second.as_ref())).into_response())
}

/// The number of seconds since the password was entered.
async fn since(auth: Auth, user: CurrentUser<User>) -> String {
    auth.tokens().now().since(user.identity().authenticated_at()).as_secs().to_string()
}

/// Asks for the user, then for a fresh one.
async fn both(auth: Auth) -> Answered {
    let seen = auth.require::<User>().await?;
    let exact = auth.require_fresh::<User>().await?;
    Ok(format!("{}, {}", line(Some(&seen)), line(Some(&exact))).into_response())
}

/// Asks for the user, then asks again.
async fn asked_again(auth: Auth) -> Answered {
    let seen = auth.require::<User>().await?;
    let exact = auth.recheck::<User>().await?;
    Ok(format!("{}, {}", line(Some(&seen)), line(exact.as_ref())).into_response())
}

/// One event, then nothing, until the login ends. Tells the test that it is there.
async fn events(State(users): State<Users>, auth: Auth) -> Answered {
    let first = stream::iter([Ok::<_, Infallible>("data: hello\n\n")]);
    let events = auth.until_ended(first.chain(stream::pending())).await?;
    users.slow.0.add_permits(1);
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response())
}

#[derive(Deserialize)]
struct To {
    id: String,
}

/// Logs out, and logs another user in.
async fn switch(State(users): State<Users>, auth: Auth, form: Form<To>) -> Answered {
    let before = auth.identity().await?.is_some();
    auth.logout().await?;
    assert!(before && auth.identity().await?.is_none(), "logged out");
    auth.login(&users.find(&form.id).unwrap()).await?;
    Ok(line(auth.user().await?.as_ref()).into_response())
}

/// Passes an extractor's value, and what it holds: neither is a `User` itself.
async fn confirm_current(auth: Auth, user: CurrentUser<User>) -> Answered {
    auth.reauthenticate(&user).await?;
    auth.reauthenticate(user.user()).await?;
    Ok(line(Some(&user)).into_response())
}

/// Asks for the user although the log-out failed.
async fn log_out_and_ask(auth: Auth) -> Answered {
    auth.identity().await?;
    let failed = auth.logout().await.is_err();
    Ok(format!("{failed}, {}", line(auth.user().await?.as_ref())).into_response())
}

/// Changes two parts of the data in one request, one of them twice.
async fn add_twice(cart: Session<Cart>, theme: Session<Theme>, form: Form<Item>) -> Answered {
    cart.update(|cart| cart.items.push(form.item.clone())).await?;
    theme.update(|theme| theme.0.clone_from(&form.item)).await?;
    cart.update(|cart| cart.items.push(form.item.clone())).await?;
    Ok(cart.read().await?.items.join(",").into_response())
}

/// Keeps something after the login was ended elsewhere.
async fn add_after_the_end(
    auth: Auth,
    user: CurrentUser<User>,
    cart: Session<Cart>,
    form: Form<Item>,
) -> Answered {
    let (identity, reason) = (user.identity(), Reason::LoggedOutElsewhere);
    auth.tokens().revoke_login(identity.subject(), identity.login(), reason).await?;
    let refused = cart.update(|cart| cart.items.push(form.item.clone())).await.unwrap_err();
    Ok(format!("{:?}, {}", refused.refusal(), line(auth.user().await?.as_ref())).into_response())
}
