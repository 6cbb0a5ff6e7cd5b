//! Does everything that can happen to a token, and shows everything that can be shown.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_core::store::{Body, Change, Record, Replace, TokenStore};
use hallpass_core::{
    BoxError, Denied, Entropy, Failure, Fingerprint, Issued, KeyId, Keyring, Kind, Kinds, ListQuery,
    ManualClock, MemoryStore, OsEntropy, Policy, Purger, Reason, Rejected, RetryWindow, Scope, Stamp,
    StoreError, Subject, Timestamp, Tokens, Valid, Windows,
};
use hallpass_test_store::{Call, Gate};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::search::Secrets;
use crate::watch::{Overheard, Shown, Stored};

const DATA: &[u8] = b"the cart of carol";
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct Run {
    pub(crate) tokens: Tokens,
    store: Gate,
    pub(crate) stored: Arc<Mutex<Stored>>,
    clock: Arc<ManualClock>,
    pub(crate) shown: Shown,
    pub(crate) secrets: Arc<Mutex<Secrets>>,
}

impl Run {
    pub(crate) fn new() -> Self {
        let shown = Shown::default();
        let secrets = Arc::new(Mutex::new(Secrets::default()));
        let (store, stored) = (Gate::new(MemoryStore::new()), Arc::new(Mutex::new(Stored::default())));
        stored.lock().unwrap().digests.bytes(DATA);
        let watched = Arc::clone(&stored);
        store.watch(move |seen| watched.lock().unwrap().see(seen));
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let key = |id: u32| {
            let mut key = [0; 32];
            OsEntropy.fill(&mut key).unwrap();
            secrets.lock().unwrap().validator(&key);
            for of in ["hallpass/key/digest/1", "hallpass/key/successor/1"] {
                let mut sub_key = [0; 32];
                Hkdf::<Sha256>::new(None, &key).expand(of.as_bytes(), &mut sub_key).unwrap();
                secrets.lock().unwrap().validator(&sub_key);
            }
            (KeyId::new(id).unwrap(), key)
        };
        let ((one, signing), (two, verifying)) = (key(1), key(2));
        let ring = Keyring::new(one, &signing).unwrap().verify_only(two, &verifying).unwrap();
        shown.show(&ring);
        let builder =
            Tokens::builder(store.clone())
                .clock(Arc::clone(&clock))
                .entropy(Overheard(Arc::clone(&secrets)))
                .observer(shown.clone())
                .keyring(ring)
                .policy(Policy::session().reuse_ends(Scope::Subject))
                .policy(Policy::remember().rotation(Some(Windows {
                    retry_window: RetryWindow::For(60 * MINUTE),
                    ..Windows::DEFAULT
                })))
                .max_logins(NonZeroU32::new(3).unwrap());
        shown.show(&builder);
        let tokens = builder.build().unwrap();
        Self { tokens, store, stored, clock, shown, secrets }
    }

    /// Remembers the secret of a token, and shows the rest.
    fn keep(&self, issued: &Issued) -> String {
        self.secrets.lock().unwrap().token(&issued.token);
        self.shown.show(issued);
        self.shown.show(&issued.token);
        issued.token.expose().to_owned()
    }

    fn keep_successor(&self, valid: &mut Valid) -> String {
        let successor = self.keep(&valid.successor.take().unwrap());
        self.shown.show(&valid);
        successor
    }

    async fn issue(&self, who: &str, kind: Kind) -> String {
        let login = self.tokens.begin_login(&Subject::new(who).unwrap()).await.unwrap();
        self.shown.show(&login);
        let issue = self.tokens.issue(&login, kind).device("Firefox");
        self.shown.show(&issue);
        self.keep(&issue.await.unwrap())
    }

    async fn rotate(&self, text: &str) -> String {
        let verdict = self.tokens.verify_and_rotate(Kind::REMEMBER, text).await;
        self.shown.show(&verdict);
        self.keep_successor(&mut verdict.unwrap())
    }

    async fn verify(&self, kind: Kind, text: &str) -> Result<Valid, Rejected> {
        let verdict = self.tokens.verify(kind, text).await.map_err(|denied| denied.rejection().unwrap());
        self.shown.show(&verdict);
        if let Err(rejected) = &verdict {
            self.shown.error(rejected);
        }
        verdict
    }

