//! Options that weaken a promise. Each says which promise.

use crate::builder::AuthLayerBuilder;
use crate::cookie::CookieSpec;
use crate::login::LogIn;

/// Makes the layer use cookies that browsers also send over plain HTTP, without `__Host-` in their names: for
/// development without TLS. On a site, an attacker in the network could read them or plant others.
#[must_use]
pub fn insecure_cookies(mut builder: AuthLayerBuilder) -> AuthLayerBuilder {
    builder.insecure = true;
    builder
}

/// Makes browsers also send this cookie over plain HTTP: for development without TLS.
#[must_use]
pub fn insecure_cookie(spec: CookieSpec) -> CookieSpec {
    spec.secure(false)
}

/// Lets scripts read this cookie. A script of an attacker in one of your pages can then steal the login, and not only
/// use it while the page is open.
#[must_use]
pub fn script_readable(spec: CookieSpec) -> CookieSpec {
    spec.http_only(false)
}

/// Also logs in a user that the loader reports as not active. Otherwise only active users are let in; this login stays
/// valid until it ends, whatever the loader reports.
pub fn force(mut login: LogIn<'_>) -> LogIn<'_> {
    login.force = true;
    login
}
