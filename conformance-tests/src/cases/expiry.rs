//! Purging: records and epochs go when they are due, and not before.

use tokio::task::JoinSet;

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S10] what_is_not_due_stays),
    case!(Any Quick [S10] exactly_what_is_due_goes needs [Purge]),
    case!(Any Quick [S10] a_purge_keeps_to_its_limit_and_says_whether_more_is_due needs [Purge]),
    case!(Any Quick [S10] a_limit_of_zero_removes_nothing needs [Purge]),
    case!(Any Quick [S10] a_limit_of_any_size_collects_everything_in_the_end needs [Purge]),
    case!(Any Quick [S10] three_hundred_due_records_are_counted needs [Purge]),
    case!(Any Full [S10] nine_thousand_due_records_and_epochs_are_collected needs [Purge]),
    case!(Any Quick [S10] what_is_gone_already_uses_up_no_limit needs [Purge]),
    case!(Any Quick [S10 D13] what_was_ended_goes_at_its_absolute_expiry needs [Purge]),
    case!(Any Quick [S10 D13] a_marked_record_stays_until_its_absolute_expiry),
    case!(Any Quick [S10 D13] a_spent_record_stays_until_its_absolute_expiry),
    case!(Any Quick [S10] a_purged_selector_can_be_taken_again needs [Purge]),
    case!(Any Quick [S10 S11] an_epoch_is_kept_for_its_time),
    case!(Any Quick [S11] an_epoch_that_is_asked_for_lives_longer),
    case!(Any Quick [S11] no_call_shortens_the_time_of_an_epoch),
    case!(Any Quick [S11] the_time_of_an_epoch_is_kept_to_the_millisecond),
    case!(Any Quick [S10] epochs_are_not_counted),
    case!(Any RealTime [S10] nothing_is_collected_before_its_time_by_any_clock),
    case!(untested [S10] a_native_time_to_live_collects_garbage,
        "its slack is an hour at least, longer than any test waits"),
];

fn due_at(name: &str, millis: u64) -> Record {
    let mut record = record(name);
    (record.idle_at, record.purge_at) = (Some(at(millis)), at(millis));
    record
}

/// A purge removes only records whose `purge_at` is at or before the given instant.
async fn what_is_not_due_stays(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut records = vec![record("alice"), due_at("alice", 1), due_at("bob", 2)];
    // Expired, but not yet due.
    (records[0].expires_at, records[0].idle_at) = (ago(1_000), Some(ago(1_000)));
    for record in &records {
        store.put(record).await?;
    }
    same(S10, "a purge when nothing is due", &store.collect(NOW, 100).await?, &0)?;
    for record in records {
        same(S10, "a record that is not due", &store.find(record.selector).await?, &Some(record))?;
    }
    Ok(())
}

/// A purge removes every record that is due, including one due at exactly the given instant.
async fn exactly_what_is_due_goes(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (before, exactly, after) = (due_at("alice", 9), due_at("alice", 10), due_at("alice", 11));
    for record in [&before, &exactly, &after] {
        store.put(record).await?;
    }
    same(S10, "a purge of two of three", &store.collect(at(10), 100).await?, &2)?;
    hold(S10, store.find(before.selector).await?.is_none(), "what was due is still there")?;
    hold(S10, store.find(exactly.selector).await?.is_none(), "what is due at this instant is still there")?;
    same(S10, "what is due a millisecond later", &store.find(after.selector).await?, &Some(after))?;
    same(S10, "the same purge again", &store.collect(at(10), 100).await?, &0)
}

