//! The end of a login: closes WebSockets and streams with it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use hallpass_core::Rejected;
use pin_project_lite::pin_project;

use crate::auth::Auth;
use crate::rejection::Rejection;

/// Resolves when a login is ended or expires, with the rejection that its token gets from then on. From
/// [`Auth::ended`].
#[must_use = "it waits for the end only while it is polled"]
pub struct Ended(Pin<Box<dyn Future<Output = Rejected> + Send>>);

pin_project! {
    /// A stream that stops when a login is ended or expires. From [`Auth::until_ended`].
    #[must_use = "it yields nothing unless it is polled"]
    pub struct UntilEnded<S> {
        #[pin]
        stream: S,
        // Absent once either has ended.
        ended: Option<Ended>,
    }
}

impl Auth {
    /// Returns a future that resolves when the login of this request is ended or expires: to close a WebSocket.
    ///
    /// An announcement of the store wakes it, usually within some 20 milliseconds of a log-out on any node. It never
    /// misses an ending, and waits out failures of the store. It borrows nothing, and costs its memory and no calls
    /// while it waits. With a store that announces nothing it asks every 5 seconds.
    ///
    /// It waits for the end of the session or key, whatever else becomes of its user. When a user is banned, end the
    /// user's tokens with [`Tokens::revoke_subject`](hallpass_core::Tokens::revoke_subject); for users who change
    /// otherwise, call [`recheck`](Self::recheck) before something delicate is sent. An open stream is no use of its
    /// session, so it closes when the session is idle for too long.
    ///
    /// # Errors
    /// [`Rejection::Unauthorized`] if no user is logged in; [`Rejection::Failure`] if the user cannot be determined.
    pub async fn ended(&self) -> Result<Ended, Rejection> {
        let mut state = self.0.state.lock().await;
        let resolved = self.0.resolved(&mut state).await?;
        match resolved.admitted_by() {
            // Not the tokens of this request: it may have ended long before.
            Some(valid) => Ok(Ended(Box::pin(self.0.config.tokens.ended(valid)))),
            None => Err(self.unauthorized()),
        }
    }

    /// Returns `stream`, which then stops when the login of this request is ended or expires: for server-sent events.
    /// [`ended`](Self::ended) explains what it waits for.
    ///
    /// # Errors
    /// As for [`ended`](Self::ended).
    pub async fn until_ended<S: Stream>(&self, stream: S) -> Result<UntilEnded<S>, Rejection> {
        Ok(UntilEnded { stream, ended: Some(self.ended().await?) })
    }
}

impl Future for Ended {
    type Output = Rejected;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Rejected> {
        self.0.as_mut().poll(cx)
    }
}

impl<S: Stream> Stream for UntilEnded<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let Some(ended) = this.ended else { return Poll::Ready(None) };
        // First, so that nothing is sent once the end is known.
        if Pin::new(ended).poll(cx).is_pending() {
            match this.stream.poll_next(cx) {
                Poll::Ready(None) => {}
                item_or_pending => return item_or_pending,
            }
        }
        *this.ended = None;
        Poll::Ready(None)
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for UntilEnded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilEnded").finish_non_exhaustive()
    }
}
