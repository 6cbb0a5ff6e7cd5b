//! Tests a login that has begun: how long it is valid, and what ends it (S11).

use hallpass_core::{Denied, EventKind, Failure, Kind, Kinds, Login, Reason, Rejected, Stamp};
use hallpass_test_store::Call;

use crate::fixture::{HOUR, Judged as _, MINUTE, SECOND, World, alice};

#[tokio::test]
async fn a_login_that_is_not_finished_within_an_hour_has_to_begin_again() {
    let (world, login) = World::begun().await;
    // A later login of the same subject prolongs the epoch.
    world.advance(HOUR - SECOND);
    let _ = world.tokens.begin_login(&alice()).await.unwrap();
    world.tokens.issue(&login, Kind::SESSION).await.expect("in time");
    world.advance(SECOND);
    let again = Login::decode(&login.encode()).unwrap();
    for late in [&login, &again] {
        assert_eq!(world.tokens.issue(late, Kind::SESSION).await.rejected(), Rejected::Fenced);
    }
    let anonymous = world.tokens.begin_anonymous().unwrap();
    world.advance(HOUR);
    assert_eq!(world.tokens.issue(&anonymous, Kind::SESSION).await.rejected(), Rejected::Fenced);
}

#[tokio::test]
async fn a_login_issues_nothing_after_it_was_ended() {
    for end in 0..4 {
        let (world, login) = World::begun().await;
        let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        let text = session.token.expose();
        world.tokens.issue(&login, Kind::API_KEY).await.expect("as long as it lives it issues");
        match end {
            0 => drop(world.tokens.revoke_login(&alice(), login.id(), Reason::LoggedOutElsewhere).await),
            1 => world.tokens.revoke(Kind::SESSION, text).await.unwrap(),
            2 => drop(world.tokens.revoke_subject(&alice(), Kinds::Any, Reason::Administrative).await),
            _ => {
                let other = world.log_in(Kind::SESSION).await;
                let valid = world.verify(Kind::SESSION, other.token.expose()).await.unwrap();
                drop(world.tokens.revoke_others(&valid).await.unwrap());
            }
        }
        let carried = Login::decode(&login.encode()).unwrap();
        for login in [&login, &login.clone(), &carried] {
            for kind in [Kind::REMEMBER, Kind::SESSION, Kind::API_KEY] {
                let late = world.tokens.issue(login, kind).await;
                assert_eq!(late.rejected(), Rejected::Fenced, "ended in way {end}");
            }
        }
    }
}

#[tokio::test]
async fn a_copy_that_was_carried_across_requests_is_turned_away_with_its_login() {
    let (world, login) = World::begun().await;
    let carried = Login::decode(&login.encode()).unwrap();
    world.tokens.revoke_login(&alice(), login.id(), Reason::LoggedOutElsewhere).await.unwrap();
    assert_eq!(world.tokens.issue(&carried, Kind::SESSION).await.rejected(), Rejected::Fenced);
}

/// A login that waits for a second factor has only the single-use token that carries it.
#[tokio::test]
async fn a_login_whose_only_token_is_single_use_issues_nothing_after_that_was_revoked() {
    for spent in [false, true] {
        let (world, login) = World::begun().await;
        let carrier = world.tokens.issue(&login, Kind::ONE_TIME).data(login.encode()).await.unwrap();
        let text = carrier.token.expose();
        let mut carried = Login::decode(&login.encode()).unwrap();
        if spent {
            // The code is being checked.
            let valid = world.tokens.consume(Kind::ONE_TIME, text).await.unwrap();
            carried = Login::decode(&world.tokens.data(&valid).await.unwrap()).unwrap();
        }
        let revoked = world.tokens.revoke(Kind::ONE_TIME, text).await.judged();
        assert_eq!(revoked, if spent { Err(Rejected::Spent) } else { Ok(()) });
        for login in [&login, &carried] {
            for kind in [Kind::SESSION, Kind::ONE_TIME, Kind::API_KEY] {
                let late = world.tokens.issue(login, kind).await;
                assert_eq!(late.rejected(), Rejected::Fenced, "spent: {spent}");
            }
        }
    }
}

