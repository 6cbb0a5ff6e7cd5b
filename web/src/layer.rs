//! The layer: what all requests of an application share.

use std::fmt;
use std::sync::Arc;

use hallpass_core::Tokens;
use tower_layer::Layer;

use crate::config::Config;
use crate::service::AuthService;

/// Lets handlers ask for the user of a request, log users in and out, and keep data for them.
///
/// If a handler asks for nothing, the layer passes the request through: it reads no token, sets no cookie and adds no
/// header. Put it outside everything that asks, and outside nested routers.
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

impl AuthLayer {
    /// Returns the tokens that it works with.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
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
