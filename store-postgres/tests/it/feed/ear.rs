//! A feed, and what it reported.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use hallpass_core::Selector;
use hallpass_core::store::{Announced, ChangeFeed, Heard, Proven, TokenStore};
use hallpass_store_postgres::{Builder, PostgresStore};

/// A statement's file, the text that is replaced, and its replacement.
pub(crate) type Patch = (&'static str, &'static str, &'static str);

pub(crate) fn patched(builder: Builder, patch: Option<Patch>) -> Builder {
    match patch {
        None => builder,
        Some((file, from, to)) => builder.patched(file, from, to),
    }
}

/// Lets each call of a purge do a step of trimming.
pub(crate) const STEPS: Patch = ("advance.sql", "interval '60 s'", "interval '0'");

pub(crate) struct Ear {
    pub(crate) feed: Box<dyn ChangeFeed>,
    told: Arc<Mutex<Told>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) ended: HashSet<Selector>,
    pub(crate) shards: HashSet<[u8; 2]>,
}

impl Told {
    pub(crate) fn knows(&self, selector: Selector) -> bool {
        self.ended.contains(&selector) || self.shards.contains(&[selector.0[0], selector.0[1]])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.shards.is_empty()
    }
}

impl Ear {
    pub(crate) async fn open(store: &PostgresStore) -> Self {
        Self { feed: store.announcer().unwrap().feed().await.unwrap(), told: Arc::default() }
    }

    fn heard(&self) -> Heard {
        let told = Arc::clone(&self.told);
        Heard::new(move |announced| {
            let mut told = told.lock().unwrap();
            match announced {
                Announced::Ended(selectors) => told.ended.extend(selectors),
                Announced::Shard(shard) => {
                    told.shards.insert(shard);
                }
                other => panic!("{other:?} was reported"),
            }
        })
    }

    pub(crate) async fn turn(&mut self) -> Proven {
        let heard = self.heard();
        self.feed.turn(&heard).await.unwrap()
    }

    /// What was reported since the last call.
    pub(crate) fn told(&self) -> Told {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    /// What the next turn reports, which must prove everything before it.
    pub(crate) async fn hears(&mut self) -> Told {
        assert_eq!(self.turn().await, Proven::ThisTurn);
        self.told()
    }
}
