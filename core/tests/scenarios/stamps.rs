//! Tests that a differing stamp refuses and ends nothing, and that a given stamp must match (D4).

use hallpass_core::{EventKind, Kind, Policy, Reason, Rejected, Stamp};

use crate::fixture::{DAY, Judged as _, World, alice, strict};

async fn present(world: &World, kind: Kind, token: &str, stamp: Option<&Stamp>) -> Result<(), Rejected> {
    let candidate = world.tokens.look_up(kind, token).await.judged()?;
    candidate.verify(stamp).await.judged().map(drop)
}

#[tokio::test]
async fn a_poll_between_the_commit_and_the_call_does_not_log_the_browser_out() {
    let world = World::new();
    let (old, new) = (Stamp::of("old"), Stamp::of("new"));
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let session = world.tokens.issue(&login, Kind::SESSION).stamp(old).await.unwrap().token;
    let remember = world.tokens.issue(&login, Kind::REMEMBER).stamp(old).await.unwrap().token;
    let candidate = world.tokens.look_up(Kind::SESSION, session.expose()).await.unwrap();
    let caller = candidate.verify(Some(&old)).await.unwrap();
    world.told();
    // The new password is committed, and a second tab polls.
    for (kind, token) in [(Kind::SESSION, &session), (Kind::REMEMBER, &remember)] {
        assert_eq!(present(&world, kind, token.expose(), Some(&new)).await, Err(Rejected::StampMismatch));
    }
    assert_eq!(world.events(), [EventKind::StampMismatch; 2]);
    let renewed = world.tokens.credential_changed(&caller, Some(new)).await.unwrap().tokens;
    assert_eq!(renewed.len(), 2);
    for issued in &renewed {
        assert_eq!(present(&world, issued.kind, issued.token.expose(), Some(&new)).await, Ok(()));
    }
    // A request that reads the user from a lagging replica is refused, and ends nothing.
    for issued in &renewed {
        let late = present(&world, issued.kind, issued.token.expose(), Some(&old)).await;
        assert_eq!(late, Err(Rejected::StampMismatch));
        assert_eq!(present(&world, issued.kind, issued.token.expose(), Some(&new)).await, Ok(()));
    }
    let revoked = Err(Rejected::Revoked(Reason::Superseded));
    assert_eq!(present(&world, Kind::SESSION, session.expose(), Some(&new)).await, revoked);
}

#[tokio::test]
async fn a_record_that_is_bound_to_no_stamp_is_refused_where_one_is_given() {
    let world = World::new();
    let stamp = Stamp::of("hash");
    for kind in [Kind::SESSION, Kind::REMEMBER] {
        let token = world.log_in(kind).await.token;
        let given = present(&world, kind, token.expose(), Some(&stamp)).await;
        assert_eq!(given, Err(Rejected::StampMismatch));
        assert_eq!(present(&world, kind, token.expose(), None).await, Ok(()), "and nothing was ended");
    }
    let single = world.log_in(Kind::ONE_TIME).await.token;
    let candidate = world.tokens.look_up(Kind::ONE_TIME, single.expose()).await.unwrap();
    assert_eq!(candidate.consume(Some(&stamp)).await.rejected(), Rejected::StampMismatch);
    world.tokens.consume(Kind::ONE_TIME, single.expose()).await.unwrap();
    let key = world.log_in(Kind::API_KEY).await.token;
    assert_eq!(present(&world, Kind::API_KEY, key.expose(), Some(&stamp)).await, Ok(()));
}

#[tokio::test]
async fn a_key_that_is_bound_to_a_stamp_dies_with_it() {
    let world = World::with(|builder| builder.policy(Policy::api_key()));
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let key = world.tokens.issue(&login, Kind::API_KEY).stamp(Stamp::of("old")).await.unwrap().token;
    let verdict = present(&world, Kind::API_KEY, key.expose(), Some(&Stamp::of("new"))).await;
    assert_eq!(verdict, Err(Rejected::StampMismatch));
}

#[tokio::test]
async fn a_replay_is_one_under_any_stamp() {
    let (old, new) = (Stamp::of("old"), Stamp::of("new"));
    for given in [None, Some(&old), Some(&new)] {
        let world = World::with(|builder| builder.policy(strict()));
        let login = world.tokens.begin_login(&alice()).await.unwrap();
        let first = world.tokens.issue(&login, Kind::REMEMBER).stamp(old).await.unwrap().token;
        let candidate = world.tokens.look_up(Kind::REMEMBER, first.expose()).await.unwrap();
        let second = candidate.verify_and_rotate(Some(&old)).await.unwrap().successor.unwrap().token;
        assert_eq!(present(&world, Kind::REMEMBER, second.expose(), Some(&old)).await, Ok(()));
        world.advance(DAY);
        assert_eq!(present(&world, Kind::REMEMBER, first.expose(), given).await, Err(Rejected::Reused));
    }
}
