//! The site of `hallpass-demo`, without its flags and its store, so that tests can run it over any store.
//!
//! `accounts` is what every site has, `routes` is how the site uses hallpass, and `pages` is what users see.

mod accounts;
mod activity;
mod pages;
mod routes;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hallpass_core::Tokens;
use hallpass_web::{AuthLayer, ConfigError, SiteData};

pub use accounts::announced;
pub use activity::Activity;

use accounts::Accounts;

/// How long a login stays fresh after the password was entered.
const FRESH_FOR: Duration = Duration::from_secs(15 * 60);

/// The names and attributes of the cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// `session` and `remember`, for clients that do not take `Secure` cookies over plain HTTP.
    Insecure,
    /// `__Host-session` and `__Host-remember`, `Secure`: no other host of the domain can plant them.
    Secure,
}

/// Builds the site over `tokens`; it shows the events that `activity` received. Attempts to log in are counted per
/// client if axum knows the client's address: `into_make_service_with_connect_info::<SocketAddr>()`.
///
/// # Errors
/// [`ConfigError`] if the tokens lack a policy that the site needs.
pub fn app(tokens: Tokens, activity: Activity, cookies: Cookies) -> Result<Router, ConfigError> {
    let accounts = Accounts::new();
    let layer = AuthLayer::builder(tokens, accounts.clone())
        .login_page("/login")
        .fresh_page("/confirm")
        .fresh_for(FRESH_FOR)
        .peer_address(|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()))
        .clear_site_data([SiteData::Cache]);
    let layer = match cookies {
        Cookies::Insecure => hallpass_web::danger::insecure_cookies(layer),
        Cookies::Secure => layer,
    };
    Ok(routes::router(layer.build()?, accounts, activity))
}
