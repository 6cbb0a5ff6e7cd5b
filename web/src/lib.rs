#![doc = include_str!("../README.md")]

pub mod danger;
pub mod testing;

mod attempt_limit;
mod attempts;
mod auth;
mod builder;
mod client;
mod config;
mod cookie;
mod csrf;
mod current;
mod devices;
mod ended;
mod envelope;
mod error;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod keys;
mod layer;
mod login;
mod logout;
mod memory_limit;
mod next;
mod origin;
mod rejection;
mod request;
mod required;
mod response;
mod service;
mod session;
mod signal;
mod user;

pub use attempt_limit::{AttemptBy, AttemptLimit};
pub use attempts::Attempt;
pub use auth::Auth;
pub use builder::AuthLayerBuilder;
pub use client::{MissingFingerprint, Network, NetworkError, Protection};
pub use config::ConfigError;
pub use cookie::{CookieSpec, Keep, SameSite};
pub use current::{CurrentUser, FreshUser, Identity, Via};
pub use ended::{Ended, UntilEnded};
pub use error::{Denied, Failure, Refusal};
pub use future::ResponseFuture;
pub use layer::AuthLayer;
pub use login::LogIn;
pub use memory_limit::MemoryLimit;
pub use next::local_path;
pub use rejection::Rejection;
pub use required::{LoginRequired, RequireLogin};
pub use response::SiteData;
pub use service::AuthService;
#[cfg(feature = "axum")]
pub use session::Session;
pub use session::SessionData;
pub use signal::{Listener, Signal, SignalKind};
pub use user::UserLoader;
