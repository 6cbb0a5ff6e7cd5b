//! Two calls at once, interleaved on purpose: the same way every time, without threads or luck.

use std::ops::Range;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use hallpass_core::StoreError;
use tokio::task::{JoinError, yield_now};
use tokio::time::timeout;

use crate::history::now;
use crate::outcome::{Ran, Stop};
use crate::race::contest;

/// How long the second call may wait for the first one, which is held up: behind its lock it would wait
/// for ever, and that is no fault.
const PATIENCE: Duration = Duration::from_millis(25);
/// At how many of its steps the first call is held up in turn.
const STEPS: usize = 5;

/// What came of holding a call up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// It ended at its first step: nothing can come in between.
    AtOnce,
    /// The second call ran, or waited, in the middle of it.
    Held,
    /// It had ended by then: it is a single trip to the server, or goes on in a task of its own.
    Missed,
}

/// Lets `first` take `steps` steps, then `second` run to its end, then `first`. Where `second` waits for
/// `first`, both go on together.
pub(crate) async fn hold_up<A, B>(
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
    match timeout(PATIENCE, second.as_mut()).await {
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

/// How two calls are made at once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    /// The first of them is held up after so many steps; or the second one, if they are swapped.
    Held { steps: usize, swapped: bool },
    /// Each in a task of its own.
    Free,
}

impl How {
    pub(crate) async fn make<A: Send + 'static, B: Send + 'static>(
        self,
        first: impl Future<Output = Result<A, StoreError>> + Send + 'static,
        second: impl Future<Output = Result<B, StoreError>> + Send + 'static,
    ) -> Ran<(A, B, Met)> {
        match self {
            Self::Held { steps, swapped: false } => {
                let (a, b, met) = hold_up(first, steps, second).await;
                Ok((a?, b?, met))
            }
            Self::Held { steps, swapped: true } => {
                let (b, a, met) = hold_up(second, steps, first).await;
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

/// Plays `round` with its first call held up at each of its steps, then with its second one. Where none could be held
/// up they run freely at once; if they never overlap nothing is shown.
pub(crate) async fn meet(mut round: impl AsyncFnMut(How) -> Ran<Met>) -> Ran {
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

/// Polls `future` up to `steps` times, each time after whatever it waits for has had a chance.
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
