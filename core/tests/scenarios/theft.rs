//! Tests that two holders of one login are detected, and that a guess ends nothing (D1, D8, D9, T2, T8).

use hallpass_core::{EventKind, Fingerprint, FingerprintCheck, Kind, Reason, Rejected, Scope};

use crate::fixture::{HOUR, Judged as _, MINUTE, SECOND, World, alice, finite, strict};

const REUSED: Rejected = Rejected::Revoked(Reason::Reused);

#[tokio::test]
async fn a_thief_who_uses_the_token_first_is_caught_when_the_owner_comes() {
    let (world, stolen) = World::with_token(Kind::REMEMBER).await;
    let thiefs = world.next(stolen.expose()).await;
    world.verify(Kind::REMEMBER, &thiefs).await.unwrap();
    world.advance(HOUR);
    assert_eq!(world.rotate(stolen.expose()).await, Err(Rejected::Reused));
    assert!(world.events().contains(&EventKind::Reused));
    assert_eq!(world.rotate(&thiefs).await, Err(REUSED), "the thief is out too");
}

#[tokio::test]
async fn a_thief_who_uses_the_token_second_is_caught_at_once() {
    let (world, stolen) = World::with_token(Kind::REMEMBER).await;
    let owners = world.next(stolen.expose()).await;
    world.verify(Kind::REMEMBER, &owners).await.unwrap();
    world.advance(31 * SECOND);
    assert_eq!(world.rotate(stolen.expose()).await, Err(Rejected::Reused));
    assert_eq!(world.rotate(&owners).await, Err(REUSED), "the owner learns of the theft");
}

#[tokio::test]
async fn any_former_token_is_recognised_however_old() {
    let (world, first) = World::with_token(Kind::REMEMBER).await;
    let mut newest = first.expose().to_owned();
    for _ in 0..5 {
        newest = world.next(&newest).await;
        world.verify(Kind::REMEMBER, &newest).await.unwrap();
        world.advance(2 * MINUTE);
    }
    assert_eq!(world.rotate(first.expose()).await, Err(Rejected::Reused));
    assert_eq!(world.rotate(&newest).await, Err(REUSED));
}

#[tokio::test]
async fn a_thief_with_only_the_selector_ends_nothing_in_a_thousand_tries() {
    let (world, token) = World::with_token(Kind::REMEMBER).await;
    let next = world.next(token.expose()).await;
    let selector = &token.expose()[..22];
    for guess in 0..1_000_u32 {
        let guess = format!("{selector}.{guess:0>40}AAA");
        assert_eq!(world.rotate(&guess).await, Err(Rejected::Invalid));
        let logout = world.tokens.revoke(Kind::REMEMBER, &guess).await.judged();
        assert_eq!(logout, Err(Rejected::Invalid));
    }
    let events = world.events();
    assert_eq!(events.iter().filter(|what| **what == EventKind::InvalidValidator).count(), 2_000);
    world.verify(Kind::REMEMBER, &next).await.unwrap();
}

#[tokio::test]
async fn reuse_on_the_remember_token_kills_the_session_that_the_thief_restored() {
    let (world, stolen) = World::with_token(Kind::REMEMBER).await;
    let thief = world.tokens.verify_and_rotate(Kind::REMEMBER, stolen.expose()).await.unwrap();
    let session = world.tokens.issue_from(&thief, Kind::SESSION).await.unwrap();
    world.verify(Kind::REMEMBER, thief.successor.as_ref().unwrap().token.expose()).await.unwrap();
    world.verify(Kind::SESSION, session.token.expose()).await.unwrap();
    world.advance(MINUTE);
    assert_eq!(world.rotate(stolen.expose()).await, Err(Rejected::Reused));
    assert_eq!(world.verify(Kind::SESSION, session.token.expose()).await.unwrap_err(), REUSED);
}

