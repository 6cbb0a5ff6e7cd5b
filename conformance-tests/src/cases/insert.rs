//! Inserts.

use super::prelude::*;
use crate::generate::{floor, instant, number, revision};
use crate::rng::Rng;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S1] what_was_inserted_is_found_byte_for_byte),
    case!(Any Quick [S1] the_largest_and_the_smallest_values_are_kept),
    case!(Any Quick [S1] numbers_of_every_length_are_kept),
    case!(Any Quick [S1] milliseconds_from_1970_to_9999_are_kept),
    case!(Any Quick [S2] a_taken_selector_is_a_duplicate_and_the_old_record_is_untouched),
    case!(Any Quick [S2] a_selector_is_taken_for_every_subject),
    case!(Any Quick [S2 S9] a_duplicate_leaves_no_trace_in_the_list),
    case!(Any Quick [S1] what_never_changes_is_kept_through_every_write),
    case!(Any Quick [S2] the_number_of_a_subjects_records_is_exact_or_absent),
    case!(Any Quick [S2] a_selector_stays_taken_when_its_record_has_expired_or_was_ended),
];

async fn what_was_inserted_is_found_byte_for_byte(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut bare = anonymous();
    (bare.idle_at, bare.purge_at) = (None, bare.expires_at);
    for record in [record("alice"), anonymous(), bare] {
        store.put(&record).await?;
        let found = store.find(record.selector).await?;
        same(S1, "the inserted record, as find returns it", &found, &Some(record))?;
    }
    Ok(())
}

async fn the_largest_and_the_smallest_values_are_kept(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (mut small, mut large) = (anonymous(), record(&"\u{10FFFF}".repeat(63)));
    small.body = body(Vec::new());
    small.device = Device::default();
    (small.revision, small.generation) = (Revision::FIRST, 0);
    small.login.0 = [0; 8];
    (small.purpose, small.era) = (Purpose::SingleUse, Era::FIRST);
    large.body = body(case.rng().vec(Body::MAX_LEN));
    large.device = Device::new("ü".repeat(256)).unwrap_or_default();
    large.kind = Kind::from_static("abcdefghijklmnopqrstuvwxyz:09-zz");
    (large.revision, large.generation) = (Revision::MAX, u32::MAX);
    large.login.0 = [0xff; 8];
    (large.purpose, large.era) = (Purpose::Key, Era::new(u32::MAX));
    for record in [small, large] {
        store.put(&record).await?;
        let found = store.find(record.selector).await?;
        same(S1, "a record at its limits", &found, &Some(record))?;
    }
    Ok(())
}

/// Conversions lose few numbers, so every column holds many: of any length, and such as a float changes.
async fn numbers_of_every_length_are_kept(case: CaseContext) -> CaseResult {
    const MANY: usize = 96;
    let store = case.open().await?;
    let (mut rng, floor) = (case.rng(), floor(&case));
    let template = record("alice");
    let mut records = Vec::new();
    for place in 0..MANY as u16 {
        let mut record = template.clone();
        record.selector.0[14..].copy_from_slice(&place.to_be_bytes());
        (record.created_at, record.expires_at) = (instant(&mut rng), instant(&mut rng));
        record.login = LoginId((u64::MAX >> rng.below(64) & rng.next()).to_be_bytes());
        record.era = Era::new(number(&mut rng));
        record.revision =
            Revision::new(revision(&mut rng).min(Revision::MAX.get() - 2)).unwrap_or(Revision::FIRST);
        record.expires_at = record.expires_at.max(floor);
        vary(&mut record, &mut rng, floor);
        records.push(record);
    }
    store.put_all(&records).await?;
    all_kept(&store, "inserted", &records).await?;
    for record in &mut records {
        let mut next = case.next(record);
        vary(&mut next, &mut rng, floor);
        store.swap(&next, record).await?;
        *record = next;
    }
    all_kept(&store, "replaced", &records).await?;
    let (reason, when) = (Reason::Administrative, instant(&mut rng));
    let (all, mark) = (RecordFilter::all(), Action::Mark { reason, at: when });
    let count = store.revoke_by_subject(&subject("alice"), &all, mark, EpochUpdate::Keep).await?;
    same(S8, "records of odd numbers that were marked", &count, &(MANY as u64))?;
    records.iter_mut().for_each(|record| record.mark(reason, when));
    all_kept(&store, "marked", &records).await?;
    let list = store.list_by_subject(&subject("alice"), &page(u16::MAX)).await?;
    records.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at, record.selector)));
    hold(S9, list == records, "a list of records of odd numbers is another, or in another order")
}

