//! Rejected requests: each rejection sets a status and a public text; the cause goes to `tracing`.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use crate::error::{Denied, Failure, Refusal, causes};

/// The number of seconds after which a client may try again.
const RETRY: HeaderValue = HeaderValue::from_static("5");

/// Why a request was rejected.
#[non_exhaustive]
pub enum Rejection {
    /// Another site made the browser send it: 403.
    CrossSite,
    /// The user could not be determined, or a change failed: 503, and every cookie stays as it is. 400 or 413 if a
    /// value to be kept is too long, 500 for a mistake of the program.
    Failure(Failure),
    /// The login is not fresh: a redirect to this address, or 401.
    NotFresh(Option<String>),
    /// No [`AuthLayer`](crate::AuthLayer) surrounds the route, or its users are of another type: 500.
    NoLayer,
    /// The page came over plain HTTP, and the cookies are `Secure`: 403. Browsers would not keep them; use HTTPS, or
    /// [insecure cookies](crate::danger::insecure_cookies) for development.
    PlainHttp,
    /// A login, or a change of one, was refused: 401, or 403 for a user who is not active.
    Refused(Refusal),
    /// Its cookies are too large: 431.
    TooLarge,
    /// There were too many attempts to log in: 429, with the time to wait in `Retry-After`.
    TooManyAttempts(Duration),
    /// No user is logged in: a redirect to this address, or 401.
    Unauthorized(Option<String>),
}

impl Rejection {
    /// Returns the status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::CrossSite
            | Self::PlainHttp
            | Self::Refused(Refusal::CrossSite | Refusal::Inactive | Refusal::TooManyKeys) => {
                StatusCode::FORBIDDEN
            }
            Self::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Failure(Failure::Data(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Failure(Failure::Tokens(hallpass_core::Failure::Limit(_))) => StatusCode::BAD_REQUEST,
            Self::Failure(failure) if !failure.is_outage() => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoLayer => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Failure(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFresh(Some(_)) | Self::Unauthorized(Some(_)) => StatusCode::SEE_OTHER,
            Self::NotFresh(None) | Self::Refused(_) | Self::Unauthorized(None) => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }

    /// Returns the text for the client.
    fn detail(&self) -> &'static str {
        match self {
            Self::CrossSite | Self::Refused(Refusal::CrossSite) => "another site sent this request",
            Self::PlainHttp => "the page came over plain HTTP, and this site's cookies need HTTPS",
            Self::Failure(Failure::Data(_)) => "the session data are too large",
            Self::Failure(Failure::Tokens(hallpass_core::Failure::Limit(_))) => "a value is too long",
            Self::Failure(failure) if !failure.is_outage() => "internal server error",
            Self::NoLayer => "the server is not set up",
            Self::Failure(_) => "unavailable, please try again shortly",
            Self::NotFresh(_) => "please confirm who you are",
            Self::Refused(Refusal::Inactive) => "this account is not active",
            Self::Refused(Refusal::Fenced) => "logged out while logging in, please try again",
            Self::Refused(Refusal::TooManyKeys) => "too many API keys, please delete one",
            Self::TooLarge => "the cookies are too large",
            Self::TooManyAttempts(_) => "too many attempts, please try again later",
            Self::Refused(Refusal::Anonymous | Refusal::Token(_)) | Self::Unauthorized(_) => "please log in",
        }
    }

    /// Returns the response, with any body type of a service: a redirect, or `application/problem+json`.
    #[must_use]
    pub fn response<B: From<String>>(&self) -> Response<B> {
        if let Self::Failure(failure) = self {
            tracing::error!(target: "hallpass", "the request failed: {}", causes(failure));
        }
        if let Self::NoLayer | Self::PlainHttp = self {
            tracing::error!(target: "hallpass", "{self}");
        }
        let status = self.status();
        let location = match self {
            Self::NotFresh(Some(to)) | Self::Unauthorized(Some(to)) => HeaderValue::from_str(to).ok(),
            _ => None,
        };
        let body = match location {
            Some(_) => String::new(),
            None => format!(
                r#"{{"type":"about:blank","title":"{}","status":{},"detail":"{}"}}"#,
                status.canonical_reason().unwrap_or_default(),
                status.as_u16(),
                self.detail(),
            ),
        };
        let mut response = Response::new(B::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match location {
            Some(to) => drop(headers.insert(LOCATION, to)),
            None => drop(headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))),
        }
        if let Self::TooManyAttempts(wait) = self {
            // Rounded up, so that the next attempt after this time works.
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, RETRY);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Omits the queries of redirects: `next` contains the requested address, which may contain a one-time token.
impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path =
            |to: &Option<String>| to.as_ref().map(|to| to.split('?').next().unwrap_or_default().to_owned());
        match self {
            Self::CrossSite => f.write_str("CrossSite"),
            Self::Failure(failure) => f.debug_tuple("Failure").field(failure).finish(),
            Self::NotFresh(to) => f.debug_tuple("NotFresh").field(&path(to)).finish(),
            Self::NoLayer => f.write_str("NoLayer"),
            Self::PlainHttp => f.write_str("PlainHttp"),
            Self::Refused(refused) => f.debug_tuple("Refused").field(refused).finish(),
            Self::TooLarge => f.write_str("TooLarge"),
            Self::TooManyAttempts(wait) => f.debug_tuple("TooManyAttempts").field(wait).finish(),
            Self::Unauthorized(to) => f.debug_tuple("Unauthorized").field(&path(to)).finish(),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLayer => "no AuthLayer for this type of user surrounds this route",
            Self::PlainHttp => {
                "refused: the page came over plain HTTP, where browsers drop Secure cookies; serve it over HTTPS, \
                 or build the layer with danger::insecure_cookies() for development"
            }
            other => other.detail(),
        })
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failure(source) => Some(source),
            _ => None,
        }
    }
}

