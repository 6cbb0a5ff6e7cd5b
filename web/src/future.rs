//! The response future, which adds cookies to the response.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use crate::request::Request;

pin_project! {
    /// The response future of an [`AuthService`](crate::AuthService).
    pub struct ResponseFuture<F, R> {
        #[pin]
        inner: F,
        request: Arc<Request>,
        pending: Option<PendingResponse<R>>,
    }
}

/// A response, and the check whether another request has overtaken the tokens that it hands out.
struct PendingResponse<R> {
    answer: Option<Response<R>>,
    overtaken: Pin<Box<dyn Future<Output = bool> + Send>>,
}

impl<F, R> ResponseFuture<F, R> {
    pub(crate) fn new(inner: F, request: Arc<Request>) -> Self {
        Self { inner, request, pending: None }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let pending = match this.pending {
            Some(pending) => pending,
            None => {
                let mut answer = match ready!(this.inner.poll(cx)) {
                    Ok(answer) => answer,
                    Err(error) => return Poll::Ready(Err(error)),
                };
                let Some(found) = this.request.found() else {
                    this.request.finish(answer.headers_mut());
                    return Poll::Ready(Ok(answer));
                };
                let request = this.request.clone();
                let overtaken = Box::pin(async move { request.is_overtaken(&found).await });
                this.pending.insert(PendingResponse { answer: Some(answer), overtaken })
            }
        };
        if pending.answer.is_some() && ready!(pending.overtaken.as_mut().poll(cx)) {
            this.request.changes().withdraw();
        }
        match pending.answer.take() {
            Some(mut answer) => {
                this.request.finish(answer.headers_mut());
                Poll::Ready(Ok(answer))
            }
            // Polled again after it returned `Ready`.
            None => Poll::Pending,
        }
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
