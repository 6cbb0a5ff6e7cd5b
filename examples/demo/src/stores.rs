//! The stores that this program was built with, and how `--store` names them.
//!
//! To add one, add a feature in `Cargo.toml`, a line in [`KNOWN`] and an arm of [`Store::open`].

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::MemoryStore;
use hallpass_core::store::TokenStore;

/// For each store: the scheme, the form of the whole text, and whether only one process can use it.
const KNOWN: &[(&str, &str, bool)] = &[
    ("memory", "memory:", true),
    #[cfg(feature = "postgres")]
    ("postgres", "postgres://USER:PASSWORD@HOST/DATABASE", false),
    #[cfg(feature = "redis")]
    ("redis", "redis://HOST", false),
    #[cfg(feature = "redis")]
    ("redis+cluster", "redis+cluster://HOST,HOST", false),
    #[cfg(feature = "redis")]
    ("redis+sentinel", "redis+sentinel://HOST,HOST/MASTER", false),
    #[cfg(feature = "sled")]
    ("sled", "sled:PATH", true),
];

/// The maximum clock difference between several nodes. A single process has only one clock.
const MAX_SKEW: Duration = Duration::from_secs(10);

type Opened = Result<Arc<dyn TokenStore>, Box<dyn Error>>;

/// Where logins are kept.
pub(crate) struct Store {
    scheme: &'static str,
    alone: bool,
    /// The whole text of the option. It may contain a password.
    text: String,
}

/// The stores, as `--help` shows them.
pub(crate) fn known() -> String {
    let known: Vec<_> = KNOWN.iter().map(|(_, look, _)| *look).collect();
    known.join(", ")
}

impl Store {
    /// Opens the store.
    ///
    /// # Errors
    /// If it cannot be opened. The errors do not repeat the text of the option.
    pub(crate) async fn open(&self) -> Opened {
        match self.scheme {
            #[cfg(feature = "postgres")]
            "postgres" => {
                let store = hallpass_store_postgres::PostgresStore::connect(&self.text).await?;
                store.migrate().await?;
                Ok(Arc::new(store))
            }
            #[cfg(feature = "redis")]
            "redis" | "redis+cluster" | "redis+sentinel" => {
                Ok(Arc::new(hallpass_store_redis::RedisStore::connect(&self.text).await?))
            }
            #[cfg(feature = "sled")]
            "sled" => {
                let path = self.text.strip_prefix("sled:").unwrap_or_default();
                Ok(Arc::new(hallpass_store_sled::SledStore::open(path)?))
            }
            _ => Ok(Arc::new(MemoryStore::new())),
        }
    }

    /// The maximum clock difference between the processes that share the store.
    pub(crate) fn max_skew(&self) -> Duration {
        if self.alone { Duration::ZERO } else { MAX_SKEW }
    }
}

impl Default for Store {
    /// A folder, if this program was built with sled.
    fn default() -> Self {
        let folder = "sled:./hallpass-demo-data".parse();
        folder.unwrap_or(Self { scheme: "memory", alone: true, text: "memory:".into() })
    }
}

impl FromStr for Store {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let scheme = text.split_once(':').map(|(scheme, rest)| (scheme, rest.is_empty()));
        KNOWN
            .iter()
            .find(|&&(known, _, _)| scheme == Some((known, known == "memory")))
            .map(|&(scheme, _, alone)| Self { scheme, alone, text: text.to_owned() })
            .ok_or_else(|| {
                let all = cfg!(all(feature = "postgres", feature = "redis", feature = "sled"));
                let more = if all { "" } else { "; cargo's --features postgres,redis,sled adds others" };
                format!("a store is one of {}{more}", known())
            })
    }
}

impl fmt::Display for Store {
    /// The whole text, unless it names a server and may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.alone { &self.text } else { self.scheme })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&format_args!("{self}")).finish()
    }
}
