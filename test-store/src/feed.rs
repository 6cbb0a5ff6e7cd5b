//! The feed of the store behind the gate, until the test breaks it.

use async_trait::async_trait;
use hallpass_core::StoreError;
use hallpass_core::store::{Announcer, ChangeFeed, Heard, Lost, Proven};

use crate::Gate;

#[async_trait]
impl Announcer for Gate {
    async fn feed(&self) -> Result<Box<dyn ChangeFeed>, StoreError> {
        let broken = || Err(StoreError::Unavailable("the test broke the feed".into()));
        match self.store.announcer() {
            Some(announcer) if !self.is_deaf() => {
                Ok(Box::new(Feed { feed: announcer.feed().await?, gate: self.clone() }))
            }
            _ => broken(),
        }
    }
}

#[derive(Debug)]
struct Feed {
    feed: Box<dyn ChangeFeed>,
    gate: Gate,
}

#[async_trait]
impl ChangeFeed for Feed {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        if self.gate.is_deaf() { Ok(Proven::Lost(Lost::Closed)) } else { self.feed.turn(heard).await }
    }
}
