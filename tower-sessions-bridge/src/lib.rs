#![doc = include_str!("../README.md")]

mod backoff;
mod body;
mod error;
mod name;
mod random;
mod session_store;
mod store;

pub use store::TowerSessionStore;
