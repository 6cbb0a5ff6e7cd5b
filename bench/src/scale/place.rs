//! The stores that grow, and how many bytes they take.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::MemoryStore;
use hallpass_core::store::TokenStore;
use hallpass_store_sled::SledStore;
use hallpass_test_servers::{Server, redis as redis_server, redis_command};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::open;
use crate::stores::postgres_server;

/// The cache of PostgreSQL: the default of 128 MB would be unrealistic for millions of rows.
const CACHE: &str = "4GB";

/// A store that grows.
pub(crate) struct Place {
    pub(crate) system: &'static str,
    pub(crate) store: Arc<dyn TokenStore>,
    /// Whether the store purges rows, rather than the server.
    pub(crate) purges: bool,
    /// Whether it ends a very large number of records of a subject in pages, so that others can read.
    pub(crate) sweeps: bool,
    /// What the store runs on. Declared after the store, so that it is dropped last.
    under: Under,
}

enum Under {
    Memory,
    Folder(TempDir),
    Postgres(Server),
    Redis(Server),
}

/// A store that grows, or the name of the missing system and the reason.
type Opened = Result<Place, (&'static str, String)>;

pub(crate) fn memory(_runtime: &Handle) -> Opened {
    let store = Arc::new(MemoryStore::new());
    Ok(Place { system: "hallpass MemoryStore", store, purges: true, sweeps: false, under: Under::Memory })
}

pub(crate) fn sled(_runtime: &Handle) -> Opened {
    let system = "hallpass sled";
    let folder = tempfile::tempdir().map_err(|error| (system, error.to_string()))?;
    let store = SledStore::open(folder.path()).map_err(|error| (system, error.to_string()))?;
    Ok(Place { system, store: Arc::new(store), purges: true, sweeps: false, under: Under::Folder(folder) })
}

pub(crate) fn postgres(runtime: &Handle) -> Opened {
    let system = "hallpass postgres";
    let server = postgres_server(Some(CACHE)).map_err(|error| (system, error.to_string()))?;
    let store = runtime.block_on(open::postgres(server.url())).map_err(|reason| (system, reason))?;
    Ok(Place { system, store, purges: true, sweeps: true, under: Under::Postgres(server) })
}

pub(crate) fn redis(runtime: &Handle) -> Opened {
    let system = "hallpass redis";
    let server = redis_server().map_err(|error| (system, error.to_string()))?;
    let store = runtime.block_on(open::redis(server.url())).map_err(|reason| (system, reason))?;
    Ok(Place { system, store, purges: false, sweeps: true, under: Under::Redis(server) })
}

impl Place {
    /// The bytes that it takes now: files, or memory if it is in memory. The figure is for the whole server or
    /// process, so only differences are meaningful.
    pub(crate) fn bytes(&self, runtime: &Handle) -> u64 {
        match &self.under {
            Under::Memory => resident(),
            Under::Folder(folder) => files(folder.path()),
            Under::Postgres(server) => runtime.block_on(database(server.url())).unwrap(),
            Under::Redis(server) => used_memory(server),
        }
    }
}

/// The memory of this process, in pages of 4 KiB.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4_096
}

fn files(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size =
        |path: PathBuf| if path.is_dir() { files(&path) } else { path.metadata().map_or(0, |of| of.len()) };
    entries.map(|entry| size(entry.path())).sum()
}

/// The size of tables and indexes, without the log.
async fn database(url: &str) -> Result<u64, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let bytes: i64 =
        sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&mut connection).await?;
    Ok(bytes.unsigned_abs())
}

fn used_memory(server: &Server) -> u64 {
    let info = redis_command(server.address(), "INFO memory", Duration::from_secs(5)).unwrap_or_default();
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    used.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or_default()
}
