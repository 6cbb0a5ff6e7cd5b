#![doc = include_str!("../README.md")]
//! # A harness to copy
//!
//! The complete `examples/harness.rs`, which launches Redis:
//!
#![doc = concat!("```rust,no_run\n", include_str!("../examples/harness.rs"), "```")]
#![expect(clippy::disallowed_methods, reason = "waits for real processes are measured by the real clock")]

mod backend;
mod cluster;
#[cfg(feature = "containers")]
mod container;
mod error;
mod handle;
mod launch;
mod local;
mod pgbouncer;
mod port;
mod probe;
mod process;
mod program;
mod programs;
mod proxy;
mod sentinel;
mod server;

pub use backend::{Backend, Origin};
pub use cluster::{Cluster, redis_cluster};
pub use error::Error;
pub use launch::{Launch, needed, postgres, redis};
pub use pgbouncer::pgbouncer;
pub use probe::redis_command;
pub use program::Program;
pub use proxy::{Mode, Proxy};
pub use sentinel::{Sentinel, redis_sentinel};
pub use server::Server;
