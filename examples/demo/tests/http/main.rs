//! The demo over real HTTP.
//!
//! Most tests run and kill the real program, and cannot move its clock. If a test has to wait for a window to
//! close, it sets the window to a second or less, and repeats the request until the answer changes. An honest
//! client also sends requests within a window, and they extend nothing (D11).

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail like tests"
)]

#[path = "../../../support/browser.rs"]
mod browser;
#[path = "../../../support/program.rs"]
mod program;

mod account;
mod client;
mod devices;
mod readme;
mod remember;
mod server;
mod servers;
mod site;
mod start;
