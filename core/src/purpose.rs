//! Purposes of tokens, and sets of purposes.

use crate::limit::DecodeError;

/// What a kind is used for: this decides which calls list, cap and end its tokens. A store keeps the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// A logged-in device of a person: listed, capped, and ended by a log-out, by "log out the others" and by a
    /// credential change.
    Device = 1,
    /// A key that a program holds: ended by its selector, by its kind, or with everything of its subject.
    Key = 2,
    /// A token that works once: consumed, never verified; ended with its login and by a credential change.
    SingleUse = 3,
}

impl Purpose {
    /// Every purpose, in the order of their codes.
    pub const ALL: [Self; 3] = [Self::Device, Self::Key, Self::SingleUse];

    /// Returns the code: 1 to 3, never reused for another meaning.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Returns the purpose for a stored code.
    ///
    /// # Errors
    /// [`DecodeError`] for a code that no version wrote.
    pub fn from_code(code: u8) -> Result<Self, DecodeError> {
        let known = Self::ALL.into_iter().find(|purpose| purpose.code() == code);
        known.ok_or(DecodeError("unknown purpose code"))
    }
}

/// A set of purposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Purposes(u8);

impl Purposes {
    /// Every purpose.
    pub const ALL: Self = Self::of(&Purpose::ALL);
    /// Devices and single-use tokens: what a log-out, a theft or a credential change ends.
    pub const NOT_KEYS: Self = Self::of(&[Purpose::Device, Purpose::SingleUse]);

    /// Creates the set of these purposes.
    #[must_use]
    pub const fn of(purposes: &[Purpose]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < purposes.len() {
            bits |= 1 << purposes[at].code();
            at += 1;
        }
        Self(bits)
    }

    /// Returns whether `purpose` is in the set.
    #[must_use]
    pub const fn contain(self, purpose: Purpose) -> bool {
        self.0 & (1 << purpose.code()) != 0
    }

    /// Returns the purposes in the order of their codes.
    pub fn iter(self) -> impl Iterator<Item = Purpose> {
        Purpose::ALL.into_iter().filter(move |purpose| self.contain(*purpose))
    }
}

impl Default for Purposes {
    /// Returns [`Purposes::ALL`].
    fn default() -> Self {
        Self::ALL
    }
}

impl From<Purpose> for Purposes {
    fn from(purpose: Purpose) -> Self {
        Self::of(&[purpose])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_survives_its_code() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_code(purpose.code()), Ok(purpose));
        }
        assert!(Purpose::from_code(0).is_err() && Purpose::from_code(4).is_err());
    }

    #[test]
    fn a_set_holds_what_it_was_made_of() {
        assert_eq!(Purposes::ALL.iter().collect::<Vec<_>>(), Purpose::ALL);
        assert!(!Purposes::NOT_KEYS.contain(Purpose::Key));
        assert!(Purposes::NOT_KEYS.contain(Purpose::SingleUse));
        assert_eq!(Purposes::of(&[]).iter().count(), 0);
        assert_eq!(Purposes::default(), Purposes::ALL);
    }
}
