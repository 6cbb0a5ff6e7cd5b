//! The feed of the memory store: a queue for each subscriber, filled while the tables are locked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;

use crate::error::StoreError;
use crate::selector::Selector;
use crate::store::{ChangeFeed, Heard, Lost, Proven};

/// The most selectors that wait for a turn: 1 MiB. A subscriber that is further behind has to forget everything.
const LONGEST: usize = 65_536;

/// The queues of all feeds that are open.
#[derive(Default)]
pub(super) struct Feeds(Vec<Weak<Queue>>);

#[derive(Debug, Default)]
struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    ended: Vec<Selector>,
    /// Whether selectors did not fit.
    trimmed: bool,
}

/// One open feed.
#[derive(Debug)]
struct MemoryFeed(Arc<Queue>);

impl Feeds {
    pub(super) fn open(&mut self) -> Box<dyn ChangeFeed> {
        self.0.retain(|queue| queue.strong_count() > 0);
        let queue = Arc::new(Queue::default());
        self.0.push(Arc::downgrade(&queue));
        Box::new(MemoryFeed(queue))
    }

    /// Announces that a record ended. The caller holds the lock of the tables: the ending is announced before it is
    /// acknowledged, and no read that comes after the announcement misses it.
    pub(super) fn announce(&self, selector: Selector) {
        for queue in self.0.iter().filter_map(Weak::upgrade) {
            let mut waiting = queue.lock();
            if waiting.ended.len() < LONGEST {
                waiting.ended.push(selector);
            } else {
                waiting.trimmed = true;
            }
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ChangeFeed for MemoryFeed {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        let Waiting { ended, trimmed } = std::mem::take(&mut *self.0.lock());
        if trimmed {
            return Ok(Proven::Lost(Lost::Trimmed));
        }
        heard.ended(&ended);
        Ok(Proven::ThisTurn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_feed_that_is_too_far_behind_says_so_once_and_goes_on() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&heard);
        let reports = Heard::new(move |announced| to.lock().unwrap().push(format!("{announced:?}").len()));
        let mut feeds = Feeds::default();
        let mut feed = feeds.open();
        for _ in 0..=LONGEST {
            feeds.announce(Selector([1; 16]));
        }
        assert_eq!(feed.turn(&reports).await.unwrap(), Proven::Lost(Lost::Trimmed));
        assert!(heard.lock().unwrap().is_empty());
        feeds.announce(Selector([2; 16]));
        assert_eq!(feed.turn(&reports).await.unwrap(), Proven::ThisTurn);
        assert_eq!(heard.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_feed_that_was_dropped_leaves_nothing_behind() {
        let mut feeds = Feeds::default();
        drop(feeds.open());
        let _open = feeds.open();
        assert_eq!(feeds.0.len(), 1);
    }
}
