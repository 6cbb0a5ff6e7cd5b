//! Tests what a presentation writes to the row, and how a tampered row is judged (T3, T5, D3).

use hallpass_core::store::{Body, Fence, Revision, TokenStore};
use hallpass_core::{Authentication, Denied, EventKind, Failure, Kind, Policy, Rejected, Stamp};

use crate::fixture::{Judged as _, MINUTE, SECOND, World};

#[tokio::test]
async fn a_spent_row_stays_until_its_absolute_expiry_and_idles_no_more() {
    // The idle expiry, rounded up for purging, comes long before the absolute one.
    let idles = Policy::one_time().idle(Some(2 * MINUTE)).touch(SECOND);
    let world = World::with(|builder| builder.policy(idles));
    let token = world.log_in(Kind::ONE_TIME).await.token;
    world.advance(MINUTE);
    world.tokens.consume(Kind::ONE_TIME, token.expose()).await.unwrap();
    let row = world.gate.store.find(token.selector()).await.unwrap().unwrap();
    assert_eq!((row.idle_at, row.purge_at), (None, row.expires_at));
    assert_eq!((row.seen_at, row.updated_at), (world.tokens.now(), world.tokens.now()));
    world.advance(13 * MINUTE);
    world.told();
    assert_eq!(world.tokens.consume(Kind::ONE_TIME, token.expose()).await.rejected(), Rejected::Spent);
    assert_eq!(world.events(), [EventKind::Spent]);
    let verdict = world.tokens.revoke(Kind::ONE_TIME, token.expose()).await.rejected();
    assert_eq!(verdict, Rejected::Spent, "one word for it in every call");
}

#[tokio::test]
async fn a_nonce_that_was_tampered_with_gives_no_token() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    world.next(old.expose()).await;
    let store = &world.gate.store;
    let row = store.find(old.selector()).await.unwrap().unwrap();
    let mut body = row.body.as_bytes().to_vec();
    *body.last_mut().unwrap() ^= 1; // the nonce stands before the data, and there are none
    let row =
        hallpass_core::store::Record { body: Body::new(body).unwrap(), revision: Revision::FIRST, ..row };
    store.delete(row.selector, &hallpass_core::Note::none()).await.unwrap();
    assert!(store.insert(&row, Fence::None).await.unwrap().is_inserted());
    let outcome = world.tokens.verify_and_rotate(Kind::REMEMBER, old.expose()).await;
    assert!(matches!(outcome, Err(Denied::Failed(Failure::Corrupt { .. }))), "{outcome:?}");
    world.tokens.verify(Kind::REMEMBER, old.expose()).await.unwrap(); // it needs no successor
}

#[tokio::test]
async fn a_token_says_what_it_is_bound_to_and_how_its_subject_authenticated() {
    let (world, login) = World::begun().await;
    let how = Authentication::new().method("pwd").method("totp").level("aal2");
    let issue = world.tokens.issue(&login, Kind::REMEMBER).binding([7; 32]).authentication(how.clone());
    let mut text = issue.stamp(Stamp::of("s")).await.unwrap().token.expose().to_owned();
    for _ in 0..3 {
        let candidate = world.tokens.look_up(Kind::REMEMBER, &text).await.unwrap();
        let valid = candidate.verify_and_rotate(Some(&Stamp::of("s"))).await.unwrap();
        assert_eq!((valid.binding(), valid.authentication()), (Some(&[7; 32]), &how));
        let session = world.tokens.issue_from(&valid, Kind::SESSION).await.unwrap().token;
        let candidate = world.tokens.look_up(Kind::SESSION, session.expose()).await.unwrap();
        let restored = candidate.verify(Some(&Stamp::of("s"))).await.unwrap();
        assert_eq!((restored.binding(), restored.authentication()), (Some(&[7; 32]), &how), "inherited");
        text = valid.successor.unwrap().token.expose().to_owned();
        world.advance(2 * MINUTE);
        world
            .tokens
            .look_up(Kind::REMEMBER, &text)
            .await
            .unwrap()
            .verify(Some(&Stamp::of("s")))
            .await
            .unwrap();
        world.advance(2 * MINUTE);
    }
    let plain = world.log_in(Kind::SESSION).await.token;
    let valid = world.verify(Kind::SESSION, plain.expose()).await.unwrap();
    assert!(valid.binding().is_none() && valid.authentication().is_empty());
    let too_long = Authentication::new().level("x".repeat(33));
    let refused = world.tokens.issue(&login, Kind::SESSION).authentication(too_long).await;
    assert!(matches!(refused, Err(Denied::Failed(Failure::Limit(_)))), "{refused:?}");
}
