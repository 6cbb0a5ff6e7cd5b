//! Reports the servers that a test run uses.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use crate::server::Server;

/// Writes the server's version and origin to standard error, once per process.
///
/// Not with `eprintln!`: libtest hides its output for a test that passes.
pub(crate) fn announce(server: &Server) {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let version = server.version().unwrap_or_else(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{} of unknown version ({error}{cause})", server.backend())
    });
    let line = format!("server: {version}, from {}", server.origin());
    if TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
        _ = writeln!(io::stderr(), "{line}");
    }
}
