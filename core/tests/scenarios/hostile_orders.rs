//! Tests calls in hostile orders: held, doubled, dropped and overtaken between any two calls of the store.

use std::num::NonZeroU32;
use std::time::Duration;

use hallpass_core::store::{Page, Record, TokenStore as _};
use hallpass_core::{
    Authentication, Denied, EventKind, Issued, Kind, Kinds, LoginId, Reason, Rejected, Subject,
};
use hallpass_test_store::Call;

use crate::fixture::{HOUR, SECOND, World, alice, text};

fn capped(max: u32) -> World {
    World::with(|builder| builder.max_logins(NonZeroU32::new(max).unwrap()))
}

fn bob() -> Subject {
    Subject::new("bob").unwrap()
}

async fn stored(world: &World, issued: &Issued) -> Record {
    world.gate.store.find(issued.token.selector()).await.unwrap().unwrap()
}

/// A new world, a session in it, and the younger remember-me token of the same login.
async fn pair() -> (World, Issued, Issued) {
    let (world, login) = World::begun().await;
    let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    world.advance(SECOND);
    let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
    (world, session, remember)
}

async fn live(world: &World) -> Vec<LoginId> {
    let list = world.tokens.list(&alice(), &Default::default()).await.unwrap();
    list.logins.into_iter().map(|login| login.login).collect()
}

/// "Whatever is acknowledged is ended."
#[tokio::test]
async fn a_kind_that_was_ended_meanwhile_is_not_renewed() {
    let (world, session, remember) = pair().await;
    let caller = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
    let held = world.gate.hold_once(Call::Insert);
    let renewal = world.tokens.authenticated_again(&caller, Authentication::new().level("aal2"));
    let ending = async {
        held.arrival().await;
        let what = Kinds::Only(vec![Kind::SESSION]);
        let ended = world.tokens.revoke_subject(&alice(), what, Reason::Administrative).await.unwrap();
        held.release();
        ended
    };
    let (renewed, ended) = tokio::join!(renewal, ending);
    assert_eq!(ended, 1, "acknowledged");
    assert!(world.verify(Kind::SESSION, text(&session)).await.is_err());
    let renewed = renewed.unwrap();
    let session = renewed.tokens.iter().find(|issued| issued.kind == Kind::SESSION);
    if let Some(session) = session {
        let verdict = world.verify(Kind::SESSION, text(session)).await;
        assert!(verdict.is_err(), "all sessions were ended, and a copy of one is good");
    }
}

/// "update_data … so that neither change is lost."
#[tokio::test]
async fn a_renewal_loses_no_data_of_the_other_kind() {
    let (world, session, remember) = pair().await;
    let caller = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
    let mut shop = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    let held = world.gate.hold_once(Call::Insert);
    let renewal = world.tokens.authenticated_again(&caller, Authentication::new().level("aal2"));
    let buys = async {
        held.arrival().await;
        world.tokens.update_data(&mut shop, |data| data.extend(b"cart")).await.unwrap();
        held.release();
    };
    let (renewed, ()) = tokio::join!(renewal, buys);
    let renewed = renewed.unwrap();
    let session = renewed.tokens.iter().find(|issued| issued.kind == Kind::SESSION).unwrap();
    let valid = world.verify(Kind::SESSION, text(session)).await.unwrap();
    assert_eq!(&*world.tokens.data(&valid).await.unwrap(), b"cart", "it was acknowledged");
}

/// A record of the caller's login that cannot be marked gets no new token, and ends with the rest.
#[tokio::test]
async fn a_record_that_cannot_be_marked_is_not_renewed_and_an_event_says_why() {
    let (world, session, remember) = pair().await;
    let caller = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    world.told();
    world.gate.down_after(Call::Replace, 1);
    let renewed = world.tokens.revoke_others(&caller).await.unwrap();
    world.gate.up();
    assert_eq!((renewed.tokens.len(), renewed.ended.unwrap()), (1, 1));
    world.verify(Kind::SESSION, text(&renewed.tokens[0])).await.expect("the caller stays");
    let verdict = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap_err();
    assert_eq!(verdict, Rejected::Revoked(Reason::LoggedOutElsewhere));
    let told = world.told();
    let why = told.iter().find(|told| told.kind == EventKind::Abandoned).expect("an event reports it");
    assert!(why.source.is_some());
    let page = Page::first(std::num::NonZeroU16::MAX);
    let rows = world.gate.store.list_by_subject(&alice(), &page).await.unwrap();
    assert_eq!(rows.len(), 3, "the copy is gone: {rows:?}");
}

