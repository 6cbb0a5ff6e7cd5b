//! The input of a digest besides the validator.

use super::{DIGEST, Validator};
use crate::authentication::Authentication;
use crate::clock::Timestamp;
use crate::facts::Facts;
use crate::ident::{Era, Kind, LoginId, Subject};
use crate::purpose::Purpose;
use crate::selector::Selector;

/// The input of a digest besides the validator: everything of a record that never changes (contract T3).
///
/// With a keyring, a writer of the database cannot move a token to another kind, subject, login or lifetime. Nor can
/// it turn a session into a key, make a restored session an authenticated one, or give an old token a new stamp.
#[derive(Clone, Copy)]
pub(crate) struct Covered<'a> {
    pub(crate) selector: Selector,
    pub(crate) kind: &'a Kind,
    pub(crate) subject: Option<&'a Subject>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) purpose: Purpose,
    pub(crate) login: LoginId,
    pub(crate) era: Era,
    pub(crate) facts: &'a Facts,
}

impl Covered<'_> {
    /// The largest input besides the validator, in bytes.
    const MAX_LEN: usize = 1
        + DIGEST.len()
        + (1 + Kind::MAX_LEN)
        + 16
        + (1 + Subject::MAX_LEN)
        + (8 + 8)
        + (1 + 8 + 4)
        + (8 + 1)
        + (1 + 16)
        + (1 + 16)
        + (1 + 32)
        + Authentication::MAX_ENCODED;

    /// Passes the fields to `eat`, each of fixed length or after its length. The public fields go in one piece,
    /// because each piece costs more than its bytes; then follows the validator.
    pub(super) fn write(&self, validator: &Validator, mut eat: impl FnMut(&[u8])) {
        let mut public = [0; Self::MAX_LEN];
        let mut len = 0;
        let mut put = |field: &[u8]| {
            public[len..len + field.len()].copy_from_slice(field);
            len += field.len();
        };
        // Lengths fit: a kind has at most 32 bytes, a subject 1 to 255; 0 means that there is no subject.
        put(&[DIGEST.len() as u8]);
        put(DIGEST);
        put(&[self.kind.as_bytes().len() as u8]);
        put(self.kind.as_bytes());
        put(&self.selector.0);
        let subject = self.subject.map_or("", Subject::as_str);
        put(&[subject.len() as u8]);
        put(subject.as_bytes());
        put(&self.created_at.as_millis().to_be_bytes());
        put(&self.expires_at.as_millis().to_be_bytes());
        put(&[self.purpose.code()]);
        put(&self.login.0);
        put(&self.era.get().to_be_bytes());
        let Facts { stamp, fingerprint, binding, auth_at, origin, authentication } = self.facts;
        put(&auth_at.as_millis().to_be_bytes());
        put(&[origin.code()]);
        for optional in [
            stamp.as_ref().map(<[u8; 16]>::as_slice),
            fingerprint.as_ref().map(<[u8; 16]>::as_slice),
            binding.as_ref().map(<[u8; 32]>::as_slice),
        ] {
            let field = optional.unwrap_or_default();
            put(&[field.len() as u8]);
            put(field);
        }
        authentication.encode(put);
        eat(&public[..len]);
        eat(&validator.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Digest;
    use super::*;
    use crate::facts::Origin;
    use crate::keyring::{KeyId, Keyring};

    fn validator(seed: u8) -> Validator {
        Validator::new(std::array::from_fn(|at| seed.wrapping_add(at as u8)))
    }

    fn ring() -> Keyring {
        Keyring::new(KeyId::new(1).unwrap(), &[1; 32]).unwrap()
    }

    #[test]
    fn a_digest_covers_every_field() {
        let (alice, bob) = (Subject::new("alice").unwrap(), Subject::new("bob").unwrap());
        let facts = Facts {
            stamp: None,
            fingerprint: None,
            binding: None,
            auth_at: Timestamp::from_millis(1),
            origin: Origin::Restored,
            authentication: Authentication::new(),
        };
        let base = Covered {
            selector: Selector([3; 16]),
            kind: &Kind::SESSION,
            subject: Some(&alice),
            created_at: Timestamp::from_millis(1),
            expires_at: Timestamp::from_millis(2),
            purpose: Purpose::Device,
            login: LoginId([1; 8]),
            era: Era::FIRST,
            facts: &facts,
        };
        let later = Timestamp::from_millis(9);
        let other_facts = [
            Facts { stamp: Some([0; 16]), ..facts.clone() },
            Facts { fingerprint: Some([0; 16]), ..facts.clone() },
            Facts { binding: Some([0; 32]), ..facts.clone() },
            Facts { auth_at: later, ..facts.clone() },
            Facts { origin: Origin::Authenticated, ..facts.clone() },
            Facts { authentication: Authentication::new().method("pwd"), ..facts.clone() },
            Facts { authentication: Authentication::new().level("pwd"), ..facts.clone() },
            Facts { authentication: Authentication::new().method("p").method("wd"), ..facts.clone() },
        ];
        let columns = [
            Covered { selector: Selector([4; 16]), ..base },
            Covered { kind: &Kind::REMEMBER, ..base },
            Covered { subject: Some(&bob), ..base },
            Covered { subject: None, ..base },
            Covered { created_at: later, ..base },
            Covered { expires_at: later, ..base },
            Covered { purpose: Purpose::Key, ..base },
            Covered { login: LoginId([2; 8]), ..base },
            Covered { era: Era::new(1), ..base },
        ];
        let others = columns.into_iter().chain(other_facts.iter().map(|facts| Covered { facts, ..base }));
        let others: Vec<_> = std::iter::once(base).chain(others).collect();
        for key in [None, ring().find(KeyId::new(1).unwrap())] {
            let digest = Digest::of(&validator(0), base, key);
            assert!(digest.matches(&Digest::of(&validator(0), base, key)));
            assert!(!digest.matches(&Digest::of(&validator(1), base, key)));
            for (at, one) in others.iter().enumerate() {
                let digest = Digest::of(&validator(0), *one, key);
                for other in &others[at + 1..] {
                    assert!(!digest.matches(&Digest::of(&validator(0), *other, key)));
                }
            }
        }
    }

    #[test]
    fn the_largest_fields_fit() {
        let (kind, subject) =
            (Kind::from_static("abcdefghijklmnopqrstuvwxyzabcdef"), "s".repeat(Subject::MAX_LEN));
        let name = "x".repeat(Authentication::MAX_LEN);
        let methods = Authentication::new().level(&*name);
        let facts = Facts {
            stamp: Some([0xff; 16]),
            fingerprint: Some([0xff; 16]),
            binding: Some([0xff; 32]),
            auth_at: Timestamp::MAX,
            origin: Origin::Restored,
            authentication: (0..Authentication::MAX_METHODS).fold(methods, |all, _| all.method(&*name)),
        };
        let covered = Covered {
            selector: Selector([0xff; 16]),
            kind: &kind,
            subject: Some(&Subject::new(subject).unwrap()),
            created_at: Timestamp::MAX,
            expires_at: Timestamp::MAX,
            purpose: Purpose::SingleUse,
            login: LoginId([0xff; 8]),
            era: Era::new(u32::MAX),
            facts: &facts,
        };
        let mut len = 0;
        covered.write(&validator(0), |piece| len += piece.len());
        assert_eq!(len, Covered::MAX_LEN + 32);
    }
}
