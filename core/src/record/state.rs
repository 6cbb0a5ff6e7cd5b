//! What core keeps in a record's body: digests, the last rotation, bindings, application data.

use super::wire::{Reader, put_time};
use super::{Body, Record};
use crate::clock::Timestamp;
use crate::error::DecodeError;
use crate::secret::{Binding, Digest, KeyId};

/// The version written first in every body.
const VERSION: u8 = 1;
/// The largest application data, in bytes.
pub(crate) const MAX_DATA: usize = 16 * 1024;
/// The most that everything else takes, in bytes (today 175); the rest is room for new fields.
pub(super) const MAX_OVERHEAD: usize = 512;

const HAS_STAMP: u8 = 1;
const HAS_FINGERPRINT: u8 = 2;
const HAS_ROTATED: u8 = 4;
const HAS_NONCE: u8 = 8;

/// How the subject came to this login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// By authenticating: password, passkey, second factor. The login is fresh.
    Authenticated,
    /// By presenting another token of the same login, such as a remember-me cookie.
    Restored,
}

/// The decoded body. No `Debug`: it holds data and digests.
#[derive(Clone)]
pub(crate) struct State {
    /// 8 random bytes, new in every write: only an equal one proves that a write was one's own (S5).
    pub(crate) write_id: [u8; 8],
    pub(crate) digest: Digest,
    pub(crate) lineage: [u8; 16],
    pub(crate) rotated: Option<Rotated>,
    pub(crate) stamp: Option<[u8; 16]>,
    pub(crate) fingerprint: Option<[u8; 16]>,
    /// When the subject last authenticated.
    pub(crate) auth_at: Timestamp,
    pub(crate) origin: Origin,
    pub(crate) data: Vec<u8>,
}

/// The last rotation.
#[derive(Clone)]
pub(crate) struct Rotated {
    pub(crate) at: Timestamp,
    /// When the successor was first presented.
    pub(crate) confirmed_at: Option<Timestamp>,
    pub(crate) predecessor: Digest,
    /// What the successor is derived with; erased once the windows have closed.
    pub(crate) nonce: Option<Nonce>,
}

/// 16 random bytes of one rotation, and the key whose salt went with them.
#[derive(Clone, Copy)]
pub(crate) struct Nonce {
    pub(crate) bytes: [u8; 16],
    pub(crate) key: Option<KeyId>,
}

impl State {
    /// Layout, big-endian: version 1 · flags 1 · write id 8 · digest 4 + 32 · lineage 16 ·
    /// authenticated at 8 · origin 1 · [stamp 16] · [fingerprint 16] ·
    /// [rotated at 8 · confirmed at 8 · predecessor 4 + 32] · [nonce 4 + 16] · data.
    pub(crate) fn encode(&self) -> Body {
        let mut out = Vec::with_capacity(175 + self.data.len());
        let nonce = self.rotated.as_ref().and_then(|rotated| rotated.nonce);
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        out.push(VERSION);
        out.push(
            flag(self.stamp.is_some(), HAS_STAMP)
                | flag(self.fingerprint.is_some(), HAS_FINGERPRINT)
                | flag(self.rotated.is_some(), HAS_ROTATED)
                | flag(nonce.is_some(), HAS_NONCE),
        );
        out.extend_from_slice(&self.write_id);
        put_digest(&mut out, &self.digest);
        out.extend_from_slice(&self.lineage);
        put_time(&mut out, Some(self.auth_at));
        out.push(match self.origin {
            Origin::Authenticated => 0,
            Origin::Restored => 1,
        });
        out.extend(self.stamp.iter().flatten());
        out.extend(self.fingerprint.iter().flatten());
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
        if flags >= 16 || has(HAS_NONCE) && !has(HAS_ROTATED) {
            return Err(DecodeError("unknown flags"));
        }
        let write_id = from.array()?;
        let digest = digest(&mut from)?;
        let lineage = from.array()?;
        let auth_at = from.time()?;
        let origin = match from.u8()? {
            0 => Origin::Authenticated,
            1 => Origin::Restored,
            _ => return Err(DecodeError("unknown way of authentication")),
        };
        let stamp = has(HAS_STAMP).then(|| from.array()).transpose()?;
        let fingerprint = has(HAS_FINGERPRINT).then(|| from.array()).transpose()?;
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
        Ok(Self { write_id, digest, lineage, rotated, stamp, fingerprint, auth_at, origin, data })
    }
}

impl Record {
    /// What this record's digests are bound to.
    pub(crate) fn binding(&self) -> Binding<'_> {
        Binding {
            selector: self.selector,
            kind: &self.kind,
            subject: self.subject.as_ref(),
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
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
