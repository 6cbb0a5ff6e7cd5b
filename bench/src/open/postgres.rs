//! Opens our store on PostgreSQL.

use std::sync::Arc;

use hallpass_store_postgres::PostgresStore;

use super::Store;

/// Opens it with a pool of at most 16 connections, as the peers have.
pub(crate) async fn postgres(url: &str) -> Store {
    let store = PostgresStore::connect(url).await.map_err(|error| format!("{error:?}"))?;
    store.migrate().await.map_err(|error| format!("{error:?}"))?;
    Ok(Arc::new(store))
}
