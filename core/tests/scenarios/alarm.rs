//! Tests that the alarm always arrives: once, from the write that ends the login, with both sides and the cause (D9,
//! D12).

use hallpass_core::{
    Denied, EventKind, Failure, Fingerprint, FingerprintCheck, Kind, Policy, Reason, Rejected,
    RequestContext, Scope,
};
use hallpass_test_store::Call;

use crate::fixture::{DAY, HOUR, Judged as _, SECOND, Told, World, alice, finite, strict};

/// Returns a token that was replaced a second ago; its successor was presented once.
async fn replaced(world: &World) -> String {
    let old = world.log_in(Kind::REMEMBER).await.token;
    let new = world.next(old.expose()).await;
    world.verify(Kind::REMEMBER, &new).await.unwrap();
    world.advance(DAY);
    world.told();
    old.expose().to_owned()
}

fn of_kind(told: &[Told], kind: EventKind) -> Vec<&Told> {
    told.iter().filter(|told| told.kind == kind).collect()
}

#[tokio::test]
async fn a_theft_is_told_though_the_request_was_dropped() {
    let world = World::new();
    let old = replaced(&world).await;
    let held = world.gate.hold(Call::Revoke);
    tokio::select! {
        biased;
        _ = world.tokens.verify(Kind::REMEMBER, &old) => unreachable!("it is held"),
        () = held.arrival() => {}
    }
    held.release();
    let told = world.heard(EventKind::Reused).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].count, &told[0].source), (1, &None));
}

#[tokio::test]
async fn a_lapse_is_told_though_the_request_was_dropped() {
    let world = World::with(|builder| builder.policy(finite()));
    let old = world.log_in(Kind::REMEMBER).await.token;
    world.next(old.expose()).await;
    world.advance(HOUR + SECOND);
    let held = world.gate.hold(Call::Revoke);
    tokio::select! {
        biased;
        _ = world.tokens.verify(Kind::REMEMBER, old.expose()) => unreachable!("it is held"),
        () = held.arrival() => {}
    }
    held.release();
    world.heard(EventKind::Lapsed).await;
}

#[tokio::test]
async fn a_theft_is_told_though_it_could_not_be_written() {
    let world = World::new();
    let old = replaced(&world).await;
    world.gate.down(Call::Revoke);
    let denied = world.tokens.verify(Kind::REMEMBER, &old).await;
    assert!(matches!(denied, Err(Denied::Failed(Failure::Store(_)))), "and there is no verdict");
    let told = world.told();
    let told = of_kind(&told, EventKind::Reused);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].source.is_some() && told[0].count == 0, "the event has the cause: {told:?}");
    world.gate.up();
    assert_eq!(world.verify(Kind::REMEMBER, &old).await.unwrap_err(), Rejected::Reused);
    let told = world.told();
    assert_eq!((told[0].kind, told[0].count, &told[0].source), (EventKind::Reused, 1, &None));
}

#[tokio::test]
async fn a_theft_is_told_though_the_store_panicked() {
    let world = World::new();
    let old = replaced(&world).await;
    world.gate.panic(Call::Revoke);
    assert!(matches!(world.tokens.verify(Kind::REMEMBER, &old).await, Err(Denied::Failed(_))));
    let told = world.told();
    assert!(told[0].kind == EventKind::Reused && told[0].source.is_some(), "{told:?}");
}

#[tokio::test]
async fn an_alarm_shows_both_sides() {
    let (world, login) = World::begun().await;
    let issue = world.tokens.issue(&login, Kind::REMEMBER).device("Firefox on Linux");
    let issued = issue.fingerprint(Fingerprint::of(&["Firefox"])).await.unwrap();
    let new = world.next(issued.token.expose()).await;
    world.verify(Kind::REMEMBER, &new).await.unwrap();
    world.advance(DAY);
    world.told();

    let context =
        RequestContext::new().address([203, 0, 113, 9].into()).user_agent("curl/8").request_id("r-17");
    let tokens = world.tokens.with_context(context.clone());
    let candidate = tokens.look_up(Kind::REMEMBER, issued.token.expose()).await.unwrap();
    let verdict = candidate.fingerprint(Fingerprint::of(&["curl"])).verify(None).await;
    assert_eq!(verdict.rejected(), Rejected::Reused);
    let told = world.told();
    assert_eq!(told.len(), 1, "once: {told:?}");
    let [alarm] = &told[..] else { unreachable!() };
    // The record shows the owner's side, the request context the presenter's.
    let record = alarm.record.as_ref().unwrap();
    assert_eq!((record.device.as_str(), record.generation), ("Firefox on Linux", 1));
    assert_eq!(alarm.context.as_ref(), Some(&context));
    assert_eq!(alarm.fingerprint, FingerprintCheck::Differs);
    assert_eq!(alarm.subject, Some(alice()));
    assert_eq!(alarm.selector, Some(issued.token.selector()));
    assert_eq!((alarm.login, alarm.count), (Some(issued.login), 1));
}