/// Draws the numbers that a write may change.
fn vary(record: &mut Record, rng: &mut Rng, floor: Timestamp) {
    (record.updated_at, record.seen_at) = (instant(rng), instant(rng));
    record.idle_at = rng.chance(75).then(|| instant(rng));
    record.generation = number(rng);
    let first = record.idle_at.map_or(record.expires_at, |idle| idle.min(record.expires_at));
    record.purge_at = instant(rng).max(first).max(floor);
}

async fn all_kept(store: &Handle, how: &str, records: &[Record]) -> CaseResult {
    for record in records {
        let found = store.find(record.selector).await?;
        same(S1, format_args!("a record of odd numbers, {how}"), &found.as_ref(), &Some(record))?;
    }
    Ok(())
}

async fn milliseconds_from_1970_to_9999_are_kept(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let odd = [Timestamp::MIN, Timestamp::from_millis(1), at(1), at(999), Timestamp::from_millis(1 << 31)];
    for (begin, end) in
        odd.into_iter().map(|time| (time, Timestamp::MAX)).chain([(Timestamp::MAX, Timestamp::MAX)])
    {
        let mut record = record("alice");
        (record.created_at, record.updated_at, record.seen_at) = (begin, begin, begin);
        (record.expires_at, record.purge_at, record.idle_at) = (end, end, Some(begin));
        store.put(&record).await?;
        let found = store.find(record.selector).await?;
        same(S1, format_args!("times {begin:?} and {end:?}"), &found, &Some(record.clone()))?;
        let mut next = case.next(&record);
        (next.updated_at, next.seen_at, next.idle_at) = (end, end, Some(end));
        store.swap(&next, &record).await?;
        let found = store.find(record.selector).await?;
        same(S1, format_args!("times {begin:?} and {end:?}, replaced"), &found, &Some(next))?;
    }
    Ok(())
}

async fn a_taken_selector_is_a_duplicate_and_the_old_record_is_untouched(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (old, mut new) = (record("alice"), record("alice"));
    (new.selector, new.kind, new.generation) = (old.selector, Kind::REMEMBER, 7);
    store.put(&old).await?;
    let epoch = store.epoch(&subject("alice"), Epoch([1; 16]), KEEP, NOW).await?;
    for fence in [Fence::None, Fence::Epoch(epoch), Fence::Parent(old.selector)] {
        let answer = store.insert(&new, fence).await?;
        same(S2, format_args!("insert of a taken selector under {fence:?}"), &answer, &Insert::Duplicate)?;
        same(S2, "the record that was there", &store.find(old.selector).await?, &Some(old.clone()))?;
    }
    Ok(())
}

/// Records without a subject, whose shard is random, take their selectors too.
async fn a_selector_is_taken_for_every_subject(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (old, mut new) = (record("alice"), anonymous());
    new.selector = old.selector;
    store.put(&old).await?;
    same(S2, "insert of a taken selector", &store.insert(&new, Fence::None).await?, &Insert::Duplicate)?;
    same(S2, "the record that was there", &store.find(old.selector).await?, &Some(old))
}

