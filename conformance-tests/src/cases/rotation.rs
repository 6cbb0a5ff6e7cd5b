//! Rotation over time: when it is due, what use extends, and what an honest client can rely on.

use super::prelude::*;
use crate::rng::Rng;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [D10] a_rotation_is_due_at_the_first_use_and_then_not_too_soon),
    case!(Any Quick [D10] an_unconfirmed_successor_rotates_late),
    case!(Any Quick [D10] the_request_that_confirms_does_not_rotate),
    case!(Any Quick [D11] retrying_extends_no_window),
    case!(Any Quick [D7] a_confirmation_from_the_far_future_counts_as_now),
    case!(Any Quick [D11] rotating_moves_no_absolute_expiry),
    case!(Any Quick [D5 D2] a_shorter_policy_works_at_once),
    case!(Any Quick [D16] an_honest_client_is_never_refused),
    case!(Any Quick [D16 D6] an_honest_client_may_lose_any_answer_until_it_is_confirmed),
    case!(Any Quick [D16] a_replay_outside_the_windows_is_always_caught),
    case!(untested [D14] policies_are_checked_when_built, "nothing of it reaches a store; core's own tests refuse each"),
];

async fn a_rotation_is_due_at_the_first_use_and_then_not_too_soon(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let first = log_in(&tokens, "alice", Kind::REMEMBER).await?;
    let second = rotate(&tokens, first.token.expose()).await?;
    clock.advance(SECOND);
    // Confirmed now: a rotation is due once more than twice the overlap has passed.
    for wait in [Duration::ZERO, SECOND * 60] {
        clock.advance(wait);
        let verdict = tokens.verify_and_rotate(Kind::REMEMBER, &second).await;
        let valid = accepted(D10, "the successor", verdict)?;
        hold(D10, valid.successor.is_none(), format_args!("a rotation {wait:?} after the confirmation"))?;
        same(D10, "the generation", &valid.generation(), &1)?;
    }
    clock.advance(MILLI);
    let third =
        successor(D10, "a rotation that is due", tokens.verify_and_rotate(Kind::REMEMBER, &second).await)?;
    hold(D10, third != second, "a rotation gave the token itself")
}

/// An unconfirmed successor is rotated only after the retry window and twice the overlap.
async fn an_unconfirmed_successor_rotates_late(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for (wait, due) in [(HOUR + MINUTE, false), (HOUR + MINUTE + MILLI, true)] {
        let (tokens, clock) = case.tokens(&store, |builder| builder.policy(one_hour()))?;
        let first = log_in(&tokens, "alice", Kind::REMEMBER).await?;
        let second = rotate(&tokens, first.token.expose()).await?;
        clock.advance(wait);
        let verdict = tokens.verify_and_rotate(Kind::REMEMBER, &second).await;
        let valid = accepted(D10, "a successor that was never presented", verdict)?;
        same(D10, format_args!("a rotation {wait:?} after the last"), &valid.successor.is_some(), &due)?;
    }
    Ok(())
}

/// The window stays open until the successor is confirmed. Rotating in the request that confirms it would break a
/// client with other requests under way.
async fn the_request_that_confirms_does_not_rotate(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let first = log_in(&tokens, "alice", Kind::REMEMBER).await?;
    let second = rotate(&tokens, first.token.expose()).await?;
    clock.advance(HOUR * 72);
    let verdict = tokens.verify_and_rotate(Kind::REMEMBER, &second).await;
    let valid = accepted(D10, "a successor that was never presented", verdict)?;
    hold(D10, valid.successor.is_none(), "the request that confirmed a successor rotated it too")?;
    clock.advance(MINUTE + MILLI);
    let verdict = tokens.verify_and_rotate(Kind::REMEMBER, &second).await;
    successor(D10, "a rotation that is due", verdict).map(drop)
}

