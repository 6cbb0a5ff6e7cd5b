//! Makes each call of the store fail in turn, and some of those after it: with a known or unknown outcome, done or
//! not.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision, Revocation,
    TokenStore,
};
use hallpass_core::{
    Authentication, Denied, Issued, Kind, ManualClock, MemoryStore, Note, Selector, StoreError, Subject,
    Timestamp, Tokens, Valid,
};

use crate::fixture::{MINUTE, SECOND, alice};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Nothing is done, and the error says so.
    Down,
    /// The work is done, and the response is lost.
    Done,
    /// Nothing is done, and the response is lost.
    NotDone,
}

/// The calls that fail, counted from zero, and how each fails.
type Plan = Vec<(usize, Fault)>;

/// A store whose calls fail according to a plan.
#[derive(Clone)]
struct Faulty {
    store: MemoryStore,
    plan: Arc<Mutex<Plan>>,
    calls: Arc<Mutex<Vec<&'static str>>>,
}

impl Faulty {
    fn new() -> Self {
        Self { store: MemoryStore::new(), plan: Arc::default(), calls: Arc::default() }
    }

    /// Sets the plan for the calls from now on, and returns the names of those until now.
    fn follow(&self, plan: Plan) -> Vec<&'static str> {
        *self.plan.lock().unwrap() = plan;
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    async fn around<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let place = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(call);
            calls.len() - 1
        };
        let fault = self.plan.lock().unwrap().iter().find(|(at, _)| *at == place).map(|(_, fault)| *fault);
        match fault {
            None => return work.await,
            Some(Fault::Down) => return Err(StoreError::Unavailable("the test says so".into())),
            Some(Fault::Done) => drop(work.await?),
            Some(Fault::NotDone) => {}
        }
        Err(StoreError::Timeout { source: "the test says so".into(), outcome_unknown: true })
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

#[async_trait]
impl TokenStore for Faulty {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.around("insert", self.store.insert(record, fence)).await
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.around("find", self.store.find(selector)).await
    }
    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.around("replace", self.store.replace(next, expected, change)).await
    }
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.around("delete", self.store.delete(selector, note)).await
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.around("revoke", self.store.revoke_by_subject(subject, revocation)).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.around("list", self.store.list_by_subject(subject, page)).await
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.around("epoch", self.store.epoch(subject, fresh, keep, now)).await
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.store.purge_expired(now, limit).await
    }
}

/// A login of alice: its tokens, and the results of verifying them.
struct Login {
    tokens: Tokens,
    remember: Issued,
    session: Issued,
    once: Issued,
    remembered: Valid,
    resumed: Valid,
}

fn text(issued: &Issued) -> &str {
    issued.token.expose()
}

