//! The site of `hallpass-demo`, apart from its flags and its store, so that a test can run it over any.
//!
//! `accounts` is what every site has, `routes` what it does with hallpass, `pages` what people see.

mod accounts;
mod activity;
mod pages;
mod routes;

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hallpass_core::Tokens;
use hallpass_web::{AuthLayer, ConfigError, SiteData};

pub use accounts::announced;
pub use activity::Activity;

use accounts::Accounts;

/// How long after the password was entered a login is fresh.
const FRESH_FOR: Duration = Duration::from_secs(15 * 60);

/// How the cookies are named and guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// `session` and `remember`, for clients that keep `Secure` cookies from plain HTTP.
    Insecure,
    /// `__Host-session` and `__Host-remember`, `Secure`: nothing else on the domain can plant them.
    Secure,
}

/// The site over `tokens`, showing what `activity` heard of them. Attempts to log in are counted for each client
/// where axum is told to say its address: `into_make_service_with_connect_info::<SocketAddr>()`.
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
        Cookies::Insecure => layer.insecure_cookies(),
        Cookies::Secure => layer,
    };
    Ok(routes::router(layer.build()?, accounts, activity))
}

/// What is wrong and why, on one line.
pub fn with_causes(error: &dyn Error) -> String {
    let errors: Vec<_> =
        std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
    errors.join(": ")
}
