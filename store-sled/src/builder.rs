//! The settings of a store, and how its folder is opened.

use std::path::PathBuf;
use std::time::Duration;

use hallpass_core::StoreError;

use crate::error::Error;
use crate::folder::{Folder, Options};
use crate::store::SledStore;

/// The default namespace.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";
const NAMESPACE_MAX_LEN: usize = 64;
/// The shortest timeout: no disk reliably answers sooner.
const SHORTEST: Duration = Duration::from_millis(10);
/// The longest timeout: every call ends within it (S12).
const LONGEST: Duration = Duration::from_secs(20);

/// Opens a [`SledStore`] with settings other than the defaults.
///
/// Made by [`SledStore::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    path: PathBuf,
    namespace: String,
    /// Whether a touch is acknowledged only when it is flushed.
    pub(crate) flushes_touches: bool,
    options: Options,
}

impl SledStore {
    /// Opens the folder at `path`, as [`Builder::open`] does.
    ///
    /// **Blocks.**
    ///
    /// # Errors
    /// Those of [`Builder::open`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::builder(path).open()
    }

    /// Returns a builder, for another namespace or other limits.
    pub fn builder(path: impl Into<PathBuf>) -> Builder {
        Builder::new(path.into())
    }
}

impl Builder {
    fn new(path: PathBuf) -> Self {
        let options = Options { cache_bytes: 1 << 30, timeout: LONGEST };
        Self { path, namespace: DEFAULT_NAMESPACE.to_owned(), flushes_touches: true, options }
    }

    /// Sets the namespace, which keeps this store apart from others in the same folder: 1 to 64 characters of
    /// `a`–`z`, `0`–`9`, `_` and `-`; "default" by default.
    ///
    /// Meant for a handful, because sled uses space for each.
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = name.into();
        self
    }

    /// Sets how much of the folder sled may keep in memory, in bytes: 1 GiB by default, and never more than
    /// the size of the files.
    ///
    /// If the files outgrow it, reads move to blocking threads.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.options.cache_bytes = bytes;
        self
    }

    /// Sets how long a call may take before it fails: 20 s by default, at least 10 ms and at most 20 s (contract
    /// S12).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = limit.clamp(SHORTEST, LONGEST);
        self
    }

    /// Opens the folder, and creates it if it does not exist.
    ///
    /// **Blocks**: for a moment, or, after a crash, for about a second for every 100,000 records.
    ///
    /// If this process already has the folder open, the handles share it, with the cache size and the timeout
    /// of the first.
    ///
    /// # Errors
    /// - [`StoreError::Refused`]: an invalid namespace or cache size; the folder belongs to something else,
    ///   was written by a newer version, or cannot be written to.
    /// - [`StoreError::Unavailable`]: another process has the folder open; the disk is full or fails.
    /// - [`StoreError::Corrupt`]: sled cannot read its files.
    pub fn open(self) -> Result<SledStore, StoreError> {
        let legal = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if !(1..=NAMESPACE_MAX_LEN).contains(&self.namespace.len()) || !self.namespace.bytes().all(legal) {
            return Err(refused("a namespace must be 1 to 64 characters of a-z, 0-9, '_' and '-'"));
        }
        let folder = Folder::open(&self.path, self.options)?;
        SledStore::new(folder, self.namespace.into(), self.flushes_touches)
    }
}

fn refused(why: &'static str) -> StoreError {
    StoreError::Refused(Error::Plain(why).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_bounds() {
        let day = Duration::from_secs(86_400);
        for (asked, limit) in [(day, LONGEST), (Duration::ZERO, SHORTEST), (SHORTEST * 2, SHORTEST * 2)] {
            assert_eq!(SledStore::builder("folder").timeout(asked).options.timeout, limit);
        }
        assert_eq!(SledStore::builder("folder").options.timeout, LONGEST);
    }
}