    pub(crate) async fn everything(&self) {
        self.rotation().await;
        self.theft_and_lapse().await;
        self.logins().await;
        self.single_use().await;
        self.rubbish().await;
        self.failures().await;
        self.clock.advance(400 * DAY);
        let _ = self.tokens.purge().await.unwrap();
        self.shown.show(&self.tokens);
        self.shown.show(&self.store);
        self.shown.show(&self.store.store);
        self.shown.show(&Purger::new(self.tokens.clone()));
    }

    async fn rotation(&self) {
        let first = self.issue("alice", Kind::REMEMBER).await;
        let second = self.rotate(&first).await;
        assert_eq!(self.rotate(&first).await, second, "a retry");
        self.clock.advance(10 * Duration::from_secs(1));
        self.verify(Kind::REMEMBER, &second).await.unwrap();
        assert_eq!(self.rotate(&first).await, second, "a request under way");
        self.clock.advance(2 * MINUTE);
        let third = self.rotate(&second).await;
        let candidate = self.tokens.look_up(Kind::REMEMBER, &third).await.unwrap();
        self.shown.show(&candidate);
        let candidate = candidate.fingerprint(Fingerprint::of(&["elsewhere"]));
        self.shown.show(&candidate.verify(None).await);
    }

    async fn theft_and_lapse(&self) {
        let stolen = self.issue("bob", Kind::REMEMBER).await;
        let next = self.rotate(&stolen).await;
        self.verify(Kind::REMEMBER, &next).await.unwrap();
        self.clock.advance(5 * MINUTE);
        assert_eq!(self.verify(Kind::REMEMBER, &stolen).await.err(), Some(Rejected::Reused));
        let revoked = Rejected::Revoked(Reason::Reused);
        assert_eq!(self.verify(Kind::REMEMBER, &next).await.err(), Some(revoked));

        let lost = self.issue("bob", Kind::REMEMBER).await;
        self.rotate(&lost).await;
        self.clock.advance(120 * MINUTE);
        assert_eq!(self.verify(Kind::REMEMBER, &lost).await.err(), Some(Rejected::Lapsed));
    }

    async fn logins(&self) {
        let carol = Subject::new("carol").unwrap();
        let old = self.issue("carol", Kind::REMEMBER).await;
        for _ in 0..4 {
            self.clock.advance(MINUTE);
            self.issue("carol", Kind::REMEMBER).await; // beyond the cap
        }
        assert_eq!(self.verify(Kind::REMEMBER, &old).await.err(), Some(Rejected::Revoked(Reason::Evicted)));

        let login = self.tokens.begin_login(&carol).await.unwrap();
        let here =
            self.tokens.issue(&login, Kind::REMEMBER).stamp(Stamp::of("old")).replaces(Kind::REMEMBER, &old);
        let here = self.keep(&here.data(DATA.to_vec()).await.unwrap());
        let candidate = self.tokens.look_up(Kind::REMEMBER, &here).await.unwrap();
        let mut caller = candidate.verify(Some(&Stamp::of("old"))).await.unwrap();
        self.tokens.update_data(&mut caller, |data| data.push(b'!')).await.unwrap();
        let session = self.tokens.issue_from(&caller, Kind::SESSION).await.unwrap();
        let session = self.keep(&session);
        let query = ListQuery { current: Some(caller.login()), ..ListQuery::default() };
        let listing = self.tokens.list(&carol, &query).await.unwrap();
        self.shown.show(&listing);

        let renewed = self.tokens.credential_changed(&caller, Some(Stamp::of("new"))).await.unwrap();
        self.shown.show(&renewed);
        for issued in renewed.tokens {
            let (kind, text) = (issued.kind, self.keep(&issued));
            let candidate = self.tokens.look_up(kind, &text).await;
            self.shown.show(&candidate);
            if let Ok(candidate) = candidate {
                self.shown.show(&candidate.verify(Some(&Stamp::of("old"))).await);
            }
        }
        assert!(self.verify(Kind::SESSION, &session).await.is_err());

        let text = self.issue("carol", Kind::REMEMBER).await;
        let caller = self.verify(Kind::REMEMBER, &text).await.unwrap();
        for issued in self.tokens.revoke_others(&caller).await.unwrap().tokens {
            let text = self.keep(&issued);
            self.tokens.revoke(Kind::REMEMBER, &text).await.unwrap();
        }
        self.tokens.revoke_subject(&carol, Kinds::Any, Reason::Administrative).await.unwrap();
        let fenced = self.tokens.issue(&login, Kind::SESSION).await.unwrap_err();
        assert_eq!(fenced.rejection(), Some(Rejected::Fenced));
    }