async fn a_purge_keeps_to_its_limit_and_says_whether_more_is_due(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let records: Vec<_> = (0..25).map(|number| due_at("alice", number % 4)).collect();
    let living = record("alice");
    for record in records.iter().chain([&living]) {
        store.put(record).await?;
    }
    let (mut left, mut idle) = (25, 0);
    for _ in 0..40 {
        let purged = store.purge_expired(at(60), 10).await?;
        hold(S10, purged.removed <= 10, format_args!("a purge of at most 10 removed {}", purged.removed))?;
        hold(S10, purged.removed <= left, "a purge claims to have removed more than there was")?;
        left -= purged.removed;
        hold(S10, purged.more || left == 0, format_args!("a purge reports that none is left of {left} due"))?;
        idle = if purged.removed == 0 { idle + 1 } else { 0 };
        if !purged.more || idle == IDLE {
            break;
        }
    }
    same(S10, "due records that the purges did not count", &left, &0)?;
    for record in records {
        hold(S10, store.find(record.selector).await?.is_none(), "a due record is still there")?;
    }
    same(S10, "the living record", &store.find(living.selector).await?, &Some(living))
}

async fn a_marked_record_stays_until_its_absolute_expiry(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut record = due_at("alice", 10);
    store.put(&record).await?;
    let action = Action::Mark { reason: Reason::Reused, at: at(1) };
    let _ =
        store.revoke_by_subject(&subject("alice"), &RecordFilter::all(), action, EpochUpdate::Keep).await?;
    record.mark(Reason::Reused, at(1));
    let last = record.expires_at.saturating_sub(Duration::from_millis(1));
    for now in [at(10), at(11), last] {
        let purged = store.purge_expired(now, 100).await?;
        same(S10, format_args!("a purge of a marked record at {now:?}"), &purged.removed, &0)?;
        same(S10, "the marked record", &store.find(record.selector).await?, &Some(record.clone()))?;
    }
    Ok(())
}

async fn a_spent_record_stays_until_its_absolute_expiry(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let record = due_at("alice", 10);
    store.put(&record).await?;
    let mut spent = case.next(&record);
    (spent.revoked, spent.idle_at, spent.purge_at) = (Some(Reason::Spent), None, spent.expires_at);
    store.swap(&spent, &record).await?;
    let last = record.expires_at.saturating_sub(Duration::from_millis(1));
    for now in [at(10), last] {
        let purged = store.purge_expired(now, 100).await?;
        same(S10, format_args!("a purge of a spent record at {now:?}"), &purged.removed, &0)?;
        same(S10, "the spent record", &store.find(record.selector).await?, &Some(spent.clone()))?;
    }
    Ok(())
}

async fn a_purged_selector_can_be_taken_again(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (old, mut new) = (due_at("alice", 1), record("alice"));
    new.selector = old.selector;
    store.put(&old).await?;
    same(S10, "records purged", &store.collect(at(1), 9).await?, &1)?;
    store.put(&new).await?;
    let purged = store.purge_expired(at(2), 9).await?;
    same(S10, "a purge after the selector was taken again", &purged.removed, &0)?;
    same(S10, "the new record", &store.find(new.selector).await?, &Some(new))
}

async fn an_epoch_is_kept_for_its_time(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let alice = subject("alice");
    let last = NOW.saturating_add(HOUR).saturating_sub(Duration::from_millis(1));
    let epoch = store.epoch(&alice, Epoch([1; 16]), HOUR, NOW).await?;
    let _ = store.purge_expired(last, 9).await?;
    let answer = store.insert(&record("alice"), Fence::Epoch(epoch)).await?;
    same(S11, "insert under an epoch in its last millisecond", &answer, &INSERTED)?;
    let update = EpochUpdate::Set { epoch: Epoch([2; 16]), now: NOW, keep: HOUR };
    let _ = store.revoke_by_subject(&alice, &RecordFilter::all(), Action::Remove, update).await?;
    let _ = store.purge_expired(last, 9).await?;
    let answer = store.insert(&record("alice"), Fence::Epoch(Epoch([2; 16]))).await?;
    same(S11, "insert under an updated epoch in its last millisecond", &answer, &INSERTED)
}

