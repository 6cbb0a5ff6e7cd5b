//! Tests renewals: one winner, nothing for a copy, and no window for the old tokens (service, "Renewing").

use hallpass_core::store::TokenStore;
use hallpass_core::{
    Authentication, Denied, EventKind, Failure, Issued, Kind, Origin, Policy, Purpose, Reason, Rejected,
    Renewed, Stamp, StoreError, Timestamp, Valid,
};
use hallpass_test_store::Call;
use tokio::task::JoinSet;

use crate::fixture::{DAY, HOUR, Judged as _, MINUTE, World, alice, text};

const SUPERSEDED: Rejected = Rejected::Revoked(Reason::Superseded);
const ELSEWHERE: Rejected = Rejected::Revoked(Reason::LoggedOutElsewhere);

fn of(renewed: &Renewed, kind: Kind) -> &Issued {
    renewed.tokens.iter().find(|issued| issued.kind == kind).expect("a token of this kind")
}

/// A new world, and alice's verified session.
async fn caller() -> (World, Issued, Valid) {
    let (world, mine) = World::logged_in(Kind::SESSION).await;
    let valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    (world, mine, valid)
}

#[tokio::test]
async fn of_two_renewals_one_after_the_other_the_first_wins_and_its_tokens_stay() {
    let (world, mine, valid) = caller().await;
    let late = world.log_in(Kind::SESSION).await;
    let first = world.tokens.revoke_others(&valid).await.unwrap();
    assert_eq!(*first.ended.as_ref().unwrap(), 1);
    assert_eq!(world.verify(Kind::SESSION, text(&late)).await.unwrap_err(), ELSEWHERE);
    // The second click of a double click: it was verified before the first call returned.
    let second = world.tokens.revoke_others(&valid).await;
    assert_eq!(second.rejected(), SUPERSEDED);
    world.verify(Kind::SESSION, text(&first.tokens[0])).await.expect("the owner stays logged in");
    assert_eq!(world.verify(Kind::SESSION, text(&mine)).await.unwrap_err(), SUPERSEDED);
    assert_eq!(world.devices().await, 1);
}

