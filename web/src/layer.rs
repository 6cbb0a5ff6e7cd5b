//! The layer: what every request of an application shares.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::{Kind, LoginId, Subject, Tokens};
use tower_layer::Layer;

use crate::builder::AuthLayerBuilder;
use crate::client::Clients;
use crate::cookie::CookieSpec;
use crate::origin::Origins;
use crate::service::AuthService;
use crate::signal::{Listener, Signal, SignalKind};
use crate::user::{AnyLoader, UserLoader};

/// Lets handlers ask who sent a request, log people in and out, and keep data for them.
///
/// A request whose handler asks nothing is passed through: no token is read, no cookie set, no header
/// added. Put it outside of everything that asks, and outside of nested routers.
///
/// # Examples
/// ```
/// # use hallpass_core::{MemoryStore, Stamp, Subject, Tokens};
/// # use hallpass_web::{AuthLayer, UserLoader};
/// # struct Users;
/// # impl UserLoader for Users {
/// #     type User = String;
/// #     type Error = std::convert::Infallible;
/// #     async fn load(&self, id: &Subject) -> Result<Option<String>, Self::Error> { Ok(Some(id.to_string())) }
/// #     fn id(&self, user: &String) -> String { user.clone() }
/// #     fn stamp(&self, _: &String) -> Option<Stamp> { None }
/// # }
/// let tokens = Tokens::builder(MemoryStore::new()).build()?;
/// let auth = AuthLayer::builder(tokens, Users).login_page("/login").build()?;
/// # let _ = auth;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AuthLayer(pub(crate) Arc<Config>);

/// How a layer was built.
pub(crate) struct Config {
    pub(crate) tokens: Tokens,
    pub(crate) loader: Arc<dyn AnyLoader>,
    pub(crate) session: CookieSpec,
    pub(crate) remember: CookieSpec,
    pub(crate) clients: Clients,
    pub(crate) origins: Origins,
    pub(crate) keys: Option<Kind>,
    pub(crate) fresh_for: Option<Duration>,
    pub(crate) login_page: Option<String>,
    pub(crate) fresh_page: Option<String>,
    pub(crate) listener: Option<Box<dyn Listener>>,
}

impl AuthLayer {
    /// A layer over `tokens` for the users that `loader` finds, to be adjusted and built.
    pub fn builder(tokens: Tokens, loader: impl UserLoader) -> AuthLayerBuilder {
        AuthLayerBuilder::new(tokens, Arc::new(loader))
    }

    /// The tokens that it works with.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }
}

impl Config {
    pub(crate) fn tell(&self, what: SignalKind, subject: Option<&Subject>, login: Option<LoginId>) {
        let signal = Signal { what, at: self.tokens.now(), subject, login };
        signal.trace();
        if let Some(listener) = &self.listener {
            listener.on_signal(&signal);
        }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService { inner, config: self.0.clone() }
    }
}

impl fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer").field("tokens", &self.0.tokens).finish_non_exhaustive()
    }
}
