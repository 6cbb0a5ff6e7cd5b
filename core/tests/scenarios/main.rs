//! Tests the contract's promises as scenarios over the real service and the reference store.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod fixture;

mod alarm;
mod cap;
mod endings;
mod expiry;
mod faults;
mod flooded;
mod honest;
mod hostile_orders;
mod hostile_writer;
mod keys;
mod lifetime;
mod logins;
mod outage;
mod overtaken;
mod pending;
mod renewal;
mod revocation;
mod rows;
mod shuffled;
mod siblings;
mod single_use;
mod stamps;
mod theft;
mod unreadable;
mod until_confirmed;
