//! Errors of values: a value beyond its limits, or bytes that do not decode.

use std::error::Error;
use std::fmt;

/// Any error, as the source of another one.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A value is beyond its limits. Names the rule, never the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitError {
    what: &'static str,
    rule: &'static str,
}

impl LimitError {
    pub(crate) const fn new(what: &'static str, rule: &'static str) -> Self {
        Self { what, rule }
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.rule)
    }
}

impl Error for LimitError {}

/// Bytes do not decode to a record. Says what is wrong, never what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError(pub(crate) &'static str);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for DecodeError {}
