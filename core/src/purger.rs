//! Removes expired records at intervals.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::event::{Event, EventKind};
use crate::tokens::Tokens;

/// Calls [`Tokens::purge`] at intervals.
///
/// If a purge fails, it emits an [event](EventKind::PurgeFailed) with the cause and goes on with the next one.
#[derive(Clone, Debug)]
pub struct Purger {
    tokens: Tokens,
    every: Duration,
}

impl Purger {
    /// Creates a purger that waits 10 minutes before each purge.
    #[must_use]
    pub const fn new(tokens: Tokens) -> Self {
        Self { tokens, every: Duration::from_secs(600) }
    }

    /// Sets the time to wait before each purge.
    #[must_use]
    pub const fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Purges until the future is dropped.
    pub async fn run(self) {
        loop {
            sleep(self.every).await;
            if let Err(failure) = self.tokens.purge_surviving().await {
                self.tokens.emit(&Event::new(EventKind::PurgeFailed, self.tokens.now()).source(&failure));
            }
        }
    }

    /// Runs the purger as a task of its own. Abort the task to stop it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use = "abort it to stop"]
    pub fn spawn(self) -> JoinHandle<()> {
        tokio::spawn(self.run())
    }
}
