//! What a store's `Debug` output and errors show.

use std::fmt::Debug;

use super::prelude::*;
use crate::secrets::shows;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S18] debug_output_shows_no_body),
    case!(Any Quick [T6 S18] debug_output_shows_no_token),
    case!(Any Quick [S18] errors_show_no_body),
];

/// Checks that `said` shows none of the secrets.
pub(super) fn keeps_quiet(who: &str, said: &str, secrets: &[&[u8]]) -> CaseResult {
    for secret in secrets {
        hold(S18, !shows(said, secret), format_args!("{who} shows data or digests"))?;
    }
    Ok(())
}

fn debugs(store: &dyn Debug) -> [String; 2] {
    [format!("{store:?}"), format!("{store:#?}")]
}

async fn debug_output_shows_no_body(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut stored: Vec<Record> = Vec::new();
    for number in 0..3 {
        let mut record = record("alice");
        record.body = body(format!("wholly confidential {number} ä").into_bytes());
        store.put(&record).await?;
        stored.push(record);
    }
    let newer = case.next(&stored[0]);
    store.swap(&newer, &stored[0]).await?;
    let middle = b"confidential";
    for said in debugs(store.store()) {
        keeps_quiet("the store's debug output", &said, &[middle, newer.body.as_bytes()])?;
    }
    Ok(())
}

async fn debug_output_shows_no_token(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    let first = log_in(&tokens, "alice", Kind::REMEMBER).await?;
    let second = rotate(&tokens, first.token.expose()).await?;
    let valid = accepted(T6, "the successor", tokens.verify(Kind::REMEMBER, &second).await)?;
    let candidate = accepted(T6, "the successor", tokens.look_up(Kind::REMEMBER, &second).await)?;
    let Some(record) = store.find(first.token.selector()).await? else {
        return hold(T6, false, "the record is not there");
    };
    let digests: Vec<&[u8]> = record.body.as_bytes().chunks_exact(16).collect();
    let said = [debugs(store.store()), debugs(&tokens), debugs(&valid), debugs(&candidate), debugs(&first)];
    for said in said.iter().flatten() {
        for text in [first.token.expose(), &second] {
            hold(T6, !said.contains(&text[23..]), "debug output shows a validator")?;
        }
        keeps_quiet("debug output", said, &digests)?;
    }
    Ok(())
}

async fn errors_show_no_body(case: CaseContext) -> CaseResult {
    let store = case.open().await?.bare();
    let mut bytes = b"wholly confidential".repeat(Body::MAX_LEN / 19);
    bytes.truncate(Body::MAX_LEN);
    let mut record = record("alice");
    record.body = body(bytes);
    // It does not matter what fails here, only what the error shows.
    let mut errors: Vec<StoreError> = Vec::new();
    let next = case.next(&record);
    for _ in 0..2 {
        errors.extend(store.insert(&record, Fence::None).await.err());
        errors.extend(store.replace(&next, record.revision).await.err());
        errors.extend(store.find(record.selector).await.err());
    }
    for error in errors {
        let said = format!("{error:?} {}", error_chain(&error));
        keeps_quiet("an error", &said, &[b"confidential"])?;
    }
    Ok(())
}
