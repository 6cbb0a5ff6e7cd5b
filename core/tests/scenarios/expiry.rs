//! Tests lifetimes, slides and purges (D2, D11, S10).

use std::time::Duration;

use hallpass_core::{EventKind, Kind, Origin, Policy, Purger, Rejected};
use hallpass_test_store::Call;

use crate::fixture::{DAY, HOUR, Judged as _, MINUTE, SECOND, World};

const MS: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_session_expires_idle_at_the_instant_and_absolute_at_the_instant() {
    let (world, idle) = World::with_token(Kind::SESSION).await;
    world.advance(30 * MINUTE - MS);
    world.verify(Kind::SESSION, idle.expose()).await.unwrap();
    world.advance(30 * MINUTE);
    assert_eq!(world.verify(Kind::SESSION, idle.expose()).await.unwrap_err(), Rejected::Expired);

    let used = world.log_in(Kind::SESSION).await.token;
    for _ in 0..35 {
        world.advance(20 * MINUTE);
        world.verify(Kind::SESSION, used.expose()).await.unwrap();
    }
    world.advance(20 * MINUTE - MS);
    world.verify(Kind::SESSION, used.expose()).await.unwrap();
    world.advance(MS);
    assert_eq!(world.verify(Kind::SESSION, used.expose()).await.unwrap_err(), Rejected::Expired);
}

#[tokio::test]
async fn rotation_does_not_move_the_absolute_expiry() {
    let world = World::new();
    let mut token = world.log_in(Kind::REMEMBER).await.token.expose().to_owned();
    for _ in 0..29 {
        world.advance(DAY);
        token = world.next(&token).await;
        world.verify(Kind::REMEMBER, &token).await.unwrap();
    }
    world.advance(DAY);
    assert_eq!(world.rotate(&token).await, Err(Rejected::Expired));
}

#[tokio::test]
async fn a_restored_session_expires_no_later_than_what_restored_it() {
    let world = World::new();
    let mut token = world.log_in(Kind::REMEMBER).await.token.expose().to_owned();
    for _ in 0..3 {
        world.advance(DAY * 9);
        token = world.next(&token).await;
        world.verify(Kind::REMEMBER, &token).await.unwrap();
    }
    world.advance(DAY * 3 - HOUR);
    let parent = world.verify(Kind::REMEMBER, &token).await.unwrap();
    let session = world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap();
    assert_eq!(session.expires_at.since(world.tokens.now()), HOUR);
    let session = world.verify(Kind::SESSION, session.token.expose()).await.unwrap();
    assert_eq!((session.origin(), session.auth_at()), (Origin::Restored, parent.auth_at()));
}

#[tokio::test]
async fn a_touch_is_written_once_a_minute_and_not_more() {
    let (world, key) = World::with_token(Kind::API_KEY).await;
    world.gate.down(Call::Replace);
    world.advance(MINUTE - MS);
    world.verify(Kind::API_KEY, key.expose()).await.unwrap();
    assert!(!world.events().contains(&EventKind::WriteFailed), "nothing to write yet");
    world.advance(MS);
    world.verify(Kind::API_KEY, key.expose()).await.unwrap();
    assert!(world.events().contains(&EventKind::WriteFailed), "due now");
}

#[tokio::test]
async fn a_shorter_policy_works_at_once_and_a_longer_one_from_the_next_login() {
    let (world, token) = World::with_token(Kind::REMEMBER).await;
    let shorter = world.node(|builder| builder.policy(Policy::remember().absolute(DAY).idle(Some(DAY))));
    let longer = world.node(|builder| builder.policy(Policy::remember().absolute(90 * DAY).idle(None)));
    world.advance(DAY);
    let verdict = shorter.verify(Kind::REMEMBER, token.expose()).await.judged();
    assert_eq!(verdict.unwrap_err(), Rejected::Expired);
    longer.verify(Kind::REMEMBER, token.expose()).await.unwrap();
    world.advance(13 * DAY);
    longer.verify(Kind::REMEMBER, token.expose()).await.unwrap();
    world.advance(13 * DAY);
    longer.verify(Kind::REMEMBER, token.expose()).await.unwrap();
    world.advance(3 * DAY);
    let verdict = longer.verify(Kind::REMEMBER, token.expose()).await.judged();
    assert_eq!(verdict.unwrap_err(), Rejected::Expired);
}

#[tokio::test]
async fn a_longer_idle_lifetime_counts_from_the_next_login() {
    let (world, token) = World::with_token(Kind::REMEMBER).await;
    let longer = world.node(|builder| builder.policy(Policy::remember().idle(Some(28 * DAY))));
    world.advance(DAY);
    longer.verify(Kind::REMEMBER, token.expose()).await.unwrap();
    world.advance(14 * DAY);
    let verdict = longer.verify(Kind::REMEMBER, token.expose()).await.judged();
    assert_eq!(verdict.unwrap_err(), Rejected::Expired, "a slide by the new policy keeps the old promise");
}

#[tokio::test]
async fn a_purge_removes_what_expired_an_hour_ago_and_nothing_else() {
    let (world, dead) = World::with_token(Kind::ONE_TIME).await;
    let spent = world.log_in(Kind::ONE_TIME).await.token;
    world.tokens.consume(Kind::ONE_TIME, spent.expose()).await.unwrap();
    let alive = world.log_in(Kind::REMEMBER).await.token;
    world.advance(15 * MINUTE + HOUR - MS);
    assert_eq!(world.tokens.purge().await.unwrap(), 0);
    world.advance(MS);
    assert_eq!(world.tokens.purge().await.unwrap(), 2);
    for gone in [dead, spent] {
        let verdict = world.tokens.consume(Kind::ONE_TIME, gone.expose()).await.judged();
        assert_eq!(verdict.unwrap_err(), Rejected::Invalid);
    }
    world.verify(Kind::REMEMBER, alive.expose()).await.unwrap();
}

#[tokio::test]
async fn an_idle_deadline_may_move_without_moving_the_purge() {
    use hallpass_core::store::TokenStore;
    let (world, token) = World::with_token(Kind::SESSION).await;
    let mut purge_times = std::collections::BTreeSet::new();
    for _ in 0..60 {
        world.advance(MINUTE);
        world.verify(Kind::SESSION, token.expose()).await.unwrap();
        let record = world.gate.store.find(token.selector()).await.unwrap().unwrap();
        assert!(record.purge_at >= record.idle_at.unwrap());
        purge_times.insert(record.purge_at);
    }
    assert!(purge_times.len() <= 3, "{} values of an indexed column in 60 slides", purge_times.len());
}

#[tokio::test(start_paused = true)]
async fn a_purger_survives_errors_and_panics() {
    let world = World::new();
    world.log_in(Kind::ONE_TIME).await;
    world.advance(DAY);
    let purger = Purger::new(world.tokens.clone()).every(SECOND).spawn();
    world.gate.down(Call::Purge);
    tokio::time::sleep(2 * SECOND).await;
    world.gate.up();
    world.gate.panic(Call::Purge);
    tokio::time::sleep(2 * SECOND).await;
    world.gate.up();
    tokio::time::sleep(2 * SECOND).await;
    purger.abort();
    let told = world.told();
    let failed: Vec<_> = told.iter().filter(|told| told.kind == EventKind::PurgeFailed).collect();
    assert!(failed.len() >= 3, "{told:?}");
    assert!(failed.iter().all(|told| told.source.is_some()), "with the cause: {failed:?}");
    assert!(told.iter().any(|told| told.kind == EventKind::Purged));
    assert!(format!("{:?}", world.gate.store).contains("records: 0"));
}
