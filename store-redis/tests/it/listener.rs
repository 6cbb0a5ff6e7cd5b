//! A reader of a feed, which knows what a near cache would know.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use hallpass_core::store::{Announced, ChangeFeed, Heard, Lost, Proven, TokenStore};
use hallpass_core::{Selector, StoreError};
use hallpass_store_redis::RedisStore;

/// A feed, and what it has said.
pub(crate) struct Listener {
    feed: Box<dyn ChangeFeed>,
    heard: Heard,
    said: Arc<Mutex<Said>>,
    /// When the turn before began; `None` after one that failed.
    before: Option<Instant>,
}

/// What was reported.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) records: HashSet<Selector>,
    pub(crate) shards: HashSet<[u8; 2]>,
}

/// What became of a turn.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Everything acknowledged before this instant was heard; `None` if the turn proved nothing yet.
    Proven(Option<Instant>),
    Lost(Lost),
    Failed(StoreError),
}

impl Listener {
    pub(crate) async fn open(store: &RedisStore) -> Self {
        Self::of(store.announcer().unwrap().feed().await.unwrap())
    }

    pub(crate) fn of(feed: Box<dyn ChangeFeed>) -> Self {
        let said = Arc::new(Mutex::new(Said::default()));
        let to = Arc::clone(&said);
        let heard = Heard::new(move |announced: Announced<'_>| {
            let mut said = to.lock().unwrap();
            match announced {
                Announced::Ended(selectors) => said.records.extend(selectors),
                Announced::Shard(shard) => drop(said.shards.insert(shard)),
                other => panic!("{other:?}"),
            }
        });
        Self { feed, heard, said, before: None }
    }

    pub(crate) async fn turn(&mut self) -> Turn {
        let began = Instant::now();
        match self.feed.turn(&self.heard).await {
            Ok(Proven::ThisTurn) => Turn::Proven(Some(began)),
            Ok(Proven::TurnBefore) => Turn::Proven(self.before.replace(began)),
            Ok(Proven::Lost(why)) => Turn::Lost(why),
            Err(error) => {
                self.before = None;
                Turn::Failed(error)
            }
        }
    }

    /// Has turns until one proves that everything acknowledged by now was heard.
    pub(crate) async fn catch_up(&mut self) {
        let now = Instant::now();
        loop {
            match self.turn().await {
                Turn::Proven(Some(at)) if at >= now => return,
                Turn::Proven(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Has turns until the feed is lost.
    pub(crate) async fn until_lost(&mut self) -> Lost {
        let limit = std::time::Duration::from_secs(60);
        let losing = async {
            loop {
                match self.turn().await {
                    Turn::Lost(why) => return why,
                    _ => tokio::task::yield_now().await,
                }
            }
        };
        tokio::time::timeout(limit, losing).await.unwrap()
    }

    pub(crate) fn has(&self, selector: Selector) -> bool {
        let said = self.said.lock().unwrap();
        said.records.contains(&selector) || said.shards.contains(&selector.shard())
    }

    pub(crate) fn take(&self) -> Said {
        std::mem::take(&mut *self.said.lock().unwrap())
    }
}
