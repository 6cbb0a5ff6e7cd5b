//! How our store on Redis is opened.

use std::sync::Arc;

use hallpass_store_redis::RedisStore;

use super::Store;

pub(crate) async fn redis(url: &str) -> Store {
    let store = RedisStore::connect(url).await;
    Ok(Arc::new(store.map_err(|error| format!("{error:?}"))?))
}

pub(crate) async fn redis_cluster(urls: &[&str]) -> Store {
    let store = RedisStore::cluster(urls.iter().copied()).connect().await;
    Ok(Arc::new(store.map_err(|error| format!("{error:?}"))?))
}
