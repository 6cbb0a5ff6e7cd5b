//! Tests that this version reads the records in `golden/`, as version 1 wrote them, and verifies tokens printed then.
//!
//! If a change breaks these tests, it needs a new version of the record or of its body, beside the old one. The files
//! were made in the way that a production system would, with fixed randomness and the settings of `builder`.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may")]

use std::path::PathBuf;
use std::time::Duration;

use hallpass_core::store::{Era, Fence, Record, Revision, TokenStore};
use hallpass_core::{
    Authentication, Denied, Device, Failure, Fingerprint, FingerprintCheck, KeyId, Keyring, Kind, LoginId,
    ManualClock, MemoryStore, Origin, Policy, Purpose, Reason, Rejected, RetryWindow, Selector, Stamp,
    Subject, Timestamp, Tokens, Valid, Windows,
};

/// 2023-11-14T22:13:20Z: the time at which every golden record was issued.
const ISSUED: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The shortest possible kind, without an idle expiry, and the longest possible one.
const SHORT: Kind = Kind::from_static("x");
const LONG: Kind = Kind::from_static("one-time:abcdefghijklmnopqrstuvw");
const NAMES: [&str; 9] =
    ["anonymous", "confirmed", "fresh", "largest", "renewed", "restored", "revoked", "rotated", "spent"];

#[tokio::test]
async fn a_fresh_record_still_reads() {
    let golden = Golden::read("fresh");
    golden.has(&Record {
        subject: Some(Subject::new("a").unwrap()),
        kind: Kind::SESSION,
        expires_at: after(DAY / 2),
        idle_at: Some(after(30 * MINUTE)),
        purge_at: after(32 * MINUTE),
        ..golden.bare()
    });
    let tokens = golden.service(SECOND).await;
    let valid = tokens.verify(Kind::SESSION, &golden.tokens[0]).await.unwrap();
    assert_eq!((valid.origin(), valid.auth_at()), (Origin::Authenticated, ISSUED));
    assert!(tokens.data(&valid).await.unwrap().is_empty());
    assert!(valid.binding().is_none() && valid.authentication().is_empty());
    assert_eq!(valid.fingerprint(), FingerprintCheck::Unknown);
    assert_eq!(rejection(tokens.verify(Kind::SESSION, &forged(&golden)).await), Rejected::Invalid);
}

#[tokio::test]
async fn an_anonymous_record_without_an_idle_expiry_still_reads() {
    let golden = Golden::read("anonymous");
    golden.has(&Record {
        subject: None,
        kind: SHORT,
        expires_at: after(DAY),
        idle_at: None,
        purge_at: after(DAY),
        ..golden.bare()
    });
    let tokens = golden.service(SECOND).await;
    let valid = tokens.verify(SHORT, &golden.tokens[0]).await.unwrap();
    assert_eq!(valid.subject(), None);
    assert_eq!(rejection(tokens.verify(SHORT, &forged(&golden)).await), Rejected::Invalid);
}

#[tokio::test]
async fn a_rotated_record_with_every_field_still_leads_to_its_successor() {
    let golden = Golden::read("rotated");
    golden.has(&Record {
        subject: Some(Subject::new("älice").unwrap()),
        updated_at: after(MINUTE),
        seen_at: after(MINUTE),
        idle_at: Some(after(14 * DAY + MINUTE)),
        purge_at: after(15 * DAY + DAY * 3 / 4),
        revision: Revision::new(2).unwrap(),
        generation: 1,
        device: Device::new("Firefox on Linux").unwrap(),
        ..golden.bare()
    });
    let tokens = golden.service(MINUTE + SECOND).await;
    let present = async |token: usize, stamp: Option<Stamp>| -> Result<Valid, Denied> {
        let candidate = tokens.look_up(Kind::REMEMBER, &golden.tokens[token]).await?;
        candidate.fingerprint(fingerprint()).verify_and_rotate(stamp.as_ref()).await
    };
    assert!(matches!(present(0, None).await, Err(Denied::Failed(Failure::StampRequired))));
    let retried = present(0, Some(stamp())).await.unwrap();
    assert_eq!(retried.fingerprint(), FingerprintCheck::Matches);
    assert_eq!((retried.binding(), retried.authentication()), (Some(&[0xb1; 32]), &authentication()));
    assert_eq!(&*tokens.data(&retried).await.unwrap(), b"data \x00\xff");
    assert_eq!(retried.successor.unwrap().token.expose(), golden.tokens[1], "the same successor");
    assert_eq!(rejection(present(1, Some(Stamp::of("new"))).await), Rejected::StampMismatch);
    present(1, Some(stamp())).await.unwrap();
}

