//! How a layer is put together.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::{Kind, Purpose, Tokens};
use http::Extensions;

use crate::client::{Clients, MissingFingerprint, Network, Protection};
use crate::cookie::CookieSpec;
use crate::layer::{AuthLayer, Config};
use crate::next::local_path;
use crate::origin::Origins;
use crate::signal::Listener;
use crate::user::AnyLoader;

/// Puts an [`AuthLayer`] together. Begin with [`AuthLayer::builder`].
pub struct AuthLayerBuilder(Config);

impl AuthLayerBuilder {
    pub(crate) fn new(tokens: Tokens, loader: Arc<dyn AnyLoader>) -> Self {
        Self(Config {
            tokens,
            loader,
            session: CookieSpec::host("session"),
            remember: CookieSpec::host("remember"),
            clients: Clients::default(),
            origins: Origins::default(),
            keys: Some(Kind::API_KEY),
            fresh_for: None,
            login_page: None,
            fresh_page: None,
            listener: None,
        })
    }

    /// Sends people who are not logged in to the login page at `path`, with the page that they wanted as
    /// `next`. Programs are answered with 401 either way.
    #[must_use]
    pub fn login_page(mut self, path: impl Into<String>) -> Self {
        self.0.login_page = Some(path.into());
        self
    }

    /// Sends people whose login is not fresh to the page at `path`, where they confirm who they are. Without it
    /// they are answered with 401, because a login page sends members back to where they came from.
    #[must_use]
    pub fn fresh_page(mut self, path: impl Into<String>) -> Self {
        self.0.fresh_page = Some(path.into());
        self
    }

    /// A login is fresh for so long after the password was entered; as long as its session unless told
    /// otherwise.
    #[must_use]
    pub fn fresh_for(mut self, lifetime: Duration) -> Self {
        self.0.fresh_for = Some(lifetime);
        self
    }

    /// The cookie with the session; [`CookieSpec::host("session")`](CookieSpec::host) unless told otherwise.
    #[must_use]
    pub fn session_cookie(mut self, spec: CookieSpec) -> Self {
        self.0.session = spec;
        self
    }

    /// The cookie with the remember-me token; [`CookieSpec::host("remember")`](CookieSpec::host) unless
    /// told otherwise.
    #[must_use]
    pub fn remember_cookie(mut self, spec: CookieSpec) -> Self {
        self.0.remember = spec;
        self
    }

    /// Cookies that are sent over plain HTTP too, named `session` and `remember`: for development.
    #[must_use]
    pub fn insecure_cookies(self) -> Self {
        self.session_cookie(CookieSpec::insecure("session")).remember_cookie(CookieSpec::insecure("remember"))
    }

    /// What to do when a session comes from another client; [`Protection::Basic`] unless told otherwise.
    #[must_use]
    pub fn protection(mut self, protection: Protection) -> Self {
        self.0.clients.protection = protection;
        self
    }

    /// What a session without a fingerprint is taken for; one of another client unless told otherwise.
    #[must_use]
    pub fn missing_fingerprint(mut self, missing: MissingFingerprint) -> Self {
        self.0.clients.missing = missing;
        self
    }

    /// Finds the address at the other end of the connection; without it, protection goes by the browser
    /// alone. With axum: `|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip())`.
    #[must_use]
    pub fn peer_address(
        mut self,
        find: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.0.clients.peer = Some(Arc::new(find));
        self
    }

