//! Where randomness comes from.

use std::fmt;

use rand::TryRng;
use rand::rngs::SysRng;

use crate::limit::BoxError;

/// A source of bytes that nobody can predict. Injected so that tests can make it fail.
pub trait Entropy: fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes`, all of them or none that counts.
    ///
    /// # Errors
    /// Whatever kept the source from giving; the call that asked for it then fails.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BoxError>;
}

/// The generator of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BoxError> {
        SysRng.try_fill_bytes(bytes).map_err(Into::into)
    }
}
