//! Tests that what was ended stays ended, whatever was under way (D4, D12, D13, S8, S11).

use hallpass_core::{Denied, EventKind, Failure, Kind, Kinds, Purpose, Reason, Rejected, Stamp};
use hallpass_test_store::Call;
use tokio::task::JoinSet;

use crate::fixture::{DAY, Judged as _, MINUTE, World, alice};

#[tokio::test]
async fn a_login_that_began_before_a_log_out_everywhere_and_ends_after_it_gets_no_token() {
    let (world, login) = World::begun().await;
    world.tokens.revoke_subject(&alice(), Kinds::Any, Reason::LoggedOutElsewhere).await.unwrap();
    assert_eq!(world.tokens.issue(&login, Kind::SESSION).await.rejected(), Rejected::Fenced);
    assert!(world.events().contains(&EventKind::Fenced));
    world.log_in(Kind::SESSION).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_interleaving_lets_a_login_slip_in_behind_a_log_out_everywhere() {
    for _ in 0..200 {
        let (world, login) = World::begun().await;
        let tokens = world.tokens.clone();
        let everywhere = tokio::spawn(async move {
            tokens.revoke_subject(&alice(), Kinds::Any, Reason::LoggedOutElsewhere).await.unwrap()
        });
        let issued = world.tokens.issue(&login, Kind::SESSION).await.judged();
        everywhere.await.unwrap();
        if let Ok(issued) = issued {
            let verdict = world.verify(Kind::SESSION, issued.token.expose()).await;
            assert_eq!(verdict.unwrap_err(), Rejected::Revoked(Reason::LoggedOutElsewhere));
        }
    }
}

#[tokio::test]
async fn a_session_restored_while_its_parent_is_being_revoked_is_never_valid() {
    let (world, remember) = World::logged_in(Kind::REMEMBER).await;
    let parent = world.verify(Kind::REMEMBER, remember.token.expose()).await.unwrap();
    let held = world.gate.hold(Call::Insert);
    let restore = async {
        let verdict = world.tokens.issue_from(&parent, Kind::SESSION).await.judged();
        assert_eq!(verdict.unwrap_err(), Rejected::Fenced);
    };
    let revoke = async {
        held.arrival().await;
        let reason = Reason::LoggedOutElsewhere;
        assert_eq!(world.tokens.revoke_login(&alice(), remember.login, reason).await.unwrap(), 1);
        held.release();
    };
    tokio::join!(restore, revoke);
    // The same after a log-out, which leaves no record at all.
    world.gate.up();
    let remember = world.log_in(Kind::REMEMBER).await;
    let parent = world.verify(Kind::REMEMBER, remember.token.expose()).await.unwrap();
    world.tokens.revoke(Kind::REMEMBER, remember.token.expose()).await.unwrap();
    assert_eq!(world.tokens.issue_from(&parent, Kind::SESSION).await.rejected(), Rejected::Fenced);
}

#[tokio::test]
async fn a_password_change_wins_over_a_rotation_under_way() {
    let (world, victim) = World::with_token(Kind::REMEMBER).await;
    let mine = world.log_in(Kind::SESSION).await.token;
    let caller = world.verify(Kind::SESSION, mine.expose()).await.unwrap();
    let held = world.gate.hold_once(Call::Replace);
    let rotation = async {
        assert_eq!(
            world.rotate(victim.expose()).await,
            Err(Rejected::Revoked(Reason::CredentialChanged)),
            "the rotation read the record before, and wrote after"
        );
    };
    let change = async {
        held.arrival().await;
        let stamp = Some(Stamp::of("new hash"));
        let renewed = world.tokens.credential_changed(&caller, stamp).await.unwrap();
        assert_eq!(renewed.tokens.len(), 1);
        held.release();
        renewed
    };
    let ((), renewed) = tokio::join!(rotation, change);
    let candidate = world.tokens.look_up(Kind::SESSION, renewed.tokens[0].token.expose()).await.unwrap();
    candidate.verify(Some(&Stamp::of("new hash"))).await.unwrap();
    assert_eq!(
        world.verify(Kind::SESSION, mine.expose()).await.unwrap_err(),
        Rejected::Revoked(Reason::Superseded)
    );
}

#[tokio::test]
async fn a_new_stamp_refuses_every_token_bound_to_the_old_one_and_ends_nothing() {
    let (world, login) = World::begun().await;
    let stamp = Stamp::of("hash");
    let remember = world.tokens.issue(&login, Kind::REMEMBER).stamp(stamp).await.unwrap().token;
    let unbound = world.tokens.issue(&login, Kind::SESSION).await.unwrap().token;
    let without = world.tokens.verify(Kind::REMEMBER, remember.expose()).await;
    assert!(matches!(without, Err(Denied::Failed(Failure::StampRequired))), "a missing stamp is a failure");
    let candidate = world.tokens.look_up(Kind::REMEMBER, remember.expose()).await.unwrap();
    candidate.verify(Some(&stamp)).await.unwrap();
    let candidate = world.tokens.look_up(Kind::REMEMBER, remember.expose()).await.unwrap();
    let verdict = candidate.verify(Some(&Stamp::of("new"))).await.judged();
    assert_eq!(verdict.unwrap_err(), Rejected::StampMismatch);
    world.verify(Kind::SESSION, unbound.expose()).await.unwrap();
    // A restored user table, or a replica that has caught up: the old stamp is back.
    let candidate = world.tokens.look_up(Kind::REMEMBER, remember.expose()).await.unwrap();
    candidate.verify(Some(&stamp)).await.unwrap();
}

#[tokio::test]
async fn logging_out_ends_the_login_and_is_never_theft() {
    let (world, login) = World::begun().await;
    let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap().token;
    let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap().token;
    let other = world.log_in(Kind::SESSION).await.token;
    let newer = world.next(remember.expose()).await;
    // An old token of the login is enough: the browser may have missed the new one.
    world.tokens.revoke(Kind::REMEMBER, remember.expose()).await.unwrap();
    for token in [remember.expose(), &newer] {
        assert_eq!(world.rotate(token).await, Err(Rejected::Invalid));
    }
    assert_eq!(world.verify(Kind::SESSION, session.expose()).await.unwrap_err(), Rejected::Invalid);
    world.verify(Kind::SESSION, other.expose()).await.unwrap();
    assert!(!world.events().contains(&EventKind::Reused));
}

#[tokio::test]
async fn a_login_is_ended_in_the_kinds_that_are_meant() {
    let world = World::new();
    let (device, key) = (world.log_in(Kind::SESSION).await, world.log_in(Kind::API_KEY).await);
    let end = async |login, purpose| {
        let kinds = world.tokens.kinds_for(&[purpose]);
        world.tokens.revoke_kinds_of_login(&alice(), login, kinds, Reason::LoggedOut).await.unwrap()
    };
    assert_eq!((end(device.login, Purpose::Key).await, end(key.login, Purpose::Device).await), (0, 0));
    world.verify(Kind::SESSION, device.token.expose()).await.unwrap();
    world.verify(Kind::API_KEY, key.token.expose()).await.unwrap();
    assert_eq!((end(device.login, Purpose::Device).await, end(key.login, Purpose::Key).await), (1, 1));
    world.verify(Kind::SESSION, device.token.expose()).await.unwrap_err();
    world.verify(Kind::API_KEY, key.token.expose()).await.unwrap_err();
}

#[tokio::test]
async fn a_subject_cannot_end_anothers_login() {
    let (world, alices) = World::logged_in(Kind::SESSION).await;
    let bob = hallpass_core::Subject::new("bob").unwrap();
    let count = world.tokens.revoke_login(&bob, alices.login, Reason::LoggedOutElsewhere).await.unwrap();
    assert_eq!(count, 0);
    world.verify(Kind::SESSION, alices.token.expose()).await.unwrap();
}

#[tokio::test]
async fn logging_the_others_out_renews_all_that_the_caller_holds() {
    let (world, login) = World::begun().await;
    let session = world.tokens.issue(&login, Kind::SESSION).data("cart").await.unwrap();
    world.advance(MINUTE);
    let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
    let other = world.log_in(Kind::REMEMBER).await.token;
    let key = world.log_in(Kind::API_KEY).await.token;
    world.advance(DAY / 4);
    let session2 = {
        let valid = world.verify(Kind::REMEMBER, remember.token.expose()).await.unwrap();
        world.tokens.issue_from(&valid, Kind::SESSION).data("cart").await.unwrap()
    };
    let caller = world.verify(Kind::SESSION, session2.token.expose()).await.unwrap();
    let renewed = world.tokens.revoke_others(&caller).await.unwrap();
    let mut kinds: Vec<_> = renewed.tokens.iter().map(|issued| issued.kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [Kind::REMEMBER, Kind::SESSION]);
    assert_eq!(*renewed.ended.as_ref().unwrap(), 3, "the first session, and both remember-me tokens");
    for new in &renewed.tokens {
        let valid = world.verify(new.kind, new.token.expose()).await.unwrap();
        assert_ne!(valid.login(), login.id(), "a copy of the old tokens is logged out");
        if new.kind == Kind::REMEMBER {
            assert_eq!(new.expires_at, remember.expires_at, "no window was extended");
        } else {
            assert_eq!(&*world.tokens.data(&valid).await.unwrap(), b"cart");
        }
    }
    for (kind, old, expected) in [
        // Renewals of a login compete for its oldest record.
        (Kind::SESSION, &session.token, Rejected::Revoked(Reason::Superseded)),
        (Kind::SESSION, &session2.token, Rejected::Revoked(Reason::Superseded)),
        (Kind::REMEMBER, &remember.token, Rejected::Revoked(Reason::Superseded)),
        (Kind::REMEMBER, &other, Rejected::Revoked(Reason::LoggedOutElsewhere)),
    ] {
        assert_eq!(world.verify(kind, old.expose()).await.unwrap_err(), expected);
    }
    world.verify(Kind::API_KEY, key.expose()).await.unwrap();
}

#[tokio::test]
async fn a_revocation_completes_though_its_caller_is_gone() {
    let (world, session) = World::logged_in(Kind::SESSION).await;
    let held = world.gate.hold(Call::Revoke);
    let subject = alice();
    let call = world.tokens.revoke_login(&subject, session.login, Reason::Administrative);
    tokio::select! {
        biased;
        _ = call => unreachable!("it is held"),
        () = held.arrival() => {}
    }
    held.release();
    while world.verify(Kind::SESSION, session.token.expose()).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_theft_that_cannot_be_written_down_is_a_failure_and_no_verdict() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let new = world.next(old.expose()).await;
    world.verify(Kind::REMEMBER, &new).await.unwrap();
    world.advance(DAY);
    world.gate.down(Call::Revoke);
    assert!(matches!(
        world.tokens.verify(Kind::REMEMBER, old.expose()).await,
        Err(Denied::Failed(Failure::Store(_)))
    ));
    world.gate.up();
    world.gate.panic(Call::Revoke);
    assert!(matches!(
        world.tokens.verify(Kind::REMEMBER, old.expose()).await,
        Err(Denied::Failed(Failure::Store(_)))
    ));
    world.gate.up();
    assert_eq!(world.verify(Kind::REMEMBER, old.expose()).await.unwrap_err(), Rejected::Reused);
}

#[tokio::test]
async fn the_older_token_of_the_same_browser_is_superseded() {
    let (world, old) = World::with_token(Kind::SESSION).await;
    let junk = "x".repeat(10_000);
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let issue = world.tokens.issue(&login, Kind::SESSION).replaces(Kind::SESSION, old.expose());
    let new = issue.replaces(Kind::REMEMBER, &junk).await.unwrap().token;
    // The second token of the same login names the same cookie, and does not end its own login.
    let issue = world.tokens.issue(&login, Kind::REMEMBER).replaces(Kind::SESSION, new.expose());
    issue.await.unwrap();
    world.verify(Kind::SESSION, new.expose()).await.unwrap();
    assert_eq!(
        world.verify(Kind::SESSION, old.expose()).await.unwrap_err(),
        Rejected::Revoked(Reason::Superseded)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_of_writes_cannot_starve_a_revocation() {
    let (world, session) = World::logged_in(Kind::SESSION).await;
    let mut flood = JoinSet::new();
    for _ in 0..8 {
        let (tokens, text) = (world.tokens.clone(), session.token.expose().to_owned());
        flood.spawn(async move {
            while let Ok(mut valid) = tokens.verify(Kind::SESSION, &text).await.judged() {
                let ended = tokens.update_data(&mut valid, |data| data.push(1)).await.judged();
                if ended.is_err() {
                    break;
                }
                tokens.update_data(&mut valid, Vec::clear).await.judged().ok();
            }
        });
    }
    tokio::task::yield_now().await;
    world.tokens.revoke_login(&alice(), session.login, Reason::Administrative).await.unwrap();
    flood.join_all().await;
    let verdict = world.verify(Kind::SESSION, session.token.expose()).await.unwrap_err();
    assert_eq!(verdict, Rejected::Revoked(Reason::Administrative));
}
