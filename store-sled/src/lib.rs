#![doc = include_str!("../README.md")]

mod builder;
mod engine;
mod error;
mod flusher;
mod folder;
mod keys;
mod locks;
mod purge;
mod repair;
mod space;
mod store;
mod touch;

pub use builder::{AckTouch, Builder};
pub use repair::Repair;
pub use store::SledStore;
