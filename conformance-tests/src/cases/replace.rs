//! Replaces: compare-and-swap on the revision.

use super::prelude::*;
use crate::rng::Rng;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S1] what_was_replaced_is_found_byte_for_byte),
    case!(Any Quick [S1] a_write_by_an_earlier_clock_counts),
    case!(Any Quick [S4] replacing_what_is_not_there_creates_nothing),
    case!(Any Quick [S4] a_deleted_record_never_comes_back),
    case!(Any Quick [S1 S6] a_touch_is_seen_like_any_other_replace),
    case!(Any Quick [S5] another_revision_is_a_conflict_and_changes_nothing),
    case!(Any Quick [S5 S8] high_revisions_are_counted_exactly),
    case!(Any Quick [S5 S7 S8 S9] the_largest_revision_is_the_last),
    case!(Any Quick [S4] what_expired_long_ago_is_replaced_like_any_other),
    case!(Any Quick [S1] an_idle_expiry_at_the_beginning_of_time_is_one),
    case!(Any Quick [S4] a_marked_record_conflicts_with_every_replace),
    case!(Any Quick [S4 S5] a_spent_record_conflicts_with_every_replace),
    case!(Any Quick [S5] equal_but_for_one_column_is_still_another_caller),
    case!(Any Quick [S9] a_replaced_record_stays_in_the_list_once),
    case!(Any Quick [S10] a_moved_purge_time_counts_and_the_old_one_does_not needs [Purge]),
];

