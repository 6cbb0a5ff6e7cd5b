//! What a restart may undo: only touches and purges.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S10] what_is_due_is_collected_after_a_restart needs [Purge ProcessCrash]),
    case!(Any Quick [S10 S14] what_was_purged_is_gone_or_due_after_a_restart needs [Purge ProcessCrash]),
];

async fn what_is_due_is_collected_after_a_restart(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut due = record("alice");
    (due.expires_at, due.purge_at, due.idle_at) = (at(1), at(1), None);
    store.put(&due).await?;
    drop(store);
    let store = case.open().await?;
    same(S10, "due records purged after a restart", &store.collect(at(1), 9).await?, &1)?;
    hold(S10, store.find(due.selector).await?.is_none(), "a record that was purged is still there")
}

/// A purged record may be back (S14); then the next purge removes it.
async fn what_was_purged_is_gone_or_due_after_a_restart(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (mut due, stays) = (record("alice"), record("alice"));
    (due.expires_at, due.purge_at, due.idle_at) = (at(1), at(1), None);
    store.put_all(&[due.clone(), stays.clone()]).await?;
    same(S10, "due records purged", &store.collect(at(1), 9).await?, &1)?;
    drop(store);
    let store = case.open().await?;
    let back = store.find(due.selector).await?;
    let whole = back.as_ref().is_none_or(|back| *back == due);
    hold(S14, whole, format_args!("a purged record is back as a different one: {back:?}"))?;
    let again = u64::from(back.is_some());
    same(S10, "purged records removed again after a restart", &store.collect(at(1), 9).await?, &again)?;
    hold(S10, store.find(due.selector).await?.is_none(), "a record that was purged twice is still there")?;
    same(S14, "a record that is not due", &store.find(stays.selector).await?, &Some(stays))
}
