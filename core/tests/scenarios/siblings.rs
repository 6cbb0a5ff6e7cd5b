//! Tests renewals of a login with several records: what the other records contribute, and calls with tokens of
//! several.

use std::sync::Arc;

use hallpass_core::{
    Authentication, Denied, EventKind, Failure, Fingerprint, FingerprintCheck, Issued, Kind, Kinds, Origin,
    Reason, Rejected, Renewed, Timestamp, Valid,
};
use hallpass_test_store::Call;

use crate::fixture::{Judged as _, SECOND, World, alice, text};

const SUPERSEDED: Rejected = Rejected::Revoked(Reason::Superseded);

fn of(renewed: &Renewed, kind: Kind) -> Option<&Issued> {
    renewed.tokens.iter().find(|issued| issued.kind == kind)
}

/// A new world, and one login in it with two verified tokens: the older one, and the younger one.
async fn pair(older: Kind) -> (World, Valid, Valid) {
    let younger = if older == Kind::SESSION { Kind::REMEMBER } else { Kind::SESSION };
    let (world, login) = World::begun().await;
    let mut valid = Vec::new();
    for kind in [older, younger] {
        let issued = world.tokens.issue(&login, kind).await.unwrap();
        valid.push(world.verify(kind, text(&issued)).await.unwrap());
        world.advance(SECOND);
    }
    let younger = valid.pop().unwrap();
    (world, valid.pop().unwrap(), younger)
}

async fn as_far_as_it_gets() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// A copy of the owner's remember-me token restores a session and writes to it, before or while the owner renews.
#[tokio::test]
async fn what_a_copy_restored_gives_a_renewal_no_data_no_device_and_no_fingerprint() {
    for late in [false, true] {
        let (world, login) = World::begun().await;
        let issue = world.tokens.issue(&login, Kind::REMEMBER).device("Firefox").data("mine");
        let mine = issue.fingerprint(Fingerprint::of(&["here"])).await.unwrap();
        let owner = world.verify(Kind::REMEMBER, text(&mine)).await.unwrap();
        let copy = world.verify(Kind::REMEMBER, text(&mine)).await.unwrap();
        world.advance(SECOND);
        let issue = world.tokens.issue_from(&copy, Kind::SESSION).device("call 555").data("planted");
        let stolen = issue.fingerprint(Fingerprint::of(&["elsewhere"])).await.unwrap();
        let mut stolen = world.verify(Kind::SESSION, text(&stolen)).await.unwrap();
        // Before the record of the copy is marked.
        let held = world.gate.hold_after(Call::Replace, 1);
        let renewal = world.tokens.revoke_others(&owner);
        let write = async {
            held.arrival().await;
            if late {
                world.tokens.update_data(&mut stolen, |data| data.extend(b" late")).await.unwrap();
            }
            held.release();
        };
        let (renewed, ()) = tokio::join!(renewal, write);
        let renewed = renewed.unwrap();
        let session = of(&renewed, Kind::SESSION).expect("a device kind that was live");
        let candidate = world.tokens.look_up(Kind::SESSION, text(session)).await.unwrap();
        let session = candidate.fingerprint(Fingerprint::of(&["here"])).verify(None).await.unwrap();
        assert_eq!(&*world.tokens.data(&session).await.unwrap(), b"", "late: {late}");
        assert_eq!(session.device().as_str(), "Firefox");
        assert_eq!(session.fingerprint(), FingerprintCheck::Matches);
        let remember = world.verify(Kind::REMEMBER, text(of(&renewed, Kind::REMEMBER).unwrap())).await;
        assert_eq!(&*world.tokens.data(&remember.unwrap()).await.unwrap(), b"mine", "its token was shown");
    }
}

