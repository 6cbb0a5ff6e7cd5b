//! Tests what the suite cannot know: Redis, its settings, its groups and their accidents.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "reports of accidents and sizes")]
#![expect(clippy::disallowed_methods, reason = "real servers are measured by the real clock")]

mod attacked;
mod batches;
mod check;
mod cluster_map;
mod connections;
mod eviction;
mod failover;
mod feed;
mod feed_groups;
mod feed_proof;
mod foreign;
mod help;
mod keyspace;
mod leftovers;
mod listener;
mod memory;
mod near;
mod outage;
mod permissions;
mod replication;
mod reshard;
mod sweep;
mod tls;
mod traces;
