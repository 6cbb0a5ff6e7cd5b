//! A turn that is dropped leaves its connection in the pool with the answer under way: the next call reads that answer,
//! which is none of its own.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Spoils>(&[(S12, "feed::a_turn_that_is_dropped_leaves_the_store_working")]);

#[derive(Default)]
struct Spoils {
    spoiled: Arc<Locked<bool>>,
}

impl Twist for Spoils {
    async fn before(&self, _: &Base) -> Result<Held, StoreError> {
        match std::mem::take(&mut *self.spoiled.lock()) {
            true => Err(StoreError::Other("unexpected response from the server".into())),
            false => Ok(Box::new(())),
        }
    }
    async fn feed(&self, store: &Base) -> Result<Box<dyn ChangeFeed>, StoreError> {
        Ok(Box::new(Spoiling { feed: store.feed().await?, spoiled: Arc::clone(&self.spoiled) }))
    }
}

#[derive(Debug)]
struct Spoiling {
    feed: Box<dyn ChangeFeed>,
    spoiled: Arc<Locked<bool>>,
}

#[async_trait]
impl ChangeFeed for Spoiling {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        *self.spoiled.lock() = true;
        give_way().await;
        *self.spoiled.lock() = false;
        self.feed.turn(heard).await
    }
}
