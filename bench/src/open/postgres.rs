//! How our store on PostgreSQL is opened.

use std::sync::Arc;

use hallpass_store_postgres::PostgresStore;

use super::Store;

/// A pool of 16 at most, as its peers have.
pub(crate) async fn postgres(url: &str) -> Store {
    let store = PostgresStore::connect(url).await.map_err(|error| format!("{error:?}"))?;
    store.migrate().await.map_err(|error| format!("{error:?}"))?;
    Ok(Arc::new(store))
}