#[tokio::test]
async fn reuse_ends_one_login_or_the_subject_as_the_policy_says() {
    for (scope, other_lives) in [(Scope::Login, true), (Scope::Subject, false)] {
        let world = World::with(|builder| builder.policy(strict().reuse_ends(scope)));
        let other = world.log_in(Kind::SESSION).await.token;
        let under_way = world.tokens.begin_login(&alice()).await.unwrap();
        let stolen = world.log_in(Kind::REMEMBER).await.token;
        let next = world.next(stolen.expose()).await;
        world.verify(Kind::REMEMBER, &next).await.unwrap();
        world.advance(SECOND);
        assert_eq!(world.rotate(stolen.expose()).await, Err(Rejected::Reused));
        assert_eq!(world.verify(Kind::SESSION, other.expose()).await.is_ok(), other_lives);
        let late = world.tokens.issue(&under_way, Kind::SESSION).await.judged();
        assert_eq!(late.is_ok(), other_lives);
    }
}

#[tokio::test]
async fn a_client_that_missed_the_retry_window_is_logged_out_without_an_alarm() {
    let world = World::with(|builder| builder.policy(finite()));
    let old = world.log_in(Kind::REMEMBER).await.token;
    let lost = world.next(old.expose()).await;
    world.advance(HOUR + SECOND);
    world.events();
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Lapsed));
    let events = world.events();
    assert!(events.contains(&EventKind::Lapsed) && !events.contains(&EventKind::Reused), "{events:?}");
    assert_eq!(world.rotate(&lost).await, Err(Rejected::Revoked(Reason::Lapsed)));
}

#[tokio::test]
async fn use_never_extends_a_window() {
    let world = World::with(|builder| builder.policy(finite()));
    let old = world.log_in(Kind::REMEMBER).await.token;
    let new = world.next(old.expose()).await;
    for _ in 0..4 {
        world.advance(15 * MINUTE);
        assert_eq!(world.next(old.expose()).await, new);
    }
    world.advance(SECOND);
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Lapsed));
}

#[tokio::test]
async fn a_token_of_another_kind_behaves_as_if_it_did_not_exist() {
    let (world, session) = World::with_token(Kind::SESSION).await;
    assert_eq!(world.verify(Kind::REMEMBER, session.expose()).await.unwrap_err(), Rejected::Invalid);
    let logout = world.tokens.revoke(Kind::REMEMBER, session.expose()).await.judged();
    assert_eq!(logout, Err(Rejected::Invalid));
    world.verify(Kind::SESSION, session.expose()).await.unwrap();
}

#[tokio::test]
async fn a_retry_from_another_client_is_reported() {
    let world = World::new();
    let (owner, thief) = (Fingerprint::of(&["Firefox"]), Fingerprint::of(&["curl"]));
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let token = world.tokens.issue(&login, Kind::REMEMBER).fingerprint(owner).await.unwrap().token;
    world.next(token.expose()).await;
    for (client, check) in [(owner, FingerprintCheck::Matches), (thief, FingerprintCheck::Differs)] {
        let candidate = world.tokens.look_up(Kind::REMEMBER, token.expose()).await.unwrap();
        world.told();
        let valid = candidate.fingerprint(client).verify_and_rotate(None).await.unwrap();
        assert_eq!(valid.fingerprint(), check);
        let told = world.told();
        assert_eq!(told.iter().map(|told| told.kind).collect::<Vec<_>>(), [EventKind::Retried]);
        assert_eq!((told[0].fingerprint, told[0].selector), (check, Some(token.selector())));
    }
    assert_eq!(
        world.verify(Kind::REMEMBER, token.expose()).await.unwrap().fingerprint(),
        FingerprintCheck::Unknown
    );
}

#[tokio::test]
async fn a_clock_that_steps_back_neither_refuses_nor_reopens() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let new = world.next(old.expose()).await;
    let then = world.tokens.now();
    world.clock.set(then.saturating_sub(MINUTE));
    assert_eq!(world.next(old.expose()).await, new);
    world.verify(Kind::REMEMBER, &new).await.unwrap();
    world.clock.set(then.saturating_add(2 * HOUR));
    // This write finds the windows closed and erases the nonce of the successor.
    let mut valid = world.verify(Kind::REMEMBER, &new).await.unwrap();
    world.tokens.update_data(&mut valid, |data| data.push(1)).await.unwrap();
    world.clock.set(then.saturating_sub(MINUTE));
    assert_eq!(world.rotate(old.expose()).await, Err(Rejected::Reused), "closed for good");
}
