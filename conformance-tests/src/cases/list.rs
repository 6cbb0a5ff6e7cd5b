//! Lists of a subject's records.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S9] newest_first_then_the_larger_selector),
    case!(Any Quick [S9] pages_cover_each_record_once),
    case!(Any Quick [S9] a_page_of_some_kinds_is_short_only_at_the_end),
    case!(Any Quick [S9] kinds_and_purposes_are_conditions_that_both_hold),
    case!(Any Quick [S9] what_expired_long_ago_is_listed),
    case!(Any Quick [S9 S8] a_megabyte_and_a_half_of_records_is_listed_and_ended),
    case!(Damage Quick [S9 S8 S18] a_damaged_row_hides_no_other),
    case!(Any Quick [S9] marked_and_expired_records_are_listed),
    case!(Any Quick [S9] a_page_begins_after_a_record_that_has_gone),
    case!(Any Quick [S9] what_is_gone_is_not_listed),
    case!(Any Quick [S9] only_the_subjects_own_records_are_listed),
    case!(Any Quick [S9] a_thousand_devices_are_paged),
    case!(Any Quick [S9 S10] what_was_purged_is_not_listed needs [Purge]),
];

/// `count` records of `name`, some of them issued at the same instant.
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

/// Sorts records in the order of a list.
fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at, record.selector)));
    records
}

/// Reads every page, from first to last.
async fn pages(store: &Handle, of: &Subject, kinds: Kinds, limit: u16) -> CaseResult<Vec<Record>> {
    let limit = NonZeroU16::new(limit).unwrap_or(NonZeroU16::MIN);
    let mut page = Page { kinds, ..Page::first(limit) };
    let mut all: Vec<Record> = Vec::new();
    loop {
        let records = store.list_by_subject(of, &page).await?;
        hold(S9, records.len() <= usize::from(limit.get()), "a page is longer than its limit")?;
        let last = records.len() < usize::from(limit.get());
        page.after = records.last().map(|last| (last.created_at, last.selector));
        all.extend(records);
        hold(S9, all.len() < 5_000, "the pages never end")?;
        if last {
            return Ok(all);
        }
    }
}

async fn newest_first_then_the_larger_selector(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut records = devices("alice", 20);
    (records[0].created_at, records[1].created_at) = (Timestamp::MIN, Timestamp::MAX);
    store.put_all(&records).await?;
    let list = store.list_by_subject(&subject("alice"), &page(100)).await?;
    same(S9, "the order of the list", &ids(&list), &ids(&sorted(records.clone())))?;
    same(S9, "the records of the list", &list, &sorted(records))
}

async fn pages_cover_each_record_once(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let records = devices("alice", 24);
    store.put_all(&records).await?;
    let expected = ids(&sorted(records));
    for limit in [1, 2, 3, 5, 8, 23, 24, 25] {
        let all = pages(&store, &subject("alice"), Kinds::Any, limit).await?;
        same(S9, format_args!("24 records in pages of {limit}"), &ids(&all), &expected)?;
    }
    Ok(())
}

