//! Encodes a whole record as bytes, for stores that keep one value under one key.

use super::wire::{Reader, put_time};
use super::{Body, Reason, Record};
use crate::ident::{Device, Era, Kind, LoginId, Revision, Subject};
use crate::limit::{DecodeError, LimitError};
use crate::purpose::Purpose;
use crate::selector::Selector;

/// The version written first in every record.
const VERSION: u8 = 1;

impl Record {
    /// Encodes the record as bytes: 97, plus the lengths of kind, subject, device and body.
    ///
    /// Numbers are big-endian and at fixed offsets, so that a script inside a database can read and change them:
    ///
    /// | offset | bytes | field |
    /// | --- | --- | --- |
    /// | 0 | 1 | version, 1 |
    /// | 1 | 8 | revision |
    /// | 9 | 1 | reason, 0 while it lives |
    /// | 10 | 8 | created at, milliseconds |
    /// | 18 | 8 | updated at |
    /// | 26 | 8 | seen at |
    /// | 34 | 8 | expires at |
    /// | 42 | 8 | idle at, all ones for none |
    /// | 50 | 8 | purge at |
    /// | 58 | 4 | generation |
    /// | 62 | 8 | login |
    /// | 70 | 16 | selector |
    /// | 86 | 1 | purpose |
    /// | 87 | 4 | era |
    /// | 91 | 1 | length of the kind |
    /// | 92 | 1 | length of the subject, 0 for none |
    /// | 93 | 2 | length of the device |
    /// | 95 | 2 | length of the body |
    /// | 97 | | kind, subject, device, body |
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let subject = self.subject.as_ref().map_or("", Subject::as_str);
        let (kind, device, body) = (self.kind.as_bytes(), self.device.as_str(), self.body.as_bytes());
        let mut out = Vec::with_capacity(97 + kind.len() + subject.len() + device.len() + body.len());
        out.push(VERSION);
        out.extend_from_slice(&self.revision.get().to_be_bytes());
        out.push(self.revoked.map_or(0, Reason::code));
        put_time(&mut out, Some(self.created_at));
        put_time(&mut out, Some(self.updated_at));
        put_time(&mut out, Some(self.seen_at));
        put_time(&mut out, Some(self.expires_at));
        put_time(&mut out, self.idle_at);
        put_time(&mut out, Some(self.purge_at));
        out.extend_from_slice(&self.generation.to_be_bytes());
        out.extend_from_slice(&self.login.0);
        out.extend_from_slice(&self.selector.0);
        out.push(self.purpose.code());
        out.extend_from_slice(&self.era.get().to_be_bytes());
        // Every length fits: the types limit them to 32, 255, 512 and 17,408 bytes.
        out.push(kind.len() as u8);
        out.push(subject.len() as u8);
        out.extend_from_slice(&(device.len() as u16).to_be_bytes());
        out.extend_from_slice(&(body.len() as u16).to_be_bytes());
        out.extend_from_slice(kind);
        out.extend_from_slice(subject.as_bytes());
        out.extend_from_slice(device.as_bytes());
        out.extend_from_slice(body);
        out
    }

    /// Decodes what [`Record::encode`] of this or an older version wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for any other bytes; hostile input never causes a panic.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        if from.u8()? != VERSION {
            return Err(DecodeError("unknown version of the record"));
        }
        let limit = |_: LimitError| DecodeError("a field is beyond its limits");
        let revision = Revision::new(from.u64()?).map_err(limit)?;
        let revoked = Reason::from_code(from.u8()?)?;
        let created_at = from.time()?;
        let updated_at = from.time()?;
        let seen_at = from.time()?;
        let expires_at = from.time()?;
        let idle_at = from.optional_time()?;
        let purge_at = from.time()?;
        let generation = from.u32()?;
        let login = LoginId(from.array()?);
        let selector = Selector(from.array()?);
        let purpose = Purpose::from_code(from.u8()?)?;
        let era = Era::new(from.u32()?);
        let (kind_len, subject_len) = (usize::from(from.u8()?), usize::from(from.u8()?));
        let (device_len, body_len) = (usize::from(from.u16()?), usize::from(from.u16()?));
        let kind = Kind::new(from.text(kind_len)?).map_err(limit)?;
        let subject = match subject_len {
            0 => None,
            _ => Some(Subject::new(from.text(subject_len)?).map_err(limit)?),
        };
        let device = Device::new(from.text(device_len)?).map_err(limit)?;
        let body = Body::new(from.take(body_len)?.to_vec()).map_err(limit)?;
        from.end()?;
        Ok(Self {
            selector,
            subject,
            kind,
            purpose,
            login,
            era,
            created_at,
            updated_at,
            seen_at,
            expires_at,
            idle_at,
            purge_at,
            revoked,
            revision,
            generation,
            device,
            body,
        })
    }
}
