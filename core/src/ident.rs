//! Identifiers of records: subjects, kinds, devices, logins, revisions, epochs.
//!
//! Each type checks its limits when a value is made, so every value is legal. Nothing is ever truncated or
//! normalised, except by [`Device::from_header`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limit::LimitError;

/// The owner of a token: a user, a tenant and user, a client. 1 to 255 bytes of UTF-8 without NUL, compared byte for
/// byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Arc<str>);

impl Subject {
    /// The longest subject, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Creates a subject from `name`, unchanged.
    ///
    /// # Errors
    /// [`LimitError`] if it is empty, longer than 255 bytes, or contains a NUL.
    pub fn new(name: impl AsRef<str>) -> Result<Self, LimitError> {
        let name = name.as_ref();
        if name.is_empty() || name.len() > Self::MAX_LEN || name.contains('\0') {
            return Err(LimitError::new("subject", "must be 1 to 255 bytes of UTF-8 without NUL"));
        }
        Ok(Self(name.into()))
    }

    /// Returns the subject as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a token is for: 1 to 32 characters of `a`–`z`, `0`–`9`, `:` and `-`.
///
/// Every call names the kind that it accepts. A token of another kind gets the same result as a token that does not
/// exist (contract T8).
///
/// To add a kind, make a `const` with [`Kind::from_static`], and pass [`Tokens::builder`](crate::Tokens::builder) a
/// [`Policy`](crate::Policy) for it, from [`Policy::for_kind`](crate::Policy::for_kind) or
/// [`Policy::custom`](crate::Policy::custom). The [`Purpose`](crate::Purpose) in it says what ends its tokens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl Kind {
    /// The longest kind, in bytes.
    pub const MAX_LEN: usize = 32;
    /// A browser session: `session`.
    pub const SESSION: Self = Self::from_static("session");
    /// A remember-me token, which outlives the browser: `remember`.
    pub const REMEMBER: Self = Self::from_static("remember");
    /// A refresh token of a mobile app or single-page application: `refresh`.
    pub const REFRESH: Self = Self::from_static("refresh");
    /// A long-lived key for programs: `api-key`.
    pub const API_KEY: Self = Self::from_static("api-key");
    /// A token that works once: `one-time`. Give each use a kind of its own, such as `one-time:password-reset`.
    pub const ONE_TIME: Self = Self::from_static("one-time");

    /// Creates the kind called `name`.
    ///
    /// # Errors
    /// [`LimitError`] if it is empty, longer than 32 bytes, or contains another character.
    pub const fn new(name: &str) -> Result<Self, LimitError> {
        let error = LimitError::new("kind", "must be 1 to 32 characters of a-z, 0-9, ':' and '-'");
        let from = name.as_bytes();
        if from.is_empty() || from.len() > Self::MAX_LEN {
            return Err(error);
        }
        let mut bytes = [0; Self::MAX_LEN];
        let mut at = 0;
        while at < from.len() {
            if !matches!(from[at], b'a'..=b'z' | b'0'..=b'9' | b':' | b'-') {
                return Err(error);
            }
            bytes[at] = from[at];
            at += 1;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 32, checked above")]
        Ok(Self { bytes, len: from.len() as u8 })
    }

    /// Creates the kind called `name`, for a `const`.
    ///
    /// # Panics
    /// If `name` breaks the rules of [`Kind::new`]; in a `const` that is a compile error.
    #[must_use]
    #[expect(clippy::panic, reason = "a compile error where it is meant to be used, in a const")]
    pub const fn from_static(name: &'static str) -> Self {
        match Self::new(name) {
            Ok(kind) => kind,
            Err(_) => panic!("a kind is 1 to 32 characters of a-z, 0-9, ':' and '-'"),
        }
    }

    /// Returns the kind's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl FromStr for Kind {
    type Err = LimitError;

    fn from_str(name: &str) -> Result<Self, LimitError> {
        Self::new(name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({self})")
    }
}

/// A description by which a person recognises the client, such as "Firefox on Linux": at most 512 bytes of UTF-8
/// without NUL; may be empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device(Arc<str>);

impl Device {
    /// The longest description, in bytes.
    pub const MAX_LEN: usize = 512;

    /// Creates a device from `description`, unchanged.
    ///
    /// # Errors
    /// [`LimitError`] if it is longer than 512 bytes or contains a NUL.
    pub fn new(description: impl AsRef<str>) -> Result<Self, LimitError> {
        let description = description.as_ref();
        if description.len() > Self::MAX_LEN || description.contains('\0') {
            return Err(LimitError::new("device", "must be at most 512 bytes of UTF-8 without NUL"));
        }
        Ok(Self(description.into()))
    }

    /// Creates a device from text that the client sent, a `User-Agent` header for instance. Removes control
    /// characters and cuts the text to 512 bytes, at a character.
    #[must_use]
    pub fn from_header(text: &str) -> Self {
        Self(cut(text, Self::MAX_LEN).into())
    }

    /// Returns the description as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Device {
    /// As [`Device::from_header`]; never fails.
    fn from(text: &str) -> Self {
        Self::from_header(text)
    }
}

impl From<String> for Device {
    /// As [`Device::from_header`]; never fails.
    fn from(text: String) -> Self {
        Self::from_header(&text)
    }
}

impl Default for Device {
    fn default() -> Self {
        Self("".into())
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a login: 8 random bytes that all its records carry, the remember-me record as well as the sessions
/// restored from it. Not secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginId(pub [u8; 8]);

impl fmt::Display for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginId({self})")
    }
}

impl FromStr for LoginId {
    type Err = LimitError;

    /// Parses the output of [`Display`](fmt::Display): 16 lower-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, LimitError> {
        let error = LimitError::new("login", "must be 16 lower-case hexadecimal digits");
        if text.len() != 16 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(error);
        }
        u64::from_str_radix(text, 16).map(|id| Self(id.to_be_bytes())).map_err(|_| error)
    }
}