#[tokio::test]
async fn a_rotated_record_still_knows_when_it_rotated() {
    let golden = Golden::read("rotated");
    let tokens = golden.service(MINUTE + 60 * MINUTE + SECOND).await;
    let candidate = tokens.look_up(Kind::REMEMBER, &golden.tokens[0]).await.unwrap();
    assert_eq!(rejection(candidate.verify(Some(&stamp())).await), Rejected::Lapsed);
}

#[tokio::test]
async fn a_keyed_record_still_names_its_key() {
    let golden = Golden::read("rotated");
    let tokens = golden.service_with(MINUTE, Keyring::new(id(8), &[8; 32]).unwrap()).await;
    let outcome = tokens.verify(Kind::REMEMBER, &golden.tokens[1]).await;
    assert!(matches!(outcome, Err(Denied::Failed(Failure::UnknownKey(key))) if key == id(7)));
}

#[tokio::test]
async fn a_confirmed_record_still_knows_its_predecessor() {
    let golden = Golden::read("confirmed");
    golden.has(&Record {
        subject: Some(Subject::new("bob").unwrap()),
        updated_at: after(10 * MINUTE),
        seen_at: after(10 * MINUTE),
        idle_at: Some(after(14 * DAY + 10 * MINUTE)),
        purge_at: after(15 * DAY + DAY * 3 / 4),
        revision: Revision::new(4).unwrap(),
        generation: 1,
        ..golden.bare()
    });
    let tokens = golden.service(10 * MINUTE).await;
    let valid = tokens.verify(Kind::REMEMBER, &golden.tokens[1]).await.unwrap();
    assert_eq!(valid.generation(), 1);
    // The nonce is erased: even a clock within the overlap does not bring the window back.
    for later in [10 * MINUTE, MINUTE + 15 * SECOND] {
        let tokens = golden.service(later).await;
        assert_eq!(rejection(tokens.verify(Kind::REMEMBER, &golden.tokens[0]).await), Rejected::Reused);
    }
}

#[tokio::test]
async fn a_confirmed_record_still_rotates() {
    let golden = Golden::read("confirmed");
    let tokens = golden.service(10 * MINUTE).await;
    let valid = tokens.verify_and_rotate(Kind::REMEMBER, &golden.tokens[1]).await.unwrap();
    let next = valid.successor.unwrap().token;
    tokens.verify(Kind::REMEMBER, next.expose()).await.unwrap();
    let earlier = tokens.verify(Kind::REMEMBER, &golden.tokens[0]).await;
    assert_eq!(rejection(earlier), Rejected::Reused, "the oldest is still ours");
}

#[tokio::test]
async fn a_revoked_record_still_tells_why() {
    let golden = Golden::read("revoked");
    golden.has(&Record {
        subject: Some(Subject::new("bob").unwrap()),
        updated_at: after(MINUTE),
        idle_at: None,
        purge_at: after(30 * DAY),
        revoked: Some(Reason::Administrative),
        revision: Revision::new(2).unwrap(),
        ..golden.bare()
    });
    let tokens = golden.service(20 * DAY).await;
    let verdict = tokens.verify(Kind::REMEMBER, &golden.tokens[0]).await;
    assert_eq!(rejection(verdict), Rejected::Revoked(Reason::Administrative));
}

