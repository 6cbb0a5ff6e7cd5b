//! Tests the caps: exactly the newest logins of a subject stay, and the newest records of a login (service, "Caps").

use std::num::NonZeroU32;

use hallpass_core::store::TokenStore;
use hallpass_core::{
    Authentication, Denied, EventKind, Failure, Issued, Kind, ListQuery, Reason, Rejected, Tokens,
};
use hallpass_test_store::Call;
use tokio::task::JoinSet;

use crate::fixture::{DAY, HOUR, Judged as _, MINUTE, SECOND, World, alice};

const EVICTED: Rejected = Rejected::Revoked(Reason::Evicted);

fn capped(max: u32) -> World {
    World::with(|builder| builder.max_logins(NonZeroU32::new(max).unwrap()))
}

async fn log_in(tokens: &Tokens) -> Result<Issued, Rejected> {
    let login = tokens.begin_login(&alice()).await.unwrap();
    tokens.issue(&login, Kind::SESSION).await.judged()
}

/// Returns the ids of alice's live logins, newest first.
async fn live(world: &World) -> Vec<hallpass_core::LoginId> {
    let query = ListQuery { limit: 10_000, ..ListQuery::default() };
    let list = world.tokens.list(&alice(), &query).await.unwrap();
    list.logins.into_iter().map(|login| login.login).collect()
}

#[tokio::test]
async fn two_logins_at_once_do_not_end_each_other() {
    let world = capped(1);
    // Both logins are stored before the first of them reads the list.
    world.gate.meet(Call::Insert, 2);
    let (one, two) = tokio::join!(log_in(&world.tokens), log_in(&world.tokens));
    world.gate.up();
    let good = [&one, &two].into_iter().flatten();
    let mut alive = 0;
    for issued in good {
        alive += usize::from(world.verify(Kind::SESSION, issued.token.expose()).await.is_ok());
    }
    assert_eq!(alive, 1, "one of them stays");
    // The other login was rejected, or was complete before the one that stays.
    for answer in [one, two] {
        assert!(answer.as_ref().map_or_else(|rejected| *rejected == EVICTED, |_| true));
    }
}

#[tokio::test]
async fn a_newer_login_wins_over_an_older_one_that_runs_at_once() {
    let world = capped(1);
    let old = world.tokens.begin_login(&alice()).await.unwrap();
    let held = world.gate.hold_once(Call::List);
    world.log_in(Kind::SESSION).await;
    world.advance(SECOND);
    let older = world.tokens.issue(&old, Kind::SESSION);
    let newer = async {
        held.arrival().await;
        world.advance(SECOND);
        let newer = log_in(&world.tokens).await;
        held.release();
        newer
    };
    let (older, newer) = tokio::join!(older, newer);
    assert_eq!(older.rejected(), EVICTED);
    world.verify(Kind::SESSION, newer.unwrap().token.expose()).await.unwrap();
    assert_eq!(live(&world).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_logins_run_at_once_exactly_the_newest_stay() {
    for blind in [false, true] {
        let world = capped(3);
        if blind {
            world.gate.blind();
        }
        let mut logins = JoinSet::new();
        for _ in 0..24 {
            world.advance(SECOND / 10);
            let tokens = world.tokens.clone();
            logins.spawn(async move { log_in(&tokens).await });
        }
        let mut answers = Vec::new();
        while let Some(answer) = logins.join_next().await {
            answers.push(answer.unwrap());
        }
        let mut records = Vec::new();
        for issued in answers.iter().flatten() {
            records.push(world.gate.store.find(issued.token.selector()).await.unwrap().unwrap());
        }
        records.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at, record.login)));
        let newest: Vec<_> = records.iter().take(3).map(|record| record.login).collect();
        assert_eq!(live(&world).await, newest, "blind: {blind}");
        assert!(answers.iter().flatten().count() >= 3);
        assert!(
            answers.iter().all(|answer| answer.as_ref().map_or_else(|denied| *denied == EVICTED, |_| true))
        );
    }
}