/// A restored session that renews itself keeps its data, because its own token was presented.
#[tokio::test]
async fn a_restored_session_that_renews_keeps_its_data_and_those_of_the_login() {
    let (world, login) = World::begun().await;
    let remember = world.tokens.issue(&login, Kind::REMEMBER).data("flags").await.unwrap();
    let parent = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
    world.advance(SECOND);
    let session = world.tokens.issue_from(&parent, Kind::SESSION).data("cart").await.unwrap();
    let mut caller = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    let again = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    // The remember-me record is the older one and is marked first; meanwhile the session is written to once more.
    let held = world.gate.hold_after(Call::Replace, 1);
    let renewal = world.tokens.revoke_others(&again);
    let write = async {
        held.arrival().await;
        world.tokens.update_data(&mut caller, |data| data.extend(b" late")).await.unwrap();
        held.release();
    };
    let (renewed, ()) = tokio::join!(renewal, write);
    let mut renewed = renewed.unwrap();
    // The session that a renewal issued belongs to the login, too, though its facts say no more than the old session
    // proved.
    for round in 0..2 {
        for (kind, data) in [(Kind::SESSION, "cart late"), (Kind::REMEMBER, "flags")] {
            let valid = world.verify(kind, text(of(&renewed, kind).unwrap())).await.unwrap();
            assert_eq!(valid.origin(), Origin::Restored);
            assert_eq!(&*world.tokens.data(&valid).await.unwrap(), data.as_bytes(), "{kind}, round {round}");
        }
        let session = world.verify(Kind::SESSION, text(of(&renewed, Kind::SESSION).unwrap())).await;
        renewed = world.tokens.revoke_others(&session.unwrap()).await.unwrap();
    }
}

