//! Application data are always read from the store.

use hallpass_core::Kind;

use crate::world::{MINUTE, World};

#[tokio::test(start_paused = true)]
async fn data_are_exact_also_for_an_answer_of_the_cache() {
    let (world, issued) = World::hit().await;
    let mut far = world.far.verify(Kind::SESSION, issued.token.expose()).await.unwrap();
    world.far.update_data(&mut far, |data| data.push(b'y')).await.unwrap();
    assert!(world.hits(&issued).await, "a change of data is not announced");
    let valid = world.verify(&issued).await.unwrap();
    assert_eq!(*world.near.data(&valid).await.unwrap(), *b"xy");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_data_starts_from_the_present_ones() {
    let (world, issued) = World::hit().await;
    let mut far = world.far.verify(Kind::SESSION, issued.token.expose()).await.unwrap();
    let mut near = world.verify(&issued).await.unwrap();
    assert!(!near.is_newest());
    world.far.update_data(&mut far, |data| data.push(b'y')).await.unwrap();
    let mut seen = Vec::new();
    let change = |data: &mut Vec<u8>| {
        seen.push(data.clone());
        data.push(b'z');
    };
    world.near.update_data(&mut near, change).await.unwrap();
    assert_eq!(seen, [b"xy"], "once, and not with the empty data of the cache");
    world.store.calls();
    assert_eq!(*world.near.data(&near).await.unwrap(), *b"xyz");
    assert_eq!(world.store.calls(), [""; 0], "they are known now");
    assert_eq!(*world.near.data(&world.verify(&issued).await.unwrap()).await.unwrap(), *b"xyz");
}

#[tokio::test(start_paused = true)]
async fn data_of_an_ended_token_are_refused() {
    let (world, issued) = World::hit().await;
    let mut valid = world.verify(&issued).await.unwrap();
    world.end().await;
    assert!(world.near.data(&valid).await.unwrap_err().rejection().is_some());
    let changed = world.near.update_data(&mut valid, |data| data.clear()).await;
    assert!(changed.unwrap_err().rejection().is_some());
}

/// A renewal and a restored session take nothing from the cache that can have changed.
#[tokio::test(start_paused = true)]
async fn a_caller_from_the_cache_renews_and_restores_like_any_other() {
    let (world, issued) = World::hit().await;
    let mut far = world.far.verify(Kind::SESSION, issued.token.expose()).await.unwrap();
    world.far.update_data(&mut far, |data| data.push(b'y')).await.unwrap();
    let caller = world.verify(&issued).await.unwrap();
    assert!(!caller.is_newest());
    let restored = world.near.issue_from(&caller, Kind::SESSION).await.unwrap();
    assert!(world.far.verify(Kind::SESSION, restored.token.expose()).await.is_ok());
    let renewed = world.near.revoke_others(&caller).await.unwrap();
    let [new] = &renewed.tokens[..] else { panic!("one kind, one token") };
    let valid = world.far.verify(Kind::SESSION, new.token.expose()).await.unwrap();
    assert_eq!(*world.far.data(&valid).await.unwrap(), *b"xy");
}

/// The record in the cache may not know of a use that moved its expiry.
#[tokio::test(start_paused = true)]
async fn a_change_of_data_is_not_refused_for_what_the_cache_knows() {
    let (world, issued) = World::hit().await;
    let mut valid = world.verify(&issued).await.unwrap();
    assert!(!valid.is_newest());
    for _ in 0..2 {
        world.clock.advance(MINUTE * 20);
        world.far.verify(Kind::SESSION, issued.token.expose()).await.unwrap();
    }
    world.near.update_data(&mut valid, |data| data.push(b'y')).await.unwrap();
    assert_eq!(*world.near.data(&valid).await.unwrap(), *b"xy");
}

#[tokio::test(start_paused = true)]
async fn the_first_byte_of_the_data_is_kept_and_as_old_as_the_record() {
    let (world, issued) = World::hit().await;
    world.store.calls();
    let valid = world.verify(&issued).await.unwrap();
    assert!(valid.is_cached());
    assert_eq!(valid.first_data_byte(), Some(b'x'));
    assert_eq!(world.store.calls(), [""; 0]);

    let mut far = world.far.verify(Kind::SESSION, issued.token.expose()).await.unwrap();
    assert!(!far.is_cached());
    world.far.update_data(&mut far, |data| data[0] = b'y').await.unwrap();
    assert_eq!(far.first_data_byte(), Some(b'y'));
    let mut old = world.verify(&issued).await.unwrap();
    assert!(old.is_cached());
    assert_eq!(old.first_data_byte(), Some(b'x'), "a change of data is not announced");
    let exact = world.near.exact().verify(Kind::SESSION, issued.token.expose()).await.unwrap();
    assert!(!exact.is_cached());
    assert_eq!(exact.first_data_byte(), Some(b'y'));
    // A change that changes nothing reads the record.
    world.near.update_data(&mut old, |_| {}).await.unwrap();
    assert!(!old.is_cached());
    assert_eq!(old.first_data_byte(), Some(b'y'));
    world.near.update_data(&mut old, Vec::clear).await.unwrap();
    assert_eq!(old.first_data_byte(), None, "there are no data");
}
