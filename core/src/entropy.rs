//! Sources of randomness.

use std::fmt;

use rand::TryRng;
use rand::rngs::SysRng;

use crate::limit::BoxError;

/// A source of unpredictable bytes. It can be injected, so that tests can make it fail.
pub trait Entropy: fmt::Debug + Send + Sync + 'static {
    /// Fills all of `bytes`, or fails; after an error the content of `bytes` is not used.
    ///
    /// # Errors
    /// Any error of the source; the call that needed the bytes then fails.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BoxError>;
}

/// The random generator of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BoxError> {
        SysRng.try_fill_bytes(bytes).map_err(Into::into)
    }
}
