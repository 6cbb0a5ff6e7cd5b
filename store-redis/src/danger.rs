//! Options that weaken a guarantee. Each says which one, and each is meant to be removed again.

use std::time::Duration;

use crate::builder::Builder;

/// Connects to a server that may evict keys (`maxmemory-policy` other than `noeviction`), or whose policy
/// this user may not read.
///
/// A login may then end early, which is a nuisance. An index may also be evicted while records of its subject
/// survive, which is a danger: "log out everywhere" and the list of devices miss those records without any
/// error. A token that was replaced, revoked by itself or used up stays so. Keep a cache that may evict on
/// another server.
pub fn allow_eviction(mut builder: Builder) -> Builder {
    builder.allow_eviction = true;
    builder
}

/// Keeps using the last known master for up to `limit` after the last answer of a Sentinel, as long as that
/// server calls itself a master.
///
/// By default every call fails a second after the last Sentinel stopped answering. The store cannot tell an
/// outage of all Sentinels from a network partition, and on the other side of a partition the Sentinels may
/// have promoted another server. This side then reads what the old master still has, so tokens verify that
/// were revoked in the meantime; and its writes are lost when the network heals. `min-replicas-to-write`
/// prevents the writes, not the reads.
pub fn trust_master_without_sentinel(mut builder: Builder, limit: Duration) -> Builder {
    builder.trust = limit;
    builder
}
