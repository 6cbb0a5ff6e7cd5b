//! Tests that a renewal that loses leaves the rest alone: what the winner was given may have been renewed meanwhile.

use hallpass_core::{Kind, Reason, Rejected};
use hallpass_test_store::Call;

use crate::fixture::{Judged as _, World};

#[tokio::test]
async fn a_copy_that_renews_too_late_does_not_end_what_the_next_renewal_gave() {
    let (world, session) = World::with_token(Kind::SESSION).await;
    let owner = world.verify(Kind::SESSION, session.expose()).await.unwrap();
    let copy = world.verify(Kind::SESSION, session.expose()).await.unwrap();
    world.gate.down(Call::Revoke);
    let first = world.tokens.revoke_others(&owner).await.unwrap();
    assert!(first.ended.is_err(), "the result says so, and the call is repeated with the new token");
    world.gate.up();
    let owner = world.verify(Kind::SESSION, first.tokens[0].token.expose()).await.unwrap();

    let as_far_as_it_gets = async || {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    // The copy's call is held where it removes its own records; then, if it does so, where it would end the rest.
    let (held, tokens) = (world.gate.hold(Call::Revoke), world.tokens.clone());
    let late = tokio::spawn(async move { tokens.revoke_others(&copy).await.judged().map(drop) });
    as_far_as_it_gets().await;
    world.gate.up();
    let again = world.gate.hold(Call::Revoke);
    held.release();
    as_far_as_it_gets().await;
    // The next renewal has made its records, and is about to mark the old one.
    world.gate.up();
    let (marks, tokens) = (world.gate.hold(Call::Replace), world.tokens.clone());
    let next = tokio::spawn(async move { tokens.revoke_others(&owner).await });
    marks.arrival().await;
    again.release();
    as_far_as_it_gets().await;
    marks.release();
    assert_eq!(late.await.unwrap(), Err(Rejected::Revoked(Reason::Superseded)));
    let next = next.await.unwrap().unwrap();
    next.ended.unwrap();
    world.verify(Kind::SESSION, next.tokens[0].token.expose()).await.expect("the owner stays logged in");
}
