//! Tokens: which are recognised, which are rejected, and what the store keeps of them.

use std::num::NonZeroU32;

use base64ct::{Base64UrlUnpadded, Encoding};
use hallpass_core::{Denied, Failure, KeyId, Keyring, Kind, Rejected, Tokens};

use crate::case::{Case, case};
use crate::clause::Clause::{T1, T2, T3, T5, T7, T8};
use crate::context::CaseContext;
use crate::outcome::{CaseResult, Stop, hold, same};
use crate::service::{MINUTE, accepted, log_in, rejected, rotate, same_token, successor};
use crate::specimen::subject;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [T1] malformed_text_never_reaches_the_store),
    case!(Any Quick [T2] a_selector_with_a_foreign_validator_is_a_guess),
    case!(Any Quick [T2] every_former_token_is_known),
    case!(Any Quick [T3] nothing_stored_verifies),
    case!(Any Quick [T3] a_row_moved_to_another_owner_does_not_verify),
    case!(Any Quick [T3] a_key_that_is_unknown_is_no_verdict),
    case!(Any Quick [T5] every_client_with_a_predecessor_gets_one_successor),
    case!(Any Quick [T7] records_of_a_subject_share_a_shard),
    case!(Any Quick [T8] another_kind_is_as_good_as_absent),
    case!(Any Quick [T8] a_single_use_kind_is_only_consumed),
    case!(untested [T4] comparisons_take_constant_time, "nothing of it reaches a store; core compares digests with subtle"),
    case!(untested [T6] secrets_are_wiped_from_memory, "nothing of it reaches a store; core's types wipe themselves"),
];

fn ring(id: u32) -> CaseResult<(KeyId, Keyring)> {
    let id = KeyId(NonZeroU32::MIN.saturating_add(id - 1));
    let ring = Keyring::new(id, &[id.0.get() as u8; 32]);
    ring.map(|ring| (id, ring)).map_err(|error| Stop::Harness(error.to_string()))
}

async fn malformed_text_never_reaches_the_store(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    let issued = log_in(&tokens, "alice", Kind::SESSION).await?;
    let good = issued.token.expose().to_owned();
    let asked = case.history().len();
    let (selector, validator) = good.split_at(22);
    let mut bad = vec![String::new(), "x".into(), good[1..].into(), format!("{good} "), format!("{good}=")];
    bad.extend([good.replace('.', ":"), format!("{validator}{selector}"), "é".repeat(33), "A".repeat(66)]);
    // The last character of a selector has four unused bits, which must be zero.
    bad.push(format!("{}B{validator}", &selector[..21]));
    for text in bad {
        let verdict = tokens.verify(Kind::SESSION, &text).await;
        rejected(T1, "malformed text", verdict, Rejected::Malformed)?;
    }
    same(T1, "store calls for malformed text", &(case.history().len() - asked), &0)?;
    accepted(T1, "the token itself", tokens.verify(Kind::SESSION, &good).await).map(drop)
}

/// The selector of one token with the validator of another is rejected, and ends neither.
async fn a_selector_with_a_foreign_validator_is_a_guess(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    let alice = log_in(&tokens, "alice", Kind::SESSION).await?;
    let bob = log_in(&tokens, "bob", Kind::SESSION).await?;
    let mixed = format!("{}{}", &alice.token.expose()[..22], &bob.token.expose()[22..]);
    for _ in 0..3 {
        let verdict = tokens.verify(Kind::SESSION, &mixed).await;
        rejected(T2, "alice's selector with bob's validator", verdict, Rejected::Invalid)?;
        rejected(
            T2,
            "logging alice out with it",
            tokens.revoke(Kind::SESSION, &mixed).await,
            Rejected::Invalid,
        )?;
    }
    for issued in [alice, bob] {
        accepted(
            T2,
            "a token that was guessed at",
            tokens.verify(Kind::SESSION, issued.token.expose()).await,
        )?;
    }
    Ok(())
}

