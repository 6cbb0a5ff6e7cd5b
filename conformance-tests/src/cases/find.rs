//! Look-ups, and results that become outdated.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S3] an_unknown_selector_is_nothing_and_no_error),
    case!(Any Quick [S3] near_misses_never_match),
    case!(Any Quick [S3] selectors_of_odd_bytes_are_kept_apart),
    case!(Any Quick [S1 D2] what_has_expired_or_was_ended_is_found_all_the_same),
    case!(Any Quick [S1] reading_changes_nothing),
    case!(Any Quick [S6] another_handle_sees_each_write_at_once),
    case!(Any Quick [S6] a_question_that_is_asked_again_is_answered_anew),
];

async fn an_unknown_selector_is_nothing_and_no_error(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let unknown = record("alice").selector;
    hold(S3, store.find(unknown).await?.is_none(), "an empty store found a record")?;
    store.put(&record("alice")).await?;
    hold(S3, store.find(unknown).await?.is_none(), "a selector that was never stored was found")
}

async fn near_misses_never_match(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let record = record("alice");
    store.put(&record).await?;
    for bit in 0..128 {
        let mut near = record.selector;
        near.0[bit / 8] ^= 1 << (bit % 8);
        let found = store.find(near).await?;
        hold(S3, found.is_none(), format_args!("a selector that differs in bit {bit} was found"))?;
    }
    for kept in 1..16 {
        let mut near = Selector([0; 16]);
        near.0[..kept].copy_from_slice(&record.selector.0[..kept]);
        let found = if near == record.selector { None } else { store.find(near).await? };
        hold(S3, found.is_none(), format_args!("a selector that agrees in {kept} bytes only was found"))?;
    }
    same(S3, "the selector itself", &store.find(record.selector).await?, &Some(record))
}

async fn selectors_of_odd_bytes_are_kept_apart(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    // The last two are "AAAA…" and "aaaa…" in base64.
    let mut odd: Vec<[u8; 16]> = vec![[b'A'; 16], [b'a'; 16], [0xff; 16], [b' '; 16], [b'%'; 16], [b'*'; 16]];
    odd.extend([
        *b"a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        *b"a\0b\0\0\0\0\0\0\0\0\0\0\0\0\0",
        *b"'; drop table --",
    ]);
    let mut lower = [0x69, 0xa6, 0x9a].repeat(5);
    lower.push(0x68);
    odd.extend([[0; 16], lower.try_into().unwrap_or_default()]);
    let mut records = Vec::new();
    for selector in odd {
        let mut record = anonymous();
        record.selector = Selector(selector);
        store.put(&record).await?;
        records.push(record);
    }
    for record in records {
        let found = store.find(record.selector).await?;
        same(S3, format!("selector {}", record.selector), &found, &Some(record))?;
    }
    Ok(())
}

async fn what_has_expired_or_was_ended_is_found_all_the_same(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (mut old, mut over, mut ended, mut spent) = (record("a"), record("a"), record("a"), record("a"));
    let long_ago = Timestamp::from_millis(86_400_000);
    (old.created_at, old.updated_at, old.seen_at) = (Timestamp::MIN, Timestamp::MIN, Timestamp::MIN);
    (old.expires_at, old.purge_at, old.idle_at) = (long_ago, long_ago, Some(long_ago));
    (over.expires_at, over.purge_at, over.idle_at) = (NOW, NOW, Some(NOW));
    // Later than its own expiry: a native time to live must not become negative.
    ended.mark(Reason::LoggedOut, ended.expires_at.saturating_add(Duration::from_secs(1)));
    spent.mark(Reason::Spent, at(1));
    for record in [old, over, ended, spent] {
        store.put(&record).await?;
        same(S1, "a record that is no longer live", &store.find(record.selector).await?, &Some(record))?;
    }
    Ok(())
}

async fn reading_changes_nothing(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let record = record("alice");
    store.put(&record).await?;
    for _ in 0..3 {
        same(S1, "find", &store.find(record.selector).await?, &Some(record.clone()))?;
    }
    Ok(())
}

