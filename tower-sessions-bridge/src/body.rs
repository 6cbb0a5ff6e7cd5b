//! The body of a session's record: digest or seal, the nanoseconds of its expiry date, data.

use std::collections::HashMap;

use hallpass_core::store::Body;
use hallpass_core::{KeyId, Seal};
use serde_json::Value;

use crate::error::Error;

/// The data of a session, in the type of tower-sessions.
pub(crate) type Data = HashMap<String, Value>;

/// The first bytes of every body: a letter that no body of core begins with, and the version.
const TAG: [u8; 2] = *b"T\x01";
/// The number of bytes before the data.
const HEAD: usize = 50;
/// The limit of the JSON, in bytes.
const MAX_DATA: usize = 16 * 1024;
/// The deepest nesting that `serde_json` can read back.
const MAX_DEPTH: usize = 127;

/// The decoded body; the data are still JSON. No `Debug`: it holds data and a digest.
pub(crate) struct Content {
    pub(crate) proof: Proof,
    /// The nanoseconds of the expiry date beyond its milliseconds, which have a column.
    pub(crate) nanos: u32,
    pub(crate) json: Vec<u8>,
}

/// The proof that a record belongs to a session id.
#[derive(Clone, Copy)]
pub(crate) enum Proof {
    /// The digest of the id, without a keyring.
    Digest([u8; 32]),
    /// The seal over the id and every field of the record, with a keyring.
    Sealed(Seal),
}

impl Content {
    /// # Errors
    /// [`Error::Encode`] if the data are too large, or nested too deeply to be read back.
    pub(crate) fn new(proof: Proof, nanos: u32, data: &Data) -> Result<Self, Error> {
        if !data.values().all(|value| fits(value, MAX_DEPTH - 1)) {
            return Err(Error::Encode(format!("session data are nested deeper than {MAX_DEPTH} levels")));
        }
        let json = serde_json::to_vec(data)
            .map_err(|_| Error::Encode("session data cannot be written as JSON".into()))?;
        if json.len() > MAX_DATA {
            let len = json.len();
            return Err(Error::Encode(format!("session data are {len} bytes of JSON, {MAX_DATA} fit")));
        }
        Ok(Self { proof, nanos, json })
    }

    /// Layout, big-endian: tag 2 · write id 8 · key id 4, 0 without a keyring · digest or seal 32 · nanoseconds 4 ·
    /// data. Every write has a new write id, so an equal record proves that this very write happened (contract S5).
    pub(crate) fn encode(&self, write_id: [u8; 8]) -> Result<Body, Error> {
        let mut out = Vec::with_capacity(HEAD + self.json.len());
        out.extend_from_slice(&TAG);
        out.extend_from_slice(&write_id);
        let (key, proof) = match &self.proof {
            Proof::Digest(digest) => (0, digest),
            Proof::Sealed(seal) => (seal.key.0.get(), &seal.bytes),
        };
        out.extend_from_slice(&key.to_be_bytes());
        out.extend_from_slice(proof);
        out.extend_from_slice(&self.nanos.to_be_bytes());
        out.extend_from_slice(&self.json);
        Body::new(out).map_err(|error| Error::Encode(error.to_string()))
    }

    /// # Errors
    /// [`Error::Decode`] for bytes that [`encode`](Self::encode) did not write.
    pub(crate) fn decode(body: &Body) -> Result<Self, Error> {
        let split = || {
            let rest = body.as_bytes().strip_prefix(&TAG)?;
            let (_write_id, rest) = rest.split_first_chunk::<8>()?;
            let (key, rest) = rest.split_first_chunk()?;
            let (&bytes, rest) = rest.split_first_chunk()?;
            let (nanos, json) = rest.split_first_chunk()?;
            let nanos = u32::from_be_bytes(*nanos);
            let proof = match KeyId::new(u32::from_be_bytes(*key)) {
                Some(key) => Proof::Sealed(Seal { key, bytes }),
                None => Proof::Digest(bytes),
            };
            (nanos < 1_000_000).then(|| Self { proof, nanos, json: json.to_vec() })
        };
        split().ok_or_else(|| Error::Decode("a stored session is corrupt".into()))
    }

