//! Opens our store on Redis.

use std::error::Error;
use std::sync::Arc;

use hallpass_core::StoreError;
use hallpass_store_redis::RedisStore;

use super::Store;

pub(crate) async fn redis(url: &str) -> Store {
    shared(RedisStore::connect(url).await)
}

pub(crate) async fn redis_cluster(urls: &[&str]) -> Store {
    shared(RedisStore::cluster(urls.iter().copied()).connect().await)
}

fn shared(opened: Result<RedisStore, StoreError>) -> Store {
    match opened {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => {
            Err(format!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default()))
        }
    }
}
