//! Options that weaken a promise. Each says which, and each is meant to be removed again.

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
