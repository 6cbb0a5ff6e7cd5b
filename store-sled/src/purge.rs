//! Removes expired records and epochs.

use hallpass_core::store::Purged;
use hallpass_core::{StoreError, Timestamp};

use crate::error::from_sled;
use crate::keys;
use crate::locks::UnflushedStripes;
use crate::namespace::{Answer, Namespace};

/// The most records that one purge removes, so that its time is bounded.
const PURGE_AT_ONCE: u32 = 10_000;

impl Namespace<'_> {
    pub(crate) fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Answer<Purged>, StoreError> {
        let limit = u64::from(limit.min(PURGE_AT_ONCE));
        let mut purged = Purged { removed: 0, more: false };
        let mut rests_on = UnflushedStripes::reader(false);
        for item in self.tree.range(keys::due_until(now)) {
            let (entry, _) = item.map_err(|error| from_sled(&error))?;
            if purged.removed == limit {
                purged.more = true;
                break;
            }
            let Some(selector) = keys::selector_at_end(&entry) else { continue };
            match self.hold(selector) {
                // This may be the entry of an earlier purge time: the record was marked since then, and the
                // scan may not reach its new entry.
                Ok((mut held, Some(record))) if record.purge_at <= now => {
                    held.raise();
                    self.take(&record)?;
                    if entry != keys::due(&record) {
                        self.engine.written(self.tree.remove(entry))?;
                    }
                    purged.removed += 1;
                    rests_on = rests_on.and(held.release());
                }
                // A crash left the entry behind, or another call removed the record first.
                Ok((_held, _)) => {
                    self.engine.written(self.tree.remove(entry))?;
                }
                // Kept, so that its corruption can be investigated.
                Err(StoreError::Corrupt { selector: Some(_), .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if !purged.more {
            self.purge_epochs(now)?;
        }
        Ok(Answer { value: purged, rests_on })
    }

    fn purge_epochs(&self, now: Timestamp) -> Result<(), StoreError> {
        for item in self.tree.scan_prefix([keys::EPOCH]) {
            let (key, value) = item.map_err(|error| from_sled(&error))?;
            let over = |value: &[u8]| keys::parse_epoch(value).is_none_or(|(_, until)| until <= now);
            let Some(subject) = keys::subject_of_epoch(&key).filter(|_| over(&value)) else { continue };
            let _held = self.engine.locks.hold([subject], []);
            // A missing epoch fences, so it does not matter whether a crash undoes this removal.
            if self.read(&key)?.is_some_and(|value| over(&value)) {
                self.engine.written(self.tree.remove(key))?;
            }
        }
        Ok(())
    }
}
