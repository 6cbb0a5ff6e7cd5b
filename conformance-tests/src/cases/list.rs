//! Listing the records of a subject.

use std::num::NonZeroU16;

use hallpass_core::{
    Action, EpochUpdate, Kind, Kinds, LoginId, Page, Reason, Record, RecordFilter, Selector, Subject,
    Timestamp,
};

use crate::case::{Case, case};
use crate::clause::Clause::{S9, S10};
use crate::handle::Handle;
use crate::outcome::{Ran, hold, same};
use crate::specimen::{NOW, anonymous, at, ids, page, record, subject};
use crate::stage::Stage;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S9] newest_first_then_the_larger_selector),
    case!(Any Quick [S9] pages_cover_each_record_once),
    case!(Any Quick [S9] a_page_of_some_kinds_is_short_only_at_the_end),
    case!(Any Quick [S9] marked_and_expired_records_are_listed),
    case!(Any Quick [S9] a_page_begins_after_a_record_that_has_gone),
    case!(Any Quick [S9] what_is_gone_is_not_listed),
    case!(Any Quick [S9] only_the_subjects_own_records_are_listed),
    case!(Any Quick [S9] a_thousand_devices_are_paged),
    case!(Any Quick [S9 S10] what_was_purged_is_not_listed needs [Purge]),
];

/// `count` records of `name`, some issued at the same instant.
fn devices(name: &str, count: u16) -> Vec<Record> {
    let template = record(name);
    let numbered = |number: u16| {
        let mut record = template.clone();
        record.selector.0[14..].copy_from_slice(&number.wrapping_mul(31).to_be_bytes());
        record.login = LoginId(u64::from(number).to_be_bytes());
        record.created_at = at(u64::from(number / 3 * 7 % 40));
        record
    };
    (0..count).map(numbered).collect()
}

/// In the order of a list.
fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at, record.selector)));
    records
}

async fn put_all(store: &Handle, records: &[Record]) -> Ran {
    for record in records {
        store.put(record).await?;
    }
    Ok(())
}

/// Every page from first to last.
async fn pages(store: &Handle, of: &Subject, kinds: Kinds, limit: u16) -> Ran<Vec<Record>> {
    let limit = NonZeroU16::new(limit).unwrap_or(NonZeroU16::MIN);
    let mut page = Page { kinds, ..Page::first(limit) };
    let mut all: Vec<Record> = Vec::new();
    loop {
        let records = store.list_by_subject(of, &page).await?;
        hold(S9, records.len() <= usize::from(limit.get()), "a page is longer than its limit")?;
        let last = records.len() < usize::from(limit.get());
        page.after = records.last().map(|last| (last.created_at, last.selector));
        all.extend(records);
        hold(S9, all.len() < 20_000, "the pages have no end")?;
        if last {
            return Ok(all);
        }
    }
}

async fn newest_first_then_the_larger_selector(stage: Stage) -> Ran {
    let store = stage.open().await?;
    let mut records = devices("alice", 20);
    (records[0].created_at, records[1].created_at) = (Timestamp::MIN, Timestamp::MAX);
    put_all(&store, &records).await?;
    let list = store.list_by_subject(&subject("alice"), &page(100)).await?;
    same(S9, "the order of the list", &ids(&list), &ids(&sorted(records.clone())))?;
    same(S9, "the records of the list", &list, &sorted(records))
}

async fn pages_cover_each_record_once(stage: Stage) -> Ran {
    let store = stage.open().await?;
    let records = devices("alice", 24);
    put_all(&store, &records).await?;
    let expected = ids(&sorted(records));
    for limit in [1, 2, 3, 5, 8, 23, 24, 25] {
        let all = pages(&store, &subject("alice"), Kinds::Any, limit).await?;
        same(S9, format_args!("24 records in pages of {limit}"), &ids(&all), &expected)?;
    }
    Ok(())
}

async fn a_page_of_some_kinds_is_short_only_at_the_end(stage: Stage) -> Ran {
    let store = stage.open().await?;
    let mut records = devices("alice", 30);
    for (number, record) in records.iter_mut().enumerate() {
        record.kind = [Kind::SESSION, Kind::REMEMBER, Kind::REFRESH][number * number % 3];
    }
    put_all(&store, &records).await?;
    let choices = [
        vec![],
        vec![Kind::REMEMBER],
        vec![Kind::SESSION, Kind::REMEMBER],
        vec![Kind::from_static("remembe")],
    ];
    for kinds in choices {
        let of_kind = records.iter().filter(|record| kinds.contains(&record.kind)).cloned().collect();
        let all = pages(&store, &subject("alice"), Kinds::Only(kinds.clone()), 4).await?;
        same(S9, format_args!("the records of {kinds:?}"), &ids(&all), &ids(&sorted(of_kind)))?;
    }
    Ok(())
}

