//! The operations of the store on the tree of one namespace. All of them block.

use std::time::Duration;

use hallpass_core::store::{
    Action, Epoch, EpochUpdate, Fence, Insert, Listed, Page, Record, Replace, Revision, Revocation,
};
use hallpass_core::{Selector, StoreError, Subject, Timestamp};

use crate::engine::Engine;
use crate::error::{Error, corrupt, damaged, from_sled};
use crate::feed::Ending;
use crate::keys::{self, SubjectKey};
use crate::locks::{StripeGuard, UnflushedStripes};

/// An answer, and the writes that must be on disk before it is given.
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    pub(crate) rests_on: UnflushedStripes,
}

/// A namespace of an open database.
pub(crate) struct Namespace<'a> {
    pub(crate) engine: &'a Engine,
    name: &'a str,
    pub(crate) tree: sled::Tree,
}

impl<'a> Namespace<'a> {
    /// # Errors
    /// [`StoreError`]
    pub(crate) fn new(engine: &'a Engine, name: &'a str) -> Result<Self, StoreError> {
        Ok(Self { engine, name, tree: engine.tree(name)? })
    }

    /// Runs `work` on a namespace, unless the database accepts no more work.
    ///
    /// # Errors
    /// Those of `work`, or [`StoreError::Unavailable`] or [`StoreError::Other`].
    pub(crate) fn perform<T>(
        engine: &Engine,
        name: &str,
        writes: bool,
        work: impl FnOnce(&Namespace<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        engine.accepts(writes)?;
        engine.run(writes, |engine| work(&Namespace::new(engine, name)?))
    }

    /// Returns the record that is visible now, flushed or not.
    pub(crate) fn get(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let Some(value) = self.read(&keys::record(selector))? else { return Ok(None) };
        let record = Record::decode(&value).map_err(|error| corrupt(selector, error))?;
        if record.selector != selector {
            return Err(damaged(Some(selector), "the record under this key has another selector"));
        }
        Ok(Some(record))
    }

    pub(crate) fn find(&self, selector: Selector) -> Result<Answer<Option<Record>>, StoreError> {
        let value = self.get(selector)?;
        let unflushed = self.engine.locks.unflushed(selector);
        Ok(Answer { value, rests_on: UnflushedStripes::reader(unflushed) })
    }

    pub(crate) fn insert(&self, record: &Record, fence: Fence) -> Result<Answer<Insert>, StoreError> {
        let parent = match fence {
            Fence::Parent(parent) => Some(parent),
            _ => None,
        };
        let own = record.subject.as_ref().map(SubjectKey::from);
        let (mut held, parent) = loop {
            let subject = |found: &Option<Record>| {
                found.as_ref().and_then(|found| found.subject.as_ref()).map(SubjectKey::from)
            };
            let before = parent.map(|parent| self.get(parent)).transpose()?.flatten();
            let subjects = own.into_iter().chain(subject(&before));
            let held = self.engine.locks.hold(subjects, [record.selector].into_iter().chain(parent));
            let now = parent.map(|parent| self.get(parent)).transpose()?.flatten();
            if now.is_none() || subject(&now) == subject(&before) {
                break (held, now);
            }
        };
        let admitted = match fence {
            Fence::None => true,
            Fence::Epoch(epoch) => match own {
                Some(subject) => self.read_epoch(subject)?.is_some_and(|(current, _)| current == epoch),
                None => false,
            },
            Fence::Parent(_) => parent.is_some_and(|parent| parent.revoked.is_none()),
        };
        let answer = if self.read(&keys::record(record.selector))?.is_some() {
            Insert::Duplicate
        } else if !admitted {
            Insert::Fenced
        } else {
            held.raise();
            self.write(&keys::due(record), &[])?;
            if let Some(entry) = keys::of_subject(record) {
                self.write(&entry, &[])?;
            }
            self.write(&keys::record(record.selector), &record.encode())?;
            Insert::Inserted { of_subject: None }
        };
        Ok(Answer { value: answer, rests_on: held.release() })
    }

    /// Replaces a record. Unless `flushed` is set, the write is visible but not on disk when it is answered. `ends` says
    /// whether it ends the record.
    pub(crate) fn replace(
        &self,
        next: &Record,
        expected: Revision,
        flushed: bool,
        ends: bool,
    ) -> Result<Answer<Replace>, StoreError> {
        let (mut held, old) = self.hold(next.selector)?;
        let answer = match old {
            None => Replace::Missing,
            Some(old) if old.revision != expected || old.revoked.is_some() => Replace::Conflict,
            Some(old) => {
                if keys::of_subject(&old) != keys::of_subject(next) {
                    let error = Error::Plain("a replace may not change subject or creation");
                    return Err(StoreError::Refused(error.into()));
                }
                if flushed {
                    held.raise();
                }
                let mut ending = self.ending();
                if ends {
                    ending.add(next);
                }
                self.overwrite(&old, next)?;
                drop(ending);
                Replace::Replaced
            }
        };
        Ok(Answer { value: answer, rests_on: held.release() })
    }

    pub(crate) fn delete(&self, selector: Selector) -> Result<Answer<bool>, StoreError> {
        let (held, there) = match self.hold(selector) {
            Ok((held, None)) => (held, false),
            Ok((mut held, Some(record))) => {
                held.raise();
                let mut ending = self.ending();
                ending.add(&record);
                self.take(&record)?;
                drop(ending);
                (held, true)
            }
            // A record that cannot be read can still be removed; the next check removes its entries.
            Err(StoreError::Corrupt { selector: Some(_), .. }) => {
                let mut held = self.engine.locks.hold([], [selector]);
                held.raise();
                let mut ending = self.ending();
                ending.add_unreadable(selector);
                let there = self.engine.written(self.tree.remove(keys::record(selector)))?.is_some();
                drop(ending);
                (held, there)
            }
            Err(error) => return Err(error),
        };
        Ok(Answer { value: there, rests_on: held.release() })
    }

    /// Ends the matching records. A value that does not decode admits no one and shows neither kind nor
    /// login. It is removed, so that it does not block a log-out, and is not counted.
    pub(crate) fn revoke_by_subject(
        &self,
        subject: &Subject,
        revocation: &Revocation,
    ) -> Result<Answer<u64>, StoreError> {
        let key = SubjectKey::from(subject);
        let mut held = self.engine.locks.hold([key], []);
        let (mut doomed, mut corrupt) = (Vec::new(), Vec::new());
        for listed in self.list(subject, None) {
            match listed? {
                Listed::Record(record) if revocation.filter.matches(&record) => doomed.push(*record),
                Listed::Record(_) => {}
                Listed::Corrupt { selector, created_at, .. } => {
                    corrupt.push((selector, keys::place_in_list(key, created_at, selector)));
                }
            }
        }
        if matches!(revocation.action, Action::Mark { .. }) {
            doomed.retain(|record| record.revoked.is_none());
        }
        held.add(
            doomed.iter().map(|record| record.selector).chain(corrupt.iter().map(|(selector, _)| *selector)),
        );
        if revocation.epoch != EpochUpdate::Keep || !doomed.is_empty() || !corrupt.is_empty() {
            held.raise();
        }
        if let EpochUpdate::Set { epoch, now, keep } = revocation.epoch {
            let until = now.saturating_add(keep);
            let until = self.read_epoch(key)?.map_or(until, |(_, kept)| kept.max(until));
            self.write(&keys::epoch(key), &keys::epoch_value(epoch, until))?;
        }
        let mut ending = self.ending();
        doomed.iter().for_each(|record| ending.add(record));
        corrupt.iter().for_each(|(selector, _)| ending.add_unreadable(*selector));
        for record in &doomed {
            match revocation.action {
                Action::Remove => self.take(record)?,
                Action::Mark { reason, at } => {
                    let mut marked = record.clone();
                    marked.mark(reason, at);
                    self.overwrite(record, &marked)?;
                }
            }
        }
        // A purge or the next check removes its entry under `d`.
        for (selector, entry) in corrupt {
            self.engine.written(self.tree.remove(keys::record(selector)))?;
            self.engine.written(self.tree.remove(entry))?;
        }
        drop(ending);
        Ok(Answer { value: doomed.len() as u64, rests_on: held.release() })
    }

    pub(crate) fn list_by_subject(
        &self,
        subject: &Subject,
        page: &Page,
    ) -> Result<Answer<Vec<Listed>>, StoreError> {
        let held = self.engine.locks.hold([SubjectKey::from(subject)], []);
        let wanted = |listed: &Result<Listed, _>| match listed {
            Ok(Listed::Record(record)) => page.shows(&record.kind, record.purpose),
            _ => true,
        };
        let listed = self.list(subject, page.after).filter(wanted).take(page.limit.get().into());
        let listed = listed.collect::<Result<Vec<_>, _>>()?;
        Ok(Answer { value: listed, rests_on: held.release() })
    }

    pub(crate) fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Answer<Epoch>, StoreError> {
        let key = SubjectKey::from(subject);
        let mut held = self.engine.locks.hold([key], []);
        let known = self.read_epoch(key)?;
        let epoch = known.map_or(fresh, |(epoch, _)| epoch);
        // Half of the requested time is enough, so that most logins only read.
        if known.is_none_or(|(_, until)| until < now.saturating_add(keep / 2)) {
            held.raise();
            self.write(&keys::epoch(key), &keys::epoch_value(epoch, now.saturating_add(keep)))?;
        }
        Ok(Answer { value: epoch, rests_on: held.release() })
    }

    /// What tells the feeds of this namespace.
    fn ending(&self) -> Ending<'_> {
        Ending::new(&self.engine.feeds, self.name)
    }