#[tokio::test]
async fn a_login_goes_on_once_its_single_use_token_was_consumed() {
    let (world, login) = World::begun().await;
    let carrier = world.tokens.issue(&login, Kind::ONE_TIME).data(login.encode()).await.unwrap();
    drop(login);
    let valid = world.tokens.consume(Kind::ONE_TIME, carrier.token.expose()).await.unwrap();
    let login = Login::decode(&world.tokens.data(&valid).await.unwrap()).unwrap();
    let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    world.verify(Kind::SESSION, session.token.expose()).await.unwrap();
}

/// An attacker who finds an old link in a mailbox cannot keep the user from logging in.
#[tokio::test]
async fn a_single_use_token_of_a_login_that_is_over_turns_no_other_login_away() {
    for spent in [false, true] {
        let (world, old) = World::logged_in(Kind::ONE_TIME).await;
        if spent {
            world.tokens.consume(Kind::ONE_TIME, old.token.expose()).await.unwrap();
        }
        world.advance(HOUR + MINUTE);
        let under_way = world.tokens.begin_login(&alice()).await.unwrap();
        let revoked = world.tokens.revoke(Kind::ONE_TIME, old.token.expose()).await.judged();
        assert_eq!(revoked, if spent { Err(Rejected::Spent) } else { Ok(()) });
        world.tokens.issue(&under_way, Kind::SESSION).await.expect("it is another login");
    }
}

/// The second issue was under way before the login had its first device.
#[tokio::test]
async fn the_second_of_two_issues_at_once_does_not_outlive_a_log_out_in_between() {
    for (kind, replaces) in [
        (Kind::REMEMBER, false),
        (Kind::REMEMBER, true),
        (Kind::ONE_TIME, false),
        (Kind::API_KEY, false),
        (Kind::API_KEY, true),
    ] {
        let (world, old) = World::logged_in(Kind::SESSION).await;
        let login = world.tokens.begin_login(&alice()).await.unwrap();
        let held = world.gate.hold_once(Call::Insert);
        let mut slow = world.tokens.issue(&login, kind);
        if replaces {
            slow = slow.replaces(Kind::SESSION, old.token.expose());
        }
        let log_out = async {
            held.arrival().await;
            let first = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
            world.tokens.revoke(Kind::SESSION, first.token.expose()).await.unwrap();
            world.told();
            held.release();
        };
        let (slow, ()) = tokio::join!(slow, log_out);
        assert_eq!(slow.rejected(), Rejected::Fenced, "{kind}");
        assert!(format!("{:?}", world.gate.store).contains("records: 1"), "{kind} left a ghost");
        let told = world.events();
        assert!(told.contains(&EventKind::Fenced) && !told.contains(&EventKind::Issued), "{told:?}");
        let late = world.tokens.issue(&login, Kind::SESSION).await;
        assert_eq!(late.rejected(), Rejected::Fenced);
    }
}

/// The same with a login that is marked instead of removed: by a newer one at the cap.
#[tokio::test]
async fn the_second_of_two_issues_at_once_does_not_outlive_an_eviction_in_between() {
    let world = World::with(|builder| builder.max_logins(std::num::NonZeroU32::MIN));
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let held = world.gate.hold_once(Call::Insert);
    let slow = world.tokens.issue(&login, Kind::ONE_TIME);
    let evicted = async {
        held.arrival().await;
        let first = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        world.advance(SECOND);
        world.log_in(Kind::SESSION).await;
        let verdict = world.verify(Kind::SESSION, first.token.expose()).await.unwrap_err();
        assert_eq!(verdict, Rejected::Revoked(Reason::Evicted));
        held.release();
    };
    let (slow, ()) = tokio::join!(slow, evicted);
    assert_eq!(slow.rejected(), Rejected::Fenced);
}

