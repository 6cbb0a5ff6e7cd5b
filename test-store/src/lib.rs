#![doc = include_str!("../README.md")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "only tests use it")]

mod feed;
mod gate;
mod rule;
mod store;

pub use gate::{Gate, Seen};
pub use rule::{Call, Fault, Held, Plan};
