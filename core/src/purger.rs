//! Collects expired records regularly.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::event::{Event, EventKind};
use crate::tokens::Tokens;

/// Calls [`Tokens::purge`] at intervals. An error is an [event](EventKind::PurgeFailed) with its cause, and the next
/// purge comes all the same.
#[derive(Clone, Debug)]
pub struct Purger {
    tokens: Tokens,
    every: Duration,
}

impl Purger {
    /// A purger that waits 10 minutes between two purges.
    #[must_use]
    pub const fn new(tokens: Tokens) -> Self {
        Self { tokens, every: Duration::from_secs(600) }
    }

    /// Waits for `every` before each purge.
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

    /// The same as a task of its own. Abort it to stop.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use = "abort it to stop"]
    pub fn spawn(self) -> JoinHandle<()> {
        tokio::spawn(self.run())
    }
}