/// Reading an epoch extends its time once less than half of it is left.
async fn an_epoch_that_is_asked_for_lives_longer(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let alice = subject("alice");
    let minutes = |minutes: u64| NOW.saturating_add(Duration::from_secs(60 * minutes));
    let epoch = store.epoch(&alice, Epoch([1; 16]), HOUR, NOW).await?;
    let again = store.epoch(&alice, Epoch([2; 16]), HOUR, minutes(59)).await?;
    hold(S11, again == epoch, "an epoch changed although it was neither set nor expired")?;
    // A store that keeps epochs longer than asked may have left the time alone: half of the hour was left then.
    let _ = store.purge_expired(minutes(88), 9).await?;
    let answer = store.insert(&record("alice"), Fence::Epoch(epoch)).await?;
    same(S11, "insert under an epoch that was asked for again in its last minute", &answer, &INSERTED)
}

async fn epochs_are_not_counted(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for name in ["alice", "bob", "carol"] {
        store.epoch(&subject(name), Epoch([1; 16]), HOUR, NOW).await?;
    }
    same(S10, "a purge of epochs only", &store.collect(NOW.saturating_add(HOUR * 9), 2).await?, &0)
}

/// A native time to live removes no record within an hour after its `purge_at`.
async fn nothing_is_collected_before_its_time_by_any_clock(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (mut over, mut soon, mut ended) = (record("alice"), due_at("alice", 1), record("alice"));
    (over.expires_at, over.purge_at, over.idle_at) = (NOW, NOW, Some(NOW));
    soon.expires_at = at(2_000);
    ended.mark(Reason::Reused, at(1));
    (ended.expires_at, ended.purge_at) = (at(2_000), at(2_000));
    for record in [&over, &soon, &ended] {
        store.put(record).await?;
    }
    // The same for a write and a mark that come after the record is due.
    let (mut late, mut marked) = (record("alice"), record("bob"));
    for record in [&mut late, &mut marked] {
        (record.expires_at, record.purge_at, record.idle_at) = (at(1), at(1), None);
        store.put(record).await?;
    }
    let mut written = case.next(&late);
    written.updated_at = at(1);
    store.swap(&written, &late).await?;
    let mark = Action::Mark { reason: Reason::Reused, at: at(1) };
    let _ = store.revoke_by_subject(&subject("bob"), &RecordFilter::all(), mark, EpochUpdate::Keep).await?;
    marked.mark(Reason::Reused, at(1));
    tokio::time::sleep(Duration::from_secs(4)).await;
    for record in [over, soon, ended, written, marked] {
        let found = store.find(record.selector).await?;
        same(S10, "a record within the hour of slack after its time", &found, &Some(record))?;
    }
    Ok(())
}

async fn a_limit_of_zero_removes_nothing(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let record = due_at("alice", 1);
    store.put(&record).await?;
    let purged = store.purge_expired(at(1), 0).await?;
    same(S10, "a purge of at most 0 records", &(purged.removed, purged.more), &(0, true))?;
    same(S10, "a record that is due", &store.find(record.selector).await?, &Some(record))
}

fn numbered(template: &Record, number: u16) -> Record {
    let mut record = template.clone();
    record.selector.0[14..].copy_from_slice(&number.to_be_bytes());
    record
}

async fn a_limit_of_any_size_collects_everything_in_the_end(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let old = expired_long_ago("alice");
    store.put(&old).await?;
    same(S10, "records purged of one due in 1970", &store.collect(old.purge_at, 9).await?, &1)?;
    for limit in [1, 2, 3, 255, 256, 257, 1 << 16, 1 << 31, u32::MAX] {
        store.put_all(&[due_at("alice", 1), due_at("bob", 1), due_at("alice", 1)]).await?;
        let collected = store.collect(at(1), limit).await?;
        same(S10, format_args!("of 3 due records, those purged, at most {limit} at a time"), &collected, &3)?;
    }
    Ok(())
}

async fn three_hundred_due_records_are_counted(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let template = due_at("alice", 1);
    let records: Vec<_> = (0..300).map(|number| numbered(&template, number)).collect();
    store.put_all(&records).await?;
    same(S10, "of 300 due records, those that were purged", &store.collect(at(1), 1_000).await?, &300)
}

