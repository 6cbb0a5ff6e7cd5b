//! Tests that a client that follows the rules stays logged in (D5, D6, D7, D10, D16).

use hallpass_core::{EventKind, Kind};
use hallpass_test_store::Call;
use tokio::task::JoinSet;

use crate::fixture::{HOUR, MINUTE, SECOND, World, finite};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_racing_holders_get_one_identical_successor() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let nodes = [world.tokens.clone(), world.node(|builder| builder)];
    // All twenty calls have read the record before the first of them writes.
    world.gate.meet(Call::Find, 20);
    let mut tasks = JoinSet::new();
    for at in 0..20 {
        let (node, old) = (nodes[at % 2].clone(), old.expose().to_owned());
        tasks.spawn(async move {
            let valid = node.verify_and_rotate(Kind::REMEMBER, &old).await.unwrap();
            valid.successor.unwrap().token.expose().to_owned()
        });
    }
    let successors = tasks.join_all().await;
    assert_eq!(successors.len(), 20);
    assert!(successors.iter().all(|successor| *successor == successors[0]), "byte-identical");
    let valid = world.verify(Kind::REMEMBER, &successors[0]).await.unwrap();
    assert_eq!(valid.generation(), 1, "one step");
}

#[tokio::test]
async fn a_lost_response_is_made_good() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let lost = world.next(old.expose()).await;
    world.advance(HOUR);
    assert_eq!(world.next(old.expose()).await, lost, "the same one, until the last instant");
    assert_eq!(world.events().pop(), Some(EventKind::Retried));
    assert!(!world.verify(Kind::REMEMBER, old.expose()).await.unwrap().is_newest());
    assert!(world.verify(Kind::REMEMBER, &lost).await.unwrap().is_newest());
}

#[tokio::test]
async fn two_tabs_retry_after_a_lost_response_and_the_second_comes_after_the_first_has_confirmed() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let lost = world.next(old.expose()).await;
    world.advance(10 * MINUTE);
    let first = world.next(old.expose()).await;
    world.verify(Kind::REMEMBER, &first).await.unwrap();
    world.advance(30 * SECOND);
    let second = world.next(old.expose()).await;
    assert_eq!((&first, &second), (&lost, &lost));
}

#[tokio::test]
async fn two_rotations_in_a_row_leave_an_old_request_under_way_alone() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let new = world.next(old.expose()).await;
    world.verify(Kind::REMEMBER, &new).await.unwrap();
    // A request with the old token is under way for the longest allowed time. Any request for another rotation
    // meanwhile gets none; otherwise the old token would be two generations behind.
    for _ in 0..3 {
        world.advance(10 * SECOND);
        assert_eq!(world.rotate(&new).await.unwrap(), None);
    }
    assert_eq!(world.next(old.expose()).await, new);
    world.advance(30 * SECOND);
    assert_eq!(world.rotate(&new).await.unwrap(), None, "not before twice the overlap");
    world.advance(SECOND);
    assert!(world.rotate(&new).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_parallel_tabs_stay_logged_in_and_restore_sessions_of_one_login() {
    let (world, old) = World::logged_in(Kind::REMEMBER).await;
    world.gate.meet(Call::Find, 10);
    let mut tabs = JoinSet::new();
    for _ in 0..10 {
        let (tokens, old) = (world.tokens.clone(), old.token.expose().to_owned());
        tabs.spawn(async move {
            let valid = tokens.verify_and_rotate(Kind::REMEMBER, &old).await.unwrap();
            let session = tokens.issue_from(&valid, Kind::SESSION).await.unwrap();
            (valid.successor.unwrap().token.expose().to_owned(), session)
        });
    }
    let answers = tabs.join_all().await;
    for (remember, session) in &answers {
        assert_eq!(remember, &answers[0].0);
        assert_eq!(session.login, old.login);
        world.verify(Kind::SESSION, session.token.expose()).await.unwrap();
    }
    assert_eq!(world.verify(Kind::REMEMBER, &answers[0].0).await.unwrap().generation(), 1);
}

#[tokio::test]
async fn a_successor_confirmed_late_does_not_rotate_before_its_predecessor_is_out_of_use() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let new = world.next(old.expose()).await;
    world.advance(10 * MINUTE);
    world.verify(Kind::REMEMBER, &new).await.unwrap();
    world.advance(MINUTE);
    assert_eq!(world.rotate(&new).await.unwrap(), None, "confirmed for twice the overlap, not more");
    world.advance(SECOND);
    assert!(world.rotate(&new).await.unwrap().is_some());
}

#[tokio::test]
async fn a_successor_that_is_presented_before_it_was_confirmed_does_not_rotate_until_the_windows_are_over() {
    let world = World::with(|builder| builder.policy(finite()));
    let old = world.log_in(Kind::REMEMBER).await.token;
    let new = world.next(old.expose()).await;
    world.advance(HOUR);
    assert_eq!(world.rotate(&new).await.unwrap(), None, "this confirms it, and others may hold the old one");
    let world = World::with(|builder| builder.policy(finite()));
    let old = world.log_in(Kind::REMEMBER).await.token;
    let new = world.next(old.expose()).await;
    world.advance(HOUR + MINUTE);
    assert_eq!(world.rotate(&new).await.unwrap(), None);
    let world = World::with(|builder| builder.policy(finite()));
    let old = world.log_in(Kind::REMEMBER).await.token;
    let new = world.next(old.expose()).await;
    world.advance(HOUR + MINUTE + SECOND);
    assert!(world.rotate(&new).await.unwrap().is_some());
}

#[tokio::test]
async fn twenty_rotations_are_one_record() {
    let (world, first) = World::logged_in(Kind::REMEMBER).await;
    let mut token = first.token.expose().to_owned();
    for generation in 1..=20 {
        world.advance(HOUR * 24);
        let next = world.next(&token).await;
        token = next;
        let valid = world.verify(Kind::REMEMBER, &token).await.unwrap();
        assert_eq!((valid.generation(), valid.selector()), (generation, first.token.selector()));
    }
    assert!(format!("{:?}", world.gate.store).contains("records: 1"));
}

#[tokio::test]
async fn a_rotation_that_is_not_due_gives_no_token_and_writes_nothing() {
    let (world, old) = World::with_token(Kind::REMEMBER).await;
    let new = world.next(old.expose()).await;
    world.verify(Kind::REMEMBER, &new).await.unwrap();
    world.gate.down(Call::Replace);
    assert_eq!(world.rotate(&new).await.unwrap(), None);
    assert!(!world.events().contains(&EventKind::WriteFailed));
}
