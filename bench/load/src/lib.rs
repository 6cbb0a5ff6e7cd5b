#![doc = include_str!("../README.md")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::unwrap_used, reason = "a benchmark that meets an error has nothing to report")]

pub mod http;
mod offer;
pub mod program;
pub mod rows;
pub mod site;
mod turn;
pub mod wire;

pub use offer::{Offer, Offered};
pub use turn::Turn;
