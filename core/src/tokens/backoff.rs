//! Pauses between the tries of a call that keeps losing its compare-and-swap.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Tokens;
use crate::error::Failure;

/// How long a call keeps reading and deciding again.
const LIMIT: Duration = Duration::from_secs(2);
/// The longest pause between two tries, in milliseconds.
const LONGEST_PAUSE: u64 = 64;

/// Spaces out the tries of a call that keeps losing its compare-and-swap (contract D15).
#[derive(Default)]
pub(super) struct Backoff {
    tries: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// Waits before the next try: not before the first, then for a random time whose limit doubles.
    ///
    /// # Errors
    /// [`Failure::Contended`] when the time is up.
    pub(super) async fn pause(&mut self, tokens: &Tokens) -> Result<(), Failure> {
        let now = Instant::now();
        if now > *self.until.get_or_insert(now + LIMIT) {
            return Err(Failure::Contended);
        }
        if self.tries > 0 {
            let ceiling = (1 << self.tries.min(6)).min(LONGEST_PAUSE) * 1_000;
            // The randomness only spreads the tries: if it is missing, a token that can be judged is not refused.
            let jitter = tokens.random().map_or(ceiling / 2, |bytes| u64::from_be_bytes(bytes) % ceiling);
            sleep(Duration::from_micros(jitter)).await;
        }
        self.tries += 1;
        Ok(())
    }
}