/// "An issue can name older tokens that the same browser still sends; their logins are ended."
#[tokio::test]
async fn a_key_and_a_session_of_one_login_are_both_replaced() {
    for key_first in [true, false] {
        let (world, login) = World::begun().await;
        let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        let key = world.tokens.issue(&login, Kind::API_KEY).await.unwrap();
        let again = world.tokens.begin_login(&alice()).await.unwrap();
        let issue = world.tokens.issue(&again, Kind::SESSION);
        let issue = match key_first {
            true => issue.replaces(Kind::API_KEY, text(&key)).replaces(Kind::SESSION, text(&session)),
            false => issue.replaces(Kind::SESSION, text(&session)).replaces(Kind::API_KEY, text(&key)),
        };
        issue.await.unwrap();
        assert!(world.verify(Kind::SESSION, text(&session)).await.is_err(), "key first: {key_first}");
        assert!(world.verify(Kind::API_KEY, text(&key)).await.is_err(), "key first: {key_first}");
    }
}

#[tokio::test]
async fn what_is_left_of_the_login_of_an_individually_ended_token_is_replaced() {
    let (world, session, remember) = pair().await;
    let sessions = Kinds::Only(vec![Kind::SESSION]);
    world.tokens.revoke_kinds_of_login(&alice(), session.login, sessions, Reason::LoggedOut).await.unwrap();
    let again = world.tokens.begin_login(&alice()).await.unwrap();
    world.tokens.issue(&again, Kind::SESSION).replaces(Kind::SESSION, text(&session)).await.unwrap();
    assert!(world.verify(Kind::REMEMBER, text(&remember)).await.is_err(), "its login was to end");
}

/// "An issue that fails leaves no record; where one cannot be removed, an event says so."
#[tokio::test]
async fn an_issue_of_unknown_outcome_that_fails_leaves_no_record() {
    let (world, login) = World::begun().await;
    world.told();
    world.gate.unknown(Call::Insert);
    world.gate.down(Call::Find);
    let failed = world.tokens.issue(&login, Kind::SESSION).await;
    assert!(matches!(failed, Err(Denied::Failed(_))));
    world.gate.up();
    let told = world.events();
    let left = live(&world).await.len();
    assert!(left == 0 || told.contains(&EventKind::Abandoned), "{left} left, told {told:?}");
}

/// "Every ending is told once."
#[tokio::test]
async fn a_log_out_that_is_sent_twice_at_once_is_told_once() {
    for anonymous in [false, true] {
        let world = World::new();
        let login = match anonymous {
            true => world.tokens.begin_anonymous().unwrap(),
            false => world.tokens.begin_login(&alice()).await.unwrap(),
        };
        let mine = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        world.told();
        world.gate.meet(Call::Find, 2);
        let revoke = || world.tokens.revoke(Kind::SESSION, text(&mine));
        let (one, two) = tokio::join!(revoke(), revoke());
        assert!(one.is_ok() || two.is_ok());
        let told = world.told();
        let ended = |told: &&crate::fixture::Told| told.kind == EventKind::Revoked(Reason::LoggedOut);
        let counts: Vec<_> = told.iter().filter(ended).map(|told| told.count).collect();
        assert_eq!(counts, [1], "anonymous: {anonymous}");
    }
}

/// "A login that was ended … issues nothing", and exactly the newest logins stay.
#[tokio::test]
async fn a_second_token_that_is_under_way_does_not_outlive_an_eviction() {
    let world = capped(1);
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let held = world.gate.hold_once(Call::Insert);
    let slow = world.tokens.issue(&login, Kind::REMEMBER);
    let meanwhile = async {
        held.arrival().await;
        let first = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        world.advance(SECOND);
        let newer = world.log_in(Kind::SESSION).await;
        assert!(world.verify(Kind::SESSION, text(&first)).await.is_err(), "evicted");
        held.release();
        newer
    };
    let (slow, newer) = tokio::join!(slow, meanwhile);
    assert_eq!(live(&world).await, [newer.login], "the slow token: {slow:?}");
}

/// A renewed record "expires no later than its old one".
#[tokio::test]
async fn a_renewal_moves_no_idle_expiry_of_a_token_that_was_not_shown() {
    let (world, login) = World::begun().await;
    let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
    let before = stored(&world, &remember).await.idle_at.unwrap();
    world.advance(HOUR / 2);
    let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    let caller = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    let renewed = world.tokens.revoke_others(&caller).await.unwrap();
    let new = renewed.tokens.iter().find(|issued| issued.kind == Kind::REMEMBER).unwrap();
    let after = stored(&world, new).await.idle_at.unwrap();
    assert!(after <= before, "{after:?} is after {before:?}");
}

