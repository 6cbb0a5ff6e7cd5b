//! What tests change in a store, or read from it.

use hallpass_core::StoreError;

use crate::builder::Builder;
use crate::revoke::Bounds;
use crate::store::PostgresStore;

impl Builder {
    /// Uses the statements for batches even for a single call, to test them.
    pub fn sharing_always(mut self) -> Self {
        self.share = true;
        self
    }

    /// Sweeps a revocation of more than `most` records in pages of `page`, to test sweeps.
    pub fn sweeping(mut self, most: u32, page: u32) -> Self {
        self.bounds = Bounds { most, page };
        self
    }

    /// Lets at most `most` calls of one sort wait for their turn, to test that limit.
    pub fn queue(mut self, most: usize) -> Self {
        self.queue = most;
        self
    }

    /// Changes one statement or migration, to prove that tests notice: `from` must occur in the file exactly once.
    pub fn patched(mut self, file: &str, from: &str, to: &str) -> Self {
        self.patches.add(file, from, to);
        self
    }
}

impl PostgresStore {
    /// Migrates up to an older version.
    ///
    /// # Errors
    /// Those of [`PostgresStore::migrate`].
    pub async fn migrate_to(&self, version: i32) -> Result<(), StoreError> {
        self.migrate_up_to(version).await
    }

    /// Returns the statements, each with the name of its file.
    #[must_use]
    pub fn statements(&self) -> Vec<(&'static str, String)> {
        let all = self.sql().all().into_iter();
        all.map(|(name, statement)| (name, statement.text().to_owned())).collect()
    }
}
