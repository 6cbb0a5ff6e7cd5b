#![doc = include_str!("../README.md")]

mod builder;
mod committer;
mod engine;
mod error;
mod folder;
mod keys;
mod locks;
mod opening;
mod purge;
mod repair;
mod space;
mod store;

pub use builder::{AckTouch, Builder};
pub use repair::Repair;
pub use store::SledStore;
