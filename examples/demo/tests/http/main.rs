//! The demo over real HTTP.
//!
//! Most tests run the real program, kill it for real, and cannot turn its clock: where one has to wait
//! for a window to close, the window is set to a second or less and the test asks again and again until
//! the answer changes. Asking within a window is what an honest client does, and extends nothing (D11).

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail like tests"
)]

#[path = "../support/plugged.rs"]
mod plugged;

mod account;
mod client;
mod devices;
mod outage;
mod readme;
mod remember;
mod server;
mod servers;
mod site;
mod start;
