//! The site of `hallpass-demo`, apart from its flags and its store, so that a test can run it over any.
//!
//! Thin on purpose: what a web application needs around [`Tokens`] belongs to hallpass's web layer.

mod accounts;
mod auth;
mod cookies;
mod pages;
mod routes;

use std::error::Error;

use axum::Router;
use hallpass_core::Tokens;

pub use accounts::{ACCOUNTS, Account};
pub use cookies::Cookies;

/// The site over `tokens`.
pub fn app(tokens: Tokens, cookies: Cookies) -> Router {
    routes::router(auth::Site { tokens, cookies })
}

/// What is wrong and why, on one line.
pub fn with_causes(error: &dyn Error) -> String {
    let errors: Vec<_> =
        std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
    errors.join(": ")
}
