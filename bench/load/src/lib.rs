#![doc = include_str!("../README.md")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

mod offer;
mod turn;
pub mod wire;

pub use offer::{Offer, at_once};
pub use turn::Turn;
