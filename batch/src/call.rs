//! A call that shares a batch, and the answer that its caller waits for.

use crate::sync::{Arc, AtomicBool, Instant, Ordering, oneshot, timeout_at};

/// A call in the queue or in a batch.
#[derive(Debug)]
pub struct Call<C, A> {
    request: C,
    answer: oneshot::Sender<A>,
    taken: Arc<AtomicBool>,
}

/// Where the caller of a waiting call receives its answer. Dropping it cancels the call, if it was not sent.
#[derive(Debug)]
pub struct PendingAnswer<A> {
    answer: oneshot::Receiver<A>,
    /// Set either by the slot that sends the call or by the caller that stops waiting, whichever comes first. So
    /// both agree whether the call was sent.
    taken: Arc<AtomicBool>,
}

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It was not sent, and will not be.
    NotSent,
    /// It was sent, and its deadline has passed.
    Late,
    /// It was sent, and its batch was dropped: usually the runtime has ended.
    Lost,
}

impl<C, A> Call<C, A> {
    pub(crate) fn new(request: C) -> (Self, PendingAnswer<A>) {
        let (sender, receiver) = oneshot::channel();
        let taken = Arc::new(AtomicBool::new(false));
        let pending = PendingAnswer { answer: receiver, taken: Arc::clone(&taken) };
        (Self { request, answer: sender, taken }, pending)
    }

    /// What the caller asks for.
    pub fn request(&self) -> &C {
        &self.request
    }

    /// Answers the call. Does nothing if the caller has gone.
    pub fn answer(self, answer: A) {
        let _ = self.answer.send(answer);
    }

    /// Declares that nothing of the call was done, so that it can be cancelled again.
    ///
    /// Call [`take`](Self::take) before you send it again.
    pub fn release(&self) {
        self.taken.store(false, Ordering::Release);
    }

    /// Returns whether the call may be sent: its caller still waits.
    #[must_use]
    pub fn take(&self) -> bool {
        // The swap decides. A caller that leaves after the first look swaps too, and only one of both sees `false`.
        !self.is_cancelled() && !self.taken.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.answer.is_closed()
    }
}

impl<A> PendingAnswer<A> {
    /// Waits for the answer.
    ///
    /// # Errors
    /// [`NoAnswer::NotSent`] or [`NoAnswer::Lost`].
    pub async fn wait(self) -> Result<A, NoAnswer> {
        let Self { answer, taken } = self;
        answer.await.map_err(|_| give_up(&taken, NoAnswer::Lost))
    }

    /// Waits for the answer until `deadline`. Only the answer or the deadline wakes the caller.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn wait_until(self, deadline: Instant) -> Result<A, NoAnswer> {
        let Self { answer, taken } = self;
        // The receiver is dropped before `taken` is read. So a call that is released in between is not sent again.
        match timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(give_up(&taken, NoAnswer::Lost)),
            Err(_) => Err(give_up(&taken, NoAnswer::Late)),
        }
    }
}

/// Gives up a call, and returns `why` if it was sent.
fn give_up(taken: &AtomicBool, why: NoAnswer) -> NoAnswer {
    if taken.swap(true, Ordering::AcqRel) { why } else { NoAnswer::NotSent }
}