#[tokio::test]
async fn two_issues_at_once_that_nothing_ended_are_both_good() {
    let (world, login) = World::begun().await;
    world.gate.meet(Call::Insert, 2);
    let (session, remember) =
        tokio::join!(world.tokens.issue(&login, Kind::SESSION), world.tokens.issue(&login, Kind::REMEMBER));
    world.verify(Kind::SESSION, session.unwrap().token.expose()).await.unwrap();
    world.verify(Kind::REMEMBER, remember.unwrap().token.expose()).await.unwrap();
}

#[tokio::test]
async fn an_issue_that_cannot_tell_whether_its_login_was_ended_fails_and_leaves_no_record() {
    for call in [None, Some(Call::Delete)] {
        let (world, login) = World::begun().await;
        let held = world.gate.hold_once(Call::Insert);
        let slow = world.tokens.issue(&login, Kind::REMEMBER);
        let first = async {
            held.arrival().await;
            let first = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
            world.gate.down(Call::Find);
            if let Some(call) = call {
                world.gate.down(call);
            }
            held.release();
            first
        };
        let (slow, first) = tokio::join!(slow, first);
        assert!(matches!(slow, Err(Denied::Failed(Failure::Store(_)))), "{slow:?}");
        world.gate.up();
        world.verify(Kind::SESSION, first.token.expose()).await.expect("the first token is good");
        let told = world.told();
        let ghost = told.iter().any(|told| told.kind == EventKind::Abandoned && told.source.is_some());
        assert_eq!(ghost, call.is_some(), "an event if it could not be removed");
        let records = format!("records: {}", 1 + usize::from(ghost));
        assert!(format!("{:?}", world.gate.store).contains(&records));
    }
}

#[tokio::test]
async fn an_unknown_name_costs_one_call_writes_nothing_and_issues_nothing() {
    let world = World::new();
    let login = world.tokens.begin_unknown_login().await.unwrap();
    assert_eq!(world.gate.calls().len(), 1, "as many as for one that exists");
    assert!(format!("{:?}", world.gate.store).contains("records: 0"));
    assert_eq!(login.subject(), None);
    let carried = Login::decode(&login.encode()).unwrap();
    for login in [&login, &carried] {
        for kind in [Kind::SESSION, Kind::API_KEY, Kind::ONE_TIME] {
            assert_eq!(world.tokens.issue(login, kind).await.rejected(), Rejected::Fenced);
        }
    }
    assert_eq!(world.gate.calls(), []);
    for call in [Call::Find, Call::Epoch] {
        world.gate.down(call);
    }
    let known = world.tokens.begin_login(&alice()).await.map(drop);
    let unknown = world.tokens.begin_unknown_login().await.map(drop);
    assert!(matches!((known, unknown), (Err(Failure::Store(_)), Err(Failure::Store(_)))));
}

#[tokio::test]
async fn each_anonymous_session_is_a_login_of_its_own() {
    let world = World::new();
    let login = world.tokens.begin_anonymous().unwrap();
    let one = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    let two = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    assert_eq!(one.login, login.id());
    assert_ne!(one.login, two.login, "ending one cannot end the other, so they are no one login");
    world.tokens.revoke(Kind::SESSION, one.token.expose()).await.unwrap();
    world.verify(Kind::SESSION, two.token.expose()).await.unwrap();
    world.advance(MINUTE);
}

