#![doc = include_str!("../README.md")]

mod backend;
mod builder;
mod check;
mod cluster;
mod cluster_slots;
mod connection;
pub mod danger;
mod epoch;
mod error;
mod feed;
mod feed_settings;
mod find;
mod insert;
mod keys;
mod permissions;
mod replace;
mod revoke;
mod router;
mod sentinel;
mod statements;
mod store;
mod topology;
mod url;

pub use builder::Builder;
pub use check::{Finding, FindingKind};
#[cfg(feature = "test-hooks")]
pub use feed_settings::FeedFault;
pub use store::RedisStore;