/// Until a renewal marks the old login, both exist, and neither ends the other.
#[tokio::test]
async fn a_renewal_beside_a_new_login_at_the_cap_counts_once() {
    // The ids of logins are random, so either of two logins of one instant may count as newer.
    for round in 0..16 {
        let world = capped(2);
        let oldest = world.log_in(Kind::SESSION).await;
        world.advance(SECOND);
        let login = world.tokens.begin_login(&alice()).await.unwrap();
        let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
        let caller = world.verify(Kind::SESSION, session.token.expose()).await.unwrap();
        let held = world.gate.hold_once(Call::Replace);
        let renewal = async {
            match round % 2 {
                0 => world.tokens.revoke_others(&caller).await,
                _ => world.tokens.authenticated_again(&caller, Authentication::new().level("aal2")).await,
            }
        };
        let beside = async {
            held.arrival().await;
            world.advance(SECOND);
            let newer = log_in(&world.tokens).await.expect("it is the newest");
            held.release();
            newer
        };
        let (renewed, newer) = tokio::join!(renewal, beside);
        let renewed = renewed.expect("there is room for two");
        for issued in &renewed.tokens {
            world.verify(issued.kind, issued.token.expose()).await.expect("it is one of the newest two");
        }
        let verdict = world.verify(Kind::SESSION, oldest.token.expose()).await.unwrap_err();
        assert_eq!(verdict, EVICTED);
        let mut expected = vec![renewed.tokens[0].login];
        if round % 2 == 1 {
            expected.insert(0, newer.login);
        }
        assert_eq!(live(&world).await, expected, "round {round}");
    }
}

#[tokio::test]
async fn a_step_up_under_way_is_as_new_as_what_it_makes() {
    let world = capped(2);
    let mine = world.log_in(Kind::SESSION).await;
    world.advance(SECOND);
    let other = world.log_in(Kind::SESSION).await;
    world.advance(SECOND);
    let caller = world.verify(Kind::SESSION, mine.token.expose()).await.unwrap();
    let held = world.gate.hold_once(Call::Replace);
    let step_up = world.tokens.authenticated_again(&caller, Authentication::new().level("aal2"));
    let beside = async {
        held.arrival().await;
        world.advance(SECOND);
        let newer = log_in(&world.tokens).await.unwrap();
        held.release();
        newer
    };
    let (renewed, newer) = tokio::join!(step_up, beside);
    let renewed = renewed.unwrap();
    assert_eq!(live(&world).await, [newer.login, renewed.tokens[0].login]);
    assert_eq!(world.verify(Kind::SESSION, other.token.expose()).await.unwrap_err(), EVICTED);
}

#[tokio::test]
async fn a_renewal_of_a_login_that_is_beyond_the_cap_ends_with_it() {
    let world = capped(1);
    let mine = world.log_in(Kind::SESSION).await;
    let caller = world.verify(Kind::SESSION, mine.token.expose()).await.unwrap();
    let held = world.gate.hold_once(Call::Replace);
    let renewal = world.tokens.revoke_others(&caller);
    let beside = async {
        held.arrival().await;
        world.advance(SECOND);
        let newer = log_in(&world.tokens).await.unwrap();
        held.release();
        newer
    };
    let (renewed, newer) = tokio::join!(renewal, beside);
    assert_eq!(renewed.rejected(), EVICTED);
    assert_eq!(live(&world).await, [newer.login], "and leaves no copy");
}

/// The eviction is of the login that was read: the login that a step-up made of it meanwhile is newer.
#[tokio::test]
async fn a_step_up_does_not_slip_past_the_cap() {
    for fails in [false, true] {
        let world = capped(1);
        let mine = world.log_in(Kind::SESSION).await;
        let caller = world.verify(Kind::SESSION, mine.token.expose()).await.unwrap();
        world.advance(SECOND);
        let held = world.gate.hold_once(Call::Revoke);
        let newer = log_in(&world.tokens);
        let step_up = async {
            held.arrival().await;
            world.advance(SECOND);
            if fails {
                // One list for the copies, and none for the cap.
                world.gate.down_after(Call::List, 1);
            }
            let how = Authentication::new().level("aal2");
            let renewed = world.tokens.authenticated_again(&caller, how).await.unwrap();
            world.gate.up();
            held.release();
            renewed
        };
        let (newer, renewed) = tokio::join!(newer, step_up);
        let (newer, new) = (newer.unwrap(), &renewed.tokens[0]);
        world.verify(Kind::SESSION, new.token.expose()).await.expect("it authenticated last");
        assert_eq!(renewed.ended.is_err(), fails, "the result reports that the cap could not be kept");
        if !fails {
            assert_eq!(world.verify(Kind::SESSION, newer.token.expose()).await.unwrap_err(), EVICTED);
            assert_eq!(live(&world).await, [new.login]);
        }
    }
}

