//! The builder of a layer.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hallpass_core::{Kind, Purpose, Tokens};
use http::{Extensions, HeaderValue};

use crate::attempt_limit::AttemptLimit;
use crate::client::{Clients, MissingFingerprint, Network, Protection};
use crate::config::{Config, ConfigError};
use crate::cookie::{CookieKinds, CookieSpec};
use crate::layer::AuthLayer;
use crate::memory_limit::MemoryLimit;
use crate::next::local_path;
use crate::origin::Origins;
use crate::response::SiteData;
use crate::signal::Listener;
use crate::user::{AnyLoader, UserLoader};

/// Builds an [`AuthLayer`]. Start with [`AuthLayer::builder`].
pub struct AuthLayerBuilder {
    config: Config,
    /// `None` until it is set: the default depends on the audience.
    keys: Option<Option<Kind>>,
    session: Option<CookieSpec>,
    remember: Option<CookieSpec>,
    names: Option<String>,
    /// Set by [`danger::insecure_cookies`](crate::danger::insecure_cookies).
    pub(crate) insecure: bool,
}

/// The default number of API keys of a user.
const MAX_KEYS: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// The default time for which a login is fresh: 1 hour.
const FRESH_FOR: Duration = Duration::from_secs(60 * 60);

impl AuthLayer {
    /// Starts a builder for a layer over `tokens`, for the users that `loader` finds.
    pub fn builder(tokens: Tokens, loader: impl UserLoader) -> AuthLayerBuilder {
        AuthLayerBuilder::new(tokens, Arc::new(loader))
    }
}

impl AuthLayerBuilder {
    fn new(tokens: Tokens, loader: Arc<dyn AnyLoader>) -> Self {
        let config = Config {
            tokens,
            loader,
            audience: None,
            kinds: CookieKinds { session: Kind::SESSION, remember: Kind::REMEMBER },
            session: CookieSpec::host("session"),
            remember: CookieSpec::host("remember"),
            csrf: CookieSpec::host("csrf"),
            csrf_required: false,
            clients: Clients::default(),
            origins: Origins::default(),
            keys: None,
            max_keys: MAX_KEYS,
            fresh_for: FRESH_FOR,
            login_page: None,
            fresh_page: None,
            mounted_at: String::new(),
            clear_site_data: None,
            attempts: Arc::new(MemoryLimit::new()),
            listener: None,
            warned: AtomicBool::new(false),
        };
        Self { config, session: None, remember: None, keys: None, names: None, insecure: false }
    }

