//! Tests that a one-time token works once (T8, D3, S5).

use hallpass_core::{Denied, Failure, Kind, Policy, Rejected, Stamp};
use hallpass_test_store::Call;

use crate::fixture::{Judged as _, MINUTE, World, alice};

const RESET: Kind = Kind::from_static("one-time:password-reset");

fn world() -> World {
    World::with(|builder| builder.policy(Policy::one_time().for_kind(RESET)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_consumers_in_the_same_millisecond_one_wins() {
    for _ in 0..50 {
        let world = world();
        let token = world.log_in(RESET).await.token;
        // Both have read the live record, and write bytes that differ only in the write id.
        world.gate.meet(Call::Find, 2);
        let (one, two) = tokio::join!(
            world.tokens.consume(RESET, token.expose()),
            world.tokens.consume(RESET, token.expose())
        );
        let mut answers = [one.judged().map(drop), two.judged().map(drop)];
        answers.sort_unstable_by_key(Result::is_err);
        assert_eq!(answers, [Ok(()), Err(Rejected::Spent)]);
    }
}

#[tokio::test]
async fn a_reset_token_is_no_session() {
    let world = world();
    let token = world.log_in(RESET).await.token;
    for kind in [Kind::SESSION, Kind::REMEMBER, Kind::API_KEY] {
        assert!(matches!(
            world.verify(kind, token.expose()).await,
            Err(Rejected::Invalid | Rejected::Malformed)
        ));
    }
    let verify = world.tokens.verify(RESET, token.expose()).await;
    assert!(matches!(verify, Err(Denied::Failed(Failure::WrongCall(RESET)))), "nor is it ever verified");
    world.tokens.consume(RESET, token.expose()).await.unwrap();
}

#[tokio::test]
async fn nothing_else_is_consumed() {
    let world = world();
    let session = world.log_in(Kind::SESSION).await.token;
    let consume = world.tokens.consume(Kind::SESSION, session.expose()).await;
    assert!(matches!(consume, Err(Denied::Failed(Failure::WrongCall(Kind::SESSION)))));
    world.verify(Kind::SESSION, session.expose()).await.unwrap();
}

#[tokio::test]
async fn a_spent_token_says_so_until_it_expires() {
    let world = world();
    let token = world.log_in(RESET).await.token;
    world.tokens.consume(RESET, token.expose()).await.unwrap();
    world.advance(14 * MINUTE);
    assert_eq!(world.tokens.consume(RESET, token.expose()).await.rejected(), Rejected::Spent);
    world.advance(MINUTE);
    assert_eq!(world.tokens.consume(RESET, token.expose()).await.rejected(), Rejected::Expired);
}

#[tokio::test]
async fn a_reset_token_dies_with_the_password_that_it_was_made_for() {
    let world = world();
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let issue = world.tokens.issue(&login, RESET).stamp(Stamp::of("old hash"));
    let token = issue.await.unwrap().token;
    let candidate = world.tokens.look_up(RESET, token.expose()).await.unwrap();
    assert_eq!(candidate.subject(), Some(&alice()));
    let verdict = candidate.consume(Some(&Stamp::of("new hash"))).await.judged();
    assert_eq!(verdict.unwrap_err(), Rejected::StampMismatch);
}

#[tokio::test]
async fn a_consumer_who_does_not_know_whether_it_was_written_finds_out() {
    let world = world();
    let token = world.log_in(RESET).await.token;
    world.gate.unknown(Call::Replace);
    world.tokens.consume(RESET, token.expose()).await.unwrap();
    world.gate.up();
    assert_eq!(world.tokens.consume(RESET, token.expose()).await.rejected(), Rejected::Spent);
}