#[tokio::test]
async fn the_cap_is_a_hundred_logins_by_default() {
    let world = World::new();
    for _ in 0..105 {
        world.advance(SECOND);
        world.log_in(Kind::REMEMBER).await;
    }
    assert_eq!(live(&world).await.len(), 100);
}

#[tokio::test]
async fn a_login_below_the_cap_costs_two_calls_where_the_store_counts() {
    let world = capped(3);
    world.log_in(Kind::SESSION).await;
    world.gate.calls();
    world.log_in(Kind::SESSION).await;
    assert_eq!(world.gate.calls(), [Call::Epoch, Call::Insert]);
    // A second token of a login is not another login, whatever the store knows.
    world.gate.blind();
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    assert_eq!(world.gate.calls(), [Call::Epoch, Call::Insert, Call::List], "it has to be read");
    world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
    assert_eq!(world.gate.calls(), [Call::Insert]);
}

#[tokio::test]
async fn what_has_expired_by_the_present_policy_does_not_count() {
    let world = capped(2);
    let first = world.log_in(Kind::REMEMBER).await;
    world.advance(2 * DAY);
    let second = world.log_in(Kind::REMEMBER).await;
    let shorter = world.node(|builder| {
        let day = hallpass_core::Policy::remember().absolute(DAY).idle(Some(DAY));
        builder.policy(day).max_logins(NonZeroU32::new(2).unwrap())
    });
    let login = shorter.begin_login(&alice()).await.unwrap();
    shorter.issue(&login, Kind::REMEMBER).await.unwrap();
    world.verify(Kind::REMEMBER, first.token.expose()).await.expect("the other node still accepts it");
    world.verify(Kind::REMEMBER, second.token.expose()).await.unwrap();
}

#[tokio::test]
async fn a_login_from_the_future_does_not_keep_the_others_out() {
    let world = capped(1);
    let now = world.tokens.now();
    world.clock.set(now.saturating_add(300 * DAY));
    let future = world.log_in(Kind::REMEMBER).await;
    world.clock.set(now);
    let present = world.log_in(Kind::REMEMBER).await;
    world.verify(Kind::REMEMBER, present.token.expose()).await.unwrap();
    assert_eq!(world.verify(Kind::REMEMBER, future.token.expose()).await.unwrap_err(), EVICTED);
}

#[tokio::test]
async fn an_eviction_completes_and_is_told_though_its_caller_is_gone() {
    for call in [Call::List, Call::Revoke] {
        let world = capped(1);
        let old = world.log_in(Kind::SESSION).await;
        world.advance(SECOND);
        let login = world.tokens.begin_login(&alice()).await.unwrap();
        let held = world.gate.hold(call);
        tokio::select! {
            biased;
            _ = world.tokens.issue(&login, Kind::SESSION) => unreachable!("it is held"),
            () = held.arrival() => {}
        }
        held.release();
        let told = world.heard(EventKind::Evicted).await;
        let evicted = told.iter().find(|told| told.kind == EventKind::Evicted).unwrap();
        assert_eq!((evicted.login, evicted.count), (Some(old.login), 1));
        world.gate.up();
        assert_eq!(world.verify(Kind::SESSION, old.token.expose()).await.unwrap_err(), EVICTED);
    }
}

