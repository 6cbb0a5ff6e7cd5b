//! Opens our store on Redis.

use std::sync::Arc;

use hallpass_core::{StoreError, error_chain};
use hallpass_store_redis::RedisStore;

use super::Store;

pub(crate) async fn redis(url: &str) -> Store {
    shared(RedisStore::connect(url).await)
}

pub(crate) async fn redis_cluster(urls: &[&str]) -> Store {
    shared(RedisStore::cluster(urls.iter().copied()).connect().await)
}

fn shared(opened: Result<RedisStore, StoreError>) -> Store {
    Ok(Arc::new(opened.map_err(|error| error_chain(&error))?))
}
