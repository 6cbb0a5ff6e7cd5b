//! Adds headers to a response: cookies, caching and site data.

use http::header::{CACHE_CONTROL, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::cookie::Changes;
use crate::request::Request;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Data that a browser is told to delete when its user logs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SiteData {
    /// Pages and files in its cache, those behind the Back button included.
    Cache,
    /// Every cookie of the site and its subdomains, those of other applications included.
    Cookies,
    /// `localStorage`, databases and service workers.
    Storage,
}

impl SiteData {
    pub(crate) const fn directive(self) -> &'static str {
        match self {
            Self::Cache => "\"cache\"",
            Self::Cookies => "\"cookies\"",
            Self::Storage => "\"storage\"",
        }
    }
}

impl Request {
    /// Adds to the response what the request led to; nothing, if its handler asked for nothing. Afterwards nothing
    /// can be added.
    pub(crate) fn finish(&self, headers: &mut HeaderMap) {
        let changes = std::mem::replace(&mut *self.changes(), Changes { sent: true, ..Changes::default() });
        let Some(sent) = self.sent.get() else { return };
        let varies = |value: &HeaderValue| {
            let names = value.to_str().unwrap_or_default().split(',').map(str::trim);
            names.into_iter().any(|name| name == "*" || name.eq_ignore_ascii_case("cookie"))
        };
        if !headers.get_all(VARY).iter().any(varies) {
            headers.append(VARY, HeaderValue::from_static("Cookie"));
        }
        let mut lines = changes.lines(&self.config.session, &self.config.remember);
        let mut personal = false;
        if let Ok(sent) = sent {
            lines.extend(sent.csrf.line(&self.config.csrf));
            personal = self.may_be_personal(sent) && !headers.contains_key(CACHE_CONTROL);
        }
        if personal || !lines.is_empty() {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        }
        for line in lines {
            headers.append(SET_COOKIE, line);
        }
        if let Some(data) = self.config.clear_site_data.as_ref().filter(|_| changes.logged_out) {
            headers.insert(CLEAR_SITE_DATA, data.clone());
        }
    }
}
