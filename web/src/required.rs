//! Layers that admit only logged-in users.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Method, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::auth::Auth;
use crate::rejection::Rejection;

/// Admits requests of logged-in users, and rejects others as the [`CurrentUser`](crate::CurrentUser) extractor does.
///
/// Put it inside an [`AuthLayer`](crate::AuthLayer); with axum, as a `route_layer`. `OPTIONS` passes for a user whose
/// other requests pass. For any other client the response is an empty 204, because browsers send a CORS preflight
/// without cookies; put the layer that responds to preflights outside this one.
#[derive(Clone, Copy, Debug)]
pub struct LoginRequired {
    fresh: bool,
}

impl LoginRequired {
    /// Admits every logged-in user.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "`default` would not say which of the two it is")]
    pub const fn new() -> Self {
        Self { fresh: false }
    }

    /// Admits users whose login is [fresh](crate::Identity::is_fresh).
    #[must_use]
    pub const fn fresh() -> Self {
        Self { fresh: true }
    }
}

impl<S> Layer<S> for LoginRequired {
    type Service = RequireLogin<S>;

    fn layer(&self, inner: S) -> RequireLogin<S> {
        RequireLogin { inner, fresh: self.fresh }
    }
}

/// The service that [`LoginRequired`] wraps around another.
#[derive(Clone)]
pub struct RequireLogin<S> {
    inner: S,
    fresh: bool,
}

impl<S, B, R> Service<Request<B>> for RequireLogin<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // Call the instance that was polled ready.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let options = request.method() == Method::OPTIONS;
        let (auth, fresh) = (Auth::of(request.headers(), request.extensions()), self.fresh);
        Box::pin(async move {
            if options && !may_pass(&auth, fresh).await {
                return Ok(no_content());
            }
            match admit(auth, fresh).await {
                Ok(()) => inner.call(request).await,
                Err(rejection) => Ok(rejection.response()),
            }
        })
    }
}

async fn admit(auth: Result<Auth, Rejection>, fresh: bool) -> Result<(), Rejection> {
    let auth = auth?;
    let identity = if fresh { auth.exact_identity().await? } else { auth.identity().await? };
    match identity {
        None => Err(auth.unauthorized()),
        Some(identity) if fresh && !identity.is_fresh() => Err(auth.not_fresh(&identity)),
        Some(_) => Ok(()),
    }
}

/// Returns whether `admit` would admit the request, without a signal: a request for the options of a page is no
/// request for the page.
async fn may_pass(auth: &Result<Auth, Rejection>, fresh: bool) -> bool {
    let Ok(auth) = auth else { return false };
    matches!(auth.identity().await, Ok(Some(identity)) if !fresh || identity.is_fresh())
}

fn no_content<R: From<String>>() -> Response<R> {
    let mut answer = Response::new(R::from(String::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

impl<S: fmt::Debug> fmt::Debug for RequireLogin<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLogin").field("inner", &self.inner).field("fresh", &self.fresh).finish()
    }
}
