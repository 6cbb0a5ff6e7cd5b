//! The CSRF token: for clients that send neither `Sec-Fetch-Site` nor `Origin`, and for pages that hide their origin.
//!
//! A random secret is kept in a cookie of its own. The token is that secret under a pad that is new for each page, so
//! that compression of a page does not reveal it. A page of another site can make the browser send the cookie, but it
//! cannot read the cookie, so it cannot send the token.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hallpass_core::{Entropy, OsEntropy};
use http::{HeaderMap, HeaderValue};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::cookie::{Change, CookieSpec, values};
use crate::error::Failure;

/// The header in which a script sends the token.
const HEADER: &str = "x-csrf-token";

type Secret = Zeroizing<[u8; 32]>;

/// The secrets that a browser holds, and the change that the response makes to them.
#[derive(Default)]
pub(crate) struct Csrf {
    held: Vec<Secret>,
    next: Mutex<Next>,
}

/// The change to the cookie.
#[derive(Default)]
enum Next {
    #[default]
    Keep,
    Clear,
    Set(Secret),
}

impl Csrf {
    pub(crate) fn read(headers: &HeaderMap, spec: &CookieSpec) -> Self {
        let held = values(headers, spec).iter().filter_map(|text| unhex(text)).collect();
        Self { held, next: Mutex::default() }
    }

    /// Returns a token for a page. `may_set` says whether the response can still carry a new secret.
    ///
    /// # Errors
    /// [`Failure::AnswerSent`] if it would have to; [`Failure::Tokens`] without randomness.
    pub(crate) fn token(&self, may_set: bool) -> Result<String, Failure> {
        let mut next = self.next();
        if matches!((&*next, self.held.first()), (Next::Clear, _) | (Next::Keep, None)) {
            if !may_set {
                return Err(Failure::AnswerSent);
            }
            *next = Next::Set(random()?);
        }
        let secret = match (&*next, self.held.first()) {
            (Next::Set(new), _) => new,
            (_, Some(held)) => held,
            (_, None) => return Err(Failure::AnswerSent),
        };
        let pad = random()?;
        let mut text = hex(&pad);
        text.push_str(&hex(&std::array::from_fn(|at| pad[at] ^ secret[at])));
        Ok(text.to_string())
    }

    fn next(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the secret at a log-out, so that its tokens are worthless to the next user.
    pub(crate) fn clear(&self) {
        let mut next = self.next();
        *next = if self.held.is_empty() { Next::Keep } else { Next::Clear };
    }

    /// Replaces the browser's secret at a login: the previous user may know it, or an attacker may have planted it.
    pub(crate) fn renew(&self) -> Result<(), Failure> {
        let mut next = self.next();
        if !self.held.is_empty() || matches!(*next, Next::Set(_)) {
            *next = Next::Set(random()?);
        }
        Ok(())
    }

    /// Returns whether the browser holds a secret; without one no token is valid.
    pub(crate) fn has_secret(&self) -> bool {
        !self.held.is_empty()
    }

    pub(crate) fn is_proved_by_header(&self, headers: &HeaderMap) -> bool {
        headers
            .get(HEADER)
            .and_then(|token| token.to_str().ok())
            .is_some_and(|token| self.is_proved_by(token))
    }

    pub(crate) fn is_proved_by(&self, token: &str) -> bool {
        let Some((pad, masked)) = token.split_at_checked(64) else { return false };
        let (Some(pad), Some(masked)) = (unhex(pad), unhex(masked)) else { return false };
        let secret: [u8; 32] = std::array::from_fn(|at| pad[at] ^ masked[at]);
        self.held.iter().fold(Choice::from(0), |found, held| found | held.ct_eq(&secret)).into()
    }

    /// Returns the cookie with a new secret, or the one that clears it.
    pub(crate) fn line(&self, spec: &CookieSpec) -> Option<HeaderValue> {
        match &*self.next() {
            Next::Keep => None,
            Next::Clear => spec.line(&Change::Clear),
            Next::Set(secret) => spec.line(&Change::Set { value: hex(secret), max_age: None }),
        }
    }
}

fn random() -> Result<Secret, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    let filled = OsEntropy.fill(&mut *bytes);
    filled.map_err(|error| Failure::Tokens(hallpass_core::Failure::Randomness(error)))?;
    Ok(bytes)
}

fn hex(bytes: &[u8; 32]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(128));
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn unhex(text: &str) -> Option<Secret> {
    let mut bytes = Zeroizing::new([0; 32]);
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_its_text_and_other_texts_are_none() {
        let secret: Secret = Zeroizing::new(std::array::from_fn(|at| (at * 7) as u8));
        assert_eq!(unhex(&hex(&secret)).unwrap(), secret);
        let long = "0".repeat(65);
        for bad in ["", "00", &long[1..64], &long, &"é".repeat(32), &format!("+{}", &long[2..])] {
            assert!(unhex(bad).is_none(), "{bad:?}");
        }
    }
}
