//! Interleaves two concurrent calls deterministically, without threads.

use std::ops::Range;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use hallpass_core::StoreError;
use tokio::task::{JoinError, yield_now};
use tokio::time::timeout;

use crate::history::now;
use crate::outcome::{CaseResult, Stop};
use crate::race::contest;

/// How long the second call may wait while the first one is held up. If it waits for a lock of the first one, it
/// would wait without end; that is no fault.
const SECOND_CALL_TIMEOUT: Duration = Duration::from_millis(25);
/// At how many of its steps, in turn, the first call is held up.
const STEPS: usize = 5;

/// What happened when a call was held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// The call ended at its first step: nothing can run in between.
    AtOnce,
    /// The second call ran, or waited, in the middle of it.
    Held,
    /// The call had already ended: it is a single round trip to the server, or continues in a task of its own.
    Missed,
}

/// Lets `first` take `steps` steps, then runs `second` to its end, then `first`. If `second` waits for `first`, both
/// continue together.
pub(crate) async fn interleave<A, B>(
    first: impl Future<Output = A>,
    steps: usize,
    second: impl Future<Output = B>,
) -> (A, B, Met) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    if let Some(a) = step(first.as_mut(), steps.min(1)).await {
        return (a, second.await, Met::AtOnce);
    }
    if steps > 1 {
        yield_now().await;
        if let Some(a) = step(first.as_mut(), steps - 1).await {
            return (a, second.await, Met::Missed);
        }
    }
    match timeout(SECOND_CALL_TIMEOUT, second.as_mut()).await {
        Ok(b) => match step(first.as_mut(), 1).await {
            Some(a) => (a, b, Met::Missed),
            None => (first.await, b, Met::Held),
        },
        Err(_) => {
            let (a, b) = tokio::join!(first, second);
            (a, b, Met::Held)
        }
    }
}

/// How two concurrent calls are run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    /// The first call is held up after this many steps; if `swapped`, the second one is.
    Held { steps: usize, swapped: bool },
    /// Each runs in a task of its own.
    Free,
}

impl How {
    pub(crate) async fn make<A: Send + 'static, B: Send + 'static>(
        self,
        first: impl Future<Output = Result<A, StoreError>> + Send + 'static,
        second: impl Future<Output = Result<B, StoreError>> + Send + 'static,
    ) -> CaseResult<(A, B, Met)> {
        match self {
            Self::Held { steps, swapped: false } => {
                let (a, b, met) = interleave(first, steps, second).await;
                Ok((a?, b?, met))
            }
            Self::Held { steps, swapped: true } => {
                let (b, a, met) = interleave(second, steps, first).await;
                Ok((a?, b?, met))
            }
            Self::Free => {
                let (first, second) = (tokio::spawn(timed(first)), tokio::spawn(timed(second)));
                let failed = |error: JoinError| Stop::Harness(error.to_string());
                let (a, first_ran) = first.await.map_err(failed)?;
                let (b, second_ran) = second.await.map_err(failed)?;
                let overlapped = first_ran.start < second_ran.end && second_ran.start < first_ran.end;
                Ok((a?, b?, if overlapped { Met::Held } else { Met::Missed }))
            }
        }
    }
}

async fn timed<T>(call: impl Future<Output = T>) -> (T, Range<Instant>) {
    let start = now();
    (call.await, start..now())
}

/// Plays `round` with its first call held up at each of its steps, then with its second one. If neither could be held
/// up, they run freely; if they never overlap, the case shows nothing.
pub(crate) async fn meet(mut round: impl AsyncFnMut(How) -> CaseResult<Met>) -> CaseResult {
    let mut met = Vec::new();
    for swapped in [false, true] {
        for steps in 1..=STEPS {
            met.push(round(How::Held { steps, swapped }).await?);
        }
    }
    if met.contains(&Met::Held) || !met.contains(&Met::Missed) {
        return Ok(());
    }
    contest(async |_| Ok(round(How::Free).await? == Met::Held)).await
}

/// Polls `future` up to `steps` times, giving what it waits for a chance to progress before each poll.
pub(crate) async fn step<T>(mut future: Pin<&mut impl Future<Output = T>>, steps: usize) -> Option<T> {
    for taken in 0..steps {
        if taken > 0 {
            yield_now().await;
        }
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(value) = polled {
            return Some(value);
        }
    }
    None
}
