//! The layout of keys and values, and how long they are kept.
//!
//! | key | value | lives for |
//! | --- | --- | --- |
//! | `hp:NS:{SHARD}:t:` and 14 bytes | a record, as [`Record::encode`] writes it | `purge_at − updated_at`, and an hour |
//! | `hp:NS:{SHARD}:s:` and the subject | sorted set: the records of the subject | as long as any of them can, two hours, and an eighth |
//! | `hp:NS:{SHARD}:w` | a marker, for `WAIT` | a minute |
//! | `hp:NS:n{SHARD}` and 14 bytes or none | a note: this record ended, or any of this shard | one script, which also removes it |
//! | `hp:NS:{SHARD}:p` | never exists: the user's permissions are checked with it | |
//! | `hp:NS:{SHARD}:e:` and the subject | its epoch, 16 bytes, and when it expires, 8 bytes | one and a half times the requested time, and an hour |
//!
//! `NS` is the namespace. `SHARD` is the first two bytes of the selector as four hexadecimal digits, and the
//! 14 bytes are the rest of it, unencoded. All selectors of a subject have the same shard (contract T7), and
//! Redis Cluster places a key by the text between the braces. So everything of a subject is in one slot, and
//! every operation is one script. (Unencoded bytes between the braces would fail: a `}` among them ends the
//! tag.)
//!
//! A member of the sorted set is those 14 bytes, then the fields by which a script chooses records: login (8
//! bytes), purpose (1) and kind. None of them ever changes, so ending one login of a subject reads only the
//! records of that login. The score is `created_at`, so that Redis keeps the order of a list. A member is
//! removed in the same script as its record, or when a script finds that its record is gone; no clock is
//! used.
//!
//! A note has its shard at the end, so that all notes of a namespace, and nothing else, begin with `hp:NS:n{`: a feed
//! asks the servers to report what happens to keys with this prefix. The braces are the same, and so is the slot.
//!
//! A time to live serves only to collect garbage: what it removes expired at least an hour ago. It is a
//! duration computed from the record's own times, so the server's clock need not be right.

use hallpass_core::store::Record;
use hallpass_core::{Selector, StoreError, Subject};

use crate::error::refused;

/// Added to every time to live, in milliseconds (contract S10): an hour.
pub(crate) const SLACK: u64 = 3_600_000;

const NAMESPACE_MAX_LEN: usize = 64;
const RECORD: &[u8] = b":t:";
const INDEX: &[u8] = b":s:";
const EPOCH: &[u8] = b":e:";
const MARKER: &[u8] = b":w";
const PERMISSIONS: &[u8] = b":p";

/// The keys of one namespace.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// The beginning of every key, up to the shard.
    prefix: Box<[u8]>,
}

impl Keys {
    /// # Errors
    /// [`StoreError::Refused`] for a name that could be mistaken for another part of a key.
    pub(crate) fn new(namespace: &str) -> Result<Self, StoreError> {
        let legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if !(1..=NAMESPACE_MAX_LEN).contains(&namespace.len()) || !namespace.bytes().all(legal) {
            return Err(refused("a namespace must be 1 to 64 characters of a-z, 0-9, '_' and '-'"));
        }
        Ok(Self { prefix: format!("hp:{namespace}:{{").into_bytes().into() })
    }

    pub(crate) fn record(&self, selector: Selector) -> Vec<u8> {
        self.key(selector.shard(), RECORD, rest(&selector))
    }

    pub(crate) fn index(&self, subject: &Subject) -> Vec<u8> {
        self.key(subject.shard(), INDEX, subject.as_str().as_bytes())
    }

    pub(crate) fn epoch(&self, subject: &Subject) -> Vec<u8> {
        self.key(subject.shard(), EPOCH, subject.as_str().as_bytes())
    }

    /// The key that is written so that replicas have something to receive.
    pub(crate) fn marker(&self, shard: [u8; 2]) -> Vec<u8> {
        self.key(shard, MARKER, &[])
    }

    /// A key that never exists.
    pub(crate) fn permissions(&self, shard: [u8; 2]) -> Vec<u8> {
        self.key(shard, PERMISSIONS, &[])
    }

    /// The key that announces the end of a record.
    pub(crate) fn note(&self, selector: Selector) -> Vec<u8> {
        let mut key = self.notes(selector.shard());
        key.extend_from_slice(rest(&selector));
        key
    }

    /// The prefix of the notes of this shard, which is also the note for all of its records.
    pub(crate) fn notes(&self, shard: [u8; 2]) -> Vec<u8> {
        let mut key = self.all_notes();
        key.extend_from_slice(&digits(shard));
        key.push(b'}');
        key
    }

    /// The prefix of all notes.
    pub(crate) fn all_notes(&self) -> Vec<u8> {
        let mut prefix = self.prefix.to_vec();
        prefix.insert(prefix.len() - 1, b'n');
        prefix
    }

    /// What a note announces; `None` for another key.
    pub(crate) fn noted(&self, key: &[u8]) -> Option<Noted> {
        let key = key.strip_prefix(self.all_notes().as_slice())?;
        let (tag, rest) = key.split_at_checked(5)?;
        let digits = std::str::from_utf8(tag.strip_suffix(b"}")?).ok()?;
        let shard = u16::from_str_radix(digits, 16).ok()?.to_be_bytes();
        if rest.is_empty() {
            return Some(Noted::Shard(shard));
        }
        let mut selector = [0; 16];
        selector[..2].copy_from_slice(&shard);
        selector[2..].copy_from_slice(<&[u8; 14]>::try_from(rest).ok()?);
        Some(Noted::Record(Selector(selector)))
    }

