//! Measures the steps of handling one token: `cargo bench -p hallpass-core`.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use hallpass_core::rotation::{Inputs, Presented, Request, Rotation, StampCheck, decide};
use hallpass_core::store::{Record, TokenStore};
use hallpass_core::{
    Clock, KeyId, Keyring, Kind, ManualClock, MemoryStore, Policy, RetryWindow, Subject, SystemClock,
    Timestamp, Tokens, Windows,
};
use tokio::runtime::{Builder, Runtime};

const SKEW: Duration = Duration::from_secs(10);

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// Issues a token of this kind and returns its text.
fn issue(runtime: &Runtime, tokens: &Tokens, kind: Kind) -> String {
    runtime.block_on(async {
        let login = tokens.begin_login(&Subject::new("user-00000001").unwrap()).await.unwrap();
        let issued = tokens.issue(&login, kind).device("Firefox on Linux").await.unwrap();
        issued.token.expose().to_owned()
    })
}

fn parse(c: &mut Criterion) {
    let runtime = runtime();
    let tokens = Tokens::builder(MemoryStore::new()).build().unwrap();
    let elsewhere = Tokens::builder(MemoryStore::new()).build().unwrap();
    let unknown = issue(&runtime, &elsewhere, Kind::SESSION);
    let mut malformed = unknown.clone();
    malformed.replace_range(22..23, "_");
    c.bench_function("parse, malformed", |b| {
        b.iter(|| runtime.block_on(tokens.verify(Kind::SESSION, black_box(&malformed))).is_err());
    });
    c.bench_function("parse, then miss", |b| {
        b.iter(|| runtime.block_on(tokens.verify(Kind::SESSION, black_box(&unknown))).is_err());
    });
}

fn verify(c: &mut Criterion) {
    let runtime = runtime();
    let ring = Keyring::new(KeyId::new(1).unwrap(), &[7; 32]).unwrap();
    for (name, tokens) in [
        ("verify", Tokens::builder(MemoryStore::new()).build().unwrap()),
        ("verify, keyed", Tokens::builder(MemoryStore::new()).keyring(ring).build().unwrap()),
    ] {
        let token = issue(&runtime, &tokens, Kind::SESSION);
        c.bench_function(name, |b| {
            b.iter(|| runtime.block_on(tokens.verify(Kind::SESSION, black_box(&token))).is_ok());
        });
    }
}

/// The windows have length zero and the clock moves on, so that each presentation rotates.
fn rotate(c: &mut Criterion) {
    let none = Duration::ZERO;
    let windows = Windows { min_interval: none, retry_window: RetryWindow::For(none), overlap: none };
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let builder = Tokens::builder(MemoryStore::new()).policy(Policy::remember().rotation(Some(windows)));
    let tokens = builder.clock(clock.clone()).build().unwrap();
    let runtime = runtime();
    let mut token = issue(&runtime, &tokens, Kind::REMEMBER);
    c.bench_function("verify and rotate", |b| {
        b.iter(|| {
            clock.advance(Duration::from_millis(1));
            let verdict = runtime.block_on(tokens.verify_and_rotate(Kind::REMEMBER, black_box(&token)));
            token = verdict.unwrap().successor.unwrap().token.expose().to_owned();
        });
    });
}

fn decision(c: &mut Criterion) {
    let policy = Policy::remember();
    let at = |seconds: u64| Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000);
    let rotated = Rotation { at: at(0), confirmed_at: Some(at(1)), repeatable: true };
    for (name, presented, now) in [
        ("decide, current and due", Presented::Current, at(3_600)),
        ("decide, predecessor in the overlap", Presented::Predecessor, at(5)),
        ("decide, reused", Presented::Earlier, at(5)),
    ] {
        let inputs = Inputs {
            presented,
            created_at: at(0),
            seen_at: at(0),
            expires_at: at(2_592_000),
            idle_at: Some(at(1_209_600)),
            revoked: None,
            rotation: Some(rotated),
            stamp: StampCheck::Unbound,
        };
        c.bench_function(name, |b| {
            b.iter(|| decide(black_box(&inputs), Request::Rotate, black_box(now), &policy, SKEW));
        });
    }
}

fn codec(c: &mut Criterion) {
    let runtime = runtime();
    let store = MemoryStore::new();
    let tokens = Tokens::builder(store.clone()).build().unwrap();
    let record = runtime.block_on(async {
        let login = tokens.begin_login(&Subject::new("user-00000001").unwrap()).await.unwrap();
        let issued = tokens.issue(&login, Kind::REMEMBER).device("Firefox on Linux").await.unwrap();
        store.find(issued.token.selector()).await.unwrap().unwrap()
    });
    let bytes = record.encode();
    c.bench_function("encode a record", |b| b.iter(|| black_box(&record).encode()));
    c.bench_function("decode a record", |b| b.iter(|| Record::decode(black_box(&bytes)).unwrap()));
}

criterion_group!(benches, parse, verify, rotate, decision, codec);
criterion_main!(benches);