/// More records and epochs than the parameters of a statement or the stack of a script can hold.
async fn nine_thousand_due_records_and_epochs_are_collected(case: CaseContext) -> CaseResult {
    const MANY: u16 = 9_000;
    const AT_ONCE: u16 = 16;
    let store = case.open().await?;
    let mut readers = JoinSet::new();
    for reader in 0..AT_ONCE {
        let store = store.clone();
        readers.spawn(async move {
            for number in (reader..MANY).step_by(AT_ONCE.into()) {
                let name = subject(&format!("reader {number}"));
                store.epoch(&name, Epoch([1; 16]), HOUR, ago(7_200_000)).await?;
            }
            Ok::<_, Stop>(())
        });
    }
    readers.join_all().await.into_iter().collect::<CaseResult>()?;
    let (due, stays) = (due_at("alice", 1), due_at("alice", 2));
    let mut records: Vec<_> = (0..MANY).map(|number| numbered(&due, number)).collect();
    records.extend((0..9).map(|number| numbered(&stays, number)));
    store.put_all(&records).await?;
    let (mut collected, mut more) = (0, true);
    // A store that removes a few records at a time may take many calls.
    for _ in 0..100 {
        if more {
            let purged = store.purge_expired(at(1), u32::MAX).await?;
            (collected, more) = (collected + purged.removed, purged.more);
        }
    }
    let left = store.list_by_subject(&subject("alice"), &page(u16::MAX)).await?.len() as u64;
    same(
        S10,
        "how many of many records were collected or are left",
        &(collected + left),
        &u64::from(MANY + 9),
    )?;
    hold(S10, more || left == 9, format_args!("a purge reports that none is due, but {left} are left"))
}

/// Deleted records do not count towards the limit of a purge.
async fn what_is_gone_already_uses_up_no_limit(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let records: Vec<_> = (0..30).map(|number| due_at("alice", number % 7)).collect();
    store.put_all(&records).await?;
    for record in &records[..20] {
        store.delete(record.selector).await?;
    }
    same(
        S10,
        "number of due records a purge found behind 20 deleted ones",
        &store.collect(at(9), 5).await?,
        &10,
    )
}

/// Marked and spent records are purged when their absolute expiry is due.
async fn what_was_ended_goes_at_its_absolute_expiry(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (marked, spent, removed) = (due_at("alice", 10), due_at("bob", 10), due_at("carol", 10));
    store.put_all(&[marked.clone(), spent.clone(), removed.clone()]).await?;
    let mark = Action::Mark { reason: Reason::LoggedOut, at: at(1) };
    let all = RecordFilter::all();
    store.revoke_by_subject(&subject("alice"), &all, mark, EpochUpdate::Keep).await?;
    let mut used = case.next(&spent);
    (used.revoked, used.idle_at, used.purge_at) = (Some(Reason::Spent), None, used.expires_at);
    store.swap(&used, &spent).await?;
    store.revoke_by_subject(&subject("carol"), &all, Action::Remove, EpochUpdate::Keep).await?;
    same(S10, "records purged at their expiry", &store.collect(marked.expires_at, 9).await?, &2)?;
    for record in [marked, spent] {
        hold(S10, store.find(record.selector).await?.is_none(), "an ended record is never collected")?;
    }
    Ok(())
}