/// "Every ending is told once, from the task that writes it, though the caller's future was dropped."
#[tokio::test]
async fn a_single_use_token_that_was_spent_is_told_though_its_caller_is_gone() {
    let (world, login) = World::begun().await;
    let single = world.tokens.issue(&login, Kind::ONE_TIME).await.unwrap();
    world.told();
    // It has done its work and waits for a second call that never comes.
    world.gate.meet(Call::Replace, 2);
    {
        let mut consume = Box::pin(world.tokens.consume(Kind::ONE_TIME, text(&single)));
        let waited = tokio::time::timeout(SECOND / 10, &mut consume).await;
        assert!(waited.is_err());
    }
    assert_eq!(stored(&world, &single).await.revoked, Some(Reason::Spent));
    let other = world.tokens.issue(&login, Kind::ONE_TIME).await.unwrap();
    world.tokens.consume(Kind::ONE_TIME, text(&other)).await.unwrap();
    tokio::time::sleep(SECOND / 10).await;
    let consumed = world.events().into_iter().filter(|kind| *kind == EventKind::Consumed).count();
    assert_eq!(consumed, 2, "two were spent");
}

/// A change that is acknowledged was made once.
#[tokio::test]
async fn a_change_of_unknown_outcome_is_not_made_twice() {
    let (world, mine) = World::logged_in(Kind::SESSION).await;
    let mut one = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let mut two = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    world.gate.unknown(Call::Replace);
    let held = world.gate.hold_once(Call::Find);
    let first = world.tokens.update_data(&mut one, |data| data.push(b'1'));
    let second = async {
        held.arrival().await;
        world.gate.up();
        world.tokens.update_data(&mut two, |data| data.push(b'2')).await.unwrap();
        held.release();
    };
    let (first, ()) = tokio::join!(first, second);
    let valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let data = world.tokens.data(&valid).await.unwrap();
    assert!(first.is_err() || *data == *b"12", "acknowledged, and the data are {data:?}");
}

/// A restore does not end the token that restores.
#[tokio::test]
async fn the_parent_is_not_what_a_restore_supersedes() {
    let world = World::with(|builder| builder.max_records_per_login(NonZeroU32::new(3).unwrap()));
    let session = world.log_in(Kind::SESSION).await;
    let valid = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    // "Remember me" is ticked later.
    let remember = world.tokens.issue_from(&valid, Kind::REMEMBER).await.unwrap();
    for _ in 0..2 {
        world.advance(SECOND);
        let parent = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
        world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap();
    }
    world.verify(Kind::REMEMBER, text(&remember)).await.expect("it restored the newest session");
}

/// A theft of another token ends a key only if the policy ends the subject.
#[tokio::test]
async fn a_theft_that_ends_the_subject_ends_its_keys() {
    let policy = crate::fixture::strict().reuse_ends(hallpass_core::Scope::Subject);
    let world = World::with(|builder| builder.policy(policy));
    let key = world.log_in(Kind::API_KEY).await;
    let old = world.log_in(Kind::REMEMBER).await;
    let new = world.next(text(&old)).await;
    world.verify(Kind::REMEMBER, &new).await.unwrap();
    world.advance(HOUR);
    assert_eq!(world.rotate(text(&old)).await, Err(Rejected::Reused));
    let ended = world.verify(Kind::API_KEY, text(&key)).await.unwrap_err();
    assert_eq!(ended, Rejected::Revoked(Reason::Reused));
}

/// A log-out of a lapsed login, of a stolen one, and of a spent token under every failure: no panic, no secret.
#[tokio::test]
async fn hostile_text_and_contexts_are_answered() {
    let (world, mine) = World::logged_in(Kind::SESSION).await;
    let good = text(&mine).to_owned();
    let mut texts = vec![String::new(), "\0".repeat(66), "é".repeat(33), "🦀".repeat(22), ".".repeat(66)];
    for at in 0..good.len() {
        for with in ["\0", "é", "=", "+", "/", "\u{7f}", " "] {
            texts.push(format!("{}{with}{}", &good[..at], &good[at + 1..]));
        }
        texts.push(good[..at].to_owned());
    }
    for text in &texts {
        for kind in [Kind::SESSION, Kind::API_KEY, Kind::ONE_TIME] {
            assert!(world.tokens.look_up(kind, text).await.is_err());
            assert!(world.tokens.revoke(kind, text).await.is_err());
            assert!(world.tokens.consume(kind, text).await.is_err());
        }
        assert!(world.tokens.verify(Kind::ONE_TIME, &good).await.is_err());
    }
    world.verify(Kind::SESSION, &good).await.expect("none of it ended anything");
    let shown = format!("{:?}", world.told());
    assert!(!shown.contains(&good[23..]), "an event shows a validator");
}