async fn another_handle_sees_each_write_at_once(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let mut record = record("alice");
    hold(S6, there.find(record.selector).await?.is_none(), "a record was found before its insert")?;
    here.put(&record).await?;
    same(S6, "the insert, on the other handle", &there.find(record.selector).await?, &Some(record.clone()))?;
    for round in 0..8 {
        let (writer, reader) = if round % 2 == 0 { (&there, &here) } else { (&here, &there) };
        let newer = case.next(&record);
        writer.swap(&newer, &record).await?;
        record = newer;
        let found = reader.find(record.selector).await?;
        same(S6, "the replace, on the other handle", &found, &Some(record.clone()))?;
    }
    here.delete(record.selector).await?;
    hold(S6, there.find(record.selector).await?.is_none(), "the other handle still finds a deleted record")
}

/// One handle makes a call, another one changes the data, and the first repeats exactly the same call.
async fn a_question_that_is_asked_again_is_answered_anew(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let (alice, all, keep) = (subject("alice"), RecordFilter::all(), Duration::from_secs(3_600));
    let set = |number: u8| EpochUpdate::Set { epoch: Epoch([number; 16]), now: NOW, keep };
    let (parent, child, login) = (record("alice"), record("alice"), record("alice"));
    let under = [(&login, Fence::Epoch(Epoch([1; 16]))), (&child, Fence::Parent(parent.selector))];
    let fenced = async |(record, fence): (&Record, Fence), expected| {
        let answer = here.insert(record, fence).await?;
        same(S6, format_args!("an insert before and after its fence was made: {fence:?}"), &answer, &expected)
    };
    fenced(under[0], Insert::Fenced).await?;
    there.epoch(&alice, Epoch([1; 16]), keep, NOW).await?;
    fenced(under[0], INSERTED).await?;
    here.delete(login.selector).await?;
    let next = case.next(&parent);
    let answer = here.replace(&next, parent.revision).await?;
    same(S6, "a replace before its record", &answer, &Replace::Missing)?;
    hold(S6, here.find(parent.selector).await?.is_none(), "a record was found before its insert")?;
    same(S6, "a delete before its record", &here.delete(parent.selector).await?, &false)?;
    same(S6, "a list before its records", &here.list_by_subject(&alice, &page(9)).await?, &vec![])?;
    fenced(under[1], Insert::Fenced).await?;
    there.put(&parent).await?;
    fenced(under[1], INSERTED).await?;
    same(S6, "the same find", &here.find(parent.selector).await?, &Some(parent.clone()))?;
    here.swap(&next, &parent).await?;
    let list = here.list_by_subject(&alice, &page(9)).await?;
    same(S6, "records that the same list shows", &list.len(), &2)?;
    let answer = here.insert(&child, Fence::None).await?;
    same(S6, "an insert of a selector that is taken", &answer, &Insert::Duplicate)?;
    there.delete(child.selector).await?;
    same(S6, "the same insert after a delete", &here.insert(&child, Fence::None).await?, &INSERTED)?;
    let read = here.epoch(&alice, Epoch([1; 16]), keep, NOW).await?;
    hold(S6, read == Epoch([1; 16]), "reading an epoch returned another one than the one created")?;
    let mark = Action::Mark { reason: Reason::LoggedOut, at: at(1) };
    there.revoke_by_subject(&alice, &all, mark, set(2)).await?;
    for (record, fence) in [(record("alice"), under[0].1), (record("alice"), under[1].1)] {
        let answer = here.insert(&record, fence).await?;
        same(S6, format_args!("an insert after its fence has gone: {fence:?}"), &answer, &Insert::Fenced)?;
    }
    let read = here.epoch(&alice, Epoch([1; 16]), keep, NOW).await?;
    hold(S6, read == Epoch([2; 16]), "reading an epoch returned the one before another handle set it")?;
    let count = here.revoke_by_subject(&alice, &all, mark, EpochUpdate::Keep).await?;
    same(S6, "records left to mark", &count, &0)?;
    there.put(&record("alice")).await?;
    let count = here.revoke_by_subject(&alice, &all, mark, EpochUpdate::Keep).await?;
    same(S6, "records that the same call marked after an insert", &count, &1)?;
    there.delete(parent.selector).await?;
    hold(S6, here.find(parent.selector).await?.is_none(), "a record is found that another handle deleted")?;
    let list = here.list_by_subject(&alice, &page(9)).await?;
    hold(S6, !ids(&list).contains(&parent.selector), "a record is listed that another handle deleted")
}
