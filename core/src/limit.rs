//! The errors of values: one that is beyond its limits, bytes that make no record.

use std::error::Error;
use std::fmt;

/// Any error, as a source.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A value beyond its limits. Names the rule, never the value.
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

/// Bytes that do not make a record. Says what is wrong, never what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError(pub(crate) &'static str);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for DecodeError {}
