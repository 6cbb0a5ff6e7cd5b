//! The service that the layer wraps around another.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::config::Config;
use crate::future::ResponseFuture;
use crate::request::{self, Handle};

/// Gives every request an [`Auth`](crate::Auth), and adds the resulting cookies to its response.
#[derive(Clone)]
pub struct AuthService<S> {
    pub(crate) inner: S,
    pub(crate) config: Arc<Config>,
}

impl<S, B, R> Service<Request<B>> for AuthService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let state = Arc::new(request::Request::new(self.config.clone(), method, uri));
        request.extensions_mut().insert(Handle(state.clone()));
        ResponseFuture::new(self.inner.call(request), state)
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for AuthService<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
