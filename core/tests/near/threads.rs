//! Real threads, a real clock, and a feed that fails at random: what ended longer ago than the lag is never accepted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use hallpass_core::store::Lost;
use hallpass_core::{Issued, Kind, NearCache, Policy, Reason, Subject, Tokens};
use tokio::time::Instant;

use crate::store::{Mode, Store};
use crate::world::{MILLI, MINUTE, NodeTime};

const SESSIONS: usize = 150;
const LAG: std::time::Duration = std::time::Duration::from_millis(100);
/// The verifications between two endings.
const BETWEEN: u64 = 300;

struct Session {
    issued: Issued,
    subject: Subject,
    /// When its ending was acknowledged.
    ended: OnceLock<Instant>,
}

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    verified: AtomicU64,
    /// Acceptances within the lag after an ending.
    stale: AtomicU64,
}

fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap()
}

async fn verify_at_random(
    tokens: Tokens,
    sessions: Arc<Vec<Session>>,
    counts: Arc<Counts>,
    is_over: Arc<AtomicBool>,
    mut seed: u64,
) {
    while !is_over.load(Ordering::Relaxed) {
        let session = &sessions[random(&mut seed) % SESSIONS];
        let ended = session.ended.get().copied();
        let began = Instant::now();
        let verdict = tokens.verify(Kind::SESSION, session.issued.token.expose()).await;
        counts.verified.fetch_add(1, Ordering::Relaxed);
        if verdict.is_ok() {
            counts.accepted.fetch_add(1, Ordering::Relaxed);
            if let Some(ended) = ended {
                let ago = began.duration_since(ended);
                assert!(ago <= LAG, "accepted {ago:?} after the ending was acknowledged");
                counts.stale.fetch_add(1, Ordering::Relaxed);
            }
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_ended_longer_ago_than_the_lag_is_never_accepted() {
    let store = Store::new(Arc::new(NodeTime::new()));
    let far = Tokens::builder(store.clone()).build().unwrap();
    let near = Tokens::builder(store.clone())
        .policy(Policy::session().cached_for(MINUTE))
        .near_cache(NearCache::new().lag(LAG).poll_every(MILLI * 5))
        .build()
        .unwrap();
    let mut sessions = Vec::new();
    for number in 0..SESSIONS {
        let subject = Subject::new(format!("user {number}")).unwrap();
        let login = far.begin_login(&subject).await.unwrap();
        let issued = far.issue(&login, Kind::SESSION).await.unwrap();
        sessions.push(Session { issued, subject, ended: OnceLock::new() });
    }
    let (sessions, counts) = (Arc::new(sessions), Arc::new(Counts::default()));
    let is_over = Arc::new(AtomicBool::new(false));
    let verifiers: Vec<_> = (1..4)
        .map(|seed| {
            let (sessions, counts) = (Arc::clone(&sessions), Arc::clone(&counts));
            let is_over = Arc::clone(&is_over);
            tokio::spawn(verify_at_random(near.clone(), sessions, counts, is_over, seed * 0x9e37_79b9))
        })
        .collect();
    let mut seed = 0x2545_f491_4f6c_dd1d;
    let verified = || counts.verified.load(Ordering::Relaxed);
    for session in sessions.iter() {
        let until = verified() + BETWEEN;
        while verified() < until {
            tokio::task::yield_now().await;
        }
        store.set(match random(&mut seed) % 20 {
            0 => Mode::Hangs,
            1 | 2 => Mode::Loses(Lost::Trimmed),
            3..6 => Mode::Fails,
            _ => Mode::Good,
        });
        far.revoke_subject(&session.subject, Kind::SESSION, Reason::LoggedOut).await.unwrap();
        session.ended.set(Instant::now()).unwrap();
    }
    // Until the last ending is longer ago than the lag, too, whatever the feed does.
    store.set(Mode::Fails);
    let until = Instant::now() + LAG * 2;
    while Instant::now() < until {
        tokio::task::yield_now().await;
    }
    is_over.store(true, Ordering::Relaxed);
    for verifier in verifiers {
        verifier.await.unwrap();
    }
    let (accepted, stale) = (counts.accepted.load(Ordering::Relaxed), counts.stale.load(Ordering::Relaxed));
    let stats = near.near_cache_stats().unwrap();
    assert!(stats.hits > accepted / 2, "{} hits of {accepted}: {stats:?}", stats.hits);
    println!("{accepted} accepted, {stale} of them within the lag after the ending; {stats:?}");
}