    /// The prefix of the keys of records of this shard.
    pub(crate) fn records(&self, shard: [u8; 2]) -> Vec<u8> {
        self.key(shard, RECORD, &[])
    }

    /// The prefix of the keys of indexes of this shard.
    pub(crate) fn indexes(&self, shard: [u8; 2]) -> Vec<u8> {
        self.key(shard, INDEX, &[])
    }

    fn key(&self, shard: [u8; 2], what: &[u8], rest: &[u8]) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.prefix.len() + 8 + rest.len());
        key.extend_from_slice(&self.prefix);
        key.extend_from_slice(&digits(shard));
        key.push(b'}');
        key.extend_from_slice(what);
        key.extend_from_slice(rest);
        key
    }
}

/// What a note announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// The record with this selector ended.
    Record(Selector),
    /// Any record of this shard may have ended.
    Shard([u8; 2]),
}

/// The entry of a record in the index of its subject.
pub(crate) fn member(record: &Record) -> Vec<u8> {
    let purpose = [record.purpose.code()];
    [rest(&record.selector), &record.login.0, &purpose, record.kind.as_str().as_bytes()].concat()
}

/// A selector without its shard.
pub(crate) fn rest(selector: &Selector) -> &[u8] {
    &selector.0[2..]
}

/// How long `record` is kept from now on, in milliseconds.
pub(crate) fn time_to_live(record: &Record) -> u64 {
    record.purge_at.as_millis().saturating_sub(record.updated_at.as_millis()) + SLACK
}

/// How long the index must be kept for `record`, in milliseconds: until its absolute expiry, and an hour
/// longer than the record itself. So later writes of the record need not touch the index, even if the clocks
/// of their nodes are an hour behind.
pub(crate) fn index_time_to_live(record: &Record) -> u64 {
    let until = record.expires_at.max(record.purge_at).as_millis();
    until.saturating_sub(record.updated_at.min(record.created_at).as_millis()) + 2 * SLACK
}

/// How long the index is kept when its time is set: an eighth longer, so that it is set rarely.
pub(crate) fn generous(index_time_to_live: u64) -> u64 {
    index_time_to_live + index_time_to_live / 8
}

/// Whether `record`, which is about to be written again, may outlive the time that [`index_time_to_live`]
/// gave the index. Core writes no such record.
pub(crate) fn outlives_its_index(record: &Record) -> bool {
    record.purge_at > record.expires_at || record.updated_at < record.created_at
}

/// The cluster slot of all keys of a shard.
pub(crate) fn slot(shard: [u8; 2]) -> u16 {
    digits(shard).iter().fold(0_u16, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    }) % 16_384
}

fn digits([first, second]: [u8; 2]) -> [u8; 4] {
    let digit = |value: u8| b"0123456789abcdef"[usize::from(value & 15)];
    [digit(first >> 4), digit(first), digit(second >> 4), digit(second)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_subject_share_their_tag() {
        let keys = Keys::new("shop").unwrap();
        let alice = Subject::new("al}ic{e").unwrap();
        let [first, second] = alice.shard();
        let mut selector = [b'}'; 16];
        (selector[0], selector[1]) = (first, second);
        let tag = format!("hp:shop:{{{first:02x}{second:02x}}}:");
        for key in [keys.index(&alice), keys.epoch(&alice), keys.record(Selector(selector))] {
            assert!(key.starts_with(tag.as_bytes()), "{key:?}");
        }
        let note = format!("hp:shop:n{{{first:02x}{second:02x}}}");
        assert!(keys.note(Selector(selector)).starts_with(note.as_bytes()));
    }

    #[test]
    fn a_note_says_what_ended_and_nothing_else_is_a_note() {
        let keys = Keys::new("shop").unwrap();
        let selector = Selector(std::array::from_fn(|at| b'}' - at as u8));
        assert_eq!(keys.noted(&keys.note(selector)), Some(Noted::Record(selector)));
        assert_eq!(keys.noted(&keys.notes([0xab, 7])), Some(Noted::Shard([0xab, 7])));
        let mut others =
            vec![keys.record(selector), keys.marker([0xab, 7]), Keys::new("n").unwrap().note(selector)];
        others.extend(
            [&b"hp:shop:n{abcd"[..], b"hp:shop:n{abcd}x", b"hp:shop:n{ab\xff\xff}"].map(<[u8]>::to_vec),
        );
        for other in others {
            assert_eq!(keys.noted(&other), None, "{other:?}");
        }
    }

    #[test]
    fn a_slot_is_what_redis_computes() {
        // CLUSTER KEYSLOT of redis 7.0.
        assert_eq!(slot([0x00, 0x00]), 6_794);
        assert_eq!(slot([0xab, 0xcd]), 10_294);
    }

    #[test]
    fn a_namespace_cannot_reach_into_a_tag() {
        for bad in ["", "a{b", "a}b", "a:b", "A", &"a".repeat(65)] {
            assert!(Keys::new(bad).is_err(), "{bad}");
        }
    }
}
