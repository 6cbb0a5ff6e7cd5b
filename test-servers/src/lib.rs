#![doc = include_str!("../README.md")]
#![expect(clippy::disallowed_methods, reason = "waits for real processes are measured by the real clock")]

mod container;
mod error;
mod launch;
mod local;
mod port;
mod probe;
mod process;
mod programs;
mod proxy;
mod server;

pub use error::Error;
pub use launch::{Launch, needed, postgres, redis};
pub use probe::redis_command;
pub use proxy::{Mode, Proxy};
pub use server::{Backend, Origin, Server};
