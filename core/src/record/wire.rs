//! Reads and writes fixed-width, big-endian fields of untrusted bytes.

use crate::clock::Timestamp;
use crate::limit::DecodeError;

/// The encoding of "no instant".
const NEVER: u64 = u64::MAX;

/// Reads fields off the front of untrusted bytes.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (field, rest) = self.0.split_at_checked(len).ok_or(DecodeError("too short"))?;
        self.0 = rest;
        Ok(field)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, DecodeError> {
        self.optional_time()?.ok_or(DecodeError("an instant is missing"))
    }

    pub(super) fn optional_time(&mut self) -> Result<Option<Timestamp>, DecodeError> {
        match self.u64()? {
            NEVER => Ok(None),
            millis if millis > Timestamp::MAX.as_millis() => Err(DecodeError("an instant is after 9999")),
            millis => Ok(Some(Timestamp::from_millis(millis))),
        }
    }

    pub(super) fn text(&mut self, len: usize) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.take(len)?).map_err(|_| DecodeError("text is not UTF-8"))
    }

    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) const fn end(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError("too long")) }
    }
}

/// Appends an instant, or `NEVER`.
pub(super) fn put_time(out: &mut Vec<u8>, time: Option<Timestamp>) {
    out.extend_from_slice(&time.map_or(NEVER, Timestamp::as_millis).to_be_bytes());
}
