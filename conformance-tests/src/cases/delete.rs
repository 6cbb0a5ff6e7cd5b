//! Deleting.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S7] a_deleted_record_is_gone_and_delete_says_whether_it_was_there),
    case!(Any Quick [S7] what_expired_or_was_ended_is_deleted_like_any_other),
    case!(Any Quick [S7] deleting_one_record_leaves_its_neighbours),
    case!(Any Quick [S2] a_freed_selector_can_be_taken_again),
];

async fn a_deleted_record_is_gone_and_delete_says_whether_it_was_there(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let record = record("alice");
    same(S7, "delete before the insert", &store.delete(record.selector).await?, &false)?;
    store.put(&record).await?;
    same(S7, "the first delete", &store.delete(record.selector).await?, &true)?;
    hold(S7, store.find(record.selector).await?.is_none(), "a deleted record is still found")?;
    same(S7, "the second delete", &store.delete(record.selector).await?, &false)?;
    hold(S7, store.find(record.selector).await?.is_none(), "a second delete brought the record back")
}

async fn deleting_one_record_leaves_its_neighbours(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (gone, mut near) = (record("alice"), record("alice"));
    near.selector = gone.selector;
    near.selector.0[15] ^= 1;
    store.put(&gone).await?;
    store.put(&near).await?;
    same(S7, "delete", &store.delete(gone.selector).await?, &true)?;
    same(S7, "the record whose selector differs in one bit", &store.find(near.selector).await?, &Some(near))
}

async fn a_freed_selector_can_be_taken_again(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (old, mut new) = (record("alice"), record("alice"));
    new.selector = old.selector;
    store.put(&old).await?;
    same(S7, "delete", &store.delete(old.selector).await?, &true)?;
    same(S2, "insert after a delete", &store.insert(&new, Fence::None).await?, &INSERTED)?;
    same(S2, "what was inserted after a delete", &store.find(new.selector).await?, &Some(new))
}

async fn what_expired_or_was_ended_is_deleted_like_any_other(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (expired, mut ended) = (expired_long_ago("alice"), record("alice"));
    ended.mark(Reason::LoggedOut, at(1));
    for record in [expired, ended] {
        store.put(&record).await?;
        same(S7, "delete of a record that is not live", &store.delete(record.selector).await?, &true)?;
        hold(S7, store.find(record.selector).await?.is_none(), "a deleted record is still found")?;
    }
    Ok(())
}
