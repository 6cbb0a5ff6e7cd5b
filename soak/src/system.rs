//! The systems under test, and how a node opens a store on one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::store::TokenStore;
use hallpass_core::{BoxError, MemoryStore};
use hallpass_store_postgres::PostgresStore;
use hallpass_store_redis::RedisStore;

/// The time limit of a store's calls. A call that hangs keeps its user from other calls.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Where the records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// In the memory of this process, without a server: nothing is stopped or cut.
    Memory,
    /// On PostgreSQL.
    Postgres,
    /// On one Redis server.
    Redis,
}

/// Opens a store. `MemoryStore` has no URL, and each call gets a new one: pass on clones of the first.
///
/// # Errors
/// Any failure to open it.
pub(crate) async fn open(
    system: System,
    url: &str,
    namespace: &str,
) -> Result<Arc<dyn TokenStore>, BoxError> {
    Ok(match system {
        System::Memory => Arc::new(MemoryStore::new()),
        System::Postgres => {
            let builder = PostgresStore::builder().schema(namespace).timeout(TIMEOUT);
            let store = builder.connect(url).await?;
            store.migrate().await?;
            Arc::new(store)
        }
        System::Redis => {
            Arc::new(RedisStore::single(url).namespace(namespace).timeout(TIMEOUT).connect().await?)
        }
    })
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        })
    }
}

impl FromStr for System {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = [Self::Memory, Self::Postgres, Self::Redis];
        all.into_iter().find(|system| system.to_string() == name).ok_or(format!("there is no system {name}"))
    }
}
