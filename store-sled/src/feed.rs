//! Tells the near caches of this process what ended (contract S19). One process owns the folder, so a queue in memory for
//! each is enough.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use hallpass_core::store::{ChangeFeed, Heard, Lost, Proven, Record};
use hallpass_core::{Purpose, Selector, StoreError};

/// How many endings may wait for the turn of a feed: a megabyte. A feed that is asked more rarely loses them.
const MOST: usize = 65_536;

/// The feeds of a folder. It outlives a database that is opened again after the disk failed.
#[derive(Debug, Default)]
pub(crate) struct Feeds(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    feeds: Vec<(Arc<str>, Weak<Queue>)>,
    /// Whether the folder is closed: the next opening has feeds of its own.
    closed: bool,
}

/// What a feed has not reported yet.
#[derive(Debug, Default)]
struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    selectors: Vec<Selector>,
    /// Why endings may be missing. Stays.
    lost: Option<Lost>,
}

impl Feeds {
    /// Returns a feed of this namespace, which hears of every ending that is told from now on.
    pub(crate) fn open(&self, namespace: &Arc<str>) -> SledFeed {
        let queue = Arc::new(Queue::default());
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.feeds.retain(|(_, queue)| queue.strong_count() > 0);
        match open.closed {
            true => queue.lose(Lost::Closed),
            false => open.feeds.push((Arc::clone(namespace), Arc::downgrade(&queue))),
        }
        SledFeed(queue)
    }

    fn tell(&self, namespace: &str, selectors: &[Selector]) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, queue) in open.feeds.iter().filter(|(of, _)| **of == *namespace) {
            if let Some(queue) = queue.upgrade() {
                queue.add(selectors);
            }
        }
    }

    /// Ends all feeds. Call it before the folder can be opened again.
    pub(crate) fn close(&self) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.closed = true;
        for queue in open.feeds.drain(..).filter_map(|(_, queue)| queue.upgrade()) {
            queue.lose(Lost::Closed);
        }
    }
}

/// Records that a call is about to end. Dropping it tells the feeds.
///
/// Make it before the first write, and drop it after the last, under the same locks: told earlier, a cache could read
/// the record once more as it was. It tells also if a write fails or panics half-way: the record may have ended, and
/// then no later call ends it again.
pub(crate) struct Ending<'a> {
    feeds: &'a Feeds,
    namespace: &'a str,
    selectors: Vec<Selector>,
}

impl<'a> Ending<'a> {
    pub(crate) fn new(feeds: &'a Feeds, namespace: &'a str) -> Self {
        Self { feeds, namespace, selectors: Vec::new() }
    }

    /// Adds a record, unless it is used once: such a record is in no cache.
    pub(crate) fn add(&mut self, record: &Record) {
        if record.purpose != Purpose::SingleUse {
            self.selectors.push(record.selector);
        }
    }

    /// Adds a record that cannot be read.
    pub(crate) fn add_unreadable(&mut self, selector: Selector) {
        self.selectors.push(selector);
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if !self.selectors.is_empty() {
            self.feeds.tell(self.namespace, &self.selectors);
        }
    }
}

impl Queue {
    fn add(&self, selectors: &[Selector]) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.lost.is_some() {
            return;
        }
        if waiting.selectors.len() + selectors.len() > MOST {
            *waiting = Waiting { lost: Some(Lost::Trimmed), ..Waiting::default() };
        } else {
            waiting.selectors.extend_from_slice(selectors);
        }
    }

    fn lose(&self, why: Lost) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = waiting.lost.or(Some(why));
        *waiting = Waiting { lost, ..Waiting::default() };
    }
}

/// A feed of one namespace.
#[derive(Debug)]
pub(crate) struct SledFeed(Arc<Queue>);

#[async_trait]
impl ChangeFeed for SledFeed {
    /// Every ending is in the queue before it is acknowledged, so what is there now is all that was acknowledged before.
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        let mut waiting = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = waiting.lost {
            return Ok(Proven::Lost(why));
        }
        let selectors = std::mem::take(&mut waiting.selectors);
        drop(waiting);
        heard.ended(&selectors);
        Ok(Proven::ThisTurn)
    }
}

impl fmt::Debug for Ending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending").field("records", &self.selectors.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use hallpass_core::store::Announced;

    use super::*;

    /// What a turn reports, and what it proves.
    async fn turn(feed: &mut SledFeed) -> (usize, Proven) {
        let count = Arc::new(Mutex::new(0));
        let to = Arc::clone(&count);
        let heard = Heard::new(move |announced: Announced<'_>| match announced {
            Announced::Ended(selectors) => *to.lock().unwrap() += selectors.len(),
            other => panic!("{other:?}"),
        });
        let proven = feed.turn(&heard).await.unwrap();
        let count = *count.lock().unwrap();
        (count, proven)
    }

    #[tokio::test]
    async fn a_feed_that_is_asked_too_rarely_is_lost_and_takes_no_memory() {
        let (feeds, namespace) = (Feeds::default(), "shop".into());
        let mut feed = feeds.open(&namespace);
        feeds.tell("shop", &vec![Selector([1; 16]); MOST]);
        assert_eq!(turn(&mut feed).await, (MOST, Proven::ThisTurn));
        feeds.tell("shop", &vec![Selector([1; 16]); MOST]);
        feeds.tell("other", &[Selector([1; 16])]);
        feeds.tell("shop", &[Selector([1; 16])]);
        assert_eq!(feed.0.0.lock().unwrap().selectors.capacity(), 0);
        for _ in 0..2 {
            assert_eq!(turn(&mut feed).await, (0, Proven::Lost(Lost::Trimmed)));
        }
        let mut another = feeds.open(&namespace);
        feeds.tell("shop", &[Selector([1; 16])]);
        assert_eq!(turn(&mut another).await, (1, Proven::ThisTurn));
    }

    #[tokio::test]
    async fn feeds_end_with_their_folder() {
        let (feeds, namespace) = (Feeds::default(), "shop".into());
        let mut feed = feeds.open(&namespace);
        feeds.close();
        assert_eq!(turn(&mut feed).await, (0, Proven::Lost(Lost::Closed)));
        assert_eq!(turn(&mut feeds.open(&namespace)).await, (0, Proven::Lost(Lost::Closed)));
    }

    #[test]
    fn a_dropped_feed_is_forgotten() {
        let (feeds, namespace) = (Feeds::default(), "shop".into());
        for _ in 0..10 {
            drop(feeds.open(&namespace));
        }
        let _feed = feeds.open(&namespace);
        assert_eq!(feeds.0.lock().unwrap().feeds.len(), 1);
    }
}
