#![doc = include_str!("../README.md")]

mod backend;
mod case;
mod cases;
mod clause;
mod cli;
mod context;
mod coverage;
mod crash;
mod declared;
mod endings;
mod export;
mod gate;
mod generate;
mod handle;
mod harness;
mod hex;
mod history;
mod interleave;
mod linearizability;
mod listener;
mod node;
mod options;
mod outcome;
mod pace;
mod patch;
#[doc(hidden)]
pub mod planted;
mod race;
mod report;
mod rng;
mod runner;
mod secrets;
mod service;
mod specimen;
#[doc(hidden)]
pub mod staleness;
mod watched;

pub use backend::Backend;
pub use case::{Case, Level};
pub use cases::cases;
pub use clause::Clause;
pub use cli::main;
pub use coverage::{Cell, Coverage};
pub use crash::{crash_child, serve_crash_child};
pub use declared::{Capability, Declared, Durability};
pub use harness::{Fault, Harness, Server, Vandal};
pub use options::Options;
pub use outcome::{Outcome, Violation};
pub use patch::{Patch, prove};
pub use report::{Report, Rounds};
pub use runner::run;
