//! Tests what an application can read about a token and limit beyond the policy.

use hallpass_core::rotation::Presented;
use hallpass_core::{Kind, Kinds, Policy, Purpose, Rejected};

use crate::fixture::{DAY, HOUR, SECOND, World};

#[tokio::test]
async fn an_issue_may_live_shorter_than_its_policy_and_never_longer() {
    let (world, login) = World::begun().await;
    let short = world.tokens.issue(&login, Kind::REMEMBER).lifetime(7 * DAY).await.unwrap();
    let long = world.tokens.issue(&login, Kind::REMEMBER).lifetime(900 * DAY).await.unwrap();
    let now = world.tokens.now();
    assert_eq!((short.expires_at.since(now), long.expires_at.since(now)), (7 * DAY, 30 * DAY));
    world.advance(7 * DAY - SECOND);
    let valid = world.verify(Kind::REMEMBER, short.token.expose()).await.unwrap();
    assert_eq!((valid.absolute_expiry(), valid.expires_at()), (short.expires_at, short.expires_at));
    world.advance(SECOND);
    assert_eq!(world.verify(Kind::REMEMBER, short.token.expose()).await.unwrap_err(), Rejected::Expired);
    let valid = world.verify(Kind::REMEMBER, long.token.expose()).await.unwrap();
    assert_eq!(valid.absolute_expiry(), long.expires_at);
    assert!(valid.expires_at() < long.expires_at, "the idle expiry comes first");
}

#[tokio::test]
async fn a_candidate_says_which_token_it_is() {
    let world = World::new();
    let first = world.log_in(Kind::REMEMBER).await.token.expose().to_owned();
    let second = world.next(&first).await;
    world.verify(Kind::REMEMBER, &second).await.unwrap();
    world.advance(HOUR);
    let third = world.next(&second).await;
    for (text, expected) in
        [(&first, Presented::Earlier), (&second, Presented::Predecessor), (&third, Presented::Current)]
    {
        let candidate = world.tokens.look_up(Kind::REMEMBER, text).await.unwrap();
        assert_eq!(candidate.presented(), expected);
    }
    world.verify(Kind::REMEMBER, &third).await.unwrap();
}

/// The application may take its time over the user between the look-up and the verdict.
#[tokio::test]
async fn a_token_that_expires_after_its_look_up_is_expired() {
    let (world, token) = World::with_token(Kind::REMEMBER).await;
    let valid = world.verify(Kind::REMEMBER, token.expose()).await.unwrap();
    let left = valid.expires_at().since(world.tokens.now());
    world.advance(left - SECOND);
    let late = world.tokens.look_up(Kind::REMEMBER, token.expose()).await.unwrap();
    world.advance(SECOND);
    let denied = late.verify(None).await.unwrap_err();
    assert_eq!(denied.rejection(), Some(Rejected::Expired));
}

#[tokio::test]
async fn kinds_are_found_by_their_purpose() {
    const LINK: Kind = Kind::from_static("one-time:link");
    let world = World::with(|builder| builder.policy(Policy::one_time().for_kind(LINK)));
    let kinds = |purposes: &[Purpose]| world.tokens.kinds_for(purposes);
    let devices = kinds(&[Purpose::Device]);
    assert!([Kind::SESSION, Kind::REMEMBER, Kind::REFRESH].iter().all(|kind| devices.contain(kind)));
    assert!(![Kind::API_KEY, Kind::ONE_TIME, LINK].iter().any(|kind| devices.contain(kind)));
    assert!(kinds(&[Purpose::SingleUse, Purpose::Key]).contain(&LINK));
    assert_eq!(kinds(&[]), Kinds::Only(Vec::new()), "none is not all");
}