    /// # Errors
    /// [`Error::Decode`], without details: the parser's error quotes its input.
    pub(crate) fn data(&self) -> Result<Data, Error> {
        serde_json::from_slice(&self.json)
            .map_err(|_| Error::Decode("stored session data are corrupt".into()))
    }
}

/// Whether `value` nests at most `depth` levels.
fn fits(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(values) => depth > 0 && values.iter().all(|value| fits(value, depth - 1)),
        Value::Object(values) => depth > 0 && values.values().all(|value| fits(value, depth - 1)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(value: Value) -> Data {
        Data::from([("key".into(), value)])
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let data = data(serde_json::json!([1, -2.5e-300, 0.1, u64::MAX, "ü\0", null, {"": {}}]));
        let body = Content::new(Proof::Digest([7; 32]), 999_999, &data).unwrap().encode([1; 8]).unwrap();
        let content = Content::decode(&body).unwrap();
        assert!(matches!(content.proof, Proof::Digest(digest) if digest == [7; 32]));
        assert_eq!(content.nanos, 999_999);
        assert_eq!(content.data().unwrap(), data);
    }

    #[test]
    fn floats_come_back_to_the_last_bit() {
        let mut bits: u64 = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let float = f64::from_bits(bits);
            if float.is_finite() {
                let stored =
                    Content::new(Proof::Digest([0; 32]), 0, &data(float.into())).unwrap().data().unwrap();
                assert_eq!(stored["key"].as_f64().map(f64::to_bits), Some(float.to_bits()));
            }
        }
    }

    #[test]
    fn every_depth_that_is_accepted_is_read_back() {
        let deepest = Content::new(Proof::Digest([0; 32]), 0, &data(nested(126))).unwrap();
        assert_eq!(deepest.data().unwrap(), data(nested(126)));
        assert!(matches!(Content::new(Proof::Digest([0; 32]), 0, &data(nested(127))), Err(Error::Encode(_))));
    }

    #[test]
    fn data_up_to_the_limit_fit_and_one_byte_more_does_not() {
        let room = MAX_DATA - r#"{"key":""}"#.len();
        let largest = Content::new(Proof::Digest([0; 32]), 0, &data("x".repeat(room).into())).unwrap();
        assert_eq!(largest.encode([0; 8]).unwrap().as_bytes().len(), HEAD + MAX_DATA);
        let Err(Error::Encode(text)) =
            Content::new(Proof::Digest([0; 32]), 0, &data("x".repeat(room + 1).into()))
        else {
            panic!("it is too large");
        };
        assert_eq!(text, "session data are 16385 bytes of JSON, 16384 fit");
    }

    #[test]
    fn foreign_bytes_are_an_error() {
        let good = Content::new(Proof::Digest([0; 32]), 0, &Data::new()).unwrap().encode([0; 8]).unwrap();
        for len in 0..HEAD {
            let cut = Body::new(good.as_bytes()[..len].to_vec()).unwrap();
            assert!(matches!(Content::decode(&cut), Err(Error::Decode(_))), "{len} bytes");
        }
        for (at, byte) in [(0, 1), (1, 2), (46, 255)] {
            let mut bytes = good.as_bytes().to_vec();
            bytes[at] = byte;
            assert!(Content::decode(&Body::new(bytes).unwrap()).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_broken_document_is_not_quoted() {
        let content = Content { proof: Proof::Digest([0; 32]), nanos: 0, json: br#""secret""#.to_vec() };
        let Err(Error::Decode(text)) = content.data() else { panic!("it is no object") };
        assert_eq!(text, "stored session data are corrupt");
    }
}
