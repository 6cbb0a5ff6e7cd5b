#![doc = include_str!("../README.md")]

mod batch;
mod builder;
mod columns;
mod connections;
mod epoch;
mod error;
mod find;
mod insert;
mod instant;
mod migrate;
mod names;
mod operation;
mod pooler;
mod purge;
mod replace;
mod revoke;
mod statements;
mod store;
mod url;

pub use builder::Builder;
pub use migrate::migrations;
pub use store::PostgresStore;
