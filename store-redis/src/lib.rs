#![doc = include_str!("../README.md")]

mod builder;
mod check;
mod cluster;
pub mod danger;
mod durability;
mod ending;
mod error;
mod gather;
mod keys;
mod layout;
mod node;
mod permissions;
mod router;
mod script;
mod sentinel;
mod store;
mod topology;
mod url;

pub use builder::Builder;
pub use check::{About, Finding};
pub use store::RedisStore;