#[tokio::test]
async fn a_spent_record_is_still_spent() {
    let golden = Golden::read("spent");
    golden.has(&Record {
        subject: Some(Subject::new("bob").unwrap()),
        kind: Kind::ONE_TIME,
        purpose: Purpose::SingleUse,
        updated_at: after(MINUTE),
        seen_at: after(MINUTE),
        expires_at: after(15 * MINUTE),
        idle_at: None,
        purge_at: after(15 * MINUTE),
        revoked: Some(Reason::Spent),
        revision: Revision::new(2).unwrap(),
        ..golden.bare()
    });
    let tokens = golden.service(2 * MINUTE).await;
    assert_eq!(rejection(tokens.consume(Kind::ONE_TIME, &golden.tokens[0]).await), Rejected::Spent);
}

#[tokio::test]
async fn a_restored_record_still_knows_how_it_was_come_by() {
    let golden = Golden::read("restored");
    golden.has(&Record {
        subject: Some(Subject::new("bob").unwrap()),
        kind: Kind::SESSION,
        created_at: after(DAY),
        updated_at: after(DAY),
        seen_at: after(DAY),
        expires_at: after(DAY + DAY / 2),
        idle_at: Some(after(DAY + 30 * MINUTE)),
        purge_at: after(DAY + 32 * MINUTE),
        ..golden.bare()
    });
    let tokens = golden.service(DAY).await;
    let valid = tokens.verify(Kind::SESSION, &golden.tokens[0]).await.unwrap();
    assert_eq!((valid.origin(), valid.auth_at()), (Origin::Restored, ISSUED));
    // It was restored together with a successor that its first use confirms; that record is not here.
    assert_eq!(golden.record.body.as_bytes()[1], 64, "the flag for it");
}

#[tokio::test]
async fn a_renewed_record_still_knows_what_it_took_the_place_of() {
    let golden = Golden::read("renewed");
    let body = golden.record.body.as_bytes();
    assert_eq!(body[1], 128, "the flag for it");
    assert_eq!(body[body.len() - 8..], [0x87, 0xd1, 0x03, 0x90, 0x63, 0xb9, 0xf2, 0xf1], "the login before");
    golden.service(DAY).await.verify(Kind::REMEMBER, &golden.tokens[0]).await.unwrap();
}

#[tokio::test]
async fn a_record_as_large_as_can_be_still_reads() {
    let golden = Golden::read("largest");
    golden.has(&Record {
        subject: Some(Subject::new("s".repeat(255)).unwrap()),
        kind: LONG,
        updated_at: after(MINUTE),
        seen_at: after(MINUTE),
        expires_at: after(3_660 * DAY),
        idle_at: Some(after(14 * DAY + MINUTE)),
        purge_at: after(15 * DAY + DAY * 3 / 4),
        revision: Revision::new(2).unwrap(),
        generation: 1,
        device: Device::new("d".repeat(512)).unwrap(),
        ..golden.bare()
    });
    let tokens = golden.service(MINUTE + SECOND).await;
    let candidate = tokens.look_up(LONG, &golden.tokens[0]).await.unwrap();
    let retried = candidate.verify_and_rotate(Some(&stamp())).await.unwrap();
    assert_eq!(*tokens.data(&retried).await.unwrap(), vec![0xda; 16 * 1024]);
    assert_eq!(retried.authentication(), &longest());
    assert_eq!(retried.successor.unwrap().token.expose(), golden.tokens[1]);
}

#[test]
fn every_file_is_one_of_these() {
    let names = std::fs::read_dir(file("").parent().unwrap()).unwrap();
    let mut names: Vec<PathBuf> = names.map(|entry| entry.unwrap().path()).collect();
    names.sort_unstable();
    assert_eq!(names, NAMES.map(file));
}

/// One file: the stored record, and the tokens printed until then, oldest first.
struct Golden {
    record: Record,
    tokens: Vec<String>,
}

