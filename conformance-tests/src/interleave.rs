//! Two calls at once, interleaved on purpose: the same way every time, without threads or luck.

use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::timeout;

/// How long the second call may wait for the first one, which is held up: behind its lock it would wait
/// for ever, and that is no fault.
const PATIENCE: Duration = Duration::from_millis(25);
/// At how many of its steps the first call is held up in turn.
pub(crate) const STEPS: usize = 5;

/// Lets `first` take `steps` steps, then `second` run to its end, then `first`. Where `second` waits for
/// `first`, both go on together.
pub(crate) async fn hold_up<A, B>(
    first: impl Future<Output = A>,
    steps: usize,
    second: impl Future<Output = B>,
) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    if let Some(a) = step(first.as_mut(), steps).await {
        return (a, second.await);
    }
    match timeout(PATIENCE, second.as_mut()).await {
        Ok(b) => (first.await, b),
        Err(_) => tokio::join!(first, second),
    }
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