impl Login {
    async fn new(store: &Faulty, max_records: u32) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let builder = Tokens::builder(store.clone()).clock(clock.clone());
        // One more login makes the service read the list.
        let builder = builder.max_logins(2.try_into().unwrap());
        let tokens = builder.max_records_per_login(max_records.try_into().unwrap()).build().unwrap();
        let login = tokens.begin_login(&alice()).await.unwrap();
        let remember = tokens.issue(&login, Kind::REMEMBER).await.unwrap();
        clock.advance(SECOND);
        let session = tokens.issue(&login, Kind::SESSION).data("x").await.unwrap();
        let once = tokens.issue(&login, Kind::ONE_TIME).await.unwrap();
        clock.advance(MINUTE * 2);
        let remembered = tokens.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
        let resumed = tokens.verify(Kind::SESSION, text(&session)).await.unwrap();
        Self { tokens, remember, session, once, remembered, resumed }
    }

    /// Runs one operation, and returns the tokens that it hands out.
    async fn run(&mut self, operation: &str) -> Result<Vec<Issued>, Denied> {
        let Self { tokens, remember, session, once, remembered, resumed } = self;
        Ok(match operation {
            "issue" | "replace" => {
                let login = tokens.begin_login(&alice()).await?;
                let issue = tokens.issue(&login, Kind::SESSION);
                vec![match operation {
                    "issue" => issue.await?,
                    _ => {
                        let issue = issue.replaces(Kind::SESSION, text(session));
                        issue.replaces(Kind::REMEMBER, text(remember)).await?
                    }
                }]
            }
            "restore" => vec![tokens.issue_from(remembered, Kind::SESSION).await?],
            "rotate" => {
                let valid = tokens.verify_and_rotate(Kind::REMEMBER, text(remember)).await?;
                valid.successor.into_iter().collect()
            }
            "others" => tokens.revoke_others(remembered).await?.tokens,
            "changed" => tokens.credential_changed(resumed, None).await?.tokens,
            "again" => tokens.authenticated_again(resumed, Authentication::new().level("aal2")).await?.tokens,
            "revoke" => {
                tokens.revoke(Kind::SESSION, text(session)).await?;
                Vec::new()
            }
            "consume" => {
                tokens.consume(Kind::ONE_TIME, text(once)).await?;
                Vec::new()
            }
            "data" => {
                tokens.update_data(resumed, |data| data.push(b'y')).await?;
                Vec::new()
            }
            _ => panic!("no operation: {operation}"),
        })
    }

    /// Checks what must hold once the store is back.
    async fn check(&self, operation: &str, plan: &Plan, succeeded: bool, case: &str) {
        let Self { tokens, remember, session, once, .. } = self;
        let lives = async |issued: &Issued| tokens.verify(issued.kind, text(issued)).await.is_ok();
        match operation {
            "revoke" => {
                let again = tokens.revoke(Kind::SESSION, text(session)).await;
                assert!(!matches!(again, Err(Denied::Failed(_))), "{case}: {again:?}");
                assert!(!lives(session).await && !lives(remember).await, "{case}: it lives");
            }
            "consume" => {
                let again = tokens.consume(Kind::ONE_TIME, text(once)).await;
                assert!(!succeeded || again.is_err(), "{case}: it was used twice");
            }
            "data" => {
                let valid = tokens.verify(Kind::SESSION, text(session)).await.unwrap();
                let data = tokens.data(&valid).await.unwrap();
                assert!(*data == *b"xy" || !succeeded && *data == *b"x", "{case}: {data:?}");
            }
            "rotate" => {
                let again = tokens.verify_and_rotate(Kind::REMEMBER, text(remember)).await;
                assert!(again.is_ok(), "{case}: {again:?}");
            }
            "others" | "changed" | "again" if !succeeded => {
                let own = if operation == "others" { remember } else { session };
                match tokens.verify(own.kind, text(own)).await {
                    Ok(valid) => drop(tokens.revoke_others(&valid).await.expect(case)),
                    // The caller's mark was written, but its response was lost, and so was the read that looked for
                    // it.
                    Err(_) => assert!(plan.len() > 1, "{case}: one lost answer"),
                }
            }
            "issue" | "restore" => assert!(lives(session).await && lives(remember).await, "{case}"),
            // The old login was ended: the response to that was lost.
            "replace" if !succeeded && plan[0].1 != Fault::Done => {
                assert!(lives(session).await && lives(remember).await, "{case}: neither lives");
            }
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whichever_calls_fail_a_failure_is_no_rejection_and_what_is_handed_out_is_good() {
    let operations =
        ["issue", "replace", "restore", "rotate", "others", "changed", "again", "revoke", "consume", "data"];
    for operation in operations {
        let faults = [Fault::Down, Fault::Done, Fault::NotDone];
        let places = (0..14).flat_map(|at| faults.map(|fault| (at, fault)));
        for ((at, fault), next) in places.flat_map(|first| [None, Some(1), Some(2)].map(|next| (first, next)))
        {
            let plan: Plan =
                [(at, fault)].into_iter().chain(next.map(|next| (at + next, Fault::Down))).collect();
            let store = Faulty::new();
            let mut login = Login::new(&store, 32).await;
            store.follow(plan.clone());
            let answer = login.run(operation).await;
            let calls = store.follow(Plan::new());
            if at >= calls.len() {
                continue;
            }
            let case = format!("{operation} {plan:?} {calls:?}: {answer:?}");
            assert!(!matches!(answer, Err(Denied::Rejected(_))), "{case}");
            for issued in answer.iter().flatten() {
                let verdict = login.tokens.verify(issued.kind, text(issued)).await;
                assert!(verdict.is_ok(), "{case}: {verdict:?}");
            }
            login.check(operation, &plan, answer.is_ok(), &case).await;
        }
    }
}

/// The cap on its records has superseded some of the login's, and a renewal has failed and left its first record.
#[tokio::test(start_paused = true)]
async fn what_a_failed_renewal_left_does_not_look_like_one_that_has_won() {
    let store = Faulty::new();
    let login = Login::new(&store, 3).await;
    for _ in 0..2 {
        login.tokens.issue_from(&login.remembered, Kind::SESSION).await.unwrap();
    }
    store.follow(vec![(2, Fault::Down), (3, Fault::Down)]);
    let failed = login.tokens.revoke_others(&login.remembered).await;
    let calls = store.follow(Plan::new());
    assert_eq!((failed.is_err(), &*calls), (true, &["list", "insert", "insert", "revoke"][..]));
    let renewed = login.tokens.revoke_others(&login.remembered).await.unwrap();
    assert_eq!(renewed.tokens.len(), 2);
}
