//! Options that weaken a promise. Each says which, and each is meant to be removed again.

use std::time::Duration;

use crate::builder::Builder;

/// Connects to a server that may evict keys (`maxmemory-policy` other than `noeviction`), or whose policy
/// this user may not read.
///
/// Then a login may end early, which is a nuisance; and an index may be evicted while records of its
/// subject survive, which is a danger: "log out everywhere" and the list of devices miss those records, and
/// say nothing. A token that was replaced, revoked by itself or used up stays so. A cache that may evict
/// belongs on another server.
pub fn allow_eviction(mut builder: Builder) -> Builder {
    builder.allow_eviction = true;
    builder
}

/// Goes on with the last known master for up to `limit` after the last answer of a Sentinel, as long as that server
/// calls itself a master.
///
/// By default every call fails a second after the last Sentinel fell silent, because from here an outage of all
/// Sentinels looks like a network that has parted: on the other side they may have promoted another server. Then this
/// side reads what the old master still has, so tokens revoked since verify, and it writes what is lost when the
/// network heals. `min-replicas-to-write` ends the writes, not the reads.
pub fn trust_master_without_sentinel(mut builder: Builder, limit: Duration) -> Builder {
    builder.trust = limit;
    builder
}
