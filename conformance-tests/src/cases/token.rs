//! Tokens: which are recognised, which are rejected, and what the store keeps of them.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [T1] malformed_text_never_reaches_the_store),
    case!(Any Quick [T2] every_former_token_is_known),
    case!(Any Quick [T5] every_client_with_a_predecessor_gets_one_successor),
    case!(untested [T3] nothing_stored_verifies, "a store has no part in it; core's own tests search what is stored"),
    case!(untested [T4] comparisons_take_constant_time, "nothing of it reaches a store; core compares digests with subtle"),
    case!(untested [T6] secrets_are_wiped_from_memory, "nothing of it reaches a store; core's types wipe themselves"),
    case!(untested [T7] records_of_a_subject_share_a_shard, "core makes the selectors, and its own tests compare them"),
    case!(untested [T8] another_kind_is_as_good_as_absent, "core compares the kinds, as its own tests show"),
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
