//! The layer: what all requests of an application share.

use std::any::Any;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hallpass_core::{Kind, Subject, Tokens};
use http::HeaderValue;
use tower_layer::Layer;

use crate::attempts::AnyLimit;

use crate::builder::AuthLayerBuilder;
use crate::client::Clients;
use crate::cookie::CookieSpec;
use crate::error::Failure;
use crate::origin::Origins;
use crate::service::AuthService;
use crate::signal::Listener;
use crate::user::{AnyLoader, Described, Loaded, UserLoader};

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

/// The settings of a layer.
pub(crate) struct Config {
    pub(crate) tokens: Tokens,
    pub(crate) loader: Arc<dyn AnyLoader>,
    pub(crate) audience: Option<String>,
    pub(crate) kinds: CookieKinds,
    pub(crate) session: CookieSpec,
    pub(crate) remember: CookieSpec,
    pub(crate) csrf: CookieSpec,
    pub(crate) csrf_required: bool,
    pub(crate) clients: Clients,
    pub(crate) origins: Origins,
    pub(crate) keys: Option<Kind>,
    pub(crate) max_keys: NonZeroU32,
    pub(crate) fresh_for: Duration,
    pub(crate) login_page: Option<String>,
    pub(crate) fresh_page: Option<String>,
    pub(crate) mounted_at: String,
    pub(crate) clear_site_data: Option<HeaderValue>,
    pub(crate) attempts: Arc<dyn AnyLimit>,
    pub(crate) listener: Option<Box<dyn Listener>>,
    /// Whether the warning that browsers drop the cookies was logged.
    pub(crate) warned: AtomicBool,
}

/// The kinds of the tokens in the two cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CookieKinds {
    pub(crate) session: Kind,
    pub(crate) remember: Kind,
}

impl CookieKinds {
    pub(crate) fn contain(self, kind: Kind) -> bool {
        [self.session, self.remember].contains(&kind)
    }
}

impl AuthLayer {
    /// Starts a builder for a layer over `tokens`, for the users that `loader` finds.
    pub fn builder(tokens: Tokens, loader: impl UserLoader) -> AuthLayerBuilder {
        AuthLayerBuilder::new(tokens, Arc::new(loader))
    }

    /// Returns the tokens that it works with.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }
}

impl Config {
    /// Loads the user that a record names, unless the record belongs to another audience.
    pub(crate) async fn load(&self, subject: &Subject) -> Result<Option<Loaded>, Failure> {
        let Some(audience) = &self.audience else {
            return match self.is_of_an_audience(subject) {
                true => Ok(None),
                false => self.loader.load(subject).await,
            };
        };
        let id = subject.as_str().strip_prefix(audience.as_str()).and_then(|rest| rest.strip_prefix(':'));
        match id.map(Subject::new) {
            Some(Ok(id)) => self.loader.load(&id).await,
            Some(Err(_)) | None => Ok(None),
        }
    }

    /// Returns the facts about `user` that tokens need.
    pub(crate) fn describe(&self, user: &(dyn Any + Send + Sync)) -> Result<Described, Failure> {
        let described = self.loader.describe(user)?;
        let Some(audience) = &self.audience else {
            return match self.is_of_an_audience(&described.subject) {
                true => Err(Failure::ForeignId),
                false => Ok(described),
            };
        };
        let subject = Subject::new(format!("{audience}:{}", described.subject))?;
        Ok(Described { subject, ..described })
    }

    /// Returns whether a layer with an audience over the same tokens would take this id for one of its subjects.
    fn is_of_an_audience(&self, id: &Subject) -> bool {
        let kind = |(audience, _)| Kind::new(&format!("session:{audience}")).ok();
        let kind = id.as_str().split_once(':').and_then(kind);
        kind.is_some_and(|kind| self.tokens.policy(kind).is_ok())
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