#[tokio::test]
async fn a_theft_of_an_anonymous_session_is_called_theft() {
    let world = World::with(|builder| builder.policy(strict()));
    let login = world.tokens.begin_anonymous().unwrap();
    let old = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap().token;
    let new = world.next(old.expose()).await;
    world.verify(Kind::REMEMBER, &new).await.unwrap();
    world.advance(SECOND);
    world.told();
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Reused));
    let told = world.told();
    assert_eq!(told.iter().map(|told| (told.kind, told.count)).collect::<Vec<_>>(), [(EventKind::Reused, 1)]);
    assert_eq!(world.rotate(&new).await, Err(Rejected::Invalid), "it is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_replays_at_once_one_tells() {
    for _ in 0..20 {
        let world = World::new();
        let old = replaced(&world).await;
        // All calls read the living record before one ends it.
        world.gate.meet(Call::Find, 4);
        let replay = || async { world.verify(Kind::REMEMBER, &old).await.unwrap_err() };
        let (one, two, three, four) = tokio::join!(replay(), replay(), replay(), replay());
        assert_eq!([one, two, three, four], [Rejected::Reused; 4]);
        let told = world.told();
        assert_eq!(of_kind(&told, EventKind::Reused).len(), 1, "{told:?}");
        assert_eq!(of_kind(&told, EventKind::RevokedPresented(Reason::Reused)).len(), 3, "{told:?}");
    }
}

#[tokio::test]
async fn a_theft_spares_the_keys_of_the_login_and_ends_a_key_that_was_stolen() {
    let (world, login) = World::begun().await;
    let key = world.tokens.issue(&login, Kind::API_KEY).await.unwrap().token;
    let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap().token;
    let old = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap().token;
    let new = world.next(old.expose()).await;
    world.verify(Kind::REMEMBER, &new).await.unwrap();
    world.advance(60 * SECOND);
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Reused));
    assert_eq!(
        world.verify(Kind::SESSION, session.expose()).await.unwrap_err(),
        Rejected::Revoked(Reason::Reused)
    );
    world.verify(Kind::API_KEY, key.expose()).await.unwrap();

    let rotates = Policy::remember().for_kind(Kind::API_KEY).purpose(hallpass_core::Purpose::Key);
    let world = World::with(|builder| builder.policy(rotates));
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap().token;
    let old = world.tokens.issue(&login, Kind::API_KEY).await.unwrap().token;
    let rotated = world.tokens.verify_and_rotate(Kind::API_KEY, old.expose()).await.unwrap();
    let new = rotated.successor.unwrap().token;
    world.verify(Kind::API_KEY, new.expose()).await.unwrap();
    world.advance(60 * SECOND);
    assert_eq!(world.verify(Kind::API_KEY, old.expose()).await.unwrap_err(), Rejected::Reused);
    assert_eq!(
        world.verify(Kind::API_KEY, new.expose()).await.unwrap_err(),
        Rejected::Revoked(Reason::Reused)
    );
    world.verify(Kind::SESSION, session.expose()).await.unwrap();
}

#[tokio::test]
async fn a_theft_that_ends_the_subject_is_told_though_the_request_was_dropped() {
    let world = World::with(|builder| builder.policy(Policy::remember().reuse_ends(Scope::Subject)));
    let other = world.log_in(Kind::SESSION).await.token;
    let old = replaced(&world).await;
    // The other session has expired by now, and is ended nevertheless.
    drop(other);
    let held = world.gate.hold(Call::Revoke);
    tokio::select! {
        biased;
        _ = world.tokens.verify(Kind::REMEMBER, &old) => unreachable!("it is held"),
        () = held.arrival() => {}
    }
    held.release();
    assert_eq!(world.heard(EventKind::Reused).await[0].count, 2);
}

