//! A limit of attempts in the memory of one process.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_core::Timestamp;

use crate::attempt_limit::{AttemptBy, AttemptLimit};
use crate::client::coarse;

const MINUTE: Duration = Duration::from_secs(60);

/// The largest number of counters: some 5 MB.
const MAX_COUNTERS: usize = 100_000;

/// A limit of attempts in the memory of one process; the default of a layer.
///
/// 1. A client has 10 attempts on one account in 15 minutes, and 100 on all accounts together.
/// 2. An account has 100 attempts in an hour, from all clients together (NIST SP 800-63B, 3.2.2).
/// 3. An attempt that was right does not count. The wrong ones before it count until their time is over.
///
/// A client is its address, of IPv6 the first 64 bits. If no address is known, all clients count as one: 10 wrong
/// attempts then lock an account's owner out for 15 minutes, so tell the layer how to
/// [find the address](crate::AuthLayerBuilder::peer_address). A restart resets all counters.
pub struct MemoryLimit {
    counters: Mutex<HashMap<(Scope, u64), Counter>>,
    hasher: RandomState,
}

/// A counter against which an attempt counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scope {
    /// One account from one client.
    Pair,
    /// One account from any client.
    Account,
    /// One client on any account.
    Client,
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    count: u32,
    /// When it starts again at zero.
    until: Timestamp,
}

impl Scope {
    const fn limit(self) -> (u32, Duration) {
        match self {
            Self::Pair => (10, MINUTE.saturating_mul(15)),
            Self::Account => (100, MINUTE.saturating_mul(60)),
            Self::Client => (100, MINUTE.saturating_mul(15)),
        }
    }
}

impl MemoryLimit {
    /// Creates a limit without any attempts.
    #[must_use]
    pub fn new() -> Self {
        Self { counters: Mutex::default(), hasher: RandomState::new() }
    }

    /// Returns the counters of an attempt. Names are hashed, because they may have any length.
    fn keys(&self, by: AttemptBy<'_>) -> impl Iterator<Item = (Scope, u64)> + Clone {
        let account = by.account.trim().to_lowercase();
        let client: Option<IpAddr> = by.address.map(coarse);
        let of_client = client.map(|client| (Scope::Client, self.hasher.hash_one(client)));
        [
            (Scope::Pair, self.hasher.hash_one((&account, client))),
            (Scope::Account, self.hasher.hash_one(&account)),
        ]
        .into_iter()
        .chain(of_client)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Scope, u64), Counter>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AttemptLimit for MemoryLimit {
    type Error = Infallible;

    async fn take(&self, by: AttemptBy<'_>) -> Result<Option<Duration>, Infallible> {
        let keys = self.keys(by);
        let mut counters = self.lock();
        let full = keys.clone().filter_map(|key| {
            let counter = counters.get_mut(&key).filter(|counter| counter.until > by.at)?;
            // If the clock was ahead for a moment, no client waits longer for that.
            counter.until = counter.until.min(by.at.saturating_add(key.0.limit().1));
            (counter.count >= key.0.limit().0).then(|| counter.until.since(by.at))
        });
        let longest = full.max();
        if let Some(wait) = longest {
            return Ok(Some(wait));
        }
        make_room(&mut counters, by.at);
        for key in keys {
            let until = by.at.saturating_add(key.0.limit().1);
            let counter = counters.entry(key).or_insert(Counter { count: 0, until });
            if counter.until <= by.at {
                *counter = Counter { count: 0, until };
            }
            counter.count += 1;
        }
        Ok(None)
    }

    async fn forgive(&self, by: AttemptBy<'_>) -> Result<(), Infallible> {
        let mut counters = self.lock();
        for key in self.keys(by) {
            // A counter that has restarted since does not contain the attempt.
            let holds = |counter: &&mut Counter| counter.until.since(by.at) <= key.0.limit().1;
            if let Some(counter) = counters.get_mut(&key).filter(holds) {
                counter.count = counter.count.saturating_sub(1);
            }
        }
        Ok(())
    }
}

/// Removes the counters whose time is over and, if that is not enough, the half that would be over first.
fn make_room(counters: &mut HashMap<(Scope, u64), Counter>, now: Timestamp) {
    if counters.len() < MAX_COUNTERS {
        return;
    }
    counters.retain(|_, counter| counter.until > now);
    if counters.len() >= MAX_COUNTERS {
        let mut ends: Vec<_> = counters.values().map(|counter| counter.until).collect();
        let (_, &mut median, _) = ends.select_nth_unstable(MAX_COUNTERS / 2);
        let mut kept = 0;
        counters.retain(|_, counter| {
            kept += usize::from(counter.until >= median);
            counter.until >= median && kept <= MAX_COUNTERS / 2
        });
    }
}

impl Default for MemoryLimit {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLimit").field("counters", &self.lock().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn by<'a>(account: &'a str, address: &str, at: Timestamp) -> AttemptBy<'a> {
        AttemptBy::new(account, address.parse().ok(), at)
    }

