//! Pauses between the attempts of a save that loses its compare-and-swap repeatedly.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::random::random;

/// The time after which a save gives up.
const LIMIT: Duration = Duration::from_secs(2);

/// Spaces out the attempts: no pause before the first, then a random one whose limit doubles up to 64 ms (contract
/// D15).
#[derive(Default)]
pub(crate) struct Backoff {
    tries: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// Waits before the next attempt.
    ///
    /// # Errors
    /// [`Error::Backend`] if the time is up, or if random bytes are not available.
    pub(crate) async fn pause(&mut self) -> Result<(), Error> {
        if self.tries > 0 {
            let now = Instant::now();
            if now > *self.until.get_or_insert(now + LIMIT) {
                return Err(Error::Backend("the session kept changing until the time limit".into()));
            }
            let ceiling = 1_000 << self.tries.min(6);
            sleep(Duration::from_micros(u64::from_be_bytes(random()?) % ceiling)).await;
        }
        self.tries += 1;
        Ok(())
    }
}
