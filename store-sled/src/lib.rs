#![doc = include_str!("../README.md")]

pub mod danger;

mod builder;
mod committer;
mod engine;
mod error;
mod feed;
mod folder;
mod keys;
mod locks;
mod namespace;
mod opening;
mod purge;
mod repair;
mod store;

pub use builder::Builder;
pub use repair::Repair;
pub use store::SledStore;