#[tokio::test]
async fn a_session_issues_no_key_and_a_key_no_session() {
    let (world, session) = World::logged_in(Kind::SESSION).await;
    let session = world.verify(Kind::SESSION, session.token.expose()).await.unwrap();
    let key = world.log_in(Kind::API_KEY).await;
    let key = world.verify(Kind::API_KEY, key.token.expose()).await.unwrap();
    for (parent, kind) in [(&session, Kind::API_KEY), (&key, Kind::SESSION)] {
        let refused = world.tokens.issue_from(parent, kind).await;
        assert!(matches!(refused, Err(Denied::Failed(Failure::WrongCall(_)))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_restored_session_is_bound_to_what_its_parent_is_bound_to() {
    let (world, login) = World::begun().await;
    let issue = world.tokens.issue(&login, Kind::REMEMBER).stamp(Stamp::of("hash")).binding([3; 32]);
    let remember = issue.await.unwrap();
    let look_up = async |token: &str, kind| world.tokens.look_up(kind, token).await.unwrap();
    let parent =
        look_up(remember.token.expose(), Kind::REMEMBER).await.verify(Some(&Stamp::of("hash"))).await;
    let session = world.tokens.issue_from(&parent.unwrap(), Kind::SESSION).await.unwrap();
    let text = session.token.expose();
    let good = look_up(text, Kind::SESSION).await.verify(Some(&Stamp::of("hash"))).await.unwrap();
    assert_eq!(good.binding(), Some(&[3; 32]));
    let unbound = look_up(text, Kind::SESSION).await.verify(None).await;
    assert!(matches!(unbound, Err(Denied::Failed(Failure::StampRequired))), "{unbound:?}");
    let changed = look_up(text, Kind::SESSION).await.verify(Some(&Stamp::of("new"))).await;
    assert_eq!(changed.rejected(), Rejected::StampMismatch, "a changed password ends it");
}

#[tokio::test]
async fn an_older_login_that_is_dead_already_is_not_ended_twice() {
    let (world, old) = World::logged_in(Kind::SESSION).await;
    world.tokens.revoke_login(&alice(), old.login, Reason::LoggedOutElsewhere).await.unwrap();
    world.told();
    world.gate.calls();
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    world.tokens.issue(&login, Kind::SESSION).replaces(Kind::SESSION, old.token.expose()).await.unwrap();
    // The token may have been ended individually, so the rest of its login is revoked, too.
    assert_eq!(world.gate.calls(), [Call::Epoch, Call::Find, Call::Insert, Call::Revoke]);
    let verdict = world.verify(Kind::SESSION, old.token.expose()).await.unwrap_err();
    assert_eq!(verdict, Rejected::Revoked(Reason::LoggedOutElsewhere), "the first reason stays");
    let told = world.events();
    assert!(!told.contains(&EventKind::Revoked(Reason::Superseded)), "{told:?}");
}

#[tokio::test]
async fn an_issue_with_an_unknown_outcome_is_looked_up_and_not_guessed() {
    let world = World::new();
    world.gate.unknown(Call::Insert);
    let session = world.log_in(Kind::SESSION).await;
    world.gate.up();
    world.verify(Kind::SESSION, session.token.expose()).await.unwrap();
    assert!(format!("{:?}", world.gate.store).contains("records: 1"), "nor made twice");
}

#[tokio::test]
async fn a_login_that_cannot_end_the_older_one_leaves_no_ghost_three_times_in_a_row() {
    let (world, old) = World::logged_in(Kind::SESSION).await;
    for _ in 0..3 {
        let login = world.tokens.begin_login(&alice()).await.unwrap();
        world.gate.down(Call::Revoke);
        let issue = world.tokens.issue(&login, Kind::SESSION).replaces(Kind::SESSION, old.token.expose());
        assert!(matches!(issue.await, Err(Denied::Failed(Failure::Store(_)))));
        world.gate.up();
    }
    assert!(format!("{:?}", world.gate.store).contains("records: 1"));
    // If the new record cannot be removed either, an event says so.
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    world.told();
    world.gate.down(Call::Revoke);
    world.gate.down(Call::Delete);
    let issue = world.tokens.issue(&login, Kind::SESSION).replaces(Kind::SESSION, old.token.expose());
    assert!(issue.await.is_err());
    let told = world.told();
    let ghost = told.iter().find(|told| told.kind == EventKind::Abandoned).expect("an event reports it");
    assert_eq!((&ghost.source.is_some(), ghost.record.is_some()), (&true, true));
}
