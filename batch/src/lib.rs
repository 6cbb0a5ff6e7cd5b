#![doc = include_str!("../README.md")]

mod batcher;
mod call;
mod limits;
mod queue;
mod runner;
mod slot;
mod sync;
mod waiting;
mod watch;

pub use batcher::{Admitted, Batcher};
pub use call::{Call, NoAnswer, PendingAnswer};
pub use limits::{Limits, Sharing};
pub use runner::Runner;
pub use slot::{IDLE_YIELDS, Slot};
pub use waiting::Waiting;
