//! The web layer's data in a record: a few flags of its own, then the application's data.

/// The layer's view of a record's data: a byte of flags, then a JSON object with the application's data.
///
/// Data of another writer (another use of the same kind) count as no flags and no data.
///
/// The flags are in the first byte, which the near cache keeps. They are set and never taken back, so a cached flag
/// that is set holds; one that is not may have been set meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Envelope<'a> {
    pub(crate) flags: u8,
    pub(crate) data: &'a [u8],
}

/// The remember-me token was presented again after it had restored this session.
pub(crate) const CONFIRMED: u8 = 1;
/// The login was forced for a user who is not active.
pub(crate) const INACTIVE_ALLOWED: u8 = 2;
/// Not fresh, whatever the login began with.
pub(crate) const NOT_FRESH: u8 = 4;

/// No byte of UTF-8 text has these bits, so text from another writer is never taken for flags.
const VERSION: u8 = 0xF8;
const FLAGS: u8 = CONFIRMED | INACTIVE_ALLOWED | NOT_FRESH;

impl<'a> Envelope<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        match bytes.split_first() {
            Some((&head, data)) if is_ours(head) => Self { flags: head & FLAGS, data },
            _ => Self { flags: 0, data: &[] },
        }
    }
}

/// Returns the flags, given the first byte of a record's data.
pub(crate) fn flags(first: Option<u8>) -> u8 {
    first.filter(|&head| is_ours(head)).map_or(0, |head| head & FLAGS)
}

const fn is_ours(head: u8) -> bool {
    head & !FLAGS == VERSION
}

/// Returns the bytes of an envelope.
pub(crate) fn seal(flags: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + data.len());
    if flags != 0 || !data.is_empty() {
        bytes.push(VERSION | flags);
        bytes.extend_from_slice(data);
    }
    bytes
}

/// Sets `flag` and returns whether it was not set before.
pub(crate) fn raise(bytes: &mut Vec<u8>, flag: u8) -> bool {
    let envelope = Envelope::of(bytes);
    let (before, after) = (envelope.flags, envelope.flags | flag);
    *bytes = seal(after, envelope.data);
    before != after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_data_are_apart() {
        let mut bytes = seal(INACTIVE_ALLOWED, b"{}");
        assert!(raise(&mut bytes, NOT_FRESH) && !raise(&mut bytes, NOT_FRESH));
        let envelope = Envelope::of(&bytes);
        assert_eq!(envelope.flags, INACTIVE_ALLOWED | NOT_FRESH);
        assert_eq!(envelope.data, b"{}");
        assert_eq!(flags(bytes.first().copied()), envelope.flags);
    }

    #[test]
    fn foreign_data_is_no_envelope() {
        // Text with any first character, and empty text.
        let text = (0..=char::MAX as u32).filter_map(char::from_u32).map(|first| first.to_string());
        for bytes in text.map(String::into_bytes).chain([vec![]]) {
            let envelope = Envelope::of(&bytes);
            assert!(envelope.flags == 0 && envelope.data.is_empty(), "{bytes:?}");
            assert_eq!(flags(bytes.first().copied()), 0, "{bytes:?}");
        }
    }
}