impl Golden {
    fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(file(name)).unwrap();
        let tokens = text.lines().filter_map(|line| line.strip_prefix("# token ")).map(str::to_owned);
        let mut bytes = Vec::new();
        for word in text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace) {
            let (byte, times) = word.split_once('*').unwrap_or((word, "1"));
            let byte = u8::from_str_radix(byte, 16).unwrap();
            bytes.extend(std::iter::repeat_n(byte, times.parse().unwrap()));
        }
        let record = Record::decode(&bytes).unwrap();
        assert_eq!(record.encode(), bytes, "{name} is written as it was then");
        Self { record, tokens: tokens.collect() }
    }

    /// Clears the fields that have no meaning, and those of a fresh remember-me record.
    fn bare(&self) -> Record {
        Record {
            selector: self.record.selector,
            subject: None,
            kind: Kind::REMEMBER,
            purpose: Purpose::Device,
            login: self.record.login,
            era: Era::FIRST,
            created_at: ISSUED,
            updated_at: ISSUED,
            seen_at: ISSUED,
            expires_at: after(30 * DAY),
            idle_at: Some(after(14 * DAY)),
            purge_at: after(14 * DAY),
            revoked: None,
            revision: Revision::FIRST,
            generation: 0,
            device: Device::default(),
            body: self.record.body.clone(),
        }
    }

    fn has(&self, expected: &Record) {
        assert_eq!(self.record, *expected);
        let fixed = self.record.encode();
        // The scripts inside databases rely on these offsets.
        assert_eq!(fixed[0], 1, "the version");
        assert_eq!(fixed[1..9], expected.revision.get().to_be_bytes());
        assert_eq!(fixed[9], expected.revoked.map_or(0, Reason::code));
        assert_eq!(fixed[34..42], expected.expires_at.as_millis().to_be_bytes());
        assert_eq!(LoginId(fixed[62..70].try_into().unwrap()), expected.login);
        assert_eq!(Selector(fixed[70..86].try_into().unwrap()), expected.selector);
        assert_eq!(fixed[86], expected.purpose.code());
        assert_eq!(fixed[87..91], expected.era.get().to_be_bytes());
    }

    /// Builds a service, `later` after the issue, over a store that holds only this record.
    async fn service(&self, later: Duration) -> Tokens {
        self.service_with(later, ring()).await
    }

    async fn service_with(&self, later: Duration, ring: Keyring) -> Tokens {
        let store = MemoryStore::new();
        assert!(store.insert(&self.record, Fence::None).await.unwrap().is_inserted());
        let ring = hallpass_core::danger::accept_unkeyed_until(ring, Timestamp::MAX);
        builder(store).clock(ManualClock::new(after(later))).keyring(ring).build().unwrap()
    }
}

fn file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    folder.join(format!("record-v1-{name}.hex"))
}

fn after(later: Duration) -> Timestamp {
    ISSUED.saturating_add(later)
}

fn stamp() -> Stamp {
    Stamp::of("$argon2id$…")
}

fn fingerprint() -> Fingerprint {
    Fingerprint::of(&["192.0.2.0/24", "Firefox"])
}

fn authentication() -> Authentication {
    Authentication::new().method("pwd").method("totp").level("aal2")
}

/// Returns the largest authentication.
fn longest() -> Authentication {
    let name = "x".repeat(Authentication::MAX_LEN);
    let methods = Authentication::new().level(&*name);
    (0..Authentication::MAX_METHODS).fold(methods, |all, _| all.method(&*name))
}

fn rejection<T>(outcome: Result<T, Denied>) -> Rejected {
    outcome.err().and_then(|denied| denied.rejection()).unwrap()
}

fn id(id: u32) -> KeyId {
    KeyId::new(id).unwrap()
}

fn ring() -> Keyring {
    Keyring::new(id(7), &[7; 32]).unwrap()
}

/// Returns the token with its second-to-last byte changed: the guess of a client that knows the selector.
fn forged(golden: &Golden) -> String {
    let mut text = golden.tokens[0].clone().into_bytes();
    text[60] = if text[60] == b'A' { b'B' } else { b'A' };
    String::from_utf8(text).unwrap()
}

fn builder(store: MemoryStore) -> hallpass_core::TokensBuilder {
    let retry_window = RetryWindow::For(60 * MINUTE);
    let windows = Windows { min_interval: MINUTE, retry_window, overlap: 30 * SECOND };
    let remember = Policy::remember().rotation(Some(windows));
    let long = Policy::custom(LONG, Policy::MAX_ABSOLUTE).idle(Some(14 * DAY)).rotation(Some(windows));
    Tokens::builder(store).policy(Policy::custom(SHORT, DAY)).policy(remember).policy(long)
}