    /// Locks the stripes of a record's subject and selector and returns the record; locks only the selector's
    /// if there is no record.
    pub(crate) fn hold(&self, selector: Selector) -> Result<(StripeGuard<'a>, Option<Record>), StoreError> {
        let subject = |found: &Option<Record>| found.as_ref().and_then(|found| found.subject.clone());
        let mut before = self.get(selector)?;
        loop {
            let held = self.engine.locks.hold(subject(&before).as_ref().map(SubjectKey::from), [selector]);
            let now = self.get(selector)?;
            if now.is_none() || subject(&now) == subject(&before) {
                return Ok((held, now));
            }
            before = now;
        }
    }

    /// The records of `subject` in the order of a list.
    fn list(
        &self,
        subject: &Subject,
        after: Option<(Timestamp, Selector)>,
    ) -> impl Iterator<Item = Result<Listed, StoreError>> {
        self.tree.range(keys::list(subject.into(), after)).filter_map(move |item| {
            let entry = match item {
                Ok((entry, _)) => entry,
                Err(error) => return Some(Err(from_sled(&error))),
            };
            let (created_at, selector) = keys::place_of_entry(&entry)?;
            match self.get(selector) {
                // An entry that a crash left behind may point to another record.
                Ok(record) => {
                    let own =
                        record.filter(|record| keys::of_subject(record).is_some_and(|own| entry == own));
                    own.map(|record| Ok(record.into()))
                }
                Err(StoreError::Corrupt { source, .. }) => {
                    Some(Ok(Listed::Corrupt { selector, created_at, source }))
                }
                Err(error) => Some(Err(error)),
            }
        })
    }

