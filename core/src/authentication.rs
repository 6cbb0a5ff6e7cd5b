//! How a subject authenticated, in the application's own words.

use crate::limit::LimitError;

/// How the subject of a login authenticated: the methods used, and the assurance level reached.
///
/// Both are the application's own strings (`pwd`, `webauthn`; `aal2`). hallpass stores them under the digest and
/// returns them with [`Valid::authentication`](crate::Valid::authentication); it never compares them. RFC 8176
/// (`amr`) and NIST SP 800-63B-4 have good names.
///
/// At most [`MAX_METHODS`](Self::MAX_METHODS) methods; each string 1 to [`MAX_LEN`](Self::MAX_LEN) bytes of UTF-8.
/// The call that stores them checks this and returns [`Failure::Limit`](crate::Failure::Limit) otherwise.
///
/// # Examples
/// ```
/// use hallpass_core::Authentication;
///
/// let how = Authentication::new().method("pwd").method("totp").level("aal2");
/// assert!(how.has_method("totp"));
/// assert_eq!(how.assurance_level(), Some("aal2"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    methods: Vec<Box<str>>,
    level: Option<Box<str>>,
}

impl Authentication {
    /// The largest number of methods.
    pub const MAX_METHODS: usize = 8;
    /// The longest name of a method or a level, in bytes.
    pub const MAX_LEN: usize = 32;
    /// The most that [`encode`](Self::encode) writes, in bytes.
    pub(crate) const MAX_ENCODED: usize = 2 + Self::MAX_LEN + Self::MAX_METHODS * (1 + Self::MAX_LEN);

    /// Creates an empty value: nothing is known.
    #[must_use]
    pub const fn new() -> Self {
        Self { methods: Vec::new(), level: None }
    }

    /// Adds a method.
    #[must_use]
    pub fn method(mut self, name: impl Into<Box<str>>) -> Self {
        self.methods.push(name.into());
        self
    }

    /// Sets the assurance level.
    #[must_use]
    pub fn level(mut self, name: impl Into<Box<str>>) -> Self {
        self.level = Some(name.into());
        self
    }

    /// Returns the memory that its texts take, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let texts = self.methods.iter().chain(&self.level);
        texts.map(|text| size_of::<Box<str>>() + text.len()).sum()
    }

    /// Returns the methods, in the order in which they were added.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().map(|method| &**method)
    }

    /// Returns whether `name` is one of the methods.
    #[must_use]
    pub fn has_method(&self, name: &str) -> bool {
        self.methods().any(|method| method == name)
    }

    /// Returns the assurance level, if one was set.
    #[must_use]
    pub fn assurance_level(&self) -> Option<&str> {
        self.level.as_deref()
    }

    /// Returns whether neither a method nor a level is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.methods.is_empty() && self.level.is_none()
    }

    /// # Errors
    /// [`LimitError`] if there are too many methods, or if a name is empty or too long.
    pub(crate) fn check(&self) -> Result<(), LimitError> {
        let legal = |name: &str| (1..=Self::MAX_LEN).contains(&name.len());
        if self.methods.len() > Self::MAX_METHODS || !self.methods().chain(self.assurance_level()).all(legal)
        {
            return Err(LimitError::new(
                "authentication",
                "must be at most 8 methods and a level of 1 to 32 bytes",
            ));
        }
        Ok(())
    }

    /// Passes the encoding to `put` in pieces: the length of the level (0 for none), the level, the number of
    /// methods, and each method after its length.
    pub(crate) fn encode(&self, mut put: impl FnMut(&[u8])) {
        // Every length fits: the caller has called `check`.
        let level = self.assurance_level().unwrap_or_default();
        put(&[level.len() as u8]);
        put(level.as_bytes());
        put(&[self.methods.len() as u8]);
        for method in self.methods() {
            put(&[method.len() as u8]);
            put(method.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_limits_is_refused() {
        let name = "x".repeat(Authentication::MAX_LEN);
        let full = (0..Authentication::MAX_METHODS).fold(Authentication::new(), |all, _| all.method(&*name));
        assert!(Authentication::new().check().is_ok());
        assert!(full.clone().level(&*name).check().is_ok());
        for beyond in [
            full.method("pwd"),
            Authentication::new().method(""),
            Authentication::new().level(""),
            Authentication::new().method(name.clone() + "x"),
            Authentication::new().level(name + "x"),
        ] {
            assert!(beyond.check().is_err(), "{beyond:?}");
        }
    }
}