    async fn single_use(&self) {
        let text = self.issue("dave", Kind::ONE_TIME).await;
        self.shown.show(&self.tokens.consume(Kind::ONE_TIME, &text).await);
        let spent = self.tokens.consume(Kind::ONE_TIME, &text).await.unwrap_err();
        assert_eq!(spent.rejection(), Some(Rejected::Spent));
        let key = self.issue("dave", Kind::API_KEY).await;
        self.verify(Kind::API_KEY, &key).await.unwrap();
        assert_eq!(self.verify(Kind::SESSION, &key).await.err(), Some(Rejected::Malformed));
        self.clock.advance(400 * DAY);
        assert_eq!(self.verify(Kind::API_KEY, &key).await.err(), Some(Rejected::Expired));
    }

    /// Guesses and typing errors are secrets, too: of another user, or almost one's own.
    async fn rubbish(&self) {
        let good = self.issue("erin", Kind::SESSION).await;
        let (selector, validator) = good.split_once('.').unwrap();
        let guess: String = validator.chars().rev().map(|c| if c == 'A' { 'B' } else { c }).collect();
        let guess = [selector, ".", &guess[..42], "A"].concat();
        let unknown = ["AAAAAAAAAAAAAAAAAAAAAA.", validator].concat();
        let short = good[..65].to_owned();
        let password = "correct horse battery staple, typed into the wrong field";
        for text in [&guess, &unknown, &short, password] {
            self.secrets.lock().unwrap().text(text.split_once('.').map_or(text, |(_, secret)| secret));
            for kind in [Kind::SESSION, Kind::REMEMBER, Kind::API_KEY] {
                assert!(self.verify(kind, text).await.is_err());
                self.shown.show(&self.tokens.revoke(kind, text).await);
            }
        }
        for rejected in [Rejected::Expired, Rejected::Malformed, Rejected::Revoked(Reason::Reused)] {
            self.shown.error(&rejected);
        }
    }

    async fn failures(&self) {
        let text = self.issue("frank", Kind::REMEMBER).await;
        self.store.down(Call::Replace);
        let valid = self.tokens.verify_and_rotate(Kind::REMEMBER, &text).await.unwrap();
        assert!(valid.successor.is_none(), "a rotation that could not be written");
        self.store.up();

        let selector = valid.selector();
        let stamped = self.tokens.issue_from(&valid, Kind::SESSION).stamp(Stamp::of("a")).await.unwrap();
        let stamped = self.keep(&stamped);
        let record = self.store.find(selector).await.unwrap().unwrap();
        self.shown.show(&record);
        let (body, expected) = (Body::new(vec![1; 40]).unwrap(), record.revision);
        let corrupt = Record { body, revision: expected.next(), ..record };
        let replaced = self.store.replace(&corrupt, expected, Change::Update).await.unwrap();
        assert_eq!(replaced, Replace::Replaced);
        let other = Keyring::new(KeyId::new(9).unwrap(), &[9; 32]).unwrap();
        let elsewhere = Tokens::builder(self.store.clone())
            .clock(Arc::clone(&self.clock))
            .observer(self.shown.clone())
            .keyring(other)
            .build()
            .unwrap();
        let oops = || BoxError::from("connection refused");
        let failures = [
            self.tokens.verify(Kind::REMEMBER, &text).await.unwrap_err(), // corrupt
            self.tokens.verify(Kind::SESSION, &stamped).await.unwrap_err(), // needs a stamp
            self.tokens.verify(Kind::from_static("nothing"), &text).await.unwrap_err(),
            self.tokens.verify(Kind::ONE_TIME, &self.issue("frank", Kind::ONE_TIME).await).await.unwrap_err(),
            elsewhere.verify(Kind::SESSION, &stamped).await.unwrap_err(), // another key
            Denied::from(Failure::Contended),
            Denied::from(Subject::new("").unwrap_err()),
            Denied::from(Failure::Randomness(oops())),
            Denied::from(StoreError::Corrupt {
                selector: Some(selector),
                source: Record::decode(&[]).unwrap_err().into(),
            }),
            Denied::from(StoreError::Other(oops())),
            Denied::from(StoreError::Refused(oops())),
            Denied::from(StoreError::Timeout { source: oops(), outcome_unknown: true }),
            Denied::from(StoreError::Unavailable(oops())),
        ];
        for failure in &failures {
            self.shown.error(failure);
        }
    }
}
