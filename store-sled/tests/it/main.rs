//! Tests the adapter on a real folder. Processes that must die are this binary again: see [`support::child`].

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers fail a test as the test itself would, and print its seed"
)]

mod calls;
mod crash;
mod damage;
mod feed;
mod folder;
mod full_disk;
mod races;
mod support;
