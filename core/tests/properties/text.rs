//! Properties of token texts against a naive reading of T1: `selector.validator` in base64url without padding, plain
//! or between a prefix and a checksum.

use std::sync::{Arc, Mutex};

use hallpass_core::{BoxError, Entropy, Kind, MemoryStore, Rejected, Tokens};
use proptest::prelude::*;

use crate::block_on;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// A kind whose tokens are plain, and one whose tokens have a prefix and a checksum.
const KINDS: [(Kind, Option<&str>); 2] = [(Kind::SESSION, None), (Kind::API_KEY, Some("hp_key_"))];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_as_the_naive_parser_reads_it(text in any_text(), kind in 0..KINDS.len()) {
        let (kind, prefix) = KINDS[kind];
        let rejected = rejection(&service(Given::default()), kind, &text);
        let expected = if parse(&text, prefix).is_some() { Rejected::Invalid } else { Rejected::Malformed };
        prop_assert_eq!(rejected, Some(expected));
    }

    #[test]
    fn a_token_is_printed_as_the_naive_printer_does_and_read_back(
        bytes in any::<[u8; 32]>(), kind in 0..KINDS.len()
    ) {
        let (kind, prefix) = KINDS[kind];
        let given = Given::new(bytes);
        let tokens = service(given.clone());
        let (text, selector) = issue(&tokens, kind);
        let drawn = given.drawn.lock().unwrap().clone();
        let validator = drawn.iter().find(|bytes| bytes.len() == 32).unwrap();
        prop_assert_eq!(&text, &print(&selector, validator, prefix));
        prop_assert_eq!(parse(&text, prefix), Some((selector.to_vec(), validator.clone())));
        prop_assert_eq!(rejection(&tokens, kind, &text), None);
    }

    #[test]
    fn a_token_has_no_other_spelling(
        kind in 0..KINDS.len(), at in any::<prop::sample::Index>(), with in ".{0,2}", cut in 0..3_usize
    ) {
        let (kind, _) = KINDS[kind];
        let tokens = service(Given::default());
        let (text, _) = issue(&tokens, kind);
        let at = at.index(text.len());
        let end = (at + cut).min(text.len());
        let other = [&text[..at], with.as_str(), &text[end..]].concat();
        prop_assert_eq!(rejection(&tokens, kind, &other).is_none(), other == text);
    }
}

/// Noise, texts that look like tokens, and tokens.
fn any_text() -> impl Strategy<Value = String> {
    let word = |len: usize| prop::collection::vec(prop::sample::select(&ALPHABET[..]), len);
    let shape = (word(22), word(43)).prop_map(|(selector, validator)| {
        [&*String::from_utf8_lossy(&selector), ".", &String::from_utf8_lossy(&validator)].concat()
    });
    let plain = (any::<[u8; 16]>(), any::<[u8; 32]>())
        .prop_map(|(selector, validator)| print(&selector, &validator, None));
    let checked = (any::<[u8; 16]>(), any::<[u8; 32]>())
        .prop_map(|(selector, validator)| print(&selector, &validator, Some("hp_key_")));
    let noise = any::<String>();
    let long = "[A-Za-z0-9_.=+/-]{60,84}";
    let unchecked = (shape.clone(), "[0-9A-Za-z]{6}").prop_map(|(body, sum)| format!("hp_key_{body}{sum}"));
    prop_oneof![noise, long, shape, plain, checked, unchecked]
}

fn print(selector: &[u8], validator: &[u8], prefix: Option<&str>) -> String {
    let body = [prefix.unwrap_or(""), &base64(selector), ".", &base64(validator)].concat();
    match prefix {
        None => body,
        Some(_) => format!("{body}{}", checksum(&body)),
    }
}

fn parse(text: &str, prefix: Option<&str>) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut rest = text;
    if let Some(prefix) = prefix {
        let (body, sum) = text.split_at_checked(text.len().checked_sub(6)?)?;
        if checksum(body) != sum {
            return None;
        }
        rest = body.strip_prefix(prefix)?;
    }
    let (selector, validator) = rest.split_once('.')?;
    let (selector, validator) = (unbase64(selector)?, unbase64(validator)?);
    (selector.len() == 16 && validator.len() == 32).then_some((selector, validator))
}

fn base64(bytes: &[u8]) -> String {
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let digit = |at: usize| (0..6).fold(0, |digit, of| digit << 1 | usize::from(bit(at * 6 + of)));
    (0..(bytes.len() * 8).div_ceil(6)).map(|at| char::from(ALPHABET[digit(at)])).collect()
}

/// Decodes only what [`base64`] writes.
fn unbase64(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<usize>> =
        text.bytes().map(|letter| ALPHABET.iter().position(|known| *known == letter)).collect();
    let digits = digits?;
    let bit = |at: usize| digits[at / 6] >> (5 - at % 6) & 1;
    let byte = |at: usize| (0..8).fold(0, |byte, of| byte << 1 | bit(at * 8 + of) as u8);
    let bytes: Vec<u8> = (0..digits.len() * 6 / 8).map(byte).collect();
    (base64(&bytes) == text).then_some(bytes)
}

/// Computes the CRC-32 bit by bit, in base62.
fn checksum(text: &str) -> String {
    let step = |crc: u32, byte: u8| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    };
    let crc = !text.bytes().fold(!0, step) as usize;
    (0..6).rev().map(|place| char::from(BASE62[crc / 62_usize.pow(place) % 62])).collect()
}

fn service(entropy: Given) -> Tokens {
    Tokens::builder(MemoryStore::new()).entropy(entropy).build().unwrap()
}

fn issue(tokens: &Tokens, kind: Kind) -> (String, [u8; 16]) {
    let login = tokens.begin_anonymous().unwrap();
    let issued = block_on(tokens.issue(&login, kind).into_future()).unwrap();
    (issued.token.expose().to_owned(), issued.token.selector().0)
}

fn rejection(tokens: &Tokens, kind: Kind, text: &str) -> Option<Rejected> {
    block_on(tokens.verify(kind, text)).err().map(|denied| denied.rejection().unwrap())
}

/// Returns the same bytes over and over, and records them.
#[derive(Clone, Debug)]
struct Given {
    bytes: Arc<Mutex<Vec<u8>>>,
    drawn: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Given {
    fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: Arc::new(Mutex::new(bytes.into())), drawn: Arc::default() }
    }
}

impl Default for Given {
    fn default() -> Self {
        Self::new((0..101).collect::<Vec<u8>>())
    }
}

impl Entropy for Given {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BoxError> {
        let mut given = self.bytes.lock().unwrap();
        for byte in bytes.iter_mut() {
            given.rotate_left(1);
            *byte = given[0];
        }
        self.drawn.lock().unwrap().push(bytes.to_vec());
        Ok(())
    }
}