async fn a_page_of_some_kinds_is_short_only_at_the_end(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut records = devices("alice", 30);
    for (number, record) in records.iter_mut().enumerate() {
        record.kind = [Kind::SESSION, Kind::REMEMBER, Kind::REFRESH][number * number % 3];
    }
    store.put_all(&records).await?;
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

async fn marked_and_expired_records_are_listed(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut records = devices("alice", 4);
    (records[1].expires_at, records[1].purge_at, records[1].idle_at) = (NOW, NOW, Some(NOW));
    (records[2].idle_at, records[2].purge_at) = (Some(Timestamp::MIN), Timestamp::MIN);
    store.put_all(&records).await?;
    let which = RecordFilter::login(records[3].login);
    let action = Action::Mark { reason: Reason::Administrative, at: at(9) };
    let count = store.revoke_by_subject(&subject("alice"), &which, action, EpochUpdate::Keep).await?;
    same(S9, "records marked", &count, &1)?;
    records[3].mark(Reason::Administrative, at(9));
    let list = store.list_by_subject(&subject("alice"), &page(100)).await?;
    same(S9, "a list of live, expired, idle and marked records", &list, &sorted(records))
}

async fn a_page_begins_after_a_record_that_has_gone(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let records = sorted(devices("alice", 9));
    store.put_all(&records).await?;
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

async fn what_is_gone_is_not_listed(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let records = sorted(devices("alice", 6));
    store.put_all(&records).await?;
    store.delete(records[1].selector).await?;
    let which = RecordFilter::login(records[4].login);
    store.revoke_by_subject(&subject("alice"), &which, Action::Remove, EpochUpdate::Keep).await?;
    let mut left = records.clone();
    left.remove(4);
    left.remove(1);
    let all = pages(&store, &subject("alice"), Kinds::Any, 2).await?;
    same(S9, "the list after a delete and a revocation", &ids(&all), &ids(&left))
}

async fn only_the_subjects_own_records_are_listed(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let names = ["al", "alice", "alice2", "Alice", "alice "];
    let records: Vec<_> = names.iter().map(|name| record(name)).collect();
    store.put_all(&records).await?;
    store.put(&anonymous()).await?;
    for (name, record) in names.iter().zip(&records) {
        let list = store.list_by_subject(&subject(name), &page(100)).await?;
        same(S9, format_args!("the list of {name:?}"), &ids(&list), &vec![record.selector])?;
    }
    for name in ["a", "alic", "alice3", "carol"] {
        let list = store.list_by_subject(&subject(name), &page(100)).await?;
        same(S9, format_args!("the list of {name:?}, which has nothing"), &ids(&list), &vec![])?;
    }
    Ok(())
}

async fn a_thousand_devices_are_paged(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let records = devices("alice", 1_100);
    store.put_all(&records).await?;
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

async fn what_was_purged_is_not_listed(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut records = sorted(devices("alice", 4));
    for due in &mut records[1..3] {
        (due.idle_at, due.purge_at) = (Some(at(5)), at(5));
    }
    store.put_all(&records).await?;
    same(S10, "records purged", &store.collect(at(5), 100).await?, &2)?;
    let list = store.list_by_subject(&subject("alice"), &page(100)).await?;
    same(S9, "the list after a purge", &ids(&list), &vec![records[0].selector, records[3].selector])
}

async fn kinds_and_purposes_are_conditions_that_both_hold(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut records = devices("alice", 24);
    let kinds = [Kind::SESSION, Kind::REMEMBER, Kind::API_KEY, Kind::REFRESH];
    for (number, record) in records.iter_mut().enumerate() {
        // A kind may have had another purpose earlier.
        (record.kind, record.purpose) = (kinds[number % 4], Purpose::ALL[number / 4 % 3]);
    }
    store.put_all(&records).await?;
    let twice = Kinds::Only(vec![Kind::SESSION, Kind::REFRESH, Kind::SESSION, Kind::SESSION]);
    for kinds in [Kinds::Any, Kind::API_KEY.into(), twice, Kinds::Only(vec![])] {
        for purposes in [
            Purposes::ALL,
            Purposes::NOT_KEYS,
            Purpose::Device.into(),
            Purpose::Key.into(),
            Purpose::SingleUse.into(),
            Purposes::of(&[]),
        ] {
            let mut page = Page { kinds: kinds.clone(), purposes, ..page(5) };
            let mut found = Vec::new();
            loop {
                let records = store.list_by_subject(&subject("alice"), &page).await?;
                found.extend(ids(&records));
                page.after = records.last().map(|last| (last.created_at, last.selector));
                if records.len() < 5 {
                    break;
                }
                hold(S9, found.len() < 100, "the pages never end")?;
            }
            let shown = records.iter().filter(|record| page.shows(&record.kind, record.purpose));
            let expected = ids(&sorted(shown.cloned().collect()));
            let what: Vec<_> = purposes.iter().collect();
            same(S9, format_args!("the records of {kinds:?} for {what:?}"), &found, &expected)?;
        }
    }
    Ok(())
}

async fn what_expired_long_ago_is_listed(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let records = [expired_long_ago("alice"), record("alice")];
    store.put_all(&records).await?;
    let list = store.list_by_subject(&subject("alice"), &page(9)).await?;
    same(S9, "a list with a record that expired in 1970", &list, &sorted(records.to_vec()))
}

async fn a_megabyte_and_a_half_of_records_is_listed_and_ended(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut records = devices("alice", 100);
    for record in &mut records {
        record.body = body(vec![0xa5; Body::MAX_LEN]);
    }
    store.put_all(&records).await?;
    let list = store.list_by_subject(&subject("alice"), &page(u16::MAX)).await?;
    same(S9, "of 100 large records, those on one page", &list.len(), &100)?;
    let all = RecordFilter::all();
    for action in [Action::Mark { reason: Reason::LoggedOut, at: at(9) }, Action::Remove] {
        let count = store.revoke_by_subject(&subject("alice"), &all, action, EpochUpdate::Keep).await?;
        same(S8, format_args!("of 100 large records, those ended: {action:?}"), &count, &100)?;
    }
    let list = store.list_by_subject(&subject("alice"), &page(u16::MAX)).await?;
    same(S8, "records left", &list.len(), &0)
}

async fn a_damaged_row_hides_no_other(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let records = sorted(devices("alice", 5));
    store.put_all(&records).await?;
    let damaged = &records[2];
    case.damage(damaged.selector).await?;
    let found = store.find(damaged.selector).await;
    let corrupt = matches!(found, Err(StoreError::Corrupt { .. }));
    hold(S9, corrupt, format_args!("find of a damaged row returned {found:?}"))?;
    for limit in [1, 2, 5, 9] {
        let mut page = page(limit);
        let mut found = Vec::new();
        loop {
            let entries = store.watched().list_by_subject(&subject("alice"), &page).await?;
            for entry in &entries {
                if let Listed::Corrupt { source, .. } = entry {
                    let said = format!("{source:?} {source}");
                    hold(S18, !said.contains("basket"), "the source of a damaged row shows its data")?;
                }
            }
            page.after = entries.last().map(Listed::place);
            let short = entries.len() < usize::from(limit);
            found.extend(entries.into_iter().map(|entry| (entry.place(), entry.record())));
            if short {
                break;
            }
            hold(S9, found.len() < 100, "the pages never end")?;
        }
        let expected: Vec<_> = records
            .iter()
            .map(|record| {
                let whole = (record.selector != damaged.selector).then(|| record.clone());
                ((record.created_at, record.selector), whole)
            })
            .collect();
        same(S9, format_args!("a list with a damaged row, in pages of {limit}"), &found, &expected)?;
    }
    // The other records are ended; the store may or may not count the damaged one.
    let (all, alice) = (RecordFilter::all(), subject("alice"));
    let mark = Action::Mark { reason: Reason::LoggedOut, at: at(9) };
    let _ = store.revoke_by_subject(&alice, &all, mark, EpochUpdate::Keep).await?;
    for record in records.iter().filter(|record| record.selector != damaged.selector) {
        let found = store.find(record.selector).await?;
        let marked = found.is_some_and(|found| found.revoked == Some(Reason::LoggedOut));
        hold(S8, marked, "a damaged row saved another record from a log-out")?;
    }
    same(S9, "delete of a damaged row", &store.delete(damaged.selector).await?, &true)?;
    let list = store.list_by_subject(&alice, &page(9)).await?;
    same(S9, "records listed without the damaged row", &list.len(), &4)
}