    /// Believes `X-Forwarded-For` where one of these wrote it. Give the proxies' addresses and nothing more. It
    /// needs [`peer_address`](Self::peer_address), which tells who wrote it.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: impl IntoIterator<Item = Network>) -> Self {
        self.0.clients.proxies.extend(proxies);
        self
    }

    /// Lets pages of this origin, `https://host` or `tauri://localhost`, send requests that change something.
    /// One call for each: there is no wildcard.
    #[must_use]
    pub fn allow_origin(mut self, origin: impl AsRef<str>) -> Self {
        self.0.origins.allow(origin.as_ref());
        self
    }

    /// Accepts tokens of this kind in `Authorization: Bearer`, or none; [`Kind::API_KEY`] by default. The kind's
    /// policy is for [keys](Purpose::Key): a session in that header would pass session protection by, and a
    /// log-out would leave it alone.
    #[must_use]
    pub fn keys(mut self, kind: impl Into<Option<Kind>>) -> Self {
        self.0.keys = kind.into();
        self
    }

    /// Tells `listener` of every signal.
    #[must_use]
    pub fn listener(mut self, listener: impl Listener) -> Self {
        self.0.listener = Some(Box::new(listener));
        self
    }

    /// Checks it all.
    ///
    /// # Errors
    /// [`ConfigError`] names the first rule that is broken.
    pub fn build(self) -> Result<AuthLayer, ConfigError> {
        let Config { tokens, session, remember, clients, origins, keys, login_page, fresh_page, .. } =
            &self.0;
        let rule = |holds: bool, rule| if holds { Ok(()) } else { Err(ConfigError(rule)) };
        session
            .check()
            .and_then(|()| remember.check())
            .and_then(|()| origins.check())
            .map_err(ConfigError)?;
        rule(session.name() != remember.name(), "the two cookies have different names")?;
        for page in [login_page, fresh_page].into_iter().flatten() {
            rule(local_path(page).is_some(), "a page is a path of this site")?;
        }
        for kind in [Kind::SESSION, Kind::REMEMBER].into_iter().chain(*keys) {
            rule(tokens.policy(kind).is_ok(), "every kind that is used has a policy")?;
        }
        for kind in keys {
            rule(
                tokens.kinds_for(&[Purpose::Key]).contain(kind),
                "the kind of the keys has a policy for keys",
            )?;
        }
        let finds_peer = clients.proxies.is_empty() || clients.peer.is_some();
        rule(finds_peer, "trusted proxies need peer_address, which tells who wrote X-Forwarded-For")?;
        Ok(AuthLayer(Arc::new(self.0)))
    }
}

impl fmt::Debug for AuthLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayerBuilder").field("tokens", &self.0.tokens).finish_non_exhaustive()
    }
}

/// A layer that would not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError(&'static str);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the layer breaks a rule: {}", self.0)
    }
}

impl Error for ConfigError {}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use hallpass_core::{MemoryStore, Stamp, Subject};

    use super::*;
    use crate::user::UserLoader;

    struct Nobody;

    impl UserLoader for Nobody {
        type User = ();
        type Error = Infallible;

        async fn load(&self, _: &Subject) -> Result<Option<()>, Infallible> {
            Ok(None)
        }

        fn id(&self, (): &()) -> String {
            String::new()
        }

        fn stamp(&self, (): &()) -> Option<Stamp> {
            None
        }
    }

    #[test]
    fn what_would_not_work_is_refused_when_built() {
        let builder = || AuthLayer::builder(Tokens::builder(MemoryStore::new()).build().unwrap(), Nobody);
        assert!(builder().build().is_ok() && builder().insecure_cookies().build().is_ok());
        for bad in [
            builder().session_cookie(CookieSpec::host("remember")),
            builder().session_cookie(CookieSpec::host("s").path("/app")),
            builder().login_page("https://elsewhere.example/login"),
            builder().fresh_page("//elsewhere.example"),
            builder().allow_origin("elsewhere.example"),
            builder().keys(Kind::from_static("unheard-of")),
            builder().keys(Kind::SESSION),
            builder().keys(Kind::REMEMBER),
            builder().keys(Kind::ONE_TIME),
            builder().trusted_proxies(["10.0.0.7".parse().unwrap()]),
            builder().allow_origin("https://*.elsewhere.example"),
        ] {
            let shown = format!("{:?} {:?}", bad.0.keys, bad.0.origins);
            assert!(bad.build().is_err(), "{shown}");
        }
    }
}