async fn no_call_shortens_the_time_of_an_epoch(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (day, later) = (HOUR * 24, NOW.saturating_add(HOUR * 24 - Duration::from_millis(1)));
    let set = |number: u8, now, keep| EpochUpdate::Set { epoch: Epoch([number; 16]), now, keep };
    let earlier = NOW.saturating_sub(HOUR * 2);
    // The earlier call, which gives the epoch a day; then the later one.
    let cases: [(&str, Option<EpochUpdate>, Option<EpochUpdate>); 5] = [
        ("read again for an hour", None, None),
        ("set for an hour", None, Some(set(2, NOW, HOUR))),
        ("set by an earlier clock", None, Some(set(2, earlier, day))),
        ("set for a day, then read for an hour", Some(set(2, NOW, day)), None),
        ("set for a day, then for an hour", Some(set(2, NOW, day)), Some(set(3, NOW, HOUR))),
    ];
    for (what, first, second) in cases {
        let name = subject(what);
        let all = RecordFilter::all();
        match first {
            None => drop(store.epoch(&name, Epoch([1; 16]), day, NOW).await?),
            Some(update) => drop(store.revoke_by_subject(&name, &all, Action::Remove, update).await?),
        }
        match second {
            None => drop(store.epoch(&name, Epoch([9; 16]), HOUR, earlier).await?),
            Some(update) => drop(store.revoke_by_subject(&name, &all, Action::Remove, update).await?),
        }
        let current = store.epoch(&name, Epoch([9; 16]), HOUR, NOW).await?;
        store.collect(later, 9).await?;
        let answer = store.insert(&record(what), Fence::Epoch(current)).await?;
        let what = format_args!("insert in the last millisecond of an epoch that was kept for a day, {what}")
            .to_string();
        same(S11, what, &answer, &INSERTED)?;
    }
    // A short time that an update extends.
    let name = subject("short");
    store.epoch(&name, Epoch([1; 16]), HOUR, NOW).await?;
    store.revoke_by_subject(&name, &RecordFilter::all(), Action::Remove, set(2, NOW, day)).await?;
    store.collect(later, 9).await?;
    let answer = store.insert(&record("short"), Fence::Epoch(Epoch([2; 16]))).await?;
    same(S11, "insert in the last millisecond of an epoch that was set for a day", &answer, &INSERTED)
}

/// For every way in which an epoch gets its time, and for distant times.
async fn the_time_of_an_epoch_is_kept_to_the_millisecond(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (millisecond, all) = (Duration::from_millis(1), RecordFilter::all());
    let beyond_2038 = Timestamp::from_millis(2_147_483_648_001);
    let last = Timestamp::MAX.saturating_sub(HOUR * 3);
    let times = [
        (at(0), HOUR + millisecond),
        (at(1), HOUR),
        (at(998), HOUR + millisecond),
        (beyond_2038, HOUR),
        (last, HOUR + millisecond * 999),
        // Longer than any calendar: until the last instant there is.
        (at(999), Duration::MAX),
    ];
    for (number, (now, keep)) in times.into_iter().enumerate() {
        for how in ["read first", "read late", "read a millisecond late", "set first", "set again"] {
            let name = format!("{how} {number}");
            let owner = subject(&name);
            let before = match how {
                "read late" | "set again" => Some((now.saturating_sub(HOUR / 6 * 5), HOUR)),
                // Less than half of its time is left now.
                "read a millisecond late" => Some((now.saturating_sub(keep / 2 + millisecond * 2), keep)),
                _ => None,
            };
            if let Some((earlier, keep)) = before {
                store.epoch(&owner, Epoch([1; 16]), keep, earlier).await?;
            }
            let epoch = if how.starts_with("read") {
                store.epoch(&owner, Epoch([1; 16]), keep, now).await?
            } else {
                let update = EpochUpdate::Set { epoch: Epoch([2; 16]), now, keep };
                let _ = store.revoke_by_subject(&owner, &all, Action::Remove, update).await?;
                Epoch([2; 16])
            };
            // A store that had kept the epoch for longer than asked may have left half of the time (S11).
            let least = if before.is_some() && how.starts_with("read") { keep / 2 } else { keep };
            let end = now.saturating_add(least).saturating_sub(millisecond);
            let _ = store.purge_expired(end, 9).await?;
            let answer = store.insert(&record(&name), Fence::Epoch(epoch)).await?;
            let what = format_args!("insert in the last millisecond of an epoch that was {how} at {now:?}");
            same(S11, what, &answer, &INSERTED)?;
        }
    }
    Ok(())
}
