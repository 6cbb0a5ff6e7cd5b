//! What core keeps in a record's body: digests, the last rotation, bindings, application data.

use super::wire::{Reader, put_time};
use super::{Body, Record};
use crate::authentication::Authentication;
use crate::clock::Timestamp;
use crate::facts::{Facts, Origin};
use crate::ident::LoginId;
use crate::keyring::KeyId;
use crate::limit::DecodeError;
use crate::secret::{Covered, Digest, Validator};
use crate::selector::Selector;

/// The version written first in every body.
const VERSION: u8 = 1;
/// The largest application data, in bytes.
pub(crate) const MAX_DATA: usize = 16 * 1024;
/// The most that everything else takes, in bytes (today 533); the rest is reserved for new fields.
pub(super) const MAX_OVERHEAD: usize = 1024;

const HAS_STAMP: u8 = 1;
const HAS_FINGERPRINT: u8 = 2;
const HAS_ROTATED: u8 = 4;
const HAS_NONCE: u8 = 8;
const HAS_BINDING: u8 = 16;
const HAS_AUTHENTICATION: u8 = 32;
const HAS_CONFIRMS: u8 = 64;
/// The last of the flags: another field needs another version.
const HAS_RENEWS: u8 = 128;

/// The decoded body. No `Debug`: it holds data and digests.
#[derive(Clone)]
pub(crate) struct State {
    /// 8 random bytes, new in every write: a record with the same ones is this very write (S5).
    pub(crate) write_id: [u8; 8],
    pub(crate) digest: Digest,
    pub(crate) lineage: [u8; 16],
    pub(crate) rotated: Option<Rotated>,
    pub(crate) facts: Facts,
    /// The rotation that the first use of this record's token confirms (contract D5a).
    pub(crate) confirms: Option<Confirms>,
    /// The login that this record's login replaces by a renewal: the two count as one while both live.
    pub(crate) renews: Option<LoginId>,
    pub(crate) data: Vec<u8>,
}

/// One rotation of another record, whose successor was sent in the same response as this record's token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Confirms {
    pub(crate) selector: Selector,
    /// The successor's generation.
    pub(crate) generation: u32,
}

/// The last rotation.
#[derive(Clone)]
pub(crate) struct Rotated {
    pub(crate) at: Timestamp,
    /// When the successor was first presented.
    pub(crate) confirmed_at: Option<Timestamp>,
    pub(crate) predecessor: Digest,
    /// The nonce from which the successor is derived; erased once the windows have closed.
    pub(crate) nonce: Option<Nonce>,
}

/// The 16 random bytes of one rotation, and the key that supplied the salt.
#[derive(Clone, Copy)]
pub(crate) struct Nonce {
    pub(crate) bytes: [u8; 16],
    pub(crate) key: Option<KeyId>,
}

impl State {
    /// Returns the state without application data, without copying them first.
    pub(crate) fn without_data(&self) -> Self {
        Self {
            write_id: self.write_id,
            digest: self.digest,
            lineage: self.lineage,
            rotated: self.rotated.clone(),
            facts: self.facts.clone(),
            confirms: self.confirms,
            renews: self.renews,
            data: Vec::new(),
        }
    }

    /// Layout, big-endian: version 1 · flags 1 · write id 8 · digest 4 + 32 · lineage 16 ·
    /// authenticated at 8 · origin 1 · [stamp 16] · [fingerprint 16] · [binding 32] ·
    /// [authentication: level 1 + n, methods 1, each 1 + n] · [confirms 16 + 4] · [renews 8] ·
    /// [rotated at 8 · confirmed at 8 · predecessor 4 + 32] · [nonce 4 + 16] · data.
    pub(crate) fn encode(&self) -> Body {
        let facts = &self.facts;
        let mut out = Vec::with_capacity(227 + self.data.len());
        let nonce = self.rotated.as_ref().and_then(|rotated| rotated.nonce);
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        out.push(VERSION);
        out.push(
            flag(facts.stamp.is_some(), HAS_STAMP)
                | flag(facts.fingerprint.is_some(), HAS_FINGERPRINT)
                | flag(self.rotated.is_some(), HAS_ROTATED)
                | flag(nonce.is_some(), HAS_NONCE)
                | flag(facts.binding.is_some(), HAS_BINDING)
                | flag(!facts.authentication.is_empty(), HAS_AUTHENTICATION)
                | flag(self.confirms.is_some(), HAS_CONFIRMS)
                | flag(self.renews.is_some(), HAS_RENEWS),
        );
        out.extend_from_slice(&self.write_id);
        put_digest(&mut out, &self.digest);
        out.extend_from_slice(&self.lineage);
        put_time(&mut out, Some(facts.auth_at));
        out.push(facts.origin.code());
        out.extend(facts.stamp.iter().flatten());
        out.extend(facts.fingerprint.iter().flatten());
        out.extend(facts.binding.iter().flatten());
        if !facts.authentication.is_empty() {
            facts.authentication.encode(|piece| out.extend_from_slice(piece));
        }
        if let Some(confirms) = self.confirms {
            out.extend_from_slice(&confirms.selector.0);
            out.extend_from_slice(&confirms.generation.to_be_bytes());
        }
        out.extend(self.renews.iter().flat_map(|login| login.0));
        if let Some(rotated) = &self.rotated {
            put_time(&mut out, Some(rotated.at));
            put_time(&mut out, rotated.confirmed_at);
            put_digest(&mut out, &rotated.predecessor);
        }
        if let Some(nonce) = nonce {
            put_key(&mut out, nonce.key);
            out.extend_from_slice(&nonce.bytes);
        }
        out.extend_from_slice(&self.data);
        Body(out)
    }

