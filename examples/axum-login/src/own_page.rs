//! Refuses requests that a page of another site makes a browser send.
//!
//! With `SameSite=Strict` the browser does not send the session cookie along, but a form on another site can still
//! log its visitor in, as the attacker. Browsers name the page that sent a request in `Sec-Fetch-Site`, older ones
//! in `Origin`.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Passes on requests that change nothing, that our own pages sent, or that no browser sent.
pub(crate) async fn only(request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_own(request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "Another site sent this form.").into_response()
}

fn is_own(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    // The cookie is `Secure`, so a page over plain HTTP is not ours.
    let host = origin.as_bytes().strip_prefix(b"https://");
    host.is_some() && host == headers.get(HOST).map(|host| host.as_bytes())
}
