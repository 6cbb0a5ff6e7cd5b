//! Tests what the near cache promises (contract S19 and "The near cache"): over the reference store, with a feed and
//! clocks that the test controls.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[expect(dead_code, reason = "its main is a program")]
#[path = "../../examples/relay.rs"]
mod relay;
mod store;
mod world;

mod build;
mod data;
mod ended;
mod endings;
mod feed;
mod hits;
mod losses;
mod memory;
mod own;
mod relayed;
mod threads;
mod waited_out;
mod waiters;