    /// # Errors
    /// [`DecodeError`] if the bytes are not what some version wrote.
    pub(crate) fn decode(body: &Body) -> Result<Self, DecodeError> {
        let mut from = Reader::new(body.as_bytes());
        if from.u8()? != VERSION {
            return Err(DecodeError("unknown version of the body"));
        }
        let flags = from.u8()?;
        let has = |flag: u8| flags & flag != 0;
        if has(HAS_NONCE) && !has(HAS_ROTATED) {
            return Err(DecodeError("a nonce without a rotation"));
        }
        let write_id = from.array()?;
        let digest = digest(&mut from)?;
        let lineage = from.array()?;
        let auth_at = from.time()?;
        let origin = match from.u8()? {
            0 => Origin::Authenticated,
            1 => Origin::Restored,
            _ => return Err(DecodeError("unknown origin code")),
        };
        let stamp = has(HAS_STAMP).then(|| from.array()).transpose()?;
        let fingerprint = has(HAS_FINGERPRINT).then(|| from.array()).transpose()?;
        let binding = has(HAS_BINDING).then(|| from.array()).transpose()?;
        let authentication = match has(HAS_AUTHENTICATION) {
            true => authentication(&mut from)?,
            false => Authentication::new(),
        };
        let confirms = match has(HAS_CONFIRMS) {
            true => Some(Confirms { selector: Selector(from.array()?), generation: from.u32()? }),
            false => None,
        };
        let renews = has(HAS_RENEWS).then(|| from.array().map(LoginId)).transpose()?;
        let mut rotated = None;
        if has(HAS_ROTATED) {
            rotated = Some(Rotated {
                at: from.time()?,
                confirmed_at: from.optional_time()?,
                predecessor: self::digest(&mut from)?,
                nonce: match has(HAS_NONCE) {
                    true => Some(Nonce { key: key(&mut from)?, bytes: from.array()? }),
                    false => None,
                },
            });
        }
        let data = from.rest().to_vec();
        if data.len() > MAX_DATA {
            return Err(DecodeError("application data exceed 16 KiB"));
        }
        let facts = Facts { stamp, fingerprint, binding, auth_at, origin, authentication };
        Ok(Self { write_id, digest, lineage, rotated, facts, confirms, renews, data })
    }
}

impl State {
    /// Returns whether a login or a renewal made the record, so that its token went to that caller. A record made by
    /// `issue_from` may have been restored by a copy of a token.
    pub(crate) fn is_of_the_login(&self) -> bool {
        self.facts.origin == Origin::Authenticated || self.renews.is_some()
    }
}