#[tokio::test]
async fn a_login_whose_cap_could_not_be_kept_fails_and_leaves_no_ghost() {
    for call in [Call::List, Call::Revoke] {
        let world = capped(1);
        let old = world.log_in(Kind::SESSION).await;
        for _ in 0..3 {
            world.advance(SECOND);
            world.gate.down(call);
            let login = world.tokens.begin_login(&alice()).await.unwrap();
            let failed = world.tokens.issue(&login, Kind::SESSION).await;
            assert!(matches!(failed, Err(Denied::Failed(Failure::Store(_)))));
            world.gate.up();
            assert_eq!(live(&world).await, [old.login], "a ghost after {call:?}");
        }
        world.verify(Kind::SESSION, old.token.expose()).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_keeps_no_session_cookie_has_a_bounded_number_of_records() {
    let (world, remember) = World::logged_in(Kind::REMEMBER).await;
    let mut sessions = Vec::new();
    for _ in 0..40 {
        world.advance(SECOND);
        let parent = world.verify(Kind::REMEMBER, remember.token.expose()).await.unwrap();
        sessions.push(world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap());
    }
    let mut alive = Vec::new();
    for session in &sessions {
        alive.push(match world.verify(Kind::SESSION, session.token.expose()).await {
            Ok(_) => true,
            Err(rejected) => {
                assert_eq!(rejected, Rejected::Revoked(Reason::Superseded));
                false
            }
        });
    }
    assert_eq!(alive, [[false; 9].as_slice(), &[true; 31]].concat(), "the newest 31, and what restored them");
    world.verify(Kind::REMEMBER, remember.token.expose()).await.expect("it is not one of the restored");
    let told = world.events();
    let superseded = EventKind::Revoked(Reason::Superseded);
    assert_eq!(told.iter().filter(|kind| **kind == superseded).count(), 9, "one event for each");
}

#[tokio::test]
async fn a_superseded_record_that_is_being_used_ends_all_the_same() {
    let world = World::with(|builder| builder.max_records_per_login(NonZeroU32::new(2).unwrap()));
    let remember = world.log_in(Kind::REMEMBER).await;
    let parent = world.verify(Kind::REMEMBER, remember.token.expose()).await.unwrap();
    let used = world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap();
    world.advance(MINUTE);
    let held = world.gate.hold_once(Call::Replace);
    let restore = world.tokens.issue_from(&parent, Kind::SESSION);
    let touch = async {
        held.arrival().await;
        world.verify(Kind::SESSION, used.token.expose()).await.expect("not ended yet");
        held.release();
    };
    let (restored, ()) = tokio::join!(restore, touch);
    let superseded = Rejected::Revoked(Reason::Superseded);
    assert_eq!(world.verify(Kind::SESSION, used.token.expose()).await.unwrap_err(), superseded);
    world.verify(Kind::SESSION, restored.unwrap().token.expose()).await.unwrap();
    world.advance(HOUR);
}

#[tokio::test]
async fn a_key_that_is_replaced_leaves_the_devices_of_its_login_their_place() {
    let world = capped(1);
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    let key = world.tokens.issue(&login, Kind::API_KEY).await.unwrap();
    world.advance(SECOND);
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let issue = world.tokens.issue(&login, Kind::SESSION);
    let new = issue.replaces(Kind::API_KEY, key.token.expose()).await.unwrap();
    world.verify(Kind::SESSION, new.token.expose()).await.unwrap();
    assert_eq!(world.verify(Kind::SESSION, session.token.expose()).await.err(), Some(EVICTED));
}

#[tokio::test]
async fn of_two_records_that_are_restored_at_once_at_the_cap_one_stays() {
    let world = World::with(|builder| builder.max_records_per_login(NonZeroU32::new(2).unwrap()));
    let remember = world.log_in(Kind::REMEMBER).await;
    let valid = world.verify(Kind::REMEMBER, remember.token.expose()).await.unwrap();
    world.tokens.issue_from(&valid, Kind::SESSION).await.unwrap();
    world.advance(SECOND);
    world.gate.meet(Call::Insert, 2);
    world.gate.meet(Call::List, 2);
    let restore = async || {
        world.advance(SECOND);
        world.tokens.issue_from(&valid, Kind::SESSION).await.unwrap()
    };
    let (one, two) = tokio::join!(restore(), restore());
    world.gate.up();
    let mut alive = 0;
    for issued in [one, two] {
        alive += u32::from(world.verify(Kind::SESSION, issued.token.expose()).await.is_ok());
    }
    assert_eq!(alive, 1);
}

/// A store that counts reads no list here; one that does not count reads one.
#[tokio::test]
async fn a_token_without_a_lifetime_is_no_login_that_others_overtook() {
    for blind in [false, true] {
        let world = World::new();
        if blind {
            world.gate.blind();
        }
        let login = world.tokens.begin_login(&alice()).await.unwrap();
        let issued =
            world.tokens.issue(&login, Kind::SESSION).lifetime(std::time::Duration::ZERO).await.unwrap();
        let verdict = world.verify(Kind::SESSION, issued.token.expose()).await;
        assert_eq!(verdict.err(), Some(Rejected::Expired), "blind: {blind}");
    }
}
