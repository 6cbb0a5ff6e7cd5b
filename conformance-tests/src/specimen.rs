//! Sample records, made by production code and then varied in the fields that a store sees.

use std::num::NonZeroU16;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hallpass_core::store::{Action, Body, Page, Record, TokenStore};
use hallpass_core::{Kind, ManualClock, MemoryStore, Reason, Selector, Subject, Timestamp, Tokens};

use crate::rng::Rng;

/// The initial time of the suite's clocks: 2027-01-15.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// For how long a case keeps its epochs.
pub(crate) const KEEP: Duration = Duration::from_secs(3_600);

/// A mark at [`NOW`].
pub(crate) const MARK: Action = Action::Mark { reason: Reason::CredentialChanged, at: NOW };

/// `NOW` plus `millis` milliseconds.
pub(crate) fn at(millis: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_millis(millis))
}

/// `NOW` minus `millis` milliseconds.
pub(crate) fn ago(millis: u64) -> Timestamp {
    NOW.saturating_sub(Duration::from_millis(millis))
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap_or_else(|error| unreachable!("{error}"))
}

/// A session of `name`, as `Tokens::issue` stores it at [`NOW`].
pub(crate) fn record(name: &str) -> Record {
    specimen(Some(&subject(name)), Kind::SESSION)
}

/// A record of `name` of any kind.
pub(crate) fn record_of(name: &str, kind: Kind) -> Record {
    specimen(Some(&subject(name)), kind)
}

/// An anonymous session.
pub(crate) fn anonymous() -> Record {
    specimen(None, Kind::SESSION)
}

/// A session of `name` that expired in 1970, whichever clock is used.
pub(crate) fn expired_long_ago(name: &str) -> Record {
    let mut record = record(name);
    let past = Timestamp::from_millis(1_000);
    (record.created_at, record.updated_at, record.seen_at) = (past, past, past);
    (record.expires_at, record.idle_at, record.purge_at) = (past, Some(past), past);
    record
}

/// The next version of `record`: the next revision, and a body with its own write id.
pub(crate) fn next(record: &Record, rng: &mut Rng) -> Record {
    let mut next = record.clone();
    next.revision = record.revision.next();
    next.updated_at = record.updated_at.saturating_add(Duration::from_millis(1));
    next.body = rewritten(&record.body, rng);
    next
}

/// The same body but for its last 8 bytes. A body is opaque to a store, so any other bytes are another write.
pub(crate) fn rewritten(body: &Body, rng: &mut Rng) -> Body {
    let mut bytes = body.as_bytes().to_vec();
    let changed = bytes.iter_mut().rev().zip(rng.bytes::<8>());
    changed.for_each(|(byte, random)| *byte = random);
    self::body(bytes)
}

pub(crate) fn body(bytes: Vec<u8>) -> Body {
    Body::new(bytes).unwrap_or_else(|error| unreachable!("{error}"))
}

/// The first page over every kind.
pub(crate) fn page(limit: u16) -> Page {
    Page::first(NonZeroU16::new(limit).unwrap_or(NonZeroU16::MIN))
}

pub(crate) fn ids(records: &[Record]) -> Vec<Selector> {
    records.iter().map(|record| record.selector).collect()
}

/// Takes a record from a reference store behind a real service, so that its selector contains the subject's shard
/// (T7) and its body is one that production code writes.
fn specimen(subject: Option<&Subject>, kind: Kind) -> Record {
    let store = MemoryStore::new();
    let issued = at_once(async {
        let builder = Tokens::builder(store.clone()).clock(ManualClock::new(NOW));
        let tokens = builder.build().map_err(|error| error.to_string())?;
        let login = match subject {
            Some(subject) => tokens.begin_login(subject).await,
            None => tokens.begin_anonymous(),
        };
        let login = login.map_err(|error| error.to_string())?;
        let issued =
            tokens.issue(&login, kind).device("Firefox on Linux").data(b"basket: 3 pears".as_slice()).await;
        let issued = issued.map_err(|error| error.to_string())?;
        store.find(issued.token.selector()).await.map_err(|error| error.to_string())
    });
    match issued {
        Ok(Some(record)) => record,
        other => unreachable!("the reference store always answers: {other:?}"),
    }
}

/// Returns the result of `future`, which never waits. It is polled on a thread of its own: inside a runtime, core
/// moves work that must complete into a task; outside one, it does the work itself.
fn at_once<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let answer = move || match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("the reference store never waits"),
    };
    match std::thread::scope(|scope| scope.spawn(answer).join()) {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
