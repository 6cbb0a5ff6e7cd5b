//! The stores that this program was built with, and how `--store` names them.
//!
//! Another one is a feature in `Cargo.toml`, a line in [`KNOWN`] and an arm of [`Store::open`].

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::{MemoryStore, TokenStore};

/// How the text for each begins, how all of it looks, and whether it belongs to one process at a time.
const KNOWN: &[(&str, &str, bool)] = &[
    ("memory", "memory:", true),
    #[cfg(feature = "sled")]
    ("sled", "sled:PATH", true),
];

/// How far the clocks of several nodes may be apart. Those of a single process do not differ.
const MAX_SKEW: Duration = Duration::from_secs(10);

type Opened = Result<Arc<dyn TokenStore>, Box<dyn Error>>;

/// Where logins are kept.
pub(crate) struct Store {
    scheme: &'static str,
    alone: bool,
    /// The whole text. It may hold a password.
    text: String,
}

/// Each store, as `--help` shows it.
pub(crate) fn known() -> String {
    let known: Vec<_> = KNOWN.iter().map(|(_, look, _)| *look).collect();
    known.join(", ")
}

impl Store {
    /// Opens it.
    pub(crate) async fn open(&self) -> Opened {
        match self.scheme {
            #[cfg(feature = "sled")]
            "sled" => sled(self.rest()),
            _ => Ok(Arc::new(MemoryStore::new())),
        }
    }

    /// How far the clocks of those who share it may be apart.
    pub(crate) fn max_skew(&self) -> Duration {
        if self.alone { Duration::ZERO } else { MAX_SKEW }
    }

    fn rest(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, rest)| rest)
    }
}

impl Default for Store {
    /// A folder, if this program can keep one.
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
            .ok_or_else(|| format!("a store is one of {}", known()))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

#[cfg(feature = "sled")]
fn sled(path: &str) -> Opened {
    match hallpass_store_sled::SledStore::open(path) {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(format!("cannot open {path}: {}", hallpass_demo::with_causes(&error)).into()),
    }
}