/// The number of writes of one record, from 1; at most 2⁵³ − 1, so that JSON and Lua represent it exactly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(u64);

impl Revision {
    /// The revision of a new record.
    pub const FIRST: Self = Self(1);
    /// The largest revision, 2⁵³ − 1.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// Creates the revision numbered `number`.
    ///
    /// # Errors
    /// [`LimitError`] if it is 0 or above [`Revision::MAX`].
    pub const fn new(number: u64) -> Result<Self, LimitError> {
        if number == 0 || number > Self::MAX.0 {
            return Err(LimitError::new("revision", "must be 1 to 2^53 - 1"));
        }
        Ok(Self(number))
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the next revision; [`Revision::MAX`] stays as it is.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 < Self::MAX.0 { Self(self.0 + 1) } else { self }
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Revision({})", self.0)
    }
}

/// A subject's epoch: 16 random bytes that change when everything of the subject is logged out (contract S11).
///
/// Compared for equality only, and never sent to a client.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub [u8; 16]);

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Epoch(…)")
    }
}

/// The number of times all users had been logged out when a login began.
///
/// A login copies it to its records, and a record to those that are restored from it or renewed. It never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Era(u32);

impl Era {
    /// The era before all users were logged out for the first time.
    pub const FIRST: Self = Self(0);

    /// Creates the era numbered `number`.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number. A store keeps it as an unsigned 32-bit number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Writes `bytes` as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Returns as much of `text` as fits into `max` bytes, without control characters.
pub(crate) fn cut(text: &str, max: usize) -> Box<str> {
    let mut short = String::new();
    for character in text.chars().filter(|character| !character.is_control()) {
        if short.len() + character.len_utf8() > max {
            break;
        }
        short.push(character);
    }
    short.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_keep_to_their_limits() {
        assert!(Subject::new("").is_err());
        assert!(Subject::new("a\0b").is_err());
        assert!(Subject::new("ü".repeat(128)).is_err(), "256 bytes");
        assert_eq!(Subject::new("x".repeat(255)).unwrap().as_str().len(), 255);
    }

    #[test]
    fn kinds_keep_to_their_alphabet() {
        for bad in ["", "Session", "a b", "a_b", "ä", "a\0", &"a".repeat(33)] {
            assert!(Kind::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Kind::new("one-time:password-reset").unwrap().as_str(), "one-time:password-reset");
        assert_eq!(Kind::new("session").unwrap(), Kind::SESSION);
    }

    #[test]
    fn a_header_is_cut_at_a_character() {
        let device = Device::from_header(&("a".repeat(511) + "üb\0c"));
        assert_eq!(device.as_str(), "a".repeat(511));
        assert_eq!(Device::from_header("a\0b\nc").as_str(), "abc");
        assert!(Device::new("a".repeat(513)).is_err());
    }

    #[test]
    fn a_login_id_survives_its_text() {
        let id = LoginId([0, 1, 2, 0xab, 4, 5, 6, 255]);
        assert_eq!(id.to_string().parse::<LoginId>().unwrap(), id);
        for bad in ["", "000102AB040506ff", "+00102ab040506ff", "000102ab040506ff0"] {
            assert!(bad.parse::<LoginId>().is_err(), "{bad:?}");
        }
    }
}
