//! Refuses what a page of another site makes a browser send.
//!
//! `SameSite=Strict` keeps the session cookie at home, but a form on another site can still log its visitor in, as
//! the attacker. Browsers say whose page sent a request with `Sec-Fetch-Site`, older ones with `Origin`.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Passes on what changes nothing, and what one of our own pages sent, or no browser.
pub(crate) async fn only(request: Request, next: Next) -> Response {
    match request.method().is_safe() || is_own(request.headers()) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, "Another site sent this form.").into_response(),
    }
}

fn is_own(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    // The cookie is `Secure`, so a page over plain HTTP is none of ours.
    let host = origin.as_bytes().strip_prefix(b"https://");
    host.is_some() && host == headers.get(HOST).map(|host| host.as_bytes())
}
