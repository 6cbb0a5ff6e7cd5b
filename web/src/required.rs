//! Layers that let nobody in who is not logged in.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::auth::Auth;
use crate::rejection::Rejection;

/// Lets requests through that somebody sent who is logged in, and answers the others as the
/// [`CurrentUser`](crate::CurrentUser) extractor does.
///
/// It goes inside an [`AuthLayer`](crate::AuthLayer); with axum, as a `route_layer`. `OPTIONS` passes:
/// browsers ask it without cookies.
#[derive(Clone, Copy, Debug)]
pub struct LoginRequired {
    fresh: bool,
}

impl LoginRequired {
    /// For whoever is logged in.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "`default` would not say which of the two it is")]
    pub const fn new() -> Self {
        Self { fresh: false }
    }

    /// For whoever is [freshly](crate::Identity::is_fresh) logged in.
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

/// The service that [`LoginRequired`] makes of another.
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
        // What was polled ready is what has to be called.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        if request.method() == Method::OPTIONS {
            return Box::pin(inner.call(request));
        }
        let (auth, fresh) = (Auth::of(request.headers(), request.extensions()), self.fresh);
        Box::pin(async move {
            match admit(auth, fresh).await {
                Ok(()) => inner.call(request).await,
                Err(rejection) => Ok(rejection.response()),
            }
        })
    }
}

async fn admit(auth: Result<Auth, Rejection>, fresh: bool) -> Result<(), Rejection> {
    let auth = auth?;
    match auth.identity().await? {
        None => Err(auth.unauthorized()),
        Some(identity) if fresh && !identity.is_fresh() => Err(auth.not_fresh(&identity)),
        Some(_) => Ok(()),
    }
}

impl<S: fmt::Debug> fmt::Debug for RequireLogin<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLogin").field("inner", &self.inner).field("fresh", &self.fresh).finish()
    }
}
