//! Tests renewals under a flood of writes, in which no compare-and-swap wins.

use hallpass_core::{Authentication, Denied, Failure, Kind, Rejected, Renewed, Tokens, Valid};
use hallpass_test_store::Call;

use crate::fixture::{SECOND, World, alice, text};

/// A store in which every replace loses, as under a flood of writes, and an ending takes five seconds (S12).
async fn flooded() -> (World, Valid, Valid) {
    let (world, mine) = World::logged_in(Kind::SESSION).await;
    let owner = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let copy = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    world.gate.lose(Call::Replace);
    world.gate.slow_marks(5 * SECOND);
    (world, owner, copy)
}

/// Checks that no call has won: no token is handed out, and the login that was copied is ended (D12).
async fn assert_contended(tokens: &Tokens, answers: &[Result<Renewed, Denied>]) {
    for answer in answers {
        let lost = match answer {
            Err(Denied::Failed(failure)) => matches!(failure, Failure::Contended),
            // The other call has ended the login meanwhile.
            Err(Denied::Rejected(rejected)) => matches!(rejected, Rejected::Revoked(_)),
            Ok(_) => false,
        };
        assert!(lost, "{answers:?}");
    }
    assert!(answers.iter().any(|answer| matches!(answer, Err(Denied::Failed(_)))), "{answers:?}");
    let list = tokens.list(&alice(), &Default::default()).await.unwrap();
    assert!(list.logins.is_empty(), "{list:?}");
}

/// "Of concurrent calls at most one wins", and a call that does not win gets no token.
#[tokio::test(start_paused = true)]
async fn of_two_step_ups_under_a_flood_of_writes_none_makes_a_second_login() {
    let (world, owner, copy) = flooded().await;
    let tokens = &world.tokens;
    let how = || Authentication::new().level("aal2");
    let (one, two) =
        tokio::join!(tokens.authenticated_again(&owner, how()), tokens.authenticated_again(&copy, how()));
    assert_contended(tokens, &[one, two]).await;
}

/// The same for renewals that also end the rest of the subject.
#[tokio::test(start_paused = true)]
async fn of_two_renewals_under_a_flood_of_writes_none_makes_a_second_login() {
    let (world, owner, copy) = flooded().await;
    let tokens = &world.tokens;
    let (one, two) = tokio::join!(tokens.revoke_others(&owner), tokens.revoke_others(&copy));
    assert_contended(tokens, &[one, two]).await;
}