/// Each earlier token of a record is recognised as a replay.
async fn every_former_token_is_known(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for back in 1..=4 {
        let (tokens, clock) = case.tokens(&store, |builder| builder)?;
        let mut texts = vec![log_in(&tokens, "alice", Kind::REMEMBER).await?.token.expose().to_owned()];
        for _ in 0..4 {
            clock.advance(MINUTE * 5);
            let current = texts[texts.len() - 1].clone();
            accepted(T2, "the newest token", tokens.verify(Kind::REMEMBER, &current).await)?;
            clock.advance(MINUTE * 5);
            texts.push(rotate(&tokens, &current).await?);
        }
        let newest = texts[4].clone();
        accepted(T2, "the newest token", tokens.verify(Kind::REMEMBER, &newest).await)?;
        clock.advance(MINUTE * 5);
        let verdict = tokens.verify(Kind::REMEMBER, &texts[4 - back]).await;
        rejected(T2, format_args!("the token {back} generations back"), verdict, Rejected::Reused)?;
    }
    Ok(())
}

/// A stored record contains no part of a validator.
async fn nothing_stored_verifies(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    let first = log_in(&tokens, "alice", Kind::REMEMBER).await?;
    let second = rotate(&tokens, first.token.expose()).await?;
    let Some(record) = store.find(first.token.selector()).await? else {
        return hold(T3, false, "the rotated record is not there");
    };
    let stored = record.encode();
    for text in [first.token.expose(), &second] {
        let validator = &text[23..];
        let mut bytes = [0; 32];
        let decoded = Base64UrlUnpadded::decode(validator, &mut bytes).is_ok();
        hold(T3, decoded, "a validator is not base64url")?;
        for secret in [validator.as_bytes(), &bytes[..16], &bytes[16..]] {
            let leaks = stored.windows(secret.len()).any(|window| window == secret);
            hold(T3, !leaks, "the stored record contains part of a validator")?;
        }
    }
    Ok(())
}

async fn a_row_moved_to_another_owner_does_not_verify(case: CaseContext) -> CaseResult {
    let (store, thief) = (case.open().await?, case.open_named("_moved").await?);
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    let issued = log_in(&tokens, "alice", Kind::SESSION).await?;
    let Some(record) = store.find(issued.token.selector()).await? else {
        return hold(T3, false, "the issued record is not there");
    };
    let (moved, _) = case.tokens(&thief, |builder| builder)?;
    let record_shard = record.selector.shard();
    let (mut owner, mut kind, mut longer) = (record.clone(), record.clone(), record);
    // Another subject of the same shard: a store may refuse a row that breaks T7, which would prove nothing.
    let mut names = (0_u32..).map(|number| subject(&format!("bob {number}")));
    owner.subject = names.find(|name| name.shard() == record_shard);
    kind.kind = Kind::REMEMBER;
    longer.expires_at = longer.expires_at.saturating_add(MINUTE);
    for record in [owner, kind, longer] {
        thief.put(&record).await?;
        let verdict = moved.verify(record.kind, issued.token.expose()).await;
        hold(T3, verdict.is_err(), "a row that was moved to another owner, kind or lifetime verifies")?;
        thief.delete(record.selector).await?;
    }
    Ok(())
}

/// A record made with a key that this node lacks is a failure, not a rejection.
async fn a_key_that_is_unknown_is_no_verdict(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let ((_, old), (other, _)) = (ring(1)?, ring(2)?);
    let (keyed, _) = case.tokens(&store, |builder| builder.keyring(old))?;
    let issued = log_in(&keyed, "alice", Kind::SESSION).await?;
    let text = issued.token.expose();
    let stranger = Keyring::new(other, &[9; 32]).map_err(|error| Stop::Harness(error.to_string()))?;
    let (stranger, _) = case.tokens(&store, |builder| builder.keyring(stranger))?;
    let verdict = stranger.verify(Kind::SESSION, text).await;
    hold(
        T3,
        matches!(verdict, Err(Denied::Failed(Failure::UnknownKey(_)))),
        "verifying a digest of an unknown key gave a verdict",
    )?;
    let mixed =
        format!("{}{}", &text[..22], &log_in(&keyed, "bob", Kind::SESSION).await?.token.expose()[22..]);
    rejected(T3, "a guess under a key", keyed.verify(Kind::SESSION, &mixed).await, Rejected::Invalid)?;
    accepted(T3, "the token under its key", keyed.verify(Kind::SESSION, text).await).map(drop)
}

