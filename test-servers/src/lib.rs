#![doc = include_str!("../README.md")]
#![expect(clippy::disallowed_methods, reason = "waits for real processes are measured by the real clock")]

mod cluster;
mod container;
mod error;
mod launch;
mod local;
mod pgbouncer;
mod port;
mod probe;
mod process;
mod programs;
mod proxy;
mod sentinel;
mod server;
mod version;

pub use cluster::{Cluster, redis_cluster};
pub use error::Error;
pub use launch::{Launch, needed, postgres, redis};
pub use pgbouncer::pgbouncer;
pub use probe::redis_command;
pub use proxy::{Mode, Proxy};
pub use sentinel::{Sentinel, redis_sentinel};
pub use server::{Backend, Origin, Server};