    /// Separates the tokens of this layer from those of every other layer over the same [`Tokens`]: administrators
    /// from users, one tenant from another. 1 to 16 characters of `a-z`, `0-9` and `-`.
    ///
    /// The kinds are `session:NAME`, `remember:NAME` and, if it has a policy, `api-key:NAME`; give the tokens a
    /// policy for each. The subjects are `NAME:` followed by the user's id, so a "log out everywhere" ends nothing of
    /// a user with the same id in another layer. The [`UserLoader`](crate::UserLoader) gets and returns the bare id.
    /// The cookies' names begin with the audience.
    ///
    /// A layer without an audience over the same tokens refuses users whose own id begins with `NAME:`
    /// ([`Failure::ForeignId`](crate::Failure::ForeignId)). If the layers use several `Tokens` over one store, give
    /// each layer an audience, or make sure that no id begins with `NAME:`.
    ///
    /// # Examples
    /// ```
    /// # use hallpass_core::{Kind, MemoryStore, Policy, Stamp, Subject, Tokens};
    /// # use hallpass_web::{AuthLayer, UserLoader};
    /// # #[derive(Clone)]
    /// # struct People;
    /// # impl UserLoader for People {
    /// #     type User = String;
    /// #     type Error = std::convert::Infallible;
    /// #     async fn load(&self, id: &Subject) -> Result<Option<String>, Self::Error> { Ok(Some(id.to_string())) }
    /// #     fn id(&self, user: &String) -> String { user.clone() }
    /// #     fn stamp(&self, _: &String) -> Option<Stamp> { None }
    /// # }
    /// # let (customers, staff) = (People, People);
    /// let tokens = Tokens::builder(MemoryStore::new())
    ///     .policy(Policy::session().for_kind(Kind::from_static("session:admin")))
    ///     .policy(Policy::remember().for_kind(Kind::from_static("remember:admin")))
    ///     .build()?;
    /// let users = AuthLayer::builder(tokens.clone(), customers).build()?;
    /// let admins = AuthLayer::builder(tokens, staff).audience("admin").build()?;
    /// # let _ = (users, admins);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn audience(mut self, name: impl Into<String>) -> Self {
        self.config.audience = Some(name.into());
        self
    }

    /// Names the cookies `__Host-NAME-session`, `__Host-NAME-remember` and `__Host-NAME-csrf`. Browsers share cookies
    /// between the ports of a host, so two applications on `localhost` with the same names log each other's users
    /// out.
    #[must_use]
    pub fn cookie_names(mut self, name: impl Into<String>) -> Self {
        self.names = Some(name.into());
        self
    }

    /// Sends users who are not logged in to the login page at `path`, with the requested page as `next`. Programs get
    /// 401 either way.
    #[must_use]
    pub fn login_page(mut self, path: impl Into<String>) -> Self {
        self.config.login_page = Some(path.into());
        self
    }

    /// Sends users whose login is not fresh to the page at `path`, where they authenticate again. Without it they get
    /// 401, because a login page sends logged-in users back to where they came from.
    #[must_use]
    pub fn fresh_page(mut self, path: impl Into<String>) -> Self {
        self.config.fresh_page = Some(path.into());
        self
    }

    /// Sets how long a login is fresh after the password was entered; 1 hour by default.
    #[must_use]
    pub fn fresh_for(mut self, lifetime: Duration) -> Self {
        self.config.fresh_for = lifetime;
        self
    }

    /// Sets the path under which browsers reach this application, such as `/shop`, if a proxy or an outer router
    /// removes it from the path. It is put before the page that `next` leads back to. Give the login page and all
    /// other paths here as browsers see them.
    #[must_use]
    pub fn mounted_at(mut self, prefix: impl Into<String>) -> Self {
        self.config.mounted_at = prefix.into();
        self
    }

    /// Tells browsers to delete this data when their user logs out, with the header `Clear-Site-Data`. Nothing by
    /// default.
    #[must_use]
    pub fn clear_site_data(mut self, data: impl IntoIterator<Item = SiteData>) -> Self {
        let directives: Vec<_> = data.into_iter().map(SiteData::directive).collect();
        let value = HeaderValue::from_str(&directives.join(", "));
        self.config.clear_site_data = value.ok().filter(|value| !value.is_empty());
        self
    }

    /// Requires a [CSRF token](crate::Auth::csrf_token) of requests that change something and have neither
    /// `Sec-Fetch-Site` nor `Origin` to say whose page sent them.
    ///
    /// By default such requests pass: browsers have sent at least one of the headers since about 2020, and a client
    /// that sends neither is usually a program.
    #[must_use]
    pub fn require_csrf_token(mut self) -> Self {
        self.config.csrf_required = true;
        self
    }

    /// Counts [attempts](crate::Auth::attempt) to log in with `limit`; by default with a [`MemoryLimit`].
    #[must_use]
    pub fn attempt_limit(mut self, limit: impl AttemptLimit) -> Self {
        self.config.attempts = Arc::new(limit);
        self
    }

    /// Limits the API keys of a user; 100 by default. Keys that are made concurrently may exceed the limit by a few.
    #[must_use]
    pub fn max_keys(mut self, max_keys: NonZeroU32) -> Self {
        self.config.max_keys = max_keys;
        self
    }

    /// Sets the cookie for the session; [`CookieSpec::host("session")`](CookieSpec::host) by default.
    #[must_use]
    pub fn session_cookie(mut self, spec: CookieSpec) -> Self {
        self.session = Some(spec);
        self
    }

    /// Sets the cookie for the remember-me token; [`CookieSpec::host("remember")`](CookieSpec::host) by default.
    #[must_use]
    pub fn remember_cookie(mut self, spec: CookieSpec) -> Self {
        self.remember = Some(spec);
        self
    }

    /// Sets what to do when a session comes from another client; [`Protection::Basic`] by default.
    #[must_use]
    pub fn protection(mut self, protection: Protection) -> Self {
        self.config.clients.protection = protection;
        self
    }

    /// Sets how to treat a session without a fingerprint; by default as one from another client.
    #[must_use]
    pub fn missing_fingerprint(mut self, missing: MissingFingerprint) -> Self {
        self.config.clients.missing = missing;
        self
    }

    /// Sets how to find the address at the other end of the connection; without it, protection compares only the
    /// browser. With axum: `|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip())`.
    #[must_use]
    pub fn peer_address(
        mut self,
        find: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.config.clients.peer = Some(Arc::new(find));
        self
    }

    /// Trusts `X-Forwarded-For` from these proxies. List only the proxies' addresses. It needs
    /// [`peer_address`](Self::peer_address), which shows where the header came from.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: impl IntoIterator<Item = Network>) -> Self {
        self.config.clients.proxies.extend(proxies);
        self
    }

    /// Lets pages of this origin, `https://host` or `tauri://localhost`, send requests that change something. Call it
    /// once for each origin; there is no wildcard.
    #[must_use]
    pub fn allow_origin(mut self, origin: impl AsRef<str>) -> Self {
        self.config.origins.allow(origin.as_ref());
        self
    }

    /// Sets the kind of token accepted in `Authorization: Bearer`, or none; [`Kind::API_KEY`] by default. The kind's
    /// policy must have the purpose [key](Purpose::Key): a session in that header would bypass session protection,
    /// and a log-out would not end it.
    #[must_use]
    pub fn keys(mut self, kind: impl Into<Option<Kind>>) -> Self {
        self.keys = Some(kind.into());
        self
    }

    /// Sends every signal to `listener`.
    #[must_use]
    pub fn listener(mut self, listener: impl Listener) -> Self {
        self.config.listener = Some(Box::new(listener));
        self
    }

    /// Checks the settings and builds the layer.
    ///
    /// # Errors
    /// [`ConfigError`] names the first broken rule.
    pub fn build(mut self) -> Result<AuthLayer, ConfigError> {
        let rule = |holds: bool, rule| if holds { Ok(()) } else { Err(ConfigError(rule)) };
        self.name_kinds()?;
        self.name_cookies();
        let Config { tokens, kinds, session, remember, csrf, clients, origins, keys, .. } = &self.config;
        for spec in [session, remember, csrf] {
            spec.check().map_err(ConfigError)?;
        }
        origins.check().map_err(ConfigError)?;
        let names = [session.name(), remember.name(), csrf.name()];
        let different = names[0] != names[1] && names[1] != names[2] && names[0] != names[2];
        rule(different, "the cookies have different names")?;
        for page in [&self.config.login_page, &self.config.fresh_page].into_iter().flatten() {
            rule(local_path(page).is_some(), "a page is a path of this site")?;
        }
        let prefix = &self.config.mounted_at;
        let is_prefix = prefix.is_empty() || (local_path(prefix).is_some() && !prefix.ends_with('/'));
        rule(is_prefix, "a prefix is a path of this site without / at its end")?;
        for kind in [kinds.session, kinds.remember].into_iter().chain(*keys) {
            rule(tokens.policy(kind).is_ok(), "every kind that is used has a policy")?;
        }
        if let Some(kind) = keys {
            let for_keys = tokens.kinds_for(&[Purpose::Key]).contain(kind);
            rule(for_keys, "the kind of the keys has a policy for keys")?;
        }
        let finds_peer = clients.proxies.is_empty() || clients.peer.is_some();
        rule(finds_peer, "trusted proxies need peer_address, which shows who wrote X-Forwarded-For")?;
        Ok(AuthLayer(Arc::new(self.config)))
    }

    /// Gives the layer the kinds of its audience.
    fn name_kinds(&mut self) -> Result<(), ConfigError> {
        let config = &mut self.config;
        let Some(audience) = &config.audience else {
            config.keys = self.keys.unwrap_or(Some(Kind::API_KEY));
            return Ok(());
        };
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let kind = |of: &str| Kind::new(&format!("{of}:{audience}")).ok();
        let kinds = (1..=16).contains(&audience.len()) && audience.bytes().all(known);
        let kinds = kinds.then(|| (kind("session"), kind("remember"), kind("api-key")));
        let Some((Some(session), Some(remember), Some(key))) = kinds else {
            return Err(ConfigError("an audience has 1 to 16 characters of a-z, 0-9 and -"));
        };
        config.kinds = CookieKinds { session, remember };
        config.keys = self.keys.unwrap_or_else(|| Some(key).filter(|key| config.tokens.policy(*key).is_ok()));
        Ok(())
    }

    fn name_cookies(&mut self) {
        let prefix = self.names.take().or_else(|| self.config.audience.clone());
        let spec = |name: &str| {
            let name = prefix.as_ref().map_or_else(|| name.to_owned(), |prefix| format!("{prefix}-{name}"));
            if self.insecure { CookieSpec::named(name).secure(false) } else { CookieSpec::host(&name) }
        };
        let config = &mut self.config;
        config.csrf = spec("csrf");
        config.session = self.session.take().unwrap_or_else(|| spec("session"));
        config.remember = self.remember.take().unwrap_or_else(|| spec("remember"));
    }
}

impl fmt::Debug for AuthLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayerBuilder").field("tokens", &self.config.tokens).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use hallpass_core::{MemoryStore, Stamp, Subject};

    use super::*;

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
        assert!(builder().build().is_ok() && crate::danger::insecure_cookies(builder()).build().is_ok());
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
            builder().audience("admin"),
            builder().audience("Admin"),
            builder().audience(""),
            builder().mounted_at("shop"),
            builder().mounted_at("/shop/"),
            builder().cookie_names("a b"),
            builder().session_cookie(CookieSpec::host("csrf")),
        ] {
            let shown = format!("{:?} {:?}", bad.keys, bad.config.origins);
            assert!(bad.build().is_err(), "{shown}");
        }
    }
}