impl From<Failure> for Rejection {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<hallpass_core::Failure> for Rejection {
    fn from(failure: hallpass_core::Failure) -> Self {
        Self::Failure(failure.into())
    }
}

impl From<Denied> for Rejection {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused(refused) => Self::Refused(refused),
            Denied::Failed(failure) => Self::Failure(failure),
        }
    }
}

impl From<hallpass_core::Denied> for Rejection {
    fn from(denied: hallpass_core::Denied) -> Self {
        Denied::from(denied).into()
    }
}

impl From<Refusal> for Rejection {
    fn from(refused: Refusal) -> Self {
        Self::Refused(refused)
    }
}

#[cfg(test)]
mod tests {
    use hallpass_core::{Kind, StoreError};

    use super::*;

    #[test]
    fn a_mistake_of_the_program_is_not_said_to_pass() {
        use hallpass_core::Failure::{Contended, Store, UnknownKind, WrongCall};
        for (failure, status) in [
            (WrongCall(Kind::ONE_TIME), 500),
            (UnknownKind(Kind::from_static("unheard-of")), 500),
            (hallpass_core::Failure::StampRequired, 500),
            (Contended, 503),
            (Store(StoreError::Unavailable("no route".into())), 503),
        ] {
            let text = failure.to_string();
            let answer = Rejection::from(failure).response::<String>();
            assert_eq!(answer.status(), status, "{text}");
            assert_eq!(answer.headers().contains_key(RETRY_AFTER), status == 503, "{text}");
        }
    }

    #[test]
    fn what_it_prints_holds_nothing_of_the_page_that_was_asked_for() {
        let to = || Some("/login?next=/reset%3Ftoken%3Dsecret".to_owned());
        for rejection in [Rejection::Unauthorized(to()), Rejection::NotFresh(to())] {
            let text = format!("{rejection:?} {rejection}");
            assert!(text.contains("/login") && !text.contains("secret"), "{text}");
        }
        assert_eq!(format!("{:?}", Rejection::Unauthorized(None)), "Unauthorized(None)");
    }

    #[test]
    fn a_limit_may_say_for_ever() {
        let answer = Rejection::TooManyAttempts(Duration::MAX).response::<String>();
        assert_eq!(answer.headers()[RETRY_AFTER], u64::MAX.to_string());
    }
}