async fn retrying_extends_no_window(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder.policy(one_hour()))?;
    let first = log_in(&tokens, "alice", Kind::REMEMBER).await?;
    let second = rotate(&tokens, first.token.expose()).await?;
    for _ in 0..59 {
        clock.advance(MINUTE);
        let verdict = tokens.verify_and_rotate(Kind::REMEMBER, first.token.expose()).await;
        let again = successor(D11, "a retry within the window", verdict)?;
        same_token(D11, "a retry got another successor", &again, &second)?;
    }
    clock.advance(MINUTE + MILLI);
    let verdict = tokens.verify_and_rotate(Kind::REMEMBER, first.token.expose()).await;
    rejected(D11, "the 60th retry, past the window", verdict, Rejected::Lapsed)
}

/// If a node whose clock is far ahead confirms a token, other nodes take that time as now, not as after the retry
/// window. They accept it as it is if it is at most 10 s ahead, the allowed skew.
async fn a_confirmation_from_the_far_future_counts_as_now(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for (ahead, good) in [(SECOND * 10, false), (SECOND * 10 + MILLI, true)] {
        let (tokens, clock) = case.tokens(&store, |builder| builder.policy(one_hour()))?;
        let first = log_in(&tokens, "alice", Kind::REMEMBER).await?;
        let first = first.token.expose();
        let second = rotate(&tokens, first).await?;
        clock.advance(HOUR + MILLI);
        let confirmed_at = tokens.now();
        accepted(D7, "the successor", tokens.verify(Kind::REMEMBER, &second).await)?;
        clock.set(confirmed_at.saturating_sub(ahead));
        let verdict = tokens.verify(Kind::REMEMBER, first).await;
        let what = format_args!("the predecessor, the confirmation {ahead:?} ahead").to_string();
        match good {
            true => drop(accepted(D7, what, verdict)?),
            false => rejected(D7, what, verdict, Rejected::Reused)?,
        }
    }
    Ok(())
}

async fn rotating_moves_no_absolute_expiry(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let first = log_in(&tokens, "alice", Kind::REMEMBER).await?;
    let (selector, expires_at) = (first.token.selector(), first.expires_at);
    let mut text = first.token.expose().to_owned();
    while tokens.now().saturating_add(HOUR * 24) < expires_at {
        clock.advance(HOUR * 23);
        text = rotate(&tokens, &text).await?;
        clock.advance(SECOND);
        accepted(D11, "the successor", tokens.verify(Kind::REMEMBER, &text).await)?;
        let record = store.find(selector).await?;
        let stored = record.as_ref().map(|record| record.expires_at);
        same(D11, "the absolute expiry after a rotation", &stored, &Some(expires_at))?;
        let capped = record.is_some_and(|record| record.purge_at <= expires_at);
        hold(D11, capped, "a rotation moved the purge time past the absolute expiry")?;
    }
    clock.set(expires_at);
    rejected(
        D11,
        "the newest token at the expiry",
        tokens.verify(Kind::REMEMBER, &text).await,
        Rejected::Expired,
    )
}

async fn a_shorter_policy_works_at_once(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    let issued = log_in(&tokens, "alice", Kind::SESSION).await?;
    let short = Policy::session().absolute(MINUTE * 10).idle(Some(MINUTE * 5));
    let (shorter, clock) = case.tokens(&store, |builder| builder.policy(short))?;
    clock.advance(MINUTE * 5 - MILLI);
    accepted(D5, "a token in time", shorter.verify(Kind::SESSION, issued.token.expose()).await)?;
    clock.advance(MINUTE * 5 - MILLI);
    accepted(D5, "a token in time", shorter.verify(Kind::SESSION, issued.token.expose()).await)?;
    clock.advance(MILLI * 2);
    let verdict = shorter.verify(Kind::SESSION, issued.token.expose()).await;
    rejected(D2, "a token past the shorter lifetime", verdict, Rejected::Expired)
}

