//! The settings of the near cache.

use std::sync::Arc;
use std::time::Duration;

use super::clock::NodeClock;

/// The longest lag that can be set.
const LONGEST_LAG: Duration = Duration::from_secs(10);

/// The settings of a near cache: records kept in the memory of this node.
///
/// Give it to [`TokensBuilder::near_cache`](crate::TokensBuilder::near_cache), and name the kinds that are kept with
/// [`Policy::cached_for`](crate::Policy::cached_for). The defaults apply to a kind that is kept if this is not given.
#[derive(Clone, Debug)]
pub struct NearCache {
    pub(super) lag: Duration,
    /// Whether the lag was set.
    names_lag: bool,
    pub(super) capacity: usize,
    pub(super) poll_every: Duration,
    pub(super) clock: Option<Arc<dyn NodeClock>>,
}

impl NearCache {
    /// Creates the default settings: a lag of 1 second, 64 MiB, a turn every 20 milliseconds.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lag: Duration::from_secs(1),
            names_lag: false,
            capacity: 64 * 1024 * 1024,
            poll_every: Duration::from_millis(20),
            clock: None,
        }
    }

    /// Sets the lag: how long after its acknowledgement an ending may still be unseen here, whatever fails. From 100
    /// milliseconds to 10 seconds.
    ///
    /// Usually it is seen within the time of [`poll_every`](Self::poll_every). A store that does not answer for
    /// longer than the lag is asked for every verification until it answers again.
    ///
    /// A service that keeps no kind, an administration tool for instance, may set it, too: to the longest lag of the
    /// nodes that keep some, for [`Tokens::waited_out`](crate::Tokens::waited_out).
    #[must_use]
    pub const fn lag(mut self, lag: Duration) -> Self {
        self.lag = lag;
        self.names_lag = true;
        self
    }

    /// Sets the most memory that records take, in bytes: at least 1 MiB. A record takes some 700 bytes.
    #[must_use]
    pub const fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// Sets the pause between two turns of the feed: from 1 millisecond to a quarter of the lag.
    #[must_use]
    pub const fn poll_every(mut self, pause: Duration) -> Self {
        self.poll_every = pause;
        self
    }

    /// Takes the time from `clock`.
    #[doc(hidden)]
    #[must_use]
    pub fn node_clock(mut self, clock: impl NodeClock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Returns the longest lag of any node, as far as a service with these settings knows. If it keeps no kind and its
    /// lag was not set, other nodes may have any lag.
    pub(crate) const fn longest_lag(&self, keeps: bool) -> Duration {
        if keeps || self.names_lag { self.lag } else { LONGEST_LAG }
    }

    /// # Errors
    /// The rule that a setting breaks.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let milli = Duration::from_millis(1);
        match self {
            _ if self.lag < milli * 100 || self.lag > LONGEST_LAG => {
                Err("the lag is from 100 milliseconds to 10 seconds")
            }
            _ if self.poll_every < milli || self.poll_every > self.lag / 4 => {
                Err("the pause between two turns is from 1 millisecond to a quarter of the lag")
            }
            _ if self.capacity < 1024 * 1024 => Err("the capacity is at least 1 MiB"),
            _ => Ok(()),
        }
    }
}

impl Default for NearCache {
    fn default() -> Self {
        Self::new()
    }
}
