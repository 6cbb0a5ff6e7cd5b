//! Real records, made by the service and not stored.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hallpass_bench_load::rows::DEVICE;
use hallpass_core::store::{Record, TokenStore};
use hallpass_core::{
    Clock, Kind, ManualClock, MemoryStore, Note, Policy, RetryWindow, Subject, SystemClock, Timestamp,
    Tokens, Windows,
};

/// The number of logins of a subject.
pub(crate) const LOGINS: usize = 10;

/// A record and its token.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) record: Record,
    pub(crate) text: String,
}

/// Makes records, with the service over a separate store.
#[derive(Clone)]
pub(crate) struct Maker {
    store: MemoryStore,
    tokens: Tokens,
}

impl Maker {
    /// Makes records that are issued now.
    pub(crate) fn now() -> Self {
        Self::at(Duration::ZERO)
    }

    /// Makes records that were issued this long ago.
    pub(crate) fn at(ago: Duration) -> Self {
        let store = MemoryStore::new();
        let clock = ManualClock::new(SystemClock.now().saturating_sub(ago));
        let tokens = Tokens::builder(store.clone()).policy(always_due()).clock(clock).build().unwrap();
        Self { store, tokens }
    }

    /// Makes the record of one login of `subject`.
    pub(crate) async fn make(&self, kind: Kind, subject: &Subject) -> Made {
        let login = self.tokens.begin_login(subject).await.unwrap();
        let issued = self.tokens.issue(&login, kind).device(DEVICE).await.unwrap();
        let record = self.store.find(issued.token.selector()).await.unwrap().unwrap();
        self.store.delete(record.selector, &Note::none()).await.unwrap();
        Made { record, text: issued.token.expose().to_owned() }
    }

    /// Makes this number of records of one subject, each of a login of its own.
    pub(crate) async fn make_of(&self, subject: &Subject, count: usize) -> Vec<Made> {
        let mut made = Vec::with_capacity(count);
        for _ in 0..count {
            made.push(self.make(Kind::SESSION, subject).await);
        }
        made
    }

    /// Makes this number of records; the numbers of the subjects begin at `first`.
    pub(crate) async fn make_many(&self, kind: Kind, first: usize, count: usize) -> Vec<Made> {
        let mut made = Vec::with_capacity(count);
        for number in first..first + count {
            made.push(self.make(kind, &subject(number / LOGINS)).await);
        }
        made
    }
}

/// A subject by its number.
pub(crate) fn subject(number: usize) -> Subject {
    Subject::new(format!("user-{number:08}")).unwrap()
}

/// A policy whose remember-me tokens rotate whenever they are presented: all windows are over immediately.
pub(crate) fn always_due() -> Policy {
    let none = Duration::ZERO;
    Policy::remember().rotation(Some(Windows {
        min_interval: none,
        retry_window: RetryWindow::For(none),
        overlap: none,
    }))
}

/// A clock that advances by a millisecond at every reading, so that every window is over immediately.
#[derive(Debug)]
pub(crate) struct Ticking(AtomicU64);

impl Ticking {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(SystemClock.now().as_millis()))
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