/// A conflict may be spurious (S5), also when data are carried over to a copy that no other call writes to.
#[tokio::test]
async fn a_conflict_without_a_cause_costs_no_token_and_no_data() {
    let (world, caller, mut other) = pair(Kind::SESSION).await;
    let held = world.gate.hold_once(Call::Insert);
    // The calls are the change, the marks of the two records, the second of which is outdated, and its next try.
    world.gate.lose_some(Call::Replace, 4, 1);
    let renewal = world.tokens.revoke_others(&caller);
    let write = async {
        held.arrival().await;
        world.tokens.update_data(&mut other, |data| data.extend(b"late")).await.unwrap();
        held.release();
    };
    let (renewed, ()) = tokio::join!(renewal, write);
    let remember = renewed.unwrap();
    let valid = world.verify(Kind::REMEMBER, text(of(&remember, Kind::REMEMBER).unwrap())).await.unwrap();
    assert_eq!(&*world.tokens.data(&valid).await.unwrap(), b"late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_renewals_at_once_with_different_tokens_of_one_login_exactly_one_wins() {
    for round in 0..40 {
        let older = if round % 2 == 0 { Kind::SESSION } else { Kind::REMEMBER };
        let (world, one, two) = pair(older).await;
        // Both have copied the login before the first of them marks anything.
        world.gate.meet(Call::Insert, 2);
        let mut calls = tokio::task::JoinSet::new();
        for valid in [Arc::new(one), Arc::new(two)] {
            let tokens = world.tokens.clone();
            calls.spawn(async move {
                match round % 3 {
                    0 => tokens.authenticated_again(&valid, Authentication::new().level("aal2")).await,
                    1 => tokens.credential_changed(&valid, None).await,
                    _ => tokens.revoke_others(&valid).await,
                }
            });
        }
        let answers = calls.join_all().await;
        world.gate.up();
        let mut won = Vec::new();
        for answer in answers {
            match answer {
                Ok(renewed) => won.push(renewed),
                Err(denied) => assert_eq!(denied.rejection(), Some(SUPERSEDED), "{denied:?}"),
            }
        }
        assert_eq!(won.len(), 1, "one winner");
        assert_eq!(won[0].tokens.len(), 2, "it has a token of each kind");
        won[0].ended.as_ref().unwrap();
        for issued in &won[0].tokens {
            world.verify(issued.kind, text(issued)).await.expect("the winner is logged in");
        }
        assert_eq!(world.devices().await, 1, "and nothing else is");
    }
}

/// One call is held before each of its marks; meanwhile the other begins and gets as far as it can.
#[tokio::test]
async fn a_renewal_with_another_token_of_the_login_wins_before_the_first_mark_and_loses_after_it() {
    for (older_is_held, marks) in [(true, 0), (true, 1), (false, 0), (false, 1)] {
        let (world, older, younger) = pair(Kind::SESSION).await;
        let (slow, fast) = if older_is_held { (older, younger) } else { (younger, older) };
        let held = world.gate.hold_after(Call::Replace, marks);
        let tokens = world.tokens.clone();
        let slow = tokio::spawn(async move { tokens.revoke_others(&slow).await });
        held.arrival().await;
        let tokens = world.tokens.clone();
        let fast = tokio::spawn(async move { tokens.revoke_others(&fast).await });
        as_far_as_it_gets().await;
        held.release();
        let (slow, fast) = (slow.await.unwrap(), fast.await.unwrap());
        let (won, lost) = if marks == 0 { (fast, slow) } else { (slow, fast) };
        assert_eq!(lost.rejected(), SUPERSEDED, "older is held: {older_is_held}, marks: {marks}");
        let won = won.unwrap();
        assert_eq!(won.tokens.len(), 2);
        for issued in &won.tokens {
            world.verify(issued.kind, text(issued)).await.expect("the winner is logged in");
        }
        assert_eq!(world.devices().await, 1);
    }
}

/// The winner stops after its first mark and never comes back: the login ends, and the other call says so.
#[tokio::test(start_paused = true)]
async fn a_renewal_that_waits_for_another_that_has_stopped_ends_the_login() {
    let (world, older, younger) = pair(Kind::REMEMBER).await;
    let held = world.gate.hold_after(Call::Replace, 1);
    let tokens = world.tokens.clone();
    let stopped = tokio::spawn(async move { tokens.revoke_others(&older).await });
    held.arrival().await;
    let failed = world.tokens.revoke_others(&younger).await;
    assert!(matches!(failed, Err(Denied::Failed(Failure::Contended))), "{failed:?}");
    let again = world.tokens.revoke_others(&younger).await;
    assert_eq!(again.rejected(), Rejected::Revoked(Reason::LoggedOutElsewhere));
    // If the winner was only slow, it still wins: its own token was presented and marked, and what was ended stays
    // ended.
    held.release();
    let renewed = stopped.await.unwrap().unwrap();
    assert_eq!(renewed.tokens.len(), 1);
    world.verify(Kind::REMEMBER, text(&renewed.tokens[0])).await.expect("one winner after all");
    assert_eq!(world.devices().await, 1);
}

/// The older record is marked, and then the caller's turns out to be ended: no token is handed out.
#[tokio::test]
async fn a_caller_that_was_ended_behind_the_first_mark_gets_nothing() {
    let (world, _, caller) = pair(Kind::REMEMBER).await;
    let held = world.gate.hold_after(Call::Replace, 1);
    let renewal = world.tokens.revoke_others(&caller);
    let ending = async {
        held.arrival().await;
        let what = Kinds::Only(vec![Kind::SESSION]);
        let (login, reason) = (caller.login(), Reason::Administrative);
        world.tokens.revoke_kinds_of_login(&alice(), login, what, reason).await.unwrap();
        held.release();
    };
    let (renewed, ()) = tokio::join!(renewal, ending);
    assert_eq!(renewed.rejected(), Rejected::Revoked(Reason::Administrative));
    assert_eq!(world.devices().await, 0, "and leaves no copy");
}

#[tokio::test]
async fn a_caller_that_cannot_be_marked_fails_and_the_call_may_be_repeated() {
    let (world, _, caller) = pair(Kind::REMEMBER).await;
    world.told();
    world.gate.down_after(Call::Replace, 1);
    let failed = world.tokens.revoke_others(&caller).await;
    assert!(matches!(failed, Err(Denied::Failed(Failure::Store(_)))), "{failed:?}");
    world.gate.up();
    assert_eq!(world.devices().await, 1, "no ghost");
    let renewed = world.tokens.revoke_others(&caller).await.unwrap();
    let kinds: Vec<_> = renewed.tokens.iter().map(|issued| issued.kind).collect();
    assert_eq!(kinds, [Kind::SESSION], "the older record is superseded");
    world.verify(Kind::SESSION, text(&renewed.tokens[0])).await.unwrap();
    assert_eq!(world.devices().await, 1);
}

/// The same with a flood of writes to the caller's record, which does not keep the login alive (D12).
#[tokio::test(start_paused = true)]
async fn a_flood_behind_the_first_mark_does_not_keep_the_login_alive() {
    let (world, _, caller) = pair(Kind::REMEMBER).await;
    let elsewhere = world.log_in(Kind::SESSION).await;
    world.gate.lose_some(Call::Replace, 1, usize::MAX);
    let failed = world.tokens.revoke_others(&caller).await;
    assert!(matches!(failed, Err(Denied::Failed(Failure::Contended))), "{failed:?}");
    world.gate.up();
    assert_eq!(world.devices().await, 1, "the other device");
    world.verify(Kind::SESSION, text(&elsewhere)).await.expect("the call failed and reported it");
}

/// The oldest record of the login was ended individually: the next one takes its place.
#[tokio::test]
async fn a_login_whose_oldest_record_ends_before_the_first_mark_is_renewed_all_the_same() {
    for call in [Call::Insert, Call::Replace] {
        let (world, older, caller) = pair(Kind::REMEMBER).await;
        let held = world.gate.hold_once(call);
        let renewal = world.tokens.revoke_others(&caller);
        let ending = async {
            held.arrival().await;
            let (login, what) = (older.login(), Kinds::Only(vec![older.kind()]));
            world.tokens.revoke_kinds_of_login(&alice(), login, what, Reason::LoggedOut).await.unwrap();
            held.release();
        };
        let (renewed, ()) = tokio::join!(renewal, ending);
        let renewed = renewed.unwrap();
        let kinds: Vec<_> = renewed.tokens.iter().map(|issued| issued.kind).collect();
        assert_eq!(kinds, [Kind::SESSION], "held before {call:?}: what was ended stays ended");
        world.verify(Kind::SESSION, text(&renewed.tokens[0])).await.unwrap();
        assert_eq!(world.devices().await, 1);
    }
}

/// The cap on a login's records superseded a restored session; no renewal did.
#[tokio::test]
async fn a_login_that_lost_a_restored_record_to_the_cap_is_renewed_without_delay() {
    let two = std::num::NonZeroU32::new(2).unwrap();
    let world = World::with(|builder| builder.max_records_per_login(two));
    let remember = world.log_in(Kind::REMEMBER).await;
    let mut session = None;
    for _ in 0..2 {
        world.advance(SECOND);
        let parent = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
        session = Some(world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap());
    }
    let told = world.events();
    assert!(told.contains(&EventKind::Revoked(Reason::Superseded)), "{told:?}");
    let caller = world.verify(Kind::SESSION, text(&session.unwrap())).await.unwrap();
    world.gate.calls();
    let renewed = world.tokens.revoke_others(&caller).await.unwrap();
    assert_eq!(renewed.tokens.len(), 2);
    let calls = world.gate.calls();
    assert_eq!(calls.iter().filter(|call| **call == Call::List).count(), 1, "{calls:?}");
}

/// A renewal costs a list, an insert and a mark for each kind, and the ending of the rest. The oldest record is one
/// of those that are marked anyway, unless there is an older one of the caller's kind.
#[tokio::test]
async fn a_renewal_marks_no_more_records_than_it_copies() {
    let (world, _, caller) = pair(Kind::REMEMBER).await;
    world.gate.calls();
    let renewed = world.tokens.revoke_others(&caller).await.unwrap();
    assert_eq!((renewed.tokens.len(), renewed.ended.unwrap()), (2, 1), "the older record, and nothing else");
    use Call::{Insert, List, Replace, Revoke};
    assert_eq!(world.gate.calls(), [List, Insert, Insert, Replace, Replace, Revoke]);
}

/// A node whose clock is behind restores a session while one of two renewals is under way: by its times it is older
/// than the records that the login made.
#[tokio::test]
async fn a_session_that_is_restored_meanwhile_with_an_earlier_time_makes_no_second_winner() {
    for order in 0..20 {
        let (world, login) = World::begun().await;
        let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
        let parent = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
        let start = world.tokens.now();
        world.advance(SECOND * 3);
        let mut calls = Vec::new();
        let held = world.gate.hold(Call::Replace);
        for _ in 0..2 {
            let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
            let caller = world.verify(Kind::SESSION, text(&session)).await.unwrap();
            let tokens = world.tokens.clone();
            calls.push(tokio::spawn(async move {
                tokens.authenticated_again(&caller, Authentication::new().level("aal2")).await
            }));
            held.arrival().await;
            world.clock.set(Timestamp::from_millis(start.as_millis() - 5_000));
            world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap();
            world.clock.set(start.saturating_add(SECOND * 3));
        }
        world.gate.shuffle(order);
        held.release();
        let mut wins = 0;
        for call in calls {
            wins += u32::from(call.await.unwrap().is_ok());
        }
        assert_eq!(wins, 1, "order {order}");
    }
}