async fn what_was_replaced_is_found_byte_for_byte(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut old = record("alice");
    store.put(&old).await?;
    let changes: [fn(&mut Record); 7] = [
        |record| record.body = body(vec![0xfe; Body::MAX_LEN]),
        |record| record.body = body(Vec::new()),
        |record| (record.idle_at, record.purge_at) = (None, record.expires_at),
        |record| (record.idle_at, record.purge_at) = (Some(at(7)), at(9)),
        |record| (record.seen_at, record.updated_at) = (at(3_600_000), at(3_600_000)),
        |record| record.generation = u32::MAX,
        |record| record.device = Device::default(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut new = case.next(&old);
        change(&mut new);
        store.swap(&new, &old).await?;
        let found = store.find(new.selector).await?;
        same(S1, format_args!("replace number {number}"), &found, &Some(new.clone()))?;
        old = new;
    }
    Ok(())
}

/// A replace succeeds although its times are earlier than those of the record.
async fn a_write_by_an_earlier_clock_counts(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let old = record("alice");
    store.put(&old).await?;
    let mut new = case.next(&old);
    // The clocks of nodes differ: revisions order the writes, not times.
    (new.updated_at, new.seen_at) = (ago(9_000), ago(9_000));
    store.swap(&new, &old).await?;
    let found = store.find(new.selector).await?;
    same(S1, "a replace whose times are earlier than the record's", &found, &Some(new))
}

async fn a_touch_is_seen_like_any_other_replace(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let old = record("alice");
    here.put(&old).await?;
    let mut touched = case.next(&old);
    (touched.seen_at, touched.updated_at) = (at(60_000), at(60_000));
    (touched.idle_at, touched.purge_at) = (Some(at(120_000)), at(180_000));
    let mut answer = here.touch(&touched, old.revision).await?;
    // The conflict may be spurious (S5), but not every time.
    for _ in 0..16 {
        if answer != Replace::Conflict {
            break;
        }
        answer = here.touch(&touched, old.revision).await?;
    }
    same(S1, "a touch of the current revision", &answer, &Replace::Replaced)?;
    for store in [&here, &there] {
        same(S6, "a touched record", &store.find(old.selector).await?, &Some(touched.clone()))?;
    }
    let again = case.next(&old);
    let answer = there.touch(&again, old.revision).await?;
    same(S6, "a touch of the revision before", &answer, &Replace::Conflict)?;
    let gone = case.next(&record("alice"));
    let answer = here.touch(&gone, gone.revision).await?;
    same(S4, "a touch of a record that is not there", &answer, &Replace::Missing)
}

async fn replacing_what_is_not_there_creates_nothing(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let record = record("alice");
    let next = case.next(&record);
    let answer = store.replace(&next, record.revision).await?;
    same(S4, "replace of a record that was never there", &answer, &Replace::Missing)?;
    hold(S4, store.find(record.selector).await?.is_none(), "replace created a record")?;
    let list = store.list_by_subject(&subject("alice"), &page(9)).await?;
    same(S4, "the list after a replace of nothing", &ids(&list), &vec![])
}

async fn a_deleted_record_never_comes_back(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for by_subject in [false, true] {
        let record = record("alice");
        store.put(&record).await?;
        if by_subject {
            store
                .revoke_by_subject(&subject("alice"), &RecordFilter::all(), Action::Remove, EpochUpdate::Keep)
                .await?;
        } else {
            store.delete(record.selector).await?;
        }
        let next = case.next(&record);
        let answer = store.replace(&next, record.revision).await?;
        same(S4, "replace of a deleted record", &answer, &Replace::Missing)?;
        hold(S4, store.find(record.selector).await?.is_none(), "replace brought a deleted record back")?;
        let list = store.list_by_subject(&subject("alice"), &page(9)).await?;
        same(S4, "the list after that", &ids(&list), &vec![])?;
    }
    Ok(())
}

async fn another_revision_is_a_conflict_and_changes_nothing(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut record = record("alice");
    record.revision = Revision::new(5).unwrap_or(Revision::FIRST);
    store.put(&record).await?;
    for wrong in [1, 4, 6, 7, Revision::MAX.get() - 1] {
        let expected = Revision::new(wrong).unwrap_or(Revision::FIRST);
        let mut next = case.next(&record);
        next.revision = expected.next();
        let answer = store.replace(&next, expected).await?;
        same(S5, format_args!("replace at revision {wrong} of one at 5"), &answer, &Replace::Conflict)?;
        same(
            S5,
            "the record after the conflict",
            &store.find(record.selector).await?,
            &Some(record.clone()),
        )?;
    }
    let newer = case.next(&record);
    store.swap(&newer, &record).await?;
    let again = case.next(&record);
    let answer = store.replace(&again, record.revision).await?;
    same(S5, "a second replace of the same revision", &answer, &Replace::Conflict)?;
    same(S5, "the record of the first", &store.find(record.selector).await?, &Some(newer))
}

async fn a_marked_record_conflicts_with_every_replace(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let record = record("alice");
    store.put(&record).await?;
    let action = Action::Mark { reason: Reason::LoggedOutElsewhere, at: at(5) };
    store.revoke_by_subject(&subject("alice"), &RecordFilter::all(), action, EpochUpdate::Keep).await?;
    let mut marked = record.clone();
    marked.mark(Reason::LoggedOutElsewhere, at(5));
    for expected in [record.revision, marked.revision, marked.revision.next()] {
        let mut next = case.next(&record);
        (next.revision, next.revoked) = (expected.next(), None);
        let answer = store.replace(&next, expected).await?;
        same(S4, format_args!("replace of a marked record at {expected:?}"), &answer, &Replace::Conflict)?;
        same(S4, "the marked record", &store.find(record.selector).await?, &Some(marked.clone()))?;
    }
    Ok(())
}

async fn a_spent_record_conflicts_with_every_replace(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let record = record("alice");
    store.put(&record).await?;
    let mut spent = case.next(&record);
    (spent.revoked, spent.idle_at, spent.purge_at) = (Some(Reason::Spent), None, spent.expires_at);
    store.swap(&spent, &record).await?;
    for revoked in [None, Some(Reason::Spent), Some(Reason::LoggedOut)] {
        let mut again = case.next(&spent);
        again.revoked = revoked;
        let answer = store.replace(&again, spent.revision).await?;
        same(S4, "replace of a spent record", &answer, &Replace::Conflict)?;
        same(S4, "the spent record", &store.find(record.selector).await?, &Some(spent.clone()))?;
    }
    Ok(())
}

/// Changes a record in one column.
type Changes = fn(&mut Record);

/// Two replaces that differ in one column, or in the write id alone, come from two callers, and one of them wins.
async fn equal_but_for_one_column_is_still_another_caller(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let changes: [(&str, Changes); 7] = [
        ("the write id", |record| record.body = rewritten(&record.body, &mut Rng::new(1, "write id"))),
        ("the device", |record| record.device = Device::default()),
        ("when it was seen", |record| record.seen_at = at(77)),
        ("when it was written", |record| record.updated_at = at(77)),
        ("its idle expiry", |record| record.idle_at = Some(at(77))),
        ("when it is due", |record| record.purge_at = Timestamp::MAX),
        ("its generation", |record| record.generation += 1),
    ];
    for (what, change) in changes {
        let old = record("alice");
        store.put(&old).await?;
        let first = case.next(&old);
        let mut second = first.clone();
        change(&mut second);
        store.swap(&first, &old).await?;
        let answer = store.replace(&second, old.revision).await?;
        same(
            S5,
            format_args!("a second caller that writes the same but for {what}"),
            &answer,
            &Replace::Conflict,
        )?;
        same(S5, "the first caller's record", &store.find(old.selector).await?, &Some(first))?;
    }
    Ok(())
}

async fn a_replaced_record_stays_in_the_list_once(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (mut old, other) = (record("alice"), record("alice"));
    store.put(&old).await?;
    store.put(&other).await?;
    for _ in 0..3 {
        let new = case.next(&old);
        store.swap(&new, &old).await?;
        let list = store.list_by_subject(&subject("alice"), &page(9)).await?;
        let mut expected = vec![new.clone(), other.clone()];
        expected.sort_unstable_by_key(|record| std::cmp::Reverse(record.selector));
        same(S9, "the list after a replace", &list, &expected)?;
        old = new;
    }
    Ok(())
}

/// A purge obeys the `purge_at` of the latest replace, a touch included.
async fn a_moved_purge_time_counts_and_the_old_one_does_not(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for touches in [false, true] {
        let (mut later, mut sooner) = (record("alice"), record("bob"));
        for (record, millis) in [(&mut later, 10), (&mut sooner, 1_000)] {
            (record.idle_at, record.purge_at) = (Some(at(millis)), at(millis));
        }
        let (mut moved, mut drawn) = (case.next(&later), case.next(&sooner));
        for (record, millis) in [(&mut moved, 1_000), (&mut drawn, 10)] {
            (record.idle_at, record.purge_at) = (Some(at(millis)), at(millis));
        }
        for (old, new) in [(&later, &moved), (&sooner, &drawn)] {
            store.put(old).await?;
            let mut answer = Replace::Conflict;
            // The conflict may be spurious (S5).
            for _ in 0..if touches { 16 } else { 0 } {
                if answer == Replace::Conflict {
                    answer = store.touch(new, old.revision).await?;
                }
            }
            if answer == Replace::Conflict {
                store.swap(new, old).await?;
            }
        }
        same(S10, "records due", &store.collect(at(10), 100).await?, &1)?;
        same(S10, "the postponed record", &store.find(moved.selector).await?, &Some(moved.clone()))?;
        hold(
            S10,
            store.find(drawn.selector).await?.is_none(),
            "the record that became due earlier is still there",
        )?;
        same(S10, "records due before the new time", &store.collect(at(999), 100).await?, &0)?;
        same(S10, "records due at the new time", &store.collect(at(1_000), 100).await?, &1)?;
        hold(S10, store.find(moved.selector).await?.is_none(), "a postponed record is never collected")?;
    }
    Ok(())
}

/// A session of alice's at revision `number`.
fn at_revision(number: u64) -> Record {
    let mut record = record("alice");
    record.revision = Revision::new(number).unwrap_or(Revision::MAX);
    record
}

async fn high_revisions_are_counted_exactly(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let largest = Revision::MAX.get();
    for number in [5, (1 << 16) + 5, (1 << 31) - 1, 1 << 32, 99_999_999_999_999, (1 << 52) + 1, largest - 2] {
        let old = at_revision(number);
        store.put(&old).await?;
        // What remains of the number in 8, 16, 32 and 52 bits, or in 14 and 15 digits, and its neighbours.
        let alike = [8, 16, 32, 52].map(|bits| number % (1 << bits));
        let near = [number - 1, number + 1, number + (1 << 16), number + (1 << 32)];
        let rounded = [number / 1_000 * 1_000, number / 10 * 10];
        for wrong in alike.into_iter().chain(near).chain(rounded) {
            let Ok(expected) = Revision::new(wrong) else { continue };
            if wrong == number || expected == Revision::MAX {
                continue;
            }
            let mut next = case.next(&old);
            next.revision = expected.next();
            let answer = store.replace(&next, expected).await?;
            let what = format_args!("replace at revision {wrong} of one at {number}").to_string();
            same(S5, what, &answer, &Replace::Conflict)?;
        }
        let mut new = case.next(&old);
        store.swap(&new, &old).await?;
        same(
            S5,
            format_args!("a record replaced at {number}"),
            &store.find(new.selector).await?,
            &Some(new.clone()),
        )?;
        let mark = Action::Mark { reason: Reason::Administrative, at: at(5) };
        let of_login = RecordFilter::login(new.login);
        store.revoke_by_subject(&subject("alice"), &of_login, mark, EpochUpdate::Keep).await?;
        new.mark(Reason::Administrative, at(5));
        same(
            S8,
            format_args!("a record marked at {}", number + 1),
            &store.find(new.selector).await?,
            &Some(new),
        )?;
    }
    Ok(())
}

async fn the_largest_revision_is_the_last(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut last = at_revision(Revision::MAX.get());
    store.put(&last).await?;
    let mut answer = store.replace(&case.next(&last), Revision::MAX).await;
    // A conflict may be spurious (S5).
    for _ in 0..16 {
        if !matches!(answer, Ok(Replace::Conflict)) {
            break;
        }
        answer = store.replace(&case.next(&last), Revision::MAX).await;
    }
    let refused = matches!(answer, Err(StoreError::Refused(_)));
    hold(S5, refused, format_args!("replace at the largest revision returned {answer:?}"))?;
    same(S5, "the record afterwards", &store.find(last.selector).await?, &Some(last.clone()))?;
    let mark = Action::Mark { reason: Reason::Administrative, at: at(5) };
    let all = RecordFilter::all();
    let count = store.revoke_by_subject(&subject("alice"), &all, mark, EpochUpdate::Keep).await?;
    same(S8, "records marked at the largest revision", &count, &1)?;
    last.mark(Reason::Administrative, at(5));
    let found = store.find(last.selector).await?;
    same(S8, "a record marked at the largest revision", &found, &Some(last.clone()))?;
    let list = store.list_by_subject(&subject("alice"), &page(9)).await?;
    same(S9, "the list of a record at the largest revision", &list, &vec![last.clone()])?;
    same(S7, "delete of a record at the largest revision", &store.delete(last.selector).await?, &true)?;
    let found = store.find(last.selector).await?;
    hold(S7, found.is_none(), "a record that was deleted at the largest revision is found")
}

async fn what_expired_long_ago_is_replaced_like_any_other(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let old = expired_long_ago("alice");
    store.put(&old).await?;
    let new = case.next(&old);
    store.swap(&new, &old).await?;
    same(S4, "a record that expired in 1970, replaced", &store.find(new.selector).await?, &Some(new))
}

/// An idle expiry at the first instant of 1970 is kept, not taken for none.
async fn an_idle_expiry_at_the_beginning_of_time_is_one(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let old = record("alice");
    store.put(&old).await?;
    let mut new = case.next(&old);
    new.idle_at = Some(Timestamp::MIN);
    store.swap(&new, &old).await?;
    same(S1, "a record that was idle from 1970 on", &store.find(new.selector).await?, &Some(new))
}
