//! The layout of keys and values: one tree for each namespace, and one byte at the start of every key.
//!
//! | key | value |
//! | --- | --- |
//! | `r` · selector 16 | the record, as [`Record::encode`] writes it |
//! | `s` · subject 16 · ¬created 8 · ¬selector 16 | nothing: the subject's records in the order of a list |
//! | `d` · purge at 8 · selector 16 | nothing: what a purge finds due, earliest first |
//! | `e` · subject 16 | epoch 16 · kept until 8 |
//!
//! A subject is the first 16 bytes of its SHA-256, so every key has a fixed length. Numbers are big-endian
//! milliseconds, and `¬` inverts every bit, so that the natural order of the keys is the order needed. The
//! tree of a namespace is called `ns:` and its name.
//!
//! The invariant: *a record has its entry under `d`, and one under `s` if it has a subject*. It holds at
//! every point of sled's log, because a write stores the entries before the record, and a removal takes the
//! record before its entries. So a crash leaves at worst an entry without a record, which every reader skips.
//!
//! sled's default tree holds two keys: [`FORMAT`]; and [`CLEAN`] while no process has the folder open and it
//! was closed cleanly.

use std::ops::Bound;

use hallpass_core::store::{Epoch, Record};
use hallpass_core::{Selector, Subject, Timestamp};
use sha2::{Digest, Sha256};

/// Marks a folder of this crate; the value is the number of the layout, in decimal digits.
pub(crate) const FORMAT: &str = "hallpass-store-sled";
/// The layout that this version writes, and the newest that it reads.
pub(crate) const FORMAT_NUMBER: u32 = 1;
/// Exists only between a clean close and the next opening.
pub(crate) const CLEAN: &str = "clean";
/// The prefix of a namespace's tree.
pub(crate) const NAMESPACE: &str = "ns:";

pub(crate) const RECORD: u8 = b'r';
pub(crate) const OF_SUBJECT: u8 = b's';
pub(crate) const DUE: u8 = b'd';
pub(crate) const EPOCH: u8 = b'e';

/// A subject as keys contain it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubjectKey(pub(crate) [u8; 16]);

impl From<&Subject> for SubjectKey {
    fn from(subject: &Subject) -> Self {
        let digest: [u8; 32] = Sha256::digest(subject.as_str()).into();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }
}

/// The key of a record.
pub(crate) fn record(selector: Selector) -> [u8; 17] {
    join(RECORD, [&selector.0])
}

/// The entry of `record` in the list of its subject, if it has one.
pub(crate) fn of_subject(record: &Record) -> Option<[u8; 41]> {
    let subject = record.subject.as_ref()?.into();
    Some(place_in_list(subject, record.created_at, record.selector))
}

/// The entry in the list of `subject` of a record made at `created`.
pub(crate) fn place_in_list(subject: SubjectKey, created: Timestamp, selector: Selector) -> [u8; 41] {
    let created = (!created.as_millis()).to_be_bytes();
    join(OF_SUBJECT, [&subject.0, &created, &selector.0.map(|byte| !byte)])
}

/// The entries of `subject`, newest first, beginning after `after`.
pub(crate) fn list(
    subject: SubjectKey,
    after: Option<(Timestamp, Selector)>,
) -> (Bound<[u8; 41]>, Bound<[u8; 41]>) {
    let from = match after {
        Some((created, selector)) => Bound::Excluded(place_in_list(subject, created, selector)),
        None => Bound::Included(join(OF_SUBJECT, [&subject.0, &[0; 24]])),
    };
    (from, Bound::Included(join(OF_SUBJECT, [&subject.0, &[0xff; 24]])))
}

/// The entry of `record` under `d`.
pub(crate) fn due(record: &Record) -> [u8; 25] {
    join(DUE, [&record.purge_at.as_millis().to_be_bytes(), &record.selector.0])
}

/// The entries of everything due at `now`.
pub(crate) fn due_until(now: Timestamp) -> std::ops::RangeInclusive<[u8; 25]> {
    join(DUE, [&[0; 24]])..=join(DUE, [&now.as_millis().to_be_bytes(), &[0xff; 16]])
}

/// The key of the epoch of `subject`.
pub(crate) fn epoch(subject: SubjectKey) -> [u8; 17] {
    join(EPOCH, [&subject.0])
}

/// An epoch and until when it is kept, as one value.
pub(crate) fn epoch_value(epoch: Epoch, until: Timestamp) -> [u8; 24] {
    let mut value = [0; 24];
    value[..16].copy_from_slice(&epoch.0);
    value[16..].copy_from_slice(&until.as_millis().to_be_bytes());
    value
}

/// Reads what [`epoch_value`] wrote.
pub(crate) fn parse_epoch(value: &[u8]) -> Option<(Epoch, Timestamp)> {
    let (epoch, until) = value.split_at_checked(16)?;
    let until = u64::from_be_bytes(until.try_into().ok()?);
    Some((Epoch(epoch.try_into().ok()?), Timestamp::from_millis(until)))
}

/// The place in a list in the key of an entry under `s`: when the record was made, and its selector.
pub(crate) fn place_of_entry(key: &[u8]) -> Option<(Timestamp, Selector)> {
    let created: [u8; 8] = key.get(17..25)?.try_into().ok()?;
    let selector: [u8; 16] = key.get(25..)?.try_into().ok()?;
    let created = Timestamp::from_millis(!u64::from_be_bytes(created));
    Some((created, Selector(selector.map(|byte| !byte))))
}

/// The selector at the end of the key of a record or of an entry under `d`.
pub(crate) fn selector_at_end(key: &[u8]) -> Option<Selector> {
    let from = key.len().checked_sub(16)?;
    Some(Selector(key.get(from..)?.try_into().ok()?))
}

/// The subject in the key of an epoch.
pub(crate) fn subject_of_epoch(key: &[u8]) -> Option<SubjectKey> {
    Some(SubjectKey(key.get(1..)?.try_into().ok()?))
}

/// Joins `first` and `parts`, which fill the rest exactly.
fn join<const LEN: usize, const PARTS: usize>(first: u8, parts: [&[u8]; PARTS]) -> [u8; LEN] {
    let mut key = [0; LEN];
    key[0] = first;
    let mut at = 1;
    for part in parts {
        key[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    debug_assert_eq!(at, LEN);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_a_list_does() {
        let subject = SubjectKey([1; 16]);
        let place =
            |at, selector| place_in_list(subject, Timestamp::from_millis(at), Selector([selector; 16]));
        assert!(place(9, 1) < place(8, 255), "newest first");
        assert!(place(9, 2) < place(9, 1), "then the larger selector");
        assert_eq!(place_of_entry(&place(9, 7)), Some((Timestamp::from_millis(9), Selector([7; 16]))));
    }

    #[test]
    fn an_epoch_survives_its_value() {
        let (epoch, until) = (Epoch([3; 16]), Timestamp::MAX);
        assert_eq!(parse_epoch(&epoch_value(epoch, until)), Some((epoch, until)));
        assert_eq!(parse_epoch(&[0; 23]), None);
        assert_eq!(parse_epoch(&[]), None);
    }

    #[test]
    fn due_means_at_or_before() {
        let at = |millis: u64| join::<25, 2>(DUE, [&millis.to_be_bytes(), &[0xff; 16]]);
        let range = due_until(Timestamp::from_millis(5));
        assert!(range.contains(&at(5)) && !range.contains(&at(6)));
    }
}