#[tokio::test]
async fn a_log_out_that_could_not_be_written_is_told_with_its_cause() {
    let (world, session) = World::logged_in(Kind::SESSION).await;
    world.told();
    world.gate.down(Call::Revoke);
    assert!(matches!(
        world.tokens.revoke(Kind::SESSION, session.token.expose()).await,
        Err(Denied::Failed(Failure::Store(_)))
    ));
    let reason = Reason::Administrative;
    assert!(world.tokens.revoke_login(&alice(), session.login, reason).await.is_err());
    let told = world.told();
    assert_eq!(told.len(), 2, "{told:?}");
    for (told, kind) in told.iter().zip([EventKind::Revoked(Reason::LoggedOut), EventKind::Revoked(reason)]) {
        assert_eq!((told.kind, told.count), (kind, 0));
        assert!(told.source.is_some(), "{told:?}");
    }
    world.gate.up();
    world.verify(Kind::SESSION, session.token.expose()).await.unwrap();
}

#[tokio::test]
async fn a_write_that_failed_is_told_with_its_cause() {
    let (world, token) = World::with_token(Kind::SESSION).await;
    world.advance(HOUR / 4);
    world.told();
    world.gate.down(Call::Replace);
    world.verify(Kind::SESSION, token.expose()).await.unwrap();
    let told = world.told();
    let [failed] = &told[..] else { panic!("{told:?}") };
    assert_eq!(failed.kind, EventKind::WriteFailed);
    assert_eq!(failed.source.as_deref(), Some("the token store failed"));
}

/// Checks what every event about a presented token of ours contains, whatever its kind.
#[tokio::test]
async fn every_event_about_a_token_of_ours_names_it() {
    let once = Kind::from_static("one-time:test");
    let world = World::with(|builder| builder.policy(Policy::one_time().for_kind(once)));
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let (firefox, curl) = (Fingerprint::of(&["Firefox"]), Fingerprint::of(&["curl"]));
    let issue = async |kind| world.tokens.issue(&login, kind).fingerprint(firefox).await.unwrap().token;
    let (remember, session) = (issue(Kind::REMEMBER).await, issue(Kind::SESSION).await);
    let (single, late) = (issue(once).await, issue(Kind::SESSION).await);
    world.told();
    let present = async |kind: Kind, text: &str| match world.tokens.look_up(kind, text).await {
        Ok(candidate) if kind == once => candidate.fingerprint(curl).consume(None).await.ok(),
        Ok(candidate) => candidate.fingerprint(curl).verify_and_rotate(None).await.ok(),
        Err(_) => None,
    };
    let said = |kind: EventKind, selector, compared| {
        let told = world.told();
        let Some(told) = told.iter().find(|told| told.kind == kind) else { panic!("no {kind:?}: {told:?}") };
        assert_eq!(told.selector, Some(selector), "{kind:?}");
        assert_eq!(told.record.as_ref().map(|record| record.selector), Some(selector), "{kind:?}");
        assert_eq!((&told.subject, told.login), (&Some(alice()), Some(login.id())), "{kind:?}");
        let expected = if compared { FingerprintCheck::Differs } else { FingerprintCheck::Unknown };
        assert_eq!(told.fingerprint, expected, "{kind:?}");
    };
    present(Kind::SESSION, session.expose()).await;
    said(EventKind::Verified, session.selector(), true);
    present(once, single.expose()).await;
    said(EventKind::Consumed, single.selector(), true);
    present(once, single.expose()).await;
    said(EventKind::Spent, single.selector(), false);
    let rotated = present(Kind::REMEMBER, remember.expose()).await.unwrap();
    said(EventKind::Rotated, remember.selector(), true);
    present(Kind::REMEMBER, remember.expose()).await;
    said(EventKind::Retried, remember.selector(), true);
    present(Kind::REMEMBER, rotated.successor.unwrap().token.expose()).await;
    said(EventKind::Confirmed, remember.selector(), true);
    world.advance(DAY);
    present(Kind::SESSION, late.expose()).await;
    said(EventKind::Expired, late.selector(), false);
    present(Kind::REMEMBER, remember.expose()).await;
    said(EventKind::Reused, remember.selector(), true);
    present(Kind::REMEMBER, remember.expose()).await;
    said(EventKind::RevokedPresented(Reason::Reused), remember.selector(), false);
}