    /// Writes `next` over `old`.
    fn overwrite(&self, old: &Record, next: &Record) -> Result<(), StoreError> {
        let (old_due, due) = (keys::due(old), keys::due(next));
        if due != old_due {
            self.write(&due, &[])?;
        }
        self.write(&keys::record(next.selector), &next.encode())?;
        if due != old_due {
            self.engine.written(self.tree.remove(old_due))?;
        }
        Ok(())
    }

    /// Removes a record, then its entries.
    pub(crate) fn take(&self, record: &Record) -> Result<(), StoreError> {
        self.engine.written(self.tree.remove(keys::record(record.selector)))?;
        if let Some(entry) = keys::of_subject(record) {
            self.engine.written(self.tree.remove(entry))?;
        }
        self.engine.written(self.tree.remove(keys::due(record)))?;
        Ok(())
    }

    fn read_epoch(&self, subject: SubjectKey) -> Result<Option<(Epoch, Timestamp)>, StoreError> {
        let Some(value) = self.read(&keys::epoch(subject))? else { return Ok(None) };
        keys::parse_epoch(&value).map(Some).ok_or_else(|| damaged(None, "an epoch does not decode"))
    }

    pub(crate) fn read(&self, key: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
        self.tree.get(key).map_err(|error| from_sled(&error))
    }

    fn write(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.engine.written(self.tree.insert(key, value)).map(drop)
    }
}

#[cfg(test)]
mod tests;