async fn a_duplicate_leaves_no_trace_in_the_list(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (old, mut new) = (record("alice"), record("alice"));
    (new.selector, new.kind, new.created_at) = (old.selector, Kind::REMEMBER, at(5));
    store.put(&old).await?;
    same(S2, "insert of a taken selector", &store.insert(&new, Fence::None).await?, &Insert::Duplicate)?;
    let all = store.list_by_subject(&subject("alice"), &page(9)).await?;
    same(S9, "the list after a duplicate", &ids(&all), &vec![old.selector])?;
    let remember = Page { kinds: Kinds::from(Kind::REMEMBER), ..page(9) };
    let none = store.list_by_subject(&subject("alice"), &remember).await?;
    same(S9, "the list of the duplicate's kind", &ids(&none), &vec![])
}

async fn a_selector_stays_taken_when_its_record_has_expired_or_was_ended(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (mut expired, mut ended) = (record("alice"), record("alice"));
    (expired.expires_at, expired.purge_at, expired.idle_at) = (NOW, NOW, Some(NOW));
    ended.mark(Reason::LoggedOut, at(1));
    for old in [expired, ended] {
        store.put(&old).await?;
        let mut new = record("alice");
        new.selector = old.selector;
        same(S2, "insert over a dead record", &store.insert(&new, Fence::None).await?, &Insert::Duplicate)?;
        same(S2, "the dead record", &store.find(old.selector).await?, &Some(old))?;
    }
    Ok(())
}

/// A replace and a mark keep the fields that never change.
async fn what_never_changes_is_kept_through_every_write(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for (number, purpose) in (1..).zip(Purpose::ALL) {
        let mut old = record("alice");
        (old.purpose, old.era) = (purpose, Era::new(number));
        store.put(&old).await?;
        let mut new = case.next(&old);
        new.generation += 1;
        store.swap(&new, &old).await?;
        same(S1, "a replaced record", &store.find(new.selector).await?, &Some(new.clone()))?;
        let (mark, login) = (Action::Mark { reason: Reason::Administrative, at: at(1) }, new.login);
        let of_login = RecordFilter::login(login);
        store.revoke_by_subject(&subject("alice"), &of_login, mark, EpochUpdate::Keep).await?;
        new.mark(Reason::Administrative, at(1));
        let found = store.find(new.selector).await?;
        same(S1, format_args!("a marked record of purpose {purpose:?}"), &found, &Some(new))?;
    }
    Ok(())
}

/// An insert returns the number of the subject's records, if the store knows it.
async fn the_number_of_a_subjects_records_is_exact_or_absent(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let count = async |store: &Handle, record: &Record, expected: Option<u32>| -> CaseResult {
        let Insert::Inserted { of_subject } = store.watched().insert(record, Fence::None).await? else {
            return same(S2, "insert of a new record", &false, &true);
        };
        let exact = of_subject.is_none() || of_subject == expected;
        hold(S2, exact, format_args!("an insert counted {of_subject:?} records; there are {expected:?}"))
    };
    let (expired, mut ended, last) = (expired_long_ago("alice"), record("alice"), record("alice"));
    ended.mark(Reason::LoggedOut, at(1));
    count(&here, &expired, Some(1)).await?;
    count(&there, &record("bob"), Some(1)).await?;
    count(&here, &ended, Some(2)).await?;
    count(&there, &last, Some(3)).await?;
    count(&here, &anonymous(), None).await?;
    here.delete(ended.selector).await?;
    count(&here, &record("alice"), Some(3)).await?;
    let everything = RecordFilter::login(last.login);
    there.revoke_by_subject(&subject("alice"), &everything, Action::Remove, EpochUpdate::Keep).await?;
    count(&here, &record("alice"), Some(3)).await?;
    // A store that counts up to a limit returns the exact number or none.
    for most in [100, 128] {
        let carol = format!("carol {most}");
        let crowd: Vec<_> = (0..most - 2).map(|_| record(&carol)).collect();
        here.put_all(&crowd).await?;
        for number in most - 1..most + 3 {
            count(&there, &record(&carol), Some(number)).await?;
        }
    }
    Ok(())
}