#[tokio::test]
async fn a_renewal_that_comes_late_ends_nothing_that_a_later_renewal_made() {
    let (world, _, slow) = caller().await;
    let first = world.tokens.revoke_others(&slow).await.unwrap();
    let next = world.verify(Kind::SESSION, text(&first.tokens[0])).await.unwrap();
    let second = world.tokens.authenticated_again(&next, Authentication::new().level("aal2")).await.unwrap();
    assert_eq!(world.tokens.revoke_others(&slow).await.rejected(), SUPERSEDED);
    world.verify(Kind::SESSION, text(&second.tokens[0])).await.expect("the winner of the winner stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_renewals_at_once_exactly_one_wins_and_what_it_was_given_is_good() {
    for round in 0..20 {
        let (world, _, valid) = caller().await;
        let valid = std::sync::Arc::new(valid);
        // All have copied the live record before the first of them marks it.
        world.gate.meet(Call::Insert, 4);
        let mut calls = JoinSet::new();
        for at in 0..4 {
            let (tokens, valid) = (world.tokens.clone(), valid.clone());
            calls.spawn(async move {
                match (round + at) % 2 {
                    0 => tokens.revoke_others(&valid).await,
                    _ => tokens.credential_changed(&valid, None).await,
                }
            });
        }
        let answers = calls.join_all().await;
        let mut won = Vec::new();
        for answer in answers {
            match answer {
                Ok(renewed) => won.push(renewed),
                Err(denied) => assert_eq!(denied.rejection(), Some(SUPERSEDED), "{denied:?}"),
            }
        }
        assert_eq!(won.len(), 1, "one winner");
        world.gate.up();
        world.verify(Kind::SESSION, text(&won[0].tokens[0])).await.expect("the winner is logged in");
        assert_eq!(world.devices().await, 1, "and nothing else is");
    }
}

#[tokio::test]
async fn a_copy_that_polls_restores_and_renews_meanwhile_gets_nothing() {
    // The copy acts while the owner's renewal is held before each of its calls of the store.
    for call in [Call::List, Call::Insert, Call::Replace, Call::Revoke] {
        let (world, login) = World::begun().await;
        let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
        let owner = world.verify(Kind::SESSION, text(&session)).await.unwrap();
        let held = world.gate.hold_once(call);
        let renewal = world.tokens.revoke_others(&owner);
        let copy = async {
            held.arrival().await;
            let mut loot = Vec::new();
            if let Ok(valid) = world.tokens.verify_and_rotate(Kind::REMEMBER, text(&remember)).await {
                loot.extend(world.tokens.issue_from(&valid, Kind::SESSION).await);
                loot.extend(valid.successor);
            }
            if let Ok(valid) = world.tokens.verify(Kind::SESSION, text(&session)).await {
                loot.extend(world.tokens.issue_from(&valid, Kind::REMEMBER).await);
            }
            held.release();
            loot
        };
        let (renewed, loot) = tokio::join!(renewal, copy);
        let renewed = renewed.unwrap();
        for stolen in loot.iter().chain([&session, &remember]) {
            let verdict = world.verify(stolen.kind, text(stolen)).await;
            assert!(matches!(verdict, Err(Rejected::Revoked(_))), "held before {call:?}: {verdict:?}");
        }
        for token in &renewed.tokens {
            world.verify(token.kind, text(token)).await.expect("the owner's tokens are good");
        }
        assert_eq!(world.devices().await, 1, "held before {call:?}");
        assert!(!world.events().contains(&EventKind::Reused), "no alarm");
    }
}

#[tokio::test]
async fn a_copy_that_renews_at_the_same_time_either_wins_or_gets_nothing() {
    let (world, _, owner) = caller().await;
    let copy = world.tokens.revoke_others(&owner);
    let held = world.gate.hold_once(Call::Replace);
    let late = async {
        held.arrival().await;
        let renewed = world.tokens.revoke_others(&owner).await.unwrap();
        held.release();
        renewed
    };
    let (copy, renewed) = tokio::join!(copy, late);
    assert_eq!(copy.rejected(), SUPERSEDED, "its records were inserted, and it lost step 2");
    world.verify(Kind::SESSION, text(&renewed.tokens[0])).await.expect("the winner stays");
    assert_eq!(world.devices().await, 1, "what the loser inserted is gone");
}

#[tokio::test]
async fn a_session_that_was_ended_meanwhile_is_not_renewed() {
    for (kind, reason) in [(Kind::SESSION, Reason::Administrative), (Kind::REMEMBER, Reason::Administrative)]
    {
        let world = World::new();
        let mine = world.log_in(kind).await;
        let valid = world.verify(kind, text(&mine)).await.unwrap();
        let held = world.gate.hold_once(Call::Insert);
        let renewal = world.tokens.revoke_others(&valid);
        let ending = async {
            held.arrival().await;
            world.tokens.revoke_login(&alice(), mine.login, reason).await.unwrap();
            // And nothing that had slipped in could be removed.
            world.gate.down(Call::Revoke);
            held.release();
        };
        let (renewed, ()) = tokio::join!(renewal, ending);
        world.gate.up();
        assert_eq!(renewed.rejected(), Rejected::Revoked(reason), "its fence is the caller's record");
        assert_eq!(world.devices().await, 0);
    }
    // The same if the ending comes between the copy and its mark.
    let (world, mine, valid) = caller().await;
    let held = world.gate.hold_once(Call::Replace);
    let renewal = world.tokens.revoke_others(&valid);
    let log_out = async {
        held.arrival().await;
        world.tokens.revoke(Kind::SESSION, text(&mine)).await.unwrap();
        held.release();
    };
    let (renewed, ()) = tokio::join!(renewal, log_out);
    assert_eq!(renewed.rejected(), Rejected::Invalid);
    assert_eq!(world.devices().await, 0);
}

#[tokio::test]
async fn a_renewal_turns_away_logins_under_way() {
    for changed in [false, true] {
        let (world, _, valid) = caller().await;
        let under_way = world.tokens.begin_login(&alice()).await.unwrap();
        let renewed = match changed {
            true => world.tokens.credential_changed(&valid, None).await,
            false => world.tokens.revoke_others(&valid).await,
        };
        assert!(renewed.unwrap().ended.is_ok());
        let late = world.tokens.issue(&under_way, Kind::SESSION).await;
        assert_eq!(late.rejected(), Rejected::Fenced, "it checked the old password");
    }
}

#[tokio::test]
async fn a_renewed_record_keeps_what_it_was_and_lives_no_longer() {
    let (world, login) = World::begun().await;
    let how = Authentication::new().method("pwd");
    let issue = world.tokens.issue(&login, Kind::REMEMBER).device("Firefox").stamp(Stamp::of("hash"));
    let issue = issue.binding([7; 32]).authentication(how.clone()).data("cart");
    let old = issue.await.unwrap();
    world.advance(3 * DAY);
    let verify = async |token: &Issued, stamp: &str| {
        let candidate = world.tokens.look_up(Kind::REMEMBER, text(token)).await.unwrap();
        candidate.verify(Some(&Stamp::of(stamp))).await.judged()
    };
    let before = verify(&old, "hash").await.unwrap();
    let renewed = world.tokens.credential_changed(&before, Some(Stamp::of("new"))).await.unwrap();
    let after = verify(of(&renewed, Kind::REMEMBER), "new").await.unwrap();
    assert_eq!(after.created_at(), before.created_at());
    assert_eq!(after.absolute_expiry(), before.absolute_expiry());
    assert_eq!((after.auth_at(), after.origin()), (before.auth_at(), before.origin()));
    assert_eq!((after.authentication(), after.binding()), (&how, Some(&[7; 32])));
    assert_eq!(after.device(), before.device());
    assert_eq!(&*world.tokens.data(&after).await.unwrap(), b"cart");
    assert_ne!((after.login(), after.selector()), (before.login(), before.selector()));
    assert_eq!(verify(of(&renewed, Kind::REMEMBER), "hash").await.unwrap_err(), Rejected::StampMismatch);
}

#[tokio::test]
async fn no_renewal_outlives_the_present_policy() {
    // (a) A token that has expired under the new policy is not renewed, though its columns say that it is live.
    let (world, login) = World::begun().await;
    let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
    world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    world.advance(2 * DAY);
    let parent = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
    let session = world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap();
    let shorter = world.node(|builder| builder.policy(Policy::remember().absolute(DAY).idle(Some(DAY))));
    let valid = shorter.verify(Kind::SESSION, text(&session)).await.unwrap();
    let renewed = shorter.revoke_others(&valid).await.unwrap();
    let kinds: Vec<_> = renewed.tokens.iter().map(|issued| issued.kind).collect();
    assert_eq!(kinds, [Kind::SESSION], "an expired token is not renewed");
    // (b) Repeated renewals do not prolong a lifetime.
    let (world, mut token) = World::logged_in(Kind::REMEMBER).await;
    let start = world.tokens.now();
    let week = world.node(|builder| builder.policy(Policy::remember().absolute(7 * DAY).idle(Some(7 * DAY))));
    for _ in 0..6 {
        world.advance(DAY);
        let valid = week.verify(Kind::REMEMBER, text(&token)).await.unwrap();
        token = week.revoke_others(&valid).await.unwrap().tokens.remove(0);
        assert_eq!(token.expires_at.since(start), 7 * DAY);
    }
    world.advance(DAY);
    assert_eq!(week.verify(Kind::REMEMBER, text(&token)).await.rejected(), Rejected::Expired);
    assert_eq!(world.verify(Kind::REMEMBER, text(&token)).await.unwrap_err(), Rejected::Expired);
    // (c) An expired caller gets nothing.
    let (world, _, valid) = caller().await;
    world.advance(HOUR);
    assert_eq!(world.tokens.revoke_others(&valid).await.rejected(), Rejected::Expired);
}

#[tokio::test]
async fn a_renewal_keeps_the_idle_lifetime_that_was_promised() {
    let (world, token) = World::logged_in(Kind::SESSION).await;
    let longer = world.node(|builder| builder.policy(Policy::session().idle(Some(2 * HOUR))));
    let valid = longer.verify(Kind::SESSION, text(&token)).await.unwrap();
    let renewed = longer.revoke_others(&valid).await.unwrap();
    world.advance(30 * MINUTE);
    let verdict = longer.verify(Kind::SESSION, text(&renewed.tokens[0])).await;
    assert_eq!(verdict.rejected(), Rejected::Expired);
}

#[tokio::test]
async fn a_failure_at_any_step_ends_nothing_or_says_so_and_leaves_no_ghost() {
    for (call, passes) in [(Call::List, 0), (Call::Insert, 0), (Call::Insert, 1), (Call::Replace, 0)] {
        let (world, login) = World::begun().await;
        let mine = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
        let other = world.log_in(Kind::SESSION).await;
        let valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
        world.gate.down_after(call, passes);
        let failed = world.tokens.revoke_others(&valid).await;
        assert!(matches!(failed, Err(Denied::Failed(Failure::Store(_)))), "{call:?}: {failed:?}");
        world.gate.up();
        assert_eq!(world.devices().await, 2, "{call:?} left a ghost or ended something");
        let valid = world.verify(Kind::SESSION, text(&mine)).await.expect("the call may be repeated");
        let renewed = world.tokens.revoke_others(&valid).await.unwrap();
        assert_eq!(renewed.tokens.len(), 2);
        assert!(world.verify(Kind::SESSION, text(&other)).await.is_err());
    }
}

#[tokio::test]
async fn a_renewal_whose_last_step_fails_gives_the_tokens_and_says_so() {
    let (world, mine, valid) = caller().await;
    let other = world.log_in(Kind::SESSION).await;
    world.gate.down(Call::Revoke);
    let renewed = world.tokens.revoke_others(&valid).await.unwrap();
    assert!(matches!(renewed.ended, Err(Failure::Store(StoreError::Unavailable(_)))));
    let told = world.told();
    let failed =
        told.iter().find(|told| told.kind == EventKind::Revoked(Reason::LoggedOutElsewhere)).unwrap();
    assert_eq!(failed.source.as_deref(), Some("the token store failed"));
    world.gate.up();
    assert_eq!(world.verify(Kind::SESSION, text(&mine)).await.unwrap_err(), SUPERSEDED);
    world.verify(Kind::SESSION, text(&other)).await.expect("it could not be ended");
    let valid = world.verify(Kind::SESSION, text(&renewed.tokens[0])).await.unwrap();
    let renewed = world.tokens.revoke_others(&valid).await.unwrap();
    assert!(renewed.ended.is_ok());
    assert_eq!(world.verify(Kind::SESSION, text(&other)).await.unwrap_err(), ELSEWHERE);
}

#[tokio::test]
async fn a_renewal_with_an_unknown_outcome_is_looked_up_and_not_guessed() {
    for call in [Call::Insert, Call::Replace] {
        let (world, mine, valid) = caller().await;
        world.gate.unknown(call);
        let renewed = world.tokens.revoke_others(&valid).await.unwrap();
        world.gate.up();
        world.verify(Kind::SESSION, text(&renewed.tokens[0])).await.unwrap();
        assert_eq!(world.verify(Kind::SESSION, text(&mine)).await.unwrap_err(), SUPERSEDED);
        assert_eq!(world.devices().await, 1);
    }
}

#[tokio::test]
async fn a_renewal_that_lost_to_another_write_copies_that_write() {
    let (world, mine, valid) = caller().await;
    let held = world.gate.hold_once(Call::Replace);
    let renewal = world.tokens.revoke_others(&valid);
    let write = async {
        held.arrival().await;
        let mut valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
        world.tokens.update_data(&mut valid, |data| data.extend(b"late")).await.unwrap();
        held.release();
    };
    let (renewed, ()) = tokio::join!(renewal, write);
    let valid = world.verify(Kind::SESSION, text(&renewed.unwrap().tokens[0])).await.unwrap();
    assert_eq!(&*world.tokens.data(&valid).await.unwrap(), b"late");
    assert_eq!(world.devices().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_writes_to_the_caller_does_not_keep_its_login_alive() {
    let (world, login) = World::begun().await;
    let mine = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
    let valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let other = world.log_in(Kind::SESSION).await;
    world.gate.lose(Call::Replace);
    let failed = world.tokens.revoke_others(&valid).await;
    assert!(matches!(failed, Err(Denied::Failed(Failure::Contended))), "{failed:?}");
    world.gate.up();
    for ended in [&mine, &remember] {
        assert_eq!(world.verify(ended.kind, text(ended)).await.unwrap_err(), ELSEWHERE);
    }
    world.verify(Kind::SESSION, text(&other)).await.expect("the call failed and reported it");
    assert_eq!(world.devices().await, 1, "no ghost");
}

#[tokio::test]
async fn a_renewal_completes_and_is_told_though_its_caller_is_gone() {
    for call in [Call::List, Call::Insert, Call::Replace, Call::Revoke] {
        let (world, _, valid) = caller().await;
        world.log_in(Kind::SESSION).await;
        world.told();
        let held = world.gate.hold(call);
        tokio::select! {
            biased;
            _ = world.tokens.revoke_others(&valid) => unreachable!("it is held"),
            () = held.arrival() => {}
        }
        held.release();
        let told = world.heard(EventKind::Revoked(Reason::LoggedOutElsewhere)).await;
        let count = |reason| told.iter().filter(|told| told.kind == EventKind::Revoked(reason)).count();
        assert_eq!((count(Reason::Superseded), count(Reason::LoggedOutElsewhere)), (1, 1), "{call:?}");
        assert_eq!(world.devices().await, 1);
    }
}

#[tokio::test]
async fn kinds_that_this_process_does_not_configure_end_with_a_credential_change_and_keys_stay() {
    const MOBILE: Kind = Kind::from_static("refresh:mobile");
    let world = World::new();
    let mobile = world.node(|builder| builder.policy(Policy::refresh().for_kind(MOBILE)));
    let login = mobile.begin_login(&alice()).await.unwrap();
    let app = mobile.issue(&login, MOBILE).await.unwrap();
    let key = world.log_in(Kind::API_KEY).await;
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    let own_key = world.tokens.issue(&login, Kind::API_KEY).await.unwrap();
    let link = world.tokens.issue(&login, Kind::ONE_TIME).await.unwrap();
    let valid = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    let renewed = world.tokens.credential_changed(&valid, None).await.unwrap();
    let changed = Rejected::Revoked(Reason::CredentialChanged);
    assert_eq!(mobile.verify(MOBILE, text(&app)).await.rejected(), changed);
    assert_eq!(world.tokens.consume(Kind::ONE_TIME, text(&link)).await.rejected(), changed);
    for key in [&key, &own_key] {
        world.verify(Kind::API_KEY, text(key)).await.expect("keys stay");
    }
    assert_eq!(renewed.tokens.len(), 1);
}

#[tokio::test]
async fn a_step_up_renews_the_callers_login_alone() {
    let (world, other) = World::logged_in(Kind::SESSION).await;
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
    let parent = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
    let session = world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap();
    let key = world.tokens.issue(&login, Kind::API_KEY).await.unwrap();
    let under_way = world.tokens.begin_login(&alice()).await.unwrap();
    world.advance(10 * MINUTE);
    let valid = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    assert_eq!((valid.origin(), valid.authentication().is_empty()), (Origin::Restored, true));
    let how = Authentication::new().method("pwd").method("totp").level("aal2");
    let renewed = world.tokens.authenticated_again(&valid, how.clone()).await.unwrap();
    assert_eq!(renewed.ended.unwrap(), 1, "the remember token of the old login");
    for token in &renewed.tokens {
        let after = world.verify(token.kind, text(token)).await.unwrap();
        assert_eq!((after.origin(), after.auth_at()), (Origin::Authenticated, world.tokens.now()));
        assert_eq!(after.authentication(), &how);
    }
    let session_after = world.verify(Kind::SESSION, text(&renewed.tokens[0])).await.unwrap();
    assert_eq!(session_after.absolute_expiry(), valid.absolute_expiry(), "no lifetime begins anew");
    for old in [&session, &remember] {
        assert_eq!(world.verify(old.kind, text(old)).await.unwrap_err(), SUPERSEDED);
    }
    world.verify(Kind::SESSION, text(&other)).await.expect("other logins stay");
    world.verify(Kind::API_KEY, text(&key)).await.expect("keys stay");
    world.tokens.issue(&under_way, Kind::SESSION).await.expect("logins under way go on");
    let again = world.tokens.authenticated_again(&valid, how).await;
    assert_eq!(again.rejected(), SUPERSEDED, "a copy gains nothing by the step-up");
}

#[tokio::test]
async fn a_step_up_beyond_its_limits_changes_nothing() {
    let (world, mine, valid) = caller().await;
    let long = Authentication::new().method("x".repeat(33));
    let failed = world.tokens.authenticated_again(&valid, long).await;
    assert!(matches!(failed, Err(Denied::Failed(Failure::Limit(_)))));
    world.verify(Kind::SESSION, text(&mine)).await.unwrap();
}

#[tokio::test]
async fn only_a_device_of_a_subject_renews() {
    let (world, key) = World::logged_in(Kind::API_KEY).await;
    let key = world.verify(Kind::API_KEY, text(&key)).await.unwrap();
    let anonymous = world.tokens.begin_anonymous().unwrap();
    let anonymous = world.tokens.issue(&anonymous, Kind::SESSION).await.unwrap();
    let anonymous = world.verify(Kind::SESSION, text(&anonymous)).await.unwrap();
    for valid in [&key, &anonymous] {
        let wrong = |answer: Result<Renewed, Denied>| {
            assert!(matches!(answer, Err(Denied::Failed(Failure::WrongCall(_)))));
        };
        wrong(world.tokens.revoke_others(valid).await);
        wrong(world.tokens.credential_changed(valid, None).await);
        wrong(world.tokens.authenticated_again(valid, Authentication::new()).await);
    }
    assert_eq!(world.tokens.policy(Kind::API_KEY).unwrap().clone(), Policy::api_key().purpose(Purpose::Key));
}

#[tokio::test]
async fn a_superseded_record_stays_marked_in_the_store_until_its_expiry() {
    let (world, mine, valid) = caller().await;
    let row: Timestamp = {
        let _ = world.tokens.revoke_others(&valid).await.unwrap();
        let row = world.gate.store.find(mine.token.selector()).await.unwrap().unwrap();
        assert_eq!((row.revoked, row.idle_at), (Some(Reason::Superseded), None));
        assert_eq!(row.purge_at, row.expires_at);
        row.expires_at
    };
    assert_eq!(row, mine.expires_at);
}
