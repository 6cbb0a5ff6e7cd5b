//! Random bytes of the operating system.

use hallpass_core::{Entropy as _, OsEntropy};

use crate::error::Error;

/// Fresh random bytes.
///
/// # Errors
/// [`Error::Backend`] if they are not available.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    OsEntropy.fill(&mut bytes).map_err(|error| Error::backend(&*error))?;
    Ok(bytes)
}