async fn every_client_with_a_predecessor_gets_one_successor(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    for keyed in [false, true] {
        let build = |store| -> CaseResult<Tokens> {
            let ring = ring(7)?.1;
            Ok(case.tokens(store, |builder| if keyed { builder.keyring(ring) } else { builder })?.0)
        };
        let nodes = [build(&here)?, build(&there)?];
        let first = log_in(&nodes[0], "alice", Kind::REMEMBER).await?;
        let expected = rotate(&nodes[0], first.token.expose()).await?;
        for node in [&nodes[1], &nodes[0], &nodes[1]] {
            let verdict = node.verify_and_rotate(Kind::REMEMBER, first.token.expose()).await;
            let got = successor(T5, "another holder of the predecessor", verdict)?;
            same_token(T5, "two holders of one predecessor got different successors", &got, &expected)?;
        }
        accepted(T5, "the successor", nodes[1].verify(Kind::REMEMBER, &expected).await)?;
    }
    Ok(())
}

async fn records_of_a_subject_share_a_shard(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    let mut selectors = Vec::new();
    for kind in [Kind::SESSION, Kind::REMEMBER, Kind::API_KEY, Kind::SESSION] {
        selectors.push(log_in(&tokens, "alice", kind).await?.token.selector());
    }
    for selector in &selectors {
        same(T7, "the shard of a record of alice's", &selector.shard(), &selectors[0].shard())?;
        let page = crate::specimen::page(9);
        let list = store.list_by_subject(&subject("alice"), &page).await?;
        hold(
            T7,
            list.iter().any(|record| record.selector == *selector),
            "a record is not in its subject's list",
        )?;
    }
    Ok(())
}

/// A token of another kind is rejected like an unknown one, and cannot log the login out.
async fn another_kind_is_as_good_as_absent(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    let session = log_in(&tokens, "alice", Kind::SESSION).await?;
    let once = log_in(&tokens, "alice", Kind::ONE_TIME).await?;
    for kind in [Kind::REMEMBER, Kind::REFRESH] {
        let verdict = tokens.verify(kind, session.token.expose()).await;
        rejected(T8, format_args!("a session presented as {kind}"), verdict, Rejected::Invalid)?;
        let verdict = tokens.revoke(kind, session.token.expose()).await;
        rejected(T8, format_args!("logging a session out as {kind}"), verdict, Rejected::Invalid)?;
    }
    let verdict = tokens.consume(Kind::ONE_TIME, session.token.expose()).await;
    rejected(T8, "a session presented as a one-time token", verdict, Rejected::Invalid)?;
    let verdict = tokens.verify(Kind::SESSION, once.token.expose()).await;
    rejected(T8, "a one-time token presented as a session", verdict, Rejected::Invalid)?;
    accepted(T8, "the session as a session", tokens.verify(Kind::SESSION, session.token.expose()).await)?;
    accepted(T8, "the one-time token", tokens.consume(Kind::ONE_TIME, once.token.expose()).await).map(drop)
}

/// `verify` refuses a single-use token, and `consume` refuses any other.
async fn a_single_use_kind_is_only_consumed(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    let once = log_in(&tokens, "alice", Kind::ONE_TIME).await?;
    let session = log_in(&tokens, "alice", Kind::SESSION).await?;
    let verdict = tokens.verify(Kind::ONE_TIME, once.token.expose()).await;
    hold(
        T8,
        matches!(verdict, Err(Denied::Failed(Failure::WrongCall(_)))),
        "verify gave a verdict on a single-use token",
    )?;
    let verdict = tokens.consume(Kind::SESSION, session.token.expose()).await;
    hold(
        T8,
        matches!(verdict, Err(Denied::Failed(Failure::WrongCall(_)))),
        "consume gave a verdict on a session",
    )?;
    accepted(T8, "the one-time token", tokens.consume(Kind::ONE_TIME, once.token.expose()).await).map(drop)
}