/// One browser: it sends the token that it holds, and keeps the token that it receives unless the response is lost.
async fn an_honest_client_is_never_refused(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let mut rng = case.rng();
    for _ in 0..6 {
        let (tokens, clock) = case.tokens(&here, |builder| builder.policy(one_hour()))?;
        let (other, _) =
            case.tokens(&there, |builder| builder.policy(one_hour()).clock(std::sync::Arc::clone(&clock)))?;
        let mut held = log_in(&tokens, "alice", Kind::REMEMBER).await?.token.expose().to_owned();
        let mut lost_at = None;
        for _ in 0..60 {
            clock.advance(pause(&mut rng));
            // Several requests send the same cookie; their responses arrive within the overlap.
            let (sent, mut answers) = (held.clone(), Vec::new());
            for _ in 0..=rng.below(3) {
                clock.advance(MILLI * rng.below(9_000) as u32);
                let node: &Tokens = if rng.below(2) == 0 { &tokens } else { &other };
                let verdict = node.verify_and_rotate(Kind::REMEMBER, &sent).await;
                answers.push(accepted(D16, "an honest client", verdict)?.successor);
            }
            let may_lose = lost_at.is_none_or(|at| tokens.now().since(at) > HOUR + MINUTE * 2);
            if may_lose && rng.below(4) == 0 {
                lost_at = Some(tokens.now());
                // The client soon notices and repeats the request.
                clock.advance(SECOND * rng.below(600) as u32);
                let verdict = other.verify_and_rotate(Kind::REMEMBER, &held).await;
                answers = vec![accepted(D16, "an honest client that lost a response", verdict)?.successor];
            }
            if let Some(issued) = answers.into_iter().flatten().next() {
                held = issued.token.expose().to_owned();
            }
        }
    }
    Ok(())
}

/// One browser that loses every second response and pauses for hours in between.
async fn an_honest_client_may_lose_any_answer_until_it_is_confirmed(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let mut rng = case.rng();
    for _ in 0..4 {
        let (tokens, clock) = case.tokens(&here, |builder| builder)?;
        let (other, _) = case.tokens(&there, |builder| builder.clock(std::sync::Arc::clone(&clock)))?;
        let mut held = log_in(&tokens, "alice", Kind::REMEMBER).await?.token.expose().to_owned();
        for _ in 0..40 {
            clock.advance(pause(&mut rng));
            let node: &Tokens = if rng.below(2) == 0 { &tokens } else { &other };
            let verdict = node.verify_and_rotate(Kind::REMEMBER, &held).await;
            let valid = accepted(D16, "an honest client that lost answers", verdict)?;
            if let Some(issued) = valid.successor.filter(|_| rng.below(2) == 0) {
                held = issued.token.expose().to_owned();
            }
        }
    }
    Ok(())
}

/// Up to two hours, never long enough to expire within the test.
fn pause(rng: &mut Rng) -> Duration {
    [Duration::ZERO, SECOND * 5, SECOND * 61, MINUTE * 7, HOUR * 2][rng.below(5)]
        + MILLI * rng.below(999) as u32
}

async fn a_replay_outside_the_windows_is_always_caught(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut rng = case.rng();
    for _ in 0..12 {
        let (tokens, clock) = case.tokens(&store, |builder| builder)?;
        let mut texts = vec![log_in(&tokens, "alice", Kind::REMEMBER).await?.token.expose().to_owned()];
        for _ in 0..1 + rng.below(5) {
            let current = texts[texts.len() - 1].clone();
            texts.push(rotate(&tokens, &current).await?);
            clock.advance(SECOND * (1 + rng.below(60) as u32));
            accepted(D16, "the successor", tokens.verify(Kind::REMEMBER, &texts[texts.len() - 1]).await)?;
            clock.advance(MINUTE * (2 + rng.below(300) as u32));
        }
        let stolen = texts[rng.below(texts.len() - 1)].clone();
        let rotate = rng.below(2) == 0;
        let verdict = match rotate {
            true => tokens.verify_and_rotate(Kind::REMEMBER, &stolen).await,
            false => tokens.verify(Kind::REMEMBER, &stolen).await,
        };
        rejected(D9, "a replay outside the windows", verdict, Rejected::Reused)?;
        let good = is_good(&tokens, Kind::REMEMBER, &texts[texts.len() - 1]).await?;
        hold(D16, !good, "after a replay was caught the newest token is still good")?;
    }
    Ok(())
}
