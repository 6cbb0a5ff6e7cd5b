//! Tests the adapter on a real server, beyond what the suite tests for every store.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers fail a test as the test itself would")]

mod batches;
mod errors;
mod failover;
mod feed;
mod handles;
mod hot;
mod lists;
mod locks;
mod migrations;
mod outages;
mod poolers;
mod processes;
mod purging;
mod revocations;
mod sessions;
mod starving;
mod support;
mod traces;
