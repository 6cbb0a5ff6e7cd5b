//! Checks a folder that was not closed cleanly: adds missing entries, and removes entries without a record.

use std::collections::BTreeSet;

use hallpass_core::store::Record;
use hallpass_core::{Selector, StoreError};

use crate::engine::Engine;
use crate::error::{damaged, from_sled};
use crate::keys;

/// What the check at opening found and repaired.
///
/// The log is written in an order that leaves at worst entries without a record. So an `added` other than 0
/// points to damage beyond a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repair {
    /// The number of valid records.
    pub records: u64,
    /// The number of records that do not decode. They are left as they are, and reported to callers that ask
    /// for them.
    pub corrupt: u64,
    /// The number of missing index entries that were added.
    pub added: u64,
    /// The number of index entries without a record that were removed.
    pub removed: u64,
}

impl Repair {
    /// Checks every namespace of a database that was not closed cleanly.
    ///
    /// # Errors
    /// [`StoreError`] if the disk fails or sled's own structures are damaged.
    pub(crate) fn of(engine: &Engine) -> Result<Option<Self>, StoreError> {
        if engine.is_clean() {
            return Ok(None);
        }
        engine.run(true, |engine| {
            let mut all = Self::default();
            for tree in engine.trees()? {
                all.check(engine, &tree)?;
            }
            engine.flush()?;
            Ok(Some(all))
        })
    }

    /// Checks one namespace, and adds up the findings. Makes two passes over every key, with one read for
    /// each entry.
    fn check(&mut self, engine: &Engine, tree: &sled::Tree) -> Result<(), StoreError> {
        let mut corrupt = BTreeSet::new();
        for item in tree.scan_prefix([keys::RECORD]) {
            let (key, value) = item.map_err(|error| from_sled(&error))?;
            let selector = keys::selector_at_end(&key);
            match Record::decode(&value) {
                Ok(record) if Some(record.selector) == selector => {
                    self.records += 1;
                    self.demand(engine, tree, &keys::due(&record))?;
                    if let Some(entry) = keys::of_subject(&record) {
                        self.demand(engine, tree, &entry)?;
                    }
                }
                _ => {
                    self.corrupt += 1;
                    corrupt.extend(selector);
                }
            }
        }
        let due = |record: &Record| Some(keys::due(record).to_vec());
        self.sweep(engine, tree, &corrupt, keys::DUE, keys::selector_at_end, due)?;
        let of_subject = |record: &Record| keys::of_subject(record).map(|entry| entry.to_vec());
        let selector = |entry: &[u8]| keys::place_of_entry(entry).map(|(_, selector)| selector);
        self.sweep(engine, tree, &corrupt, keys::OF_SUBJECT, selector, of_subject)
    }

    /// Removes the entries of one index that do not match their record.
    fn sweep(
        &mut self,
        engine: &Engine,
        tree: &sled::Tree,
        corrupt: &BTreeSet<Selector>,
        index: u8,
        selector_of: impl Fn(&[u8]) -> Option<Selector>,
        entry_of: impl Fn(&Record) -> Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        for item in tree.scan_prefix([index]) {
            let (key, _) = item.map_err(|error| from_sled(&error))?;
            let selector = selector_of(&key);
            // The right entries of a corrupt record are unknown: they stay.
            if selector.is_some_and(|selector| corrupt.contains(&selector)) {
                continue;
            }
            let record = selector.map(|selector| read(tree, selector)).transpose()?.flatten();
            if record.as_ref().and_then(&entry_of).is_none_or(|entry| entry != *key) {
                engine.written(tree.remove(key))?;
                self.removed += 1;
            }
        }
        Ok(())
    }

    fn demand(&mut self, engine: &Engine, tree: &sled::Tree, entry: &[u8]) -> Result<(), StoreError> {
        if !tree.contains_key(entry).map_err(|error| from_sled(&error))? {
            engine.written(tree.insert(entry, &[]))?;
            self.added += 1;
        }
        Ok(())
    }
}

fn read(tree: &sled::Tree, selector: Selector) -> Result<Option<Record>, StoreError> {
    let value = tree.get(keys::record(selector)).map_err(|error| from_sled(&error))?;
    match value.map(|value| Record::decode(&value)) {
        None => Ok(None),
        Some(Ok(record)) => Ok(Some(record)),
        Some(Err(_)) => Err(damaged(Some(selector), "a record changed while it was checked")),
    }
}