async fn marked_and_expired_records_are_listed(stage: Stage) -> Ran {
    let store = stage.open().await?;
    let mut records = devices("alice", 4);
    (records[1].expires_at, records[1].purge_at, records[1].idle_at) = (NOW, NOW, Some(NOW));
    (records[2].idle_at, records[2].purge_at) = (Some(Timestamp::MIN), Timestamp::MIN);
    put_all(&store, &records).await?;
    let which = RecordFilter::login(records[3].login);
    let action = Action::Mark { reason: Reason::Administrative, at: at(9) };
    let count = store.revoke_by_subject(&subject("alice"), &which, action, EpochUpdate::Keep).await?;
    same(S9, "how many were marked", &count, &1)?;
    records[3].mark(Reason::Administrative, at(9));
    let list = store.list_by_subject(&subject("alice"), &page(100)).await?;
    same(S9, "a list of live, expired, idle and marked records", &list, &sorted(records))
}

async fn a_page_begins_after_a_record_that_has_gone(stage: Stage) -> Ran {
    let store = stage.open().await?;
    let records = sorted(devices("alice", 9));
    put_all(&store, &records).await?;
    store.delete(records[3].selector).await?;
    let after = |at: Timestamp, selector: Selector| Page { after: Some((at, selector)), ..page(100) };
    let gone = &records[3];
    let rest = store.list_by_subject(&subject("alice"), &after(gone.created_at, gone.selector)).await?;
    same(S9, "the page after a deleted record", &ids(&rest), &ids(&records[4..]))?;
    let top = store.list_by_subject(&subject("alice"), &after(Timestamp::MAX, Selector([0xff; 16]))).await?;
    same(S9, "the page after the largest place", &top.len(), &8)?;
    let end = store.list_by_subject(&subject("alice"), &after(Timestamp::MIN, Selector([0; 16]))).await?;
    same(S9, "the page after the smallest place", &ids(&end), &vec![])
}

async fn what_is_gone_is_not_listed(stage: Stage) -> Ran {
    let store = stage.open().await?;
    let records = sorted(devices("alice", 6));
    put_all(&store, &records).await?;
    store.delete(records[1].selector).await?;
    let which = RecordFilter::login(records[4].login);
    store.revoke_by_subject(&subject("alice"), &which, Action::Remove, EpochUpdate::Keep).await?;
    let mut left = records.clone();
    left.remove(4);
    left.remove(1);
    let all = pages(&store, &subject("alice"), Kinds::Any, 2).await?;
    same(S9, "the list after a delete and a revocation", &ids(&all), &ids(&left))
}

async fn only_the_subjects_own_records_are_listed(stage: Stage) -> Ran {
    let store = stage.open().await?;
    let names = ["al", "alice", "alice2", "Alice", "alice "];
    let records: Vec<_> = names.iter().map(|name| record(name)).collect();
    put_all(&store, &records).await?;
    store.put(&anonymous()).await?;
    for (name, record) in names.iter().zip(&records) {
        let list = store.list_by_subject(&subject(name), &page(100)).await?;
        same(S9, format_args!("the list of {name:?}"), &ids(&list), &vec![record.selector])?;
    }
    for name in ["a", "alic", "alice3", "nobody"] {
        let list = store.list_by_subject(&subject(name), &page(100)).await?;
        same(S9, format_args!("the list of {name:?}, who has nothing"), &ids(&list), &vec![])?;
    }
    Ok(())
}

async fn a_thousand_devices_are_paged(stage: Stage) -> Ran {
    let store = stage.open().await?;
    let records = devices("alice", 1_100);
    put_all(&store, &records).await?;
    let expected = ids(&sorted(records));
    for limit in [256, 1_000, u16::MAX] {
        let all = pages(&store, &subject("alice"), Kinds::Any, limit).await?;
        hold(
            S9,
            ids(&all) == expected,
            format_args!("1,100 records in pages of {limit} came as {}", all.len()),
        )?;
    }
    Ok(())
}

async fn what_was_purged_is_not_listed(stage: Stage) -> Ran {
    let store = stage.open().await?;
    let mut records = sorted(devices("alice", 4));
    (records[1].purge_at, records[2].purge_at) = (at(5), at(5));
    put_all(&store, &records).await?;
    let purged = store.purge_expired(at(5), 100).await?;
    same(S10, "how many were purged", &purged.removed, &2)?;
    let list = store.list_by_subject(&subject("alice"), &page(100)).await?;
    same(S9, "the list after a purge", &ids(&list), &vec![records[0].selector, records[3].selector])
}