/// Clocks that step back and forth within the skew, at every step of a rotation: the honest client stays.
#[tokio::test]
async fn an_honest_client_survives_clocks_within_the_skew() {
    for policy in [crate::fixture::finite(), hallpass_core::Policy::remember()] {
        let world = World::with(|builder| builder.policy(policy.clone()));
        let mut jar = world.log_in(Kind::REMEMBER).await.token.expose().to_owned();
        for step in 0..200_u64 {
            let base = world.tokens.now();
            let skew = |by: u64| base.saturating_add(Duration::from_millis(by * 3_333));
            world.clock.set(skew(step % 4));
            let answer = world.rotate(&jar).await.unwrap_or_else(|why| panic!("{why:?} at {step}"));
            world.clock.set(skew((step / 4) % 4));
            if let Some(next) = answer {
                // One response in three is lost.
                if step % 3 != 0 {
                    jar = next;
                }
            }
            world.clock.set(base);
            world.advance(20 * SECOND);
        }
    }
}

/// "Exactly the newest `max_logins` logins of a subject stay": here the future is dropped after the record was
/// stored.
#[tokio::test]
async fn the_cap_is_kept_though_the_future_is_dropped_behind_the_insert() {
    let world = capped(1);
    world.log_in(Kind::SESSION).await;
    world.advance(SECOND);
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    world.gate.meet(Call::Insert, 2);
    {
        let mut issue = Box::pin(world.tokens.issue(&login, Kind::SESSION).into_future());
        assert!(tokio::time::timeout(SECOND / 10, &mut issue).await.is_err());
    }
    // Its record is stored. It continues when another insert has done its work.
    let other = world.tokens.begin_login(&bob()).await.unwrap();
    world.tokens.issue(&other, Kind::SESSION).await.unwrap();
    world.heard(EventKind::Evicted).await;
    assert_eq!(live(&world).await, [login.id()]);
}

/// A renewal whose caller drops the future at any call of the store ends everything that it had to end.
#[tokio::test]
async fn a_renewal_that_is_dropped_at_any_call_completes() {
    for call in [Call::List, Call::Insert, Call::Replace, Call::Revoke] {
        let (world, session, remember) = pair().await;
        let other = world.log_in(Kind::REMEMBER).await;
        let caller = world.verify(Kind::SESSION, text(&session)).await.unwrap();
        let held = world.gate.hold_once(call);
        {
            let mut renewal = Box::pin(world.tokens.revoke_others(&caller));
            tokio::select! {
                biased;
                _ = &mut renewal => unreachable!("it is held"),
                () = held.arrival() => {}
            }
        }
        held.release();
        world.heard(EventKind::Revoked(Reason::LoggedOutElsewhere)).await;
        for issued in [&session, &remember, &other] {
            assert!(world.verify(issued.kind, text(issued)).await.is_err(), "{call:?}");
        }
    }
}

/// An erasure at any call of a renewal, a restore or a change of data leaves nothing.
#[tokio::test]
async fn nothing_comes_back_behind_an_erasure() {
    for call in [Call::List, Call::Insert, Call::Replace] {
        for which in 0..4 {
            let (world, session, remember) = pair().await;
            let mut caller = world.verify(Kind::SESSION, text(&session)).await.unwrap();
            let under_way = world.tokens.begin_login(&alice()).await.unwrap();
            let held = world.gate.hold(call);
            let work = async {
                match which {
                    0 => drop(world.tokens.revoke_others(&caller).await),
                    1 => drop(world.tokens.issue_from(&caller, Kind::REMEMBER).await),
                    2 => drop(world.tokens.update_data(&mut caller, |data| data.push(1)).await),
                    _ => drop(world.tokens.verify_and_rotate(Kind::REMEMBER, text(&remember)).await),
                }
            };
            let erase = async {
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                assert!(world.tokens.forget_subject(&alice()).await.unwrap() >= 2);
                held.release();
            };
            tokio::join!(work, erase);
            world.gate.up();
            assert!(world.tokens.issue(&under_way, Kind::SESSION).await.is_err());
            let page = Page::first(std::num::NonZeroU16::MAX);
            let left = world.gate.store.list_by_subject(&alice(), &page).await.unwrap();
            assert!(left.is_empty(), "{call:?} {which}: {left:?}");
        }
    }
}
