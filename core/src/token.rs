//! The split token: its text, printed and strictly parsed (contract T1).

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use crate::limit::LimitError;
use crate::secret::Validator;
use crate::selector::Selector;

/// The length of a selector's text, in characters.
const SELECTOR_TEXT: usize = 22;
/// The length of a validator's text, in characters.
const VALIDATOR_TEXT: usize = 43;
/// The length of `selector.validator`, in characters.
const PLAIN_TEXT: usize = SELECTOR_TEXT + 1 + VALIDATOR_TEXT;
/// The length of the checksum, in characters: 62⁶ > 2³².
const CHECKSUM_TEXT: usize = 6;

/// A token, as the client holds it. It is made once, shown once and never stored.
///
/// It has no `Display`, `Serialize` or `PartialEq`, its `Debug` shows only the selector, and its memory is wiped on
/// drop (contract T6).
pub struct Token {
    selector: Selector,
    text: Zeroizing<String>,
}

impl Token {
    pub(crate) fn print(selector: Selector, validator: &Validator, format: &Format) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(format.text_len()));
        let mut buffer = Zeroizing::new([0; VALIDATOR_TEXT]);
        if let Format::Checked { prefix } = format {
            text.push_str(prefix);
        }
        // Neither encoding can fail: the buffer holds the longer of the two.
        text.push_str(Base64UrlUnpadded::encode(&selector.0, &mut *buffer).unwrap_or_default());
        text.push('.');
        text.push_str(Base64UrlUnpadded::encode(validator.as_bytes(), &mut *buffer).unwrap_or_default());
        if matches!(format, Format::Checked { .. }) {
            let checksum = checksum(text.as_bytes());
            text.extend(checksum.iter().map(|&digit| char::from(digit)));
        }
        Self { selector, text }
    }

    /// Returns the text to send to the client. Put it into a cookie or a response body, never into a URL or a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns the public half.
    #[must_use]
    pub const fn selector(&self) -> Selector {
        self.selector
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}.…)", self.selector)
    }
}

/// The text format of a kind's tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `selector.validator`, 66 characters.
    #[default]
    Plain,
    /// A prefix, `selector.validator`, and 6 base62 digits of a CRC32 over both. Secret scanners recognise it, and a
    /// typing error costs no store access. After GitHub's token format of 2021.
    Checked {
        /// 2 to 32 characters of `a`–`z`, `0`–`9` and `_`, the last of them `_`: `acme_rt_`.
        prefix: &'static str,
    },
}

impl Format {
    /// Returns the length of a token's text, in characters.
    #[must_use]
    pub const fn text_len(&self) -> usize {
        match self {
            Self::Plain => PLAIN_TEXT,
            Self::Checked { prefix } => prefix.len() + PLAIN_TEXT + CHECKSUM_TEXT,
        }
    }

    /// # Errors
    /// [`LimitError`] if the prefix breaks its rule.
    pub(crate) fn check(&self) -> Result<(), LimitError> {
        let Self::Checked { prefix } = self else { return Ok(()) };
        let legal = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_');
        if !(2..=32).contains(&prefix.len()) || !prefix.ends_with('_') || !prefix.bytes().all(legal) {
            return Err(LimitError::new(
                "prefix",
                "must be 2 to 32 characters of a-z, 0-9 and _, ending in _",
            ));
        }
        Ok(())
    }

    /// Parses the text of a token into its two halves; `None` if this format would not print exactly this text.
    ///
    /// It accepts any input and is strict down to the unused trailing bits: each token has one spelling.
    pub(crate) fn parse(&self, text: &str) -> Option<(Selector, Validator)> {
        if text.len() != self.text_len() || !text.is_ascii() {
            return None;
        }
        let plain = match self {
            Self::Plain => text,
            Self::Checked { prefix } => {
                let (body, sum) = text.split_at(text.len() - CHECKSUM_TEXT);
                if checksum(body.as_bytes()) != sum.as_bytes() {
                    return None;
                }
                body.strip_prefix(prefix)?
            }
        };
        let (selector_text, rest) = plain.split_at(SELECTOR_TEXT);
        let mut selector = [0; 16];
        let mut validator = Zeroizing::new([0; 32]);
        Base64UrlUnpadded::decode(selector_text, &mut selector).ok()?;
        Base64UrlUnpadded::decode(rest.strip_prefix('.')?, &mut *validator).ok()?;
        Some((Selector(selector), Validator::new(*validator)))
    }
}

/// Returns the CRC32 of `bytes` in base62, most significant digit first.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_TEXT] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = crc32fast::hash(bytes);
    let mut text = [b'0'; CHECKSUM_TEXT];
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKED: Format = Format::Checked { prefix: "acme_rt_" };

    fn token(format: &Format) -> Token {
        Token::print(Selector([7; 16]), &Validator::new([0xf9; 32]), format)
    }

    #[test]
    fn a_plain_token_is_66_characters() {
        let token = token(&Format::Plain);
        assert_eq!(token.expose().len(), 66);
        let (selector, validator) = Format::Plain.parse(token.expose()).unwrap();
        assert_eq!(selector, Selector([7; 16]));
        assert_eq!(validator.as_bytes(), &[0xf9; 32]);
    }

    #[test]
    fn a_checked_token_refuses_every_single_typing_error() {
        let text = token(&CHECKED).expose().to_owned();
        assert!(CHECKED.parse(&text).is_some());
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            assert!(CHECKED.parse(std::str::from_utf8(&bytes).unwrap()).is_none(), "at {at}");
        }
    }

    #[test]
    fn a_token_has_one_spelling() {
        let text = token(&Format::Plain).expose().to_owned();
        // The last character of each half has unused bits: every other spelling is refused.
        for at in [21, 65] {
            let mut accepted = 0;
            for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".bytes() {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = character;
                accepted += usize::from(Format::Plain.parse(std::str::from_utf8(&bytes).unwrap()).is_some());
            }
            // 22 characters are 132 bits for a selector of 128; 43 are 258 for a validator of 256.
            assert_eq!(accepted, if at == 21 { 4 } else { 16 }, "at {at}");
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        let good = token(&Format::Plain).expose().to_owned();
        let long = good.clone() + "A";
        let standard = good.replace(['-', '_'], "+");
        let padded = good[..65].to_owned() + "=";
        let wide = "é".repeat(33);
        let space = " ".to_owned() + &good[1..];
        for bad in ["", ".", &good[1..], &long, &standard, &padded, &wide, &space, &good.replace('.', "A")] {
            assert!(Format::Plain.parse(bad).is_none(), "{bad:?}");
        }
        assert!(CHECKED.parse(&good).is_none());
    }

    #[test]
    fn a_prefix_keeps_to_its_rule() {
        for bad in ["", "_", "acme", "Acme_", "a-b_", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_"] {
            assert!(Format::Checked { prefix: bad }.check().is_err(), "{bad:?}");
        }
        assert!(CHECKED.check().is_ok());
    }

    #[test]
    fn debug_shows_the_selector_only() {
        let token = token(&Format::Plain);
        let shown = format!("{token:?}");
        assert_eq!(shown, format!("Token({}.…)", token.selector()));
    }

    static_assertions::assert_not_impl_any!(Token: fmt::Display, PartialEq, Clone);
    static_assertions::assert_not_impl_any!(Validator: fmt::Display, fmt::Debug, PartialEq, Clone);
}
