//! The data of the records that a case has written, which no error and no `Debug` output may show (S18).

use std::collections::VecDeque;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use hallpass_core::store::Body;

/// The length of a part of a body: without padding in base64.
const PART: usize = 15;
/// How many parts are kept: three of each of the latest bodies.
const KEPT: usize = 48;
/// Fewer different bytes than this may occur in other text by chance.
const VARIED: usize = 9;

/// Parts of the bodies that a case has written, and the first text that showed one.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    parts: VecDeque<[u8; PART]>,
    shown: Option<String>,
}

impl Secrets {
    /// Keeps the beginning, the middle and the end of `body`.
    pub(crate) fn keep(&mut self, body: &Body) {
        let bytes = body.as_bytes();
        let Some(last) = bytes.len().checked_sub(PART) else { return };
        // Base64 encodes three bytes at a time.
        for at in [0, last / 2, last].map(|at| at / 3 * 3) {
            let Ok(part) = <[u8; PART]>::try_from(&bytes[at..at + PART]) else { continue };
            let mut different = part;
            different.sort_unstable();
            let varied = different.windows(2).filter(|pair| pair[0] != pair[1]).count() + 1 >= VARIED;
            if varied && !self.parts.contains(&part) {
                self.parts.push_back(part);
            }
        }
        while self.parts.len() > KEPT {
            self.parts.pop_front();
        }
    }

    /// Reads what the store said about `what`.
    pub(crate) fn hear(&mut self, what: &str, said: &str) {
        if self.shown.is_none() && self.parts.iter().any(|part| shows(said, part)) {
            self.shown = Some(format!("{what} shows data or digests"));
        }
    }

    /// What the first text that showed a part was about.
    pub(crate) const fn shown(&self) -> Option<&String> {
        self.shown.as_ref()
    }
}

/// Whether `said` contains `secret` in a common spelling.
pub(crate) fn shows(said: &str, secret: &[u8]) -> bool {
    let compact: String = said.split_whitespace().collect();
    let shown = |spelling: &String| said.contains(spelling) || compact.contains(&spelling.replace(' ', ""));
    spellings(secret).iter().any(shown)
}

/// Every common way to print `bytes`.
fn spellings(bytes: &[u8]) -> Vec<String> {
    let list =
        |show: fn(&u8) -> String, between: &str| bytes.iter().map(show).collect::<Vec<_>>().join(between);
    vec![
        String::from_utf8_lossy(bytes).into_owned(),
        bytes.escape_ascii().to_string(),
        list(|byte| format!("{byte:02x}"), ""),
        list(|byte| format!("{byte:02X}"), ""),
        list(|byte| byte.to_string(), ", "),
        list(|byte| byte.to_string(), ","),
        Base64::encode_string(bytes).trim_end_matches('=').to_owned(),
        Base64UrlUnpadded::encode_string(bytes),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: impl IntoIterator<Item = u8>) -> Body {
        Body::new(bytes.into_iter().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn every_part_is_recognised_in_every_spelling() {
        let (mut secrets, bytes) = (Secrets::default(), (7..107).collect::<Vec<u8>>());
        secrets.keep(&body(bytes.clone()));
        secrets.hear("a harmless error", "the value is too long: 100 bytes");
        assert_eq!(secrets.shown(), None);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let texts = [
            hex(&bytes[..20]),
            hex(&bytes[40..70]),
            hex(&bytes[80..]),
            format!("{:?}", &bytes[..20]),
            Base64::encode_string(&bytes),
            String::from_utf8_lossy(&bytes).into_owned(),
        ];
        for text in texts {
            let mut secrets = Secrets { parts: secrets.parts.clone(), shown: None };
            secrets.hear("an error", &format!("failing row contains ({text})"));
            assert_eq!(secrets.shown().map(String::as_str), Some("an error shows data or digests"), "{text}");
        }
    }

    #[test]
    fn bytes_that_occur_by_chance_are_no_secret() {
        let mut secrets = Secrets::default();
        secrets.keep(&body([0; 64]));
        secrets.keep(&body([1, 2, 3]));
        secrets.hear("an error", &format!("no record {}", "00".repeat(16)));
        assert_eq!(secrets.shown(), None);
    }
}
