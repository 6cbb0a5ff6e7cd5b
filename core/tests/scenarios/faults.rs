//! Makes each call of the store fail in turn, and some of those after it: with a known or unknown outcome, done or
//! not.

use hallpass_core::{Authentication, Denied, Issued, Kind, Valid};
use hallpass_test_store::{Call, Fault, Plan};

use crate::fixture::{MINUTE, SECOND, World, alice, text};

/// A login of alice: its tokens, and the results of verifying them.
struct Login {
    world: World,
    remember: Issued,
    session: Issued,
    once: Issued,
    remembered: Valid,
    resumed: Valid,
}

impl Login {
    async fn new(max_records: u32) -> Self {
        // One more login makes the service read the list.
        let world = World::with(|builder| {
            let builder = builder.max_logins(2.try_into().unwrap());
            builder.max_records_per_login(max_records.try_into().unwrap())
        });
        let tokens = &world.tokens;
        let login = tokens.begin_login(&alice()).await.unwrap();
        let remember = tokens.issue(&login, Kind::REMEMBER).await.unwrap();
        world.advance(SECOND);
        let session = tokens.issue(&login, Kind::SESSION).data("x").await.unwrap();
        let once = tokens.issue(&login, Kind::ONE_TIME).await.unwrap();
        world.advance(MINUTE * 2);
        let remembered = tokens.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
        let resumed = tokens.verify(Kind::SESSION, text(&session)).await.unwrap();
        Self { world, remember, session, once, remembered, resumed }
    }

    /// Runs one operation, and returns the tokens that it hands out.
    async fn run(&mut self, operation: &str) -> Result<Vec<Issued>, Denied> {
        let Self { world: World { tokens, .. }, remember, session, once, remembered, resumed } = self;
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
        let Self { world: World { tokens, .. }, remember, session, once, .. } = self;
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
            let mut login = Login::new(32).await;
            login.world.gate.follow(plan.clone());
            let answer = login.run(operation).await;
            let calls = login.world.gate.follow(Plan::new());
            if at >= calls.len() {
                continue;
            }
            let case = format!("{operation} {plan:?} {calls:?}: {answer:?}");
            assert!(!matches!(answer, Err(Denied::Rejected(_))), "{case}");
            for issued in answer.iter().flatten() {
                let verdict = login.world.tokens.verify(issued.kind, text(issued)).await;
                assert!(verdict.is_ok(), "{case}: {verdict:?}");
            }
            login.check(operation, &plan, answer.is_ok(), &case).await;
        }
    }
}

/// The cap on its records has superseded some of the login's, and a renewal has failed and left its first record.
#[tokio::test(start_paused = true)]
async fn what_a_failed_renewal_left_does_not_look_like_one_that_has_won() {
    let login = Login::new(3).await;
    for _ in 0..2 {
        login.world.tokens.issue_from(&login.remembered, Kind::SESSION).await.unwrap();
    }
    login.world.gate.follow(vec![(2, Fault::Down), (3, Fault::Down)]);
    let failed = login.world.tokens.revoke_others(&login.remembered).await;
    let calls = login.world.gate.follow(Plan::new());
    let expected = [Call::List, Call::Insert, Call::Insert, Call::Revoke];
    assert_eq!((failed.is_err(), &*calls), (true, &expected[..]));
    let renewed = login.world.tokens.revoke_others(&login.remembered).await.unwrap();
    assert_eq!(renewed.tokens.len(), 2);
}
