//! More pages of the site under test, with handlers that do several things in one request.

use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Form, Router};
use hallpass_core::Reason;
use hallpass_web::{Auth, CurrentUser, Session};
use serde::Deserialize;

use super::{Answered, Cart, Item, Theme, line};
use crate::users::{User, Users};

pub(crate) fn router() -> Router<Users> {
    Router::new()
        .route("/again", get(again))
        .route("/since", get(since))
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