impl Record {
    /// Returns what this record's digests cover: everything that never changes, in its columns and in its body.
    pub(crate) fn covered<'a>(&'a self, facts: &'a Facts) -> Covered<'a> {
        Covered {
            selector: self.selector,
            kind: &self.kind,
            subject: self.subject.as_ref(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            purpose: self.purpose,
            login: self.login,
            era: self.era,
            facts,
        }
    }

    /// Fails if anything that never changes differs from `proven`, a row whose digest was compared.
    ///
    /// A row that is read again without its validator is compared with that one. Otherwise, under a keyring, a writer
    /// of the database could have a changed row signed (contract T3).
    pub(crate) fn same_as_proven(
        &self,
        facts: &Facts,
        proven: &Self,
        proven_facts: &Facts,
    ) -> Result<(), DecodeError> {
        // These digests only serve to compare all covered fields at once, in constant time (T4). They contain no
        // secret.
        let none = Validator::new([0; 32]);
        let digest = |record: &Self, facts| Digest::of(&none, record.covered(facts), None);
        match digest(self, facts).matches(&digest(proven, proven_facts)) {
            true => Ok(()),
            false => Err(DecodeError("an immutable field of the row was changed")),
        }
    }
}

/// # Errors
/// [`DecodeError`] if it is beyond its limits or empty, which no version writes.
fn authentication(from: &mut Reader<'_>) -> Result<Authentication, DecodeError> {
    let mut authentication = Authentication::new();
    let len = from.u8()?;
    let level = from.text(usize::from(len))?;
    if !level.is_empty() {
        authentication = authentication.level(level);
    }
    for _ in 0..from.u8()? {
        let len = from.u8()?;
        authentication = authentication.method(from.text(usize::from(len))?);
    }
    match authentication.check() {
        Ok(()) if !authentication.is_empty() => Ok(authentication),
        _ => Err(DecodeError("authentication is empty or beyond its limits")),
    }
}

fn put_key(out: &mut Vec<u8>, key: Option<KeyId>) {
    out.extend_from_slice(&key.map_or(0, |id| id.0.get()).to_be_bytes());
}

fn key(from: &mut Reader<'_>) -> Result<Option<KeyId>, DecodeError> {
    from.u32().map(KeyId::new)
}

fn put_digest(out: &mut Vec<u8>, digest: &Digest) {
    put_key(out, digest.key);
    out.extend_from_slice(&digest.bytes);
}

fn digest(from: &mut Reader<'_>) -> Result<Digest, DecodeError> {
    Ok(Digest { key: key(from)?, bytes: from.array()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body with every field, each of the largest length.
    fn largest() -> State {
        let name = "x".repeat(Authentication::MAX_LEN);
        let methods = Authentication::new().level(&*name);
        let digest = Digest { key: KeyId::new(u32::MAX), bytes: [1; 32] };
        let nonce = Some(Nonce { bytes: [2; 16], key: KeyId::new(7) });
        State {
            write_id: [3; 8],
            digest,
            lineage: [4; 16],
            rotated: Some(Rotated {
                at: Timestamp::MAX,
                confirmed_at: Some(Timestamp::MAX),
                predecessor: digest,
                nonce,
            }),
            facts: Facts {
                stamp: Some([5; 16]),
                fingerprint: Some([6; 16]),
                binding: Some([7; 32]),
                auth_at: Timestamp::MAX,
                origin: Origin::Restored,
                authentication: (0..Authentication::MAX_METHODS).fold(methods, |all, _| all.method(&*name)),
            },
            confirms: Some(Confirms { selector: Selector([8; 16]), generation: u32::MAX }),
            renews: Some(LoginId([10; 8])),
            data: vec![9; MAX_DATA],
        }
    }

    #[test]
    fn the_largest_body_fits_and_reads_as_it_was_written() {
        let body = largest().encode();
        assert_eq!(body.as_bytes().len(), MAX_DATA + 533);
        assert!(body.as_bytes().len() <= Body::MAX_LEN);
        let again = State::decode(&body).unwrap();
        assert_eq!(again.encode(), body);
        assert_eq!(again.facts.authentication.methods().count(), Authentication::MAX_METHODS);
        assert_eq!(again.facts.binding, Some([7; 32]));
        assert_eq!(again.confirms.map(|confirms| confirms.generation), Some(u32::MAX));
        assert_eq!(again.renews, Some(LoginId([10; 8])));
    }

    #[test]
    fn an_authentication_that_no_version_wrote_is_an_error() {
        let facts =
            Facts { authentication: Authentication::new().method("pwd").level("aal1"), ..largest().facts };
        let good =
            State { facts, rotated: None, confirms: None, renews: None, data: Vec::new(), ..largest() }
                .encode();
        let at = good.as_bytes().len() - "\x04aal1\x01\x03pwd".len();
        for (offset, with) in [(0, 33), (5, 9), (5, 2), (6, 0), (6, 33)] {
            let mut bytes = good.as_bytes().to_vec();
            bytes[at + offset] = with;
            assert!(State::decode(&Body(bytes)).is_err(), "{with} at {offset}");
        }
        let empty = [&good.as_bytes()[..at], &[0, 0]].concat();
        assert!(State::decode(&Body(empty)).is_err(), "neither a method nor a level");
    }
}