    async fn take(limit: &MemoryLimit, by: AttemptBy<'_>) -> Option<Duration> {
        let Ok(wait) = limit.take(by).await;
        wait
    }

    #[tokio::test]
    async fn a_client_has_ten_attempts_on_an_account_and_then_waits() {
        let limit = MemoryLimit::new();
        for at in 0..10 {
            assert_eq!(take(&limit, by("alice", "192.0.2.1", START)).await, None, "{at}");
        }
        let later = START.saturating_add(MINUTE);
        for name in ["alice", " ALICE "] {
            assert_eq!(take(&limit, by(name, "192.0.2.1", later)).await, Some(MINUTE * 14));
        }
        assert_eq!(
            take(&limit, by("alice", "192.0.2.2", later)).await,
            None,
            "her own client is not kept out"
        );
        assert_eq!(take(&limit, by("bob", "192.0.2.1", later)).await, None);
        let over = START.saturating_add(MINUTE * 15);
        assert_eq!(take(&limit, by("alice", "192.0.2.1", over)).await, None);
    }

    #[tokio::test]
    async fn many_clients_together_have_a_hundred_attempts_on_an_account() {
        let limit = MemoryLimit::new();
        for client in 0..100 {
            assert_eq!(take(&limit, by("alice", &format!("192.0.2.{client}"), START)).await, None);
        }
        assert_eq!(take(&limit, by("alice", "198.51.100.1", START)).await, Some(MINUTE * 60));
    }

    #[tokio::test]
    async fn one_client_has_a_hundred_attempts_on_all_accounts_together() {
        let limit = MemoryLimit::new();
        for account in 0..100 {
            let address = format!("2001:db8::{account:x}");
            assert_eq!(take(&limit, by(&account.to_string(), &address, START)).await, None);
        }
        assert_eq!(take(&limit, by("bob", "2001:db8::ffff", START)).await, Some(MINUTE * 15));
    }

    #[tokio::test]
    async fn a_success_gives_itself_back_and_nothing_else() {
        let limit = MemoryLimit::new();
        for account in ["alice", "bob"] {
            for _ in 0..10 {
                assert_eq!(take(&limit, by(account, "192.0.2.1", START)).await, None);
            }
        }
        let Ok(()) = limit.forgive(by("alice", "192.0.2.1", START)).await;
        assert_eq!(take(&limit, by("alice", "192.0.2.1", START)).await, None);
        assert!(take(&limit, by("alice", "192.0.2.1", START)).await.is_some());
        assert!(take(&limit, by("bob", "192.0.2.1", START)).await.is_some());
    }

    #[tokio::test]
    async fn a_success_gives_nothing_back_that_was_counted_after_its_time() {
        let limit = MemoryLimit::new();
        assert_eq!(take(&limit, by("alice", "192.0.2.1", START)).await, None);
        let later = START.saturating_add(MINUTE * 15);
        for _ in 0..10 {
            assert_eq!(take(&limit, by("alice", "192.0.2.1", later)).await, None);
        }
        let Ok(()) = limit.forgive(by("alice", "192.0.2.1", START)).await;
        assert!(take(&limit, by("alice", "192.0.2.1", later)).await.is_some());
    }

    #[tokio::test]
    async fn a_clock_that_was_ahead_for_a_moment_keeps_no_one_out() {
        let limit = MemoryLimit::new();
        let ahead = START.saturating_add(MINUTE * 1_000_000);
        for _ in 0..10 {
            assert_eq!(take(&limit, by("alice", "192.0.2.1", ahead)).await, None);
        }
        assert_eq!(take(&limit, by("alice", "192.0.2.1", START)).await, Some(MINUTE * 15));
        let over = START.saturating_add(MINUTE * 15);
        assert_eq!(take(&limit, by("alice", "192.0.2.1", over)).await, None);
    }

    #[tokio::test]
    async fn names_without_end_take_no_memory_without_end() {
        let limit = MemoryLimit::new();
        for account in 0..MAX_COUNTERS {
            let at = START.saturating_add(Duration::from_millis(account as u64 / 1_000));
            assert_eq!(take(&limit, AttemptBy::new(&account.to_string(), None, at)).await, None);
        }
        assert!(limit.lock().len() <= MAX_COUNTERS + 2, "{}", limit.lock().len());
    }
}
