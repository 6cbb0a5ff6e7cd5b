#![doc = include_str!("../README.md")]

mod batch;
mod builder;
mod check;
mod connection;
mod epoch;
mod error;
mod feed;
mod find;
mod insert;
mod instant;
mod migrate;
mod names;
mod operation;
mod patches;
mod pooler;
mod purge;
mod replace;
mod revoke;
mod row;
mod statements;
mod store;
mod sweep;
#[cfg(feature = "test-hooks")]
mod test_hooks;
mod url;

pub use builder::Builder;
pub use migrate::migrations;
pub use store::PostgresStore;
