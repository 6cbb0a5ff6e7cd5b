//! Searches for secrets in every form in which they may have leaked.

use std::collections::HashSet;

use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding};
use hallpass_core::Token;

/// The number of consecutive bytes that count as a leak.
const WINDOW: usize = 12;

/// Every piece, [`WINDOW`] bytes long, of every secret in every encoding.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    pieces: HashSet<[u8; WINDOW]>,
    pub(crate) count: usize,
}

impl Secrets {
    pub(crate) fn token(&mut self, token: &Token) {
        let (_, text) = token.expose().split_once('.').unwrap();
        self.validator(&Base64UrlUnpadded::decode_vec(&text[..43]).unwrap().try_into().unwrap());
    }

    pub(crate) fn validator(&mut self, validator: &[u8; 32]) {
        let (r, f) = validator.split_at(16);
        [&validator[..], r, f].into_iter().for_each(|part| self.bytes(part));
        self.count += 1;
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        // As a part of longer base64, they may begin at each of three places of a group.
        for part in [bytes, &bytes[1..], &bytes[2..]] {
            for shown in encodings(part) {
                self.pieces(&shown);
            }
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.pieces(text.as_bytes());
        self.count += 1;
    }

    fn pieces(&mut self, shown: &[u8]) {
        self.pieces.extend(shown.windows(WINDOW).map(|piece| <[u8; WINDOW]>::try_from(piece).unwrap()));
    }

    /// Returns the place where the first secret begins, and its surroundings.
    pub(crate) fn found_in(&self, hay: &[u8]) -> Option<String> {
        let at = hay.windows(WINDOW).position(|piece| self.pieces.contains(piece))?;
        let around = &hay[at.saturating_sub(80)..(at + 80).min(hay.len())];
        Some(format!("at {at}: {}", String::from_utf8_lossy(around)))
    }
}

pub(crate) fn encodings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![
        bytes.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        Base64UrlUnpadded::encode_string(bytes).into_bytes(),
        Base64Unpadded::encode_string(bytes).into_bytes(),
        format!("{bytes:?}").into_bytes(),
        format!("{bytes:02x?}").into_bytes(),
    ]
}
