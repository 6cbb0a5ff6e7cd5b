//! A turn takes some thirty milliseconds, and gives way in between.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Slow>().only(&["feed"]);

#[derive(Default)]
struct Slow;

impl Twist for Slow {
    async fn feed(&self, store: &Base) -> Result<Box<dyn ChangeFeed>, StoreError> {
        Ok(Box::new(SlowFeed(store.feed().await?)))
    }
}

#[derive(Debug)]
struct SlowFeed(Box<dyn ChangeFeed>);

#[async_trait]
impl ChangeFeed for SlowFeed {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        tokio::time::sleep(Duration::from_millis(15)).await;
        let proven = self.0.turn(heard).await;
        tokio::time::sleep(Duration::from_millis(15)).await;
        proven
    }
}
