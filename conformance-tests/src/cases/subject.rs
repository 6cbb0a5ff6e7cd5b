//! Revocation of a subject's records: all that match, and no others.

use super::prelude::*;
use crate::rng::Rng;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S8] removing_takes_all_of_the_subject_and_no_other),
    case!(Any Quick [S8 D13] marking_does_what_the_record_says),
    case!(Any Quick [S8] what_is_marked_already_keeps_its_first_reason),
    case!(Any Quick [S8] every_choice_matches_the_reference),
    case!(Any Quick [S8 S9] a_kind_named_twice_counts_once),
    case!(Any Quick [S8] every_purpose_is_ended_alone),
    case!(Any Quick [S8] anonymous_records_belong_to_no_subject),
    case!(Any Quick [S8 S9 S2] round_numbers_of_records_are_listed_ended_and_counted),
    case!(Any Quick [S8] two_thousand_five_hundred_records_are_ended_and_counted),
    case!(Any Full [S8 S9] twelve_thousand_records_are_ended_and_counted),
    case!(Any Quick [S8 D12] repeating_finds_nothing_left_to_do),
    case!(Any Quick [S8 S11] a_subject_without_records_is_no_error),
];

async fn revoke(store: &Handle, of: &str, which: &RecordFilter, action: Action) -> CaseResult<u64> {
    Ok(store.revoke_by_subject(&subject(of), which, action, EpochUpdate::Keep).await?)
}

async fn removing_takes_all_of_the_subject_and_no_other(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mine = [record("alice"), record("alice"), record("alice")];
    let others = ["al", "alice2", "Alice", "alice ", "bob"].map(record);
    for record in mine.iter().chain(&others) {
        store.put(record).await?;
    }
    same(
        S8,
        "number of records removed",
        &revoke(&store, "alice", &RecordFilter::all(), Action::Remove).await?,
        &3,
    )?;
    for record in &mine {
        hold(S8, store.find(record.selector).await?.is_none(), "a removed record is still found")?;
        let answer = store.replace(&case.next(record), record.revision).await?;
        same(S8, "replace of a removed record", &answer, &Replace::Missing)?;
    }
    let list = store.list_by_subject(&subject("alice"), &page(9)).await?;
    same(S8, "the list afterwards", &ids(&list), &vec![])?;
    for other in others {
        same(S8, "another subject's record", &store.find(other.selector).await?, &Some(other))?;
    }
    Ok(())
}

/// A mark changes a record exactly as `Record::mark` does.
async fn marking_does_what_the_record_says(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for (number, reason) in Reason::ALL.into_iter().enumerate() {
        let when = [at(5), ago(5), NOW, Timestamp::MAX, Timestamp::MIN][number % 5];
        let mut record = record("alice");
        store.put(&record).await?;
        let action = Action::Mark { reason, at: when };
        let count = revoke(&store, "alice", &RecordFilter::login(record.login), action).await?;
        same(S8, "records marked", &count, &1)?;
        record.mark(reason, when);
        let found = store.find(record.selector).await?;
        same(S8, format_args!("a record marked {reason:?} at {when:?}"), &found, &Some(record.clone()))?;
        let list = store.list_by_subject(&subject("alice"), &page(1)).await?;
        hold(S9, list.len() == 1, "the list lacks the marked record")?;
        revoke(&store, "alice", &RecordFilter::all(), Action::Remove).await?;
    }
    Ok(())
}

/// A second mark changes nothing and is not counted.
async fn what_is_marked_already_keeps_its_first_reason(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (mut first, mut second) = (record("alice"), record("alice"));
    store.put(&first).await?;
    let action = Action::Mark { reason: Reason::Reused, at: at(1) };
    same(S8, "records marked", &revoke(&store, "alice", &RecordFilter::all(), action).await?, &1)?;
    store.put(&second).await?;
    let action = Action::Mark { reason: Reason::LoggedOut, at: at(9) };
    let count = revoke(&store, "alice", &RecordFilter::all(), action).await?;
    same(S8, "records marked beside a marked one", &count, &1)?;
    first.mark(Reason::Reused, at(1));
    second.mark(Reason::LoggedOut, at(9));
    same(S8, "the record marked first", &store.find(first.selector).await?, &Some(first))?;
    same(S8, "the record marked second", &store.find(second.selector).await?, &Some(second))?;
    let removed = revoke(&store, "alice", &RecordFilter::all(), Action::Remove).await?;
    same(S8, "marked records removed", &removed, &2)
}

/// For every combination of filter conditions the store ends the same records as the reference store.
async fn every_choice_matches_the_reference(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let mut rng = case.rng();
    for round in 0..24 {
        let name = format!("subject {round}");
        let mut records: Vec<Record> = (0..9).map(|_| varied(&name, &mut rng)).collect();
        for record in &records {
            store.put(record).await?;
        }
        let which = choice(&mut rng);
        let action = if round % 2 == 0 { Action::Remove } else { MARK };
        let chosen: Vec<_> = records.iter().filter(|record| which.matches(record)).cloned().collect();
        let chosen = ids(&chosen);
        let unmarked = |record: &&Record| chosen.contains(&record.selector) && record.revoked.is_none();
        let expected = match action {
            Action::Remove => chosen.len(),
            Action::Mark { .. } => records.iter().filter(unmarked).count(),
        };
        let count = revoke(&store, &name, &which, action).await?;
        same(S8, format_args!("records that {which:?} ended"), &count, &(expected as u64))?;
        match action {
            Action::Remove => records.retain(|record| !chosen.contains(&record.selector)),
            Action::Mark { reason, at } => {
                let doomed = records.iter_mut().filter(|record| chosen.contains(&record.selector));
                doomed.for_each(|record| record.mark(reason, at));
            }
        }
        records.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at, record.selector)));
        let list = store.list_by_subject(&subject(&name), &page(100)).await?;
        same(S8, format_args!("records that {which:?} left"), &list, &records)?;
    }
    Ok(())
}

fn varied(name: &str, rng: &mut Rng) -> Record {
    let mut record = record(name);
    record.kind = [Kind::SESSION, Kind::REMEMBER, Kind::API_KEY][rng.below(3)];
    // A kind may have had another purpose earlier.
    record.purpose = Purpose::ALL[rng.below(3)];
    record.login = LoginId([rng.below(4) as u8; 8]);
    record.created_at = ago(rng.below(4) as u64);
    if rng.below(3) == 0 {
        (record.idle_at, record.purge_at) = (Some(ago(rng.below(2) as u64)), NOW);
    }
    if rng.below(4) == 0 {
        record.mark(Reason::LoggedOut, NOW);
    }
    record
}

fn choice(rng: &mut Rng) -> RecordFilter {
    let login = LoginId([rng.below(4) as u8; 8]);
    RecordFilter {
        kinds: [
            Kinds::Any,
            Kind::SESSION.into(),
            Kinds::Only(vec![Kind::API_KEY, Kind::REMEMBER]),
            Kinds::Only(vec![]),
        ][[0, 0, 1, 1, 2, 2, 3][rng.below(7)]]
        .clone(),
        logins: [Logins::Any, Logins::Only(login), Logins::Except(login)][rng.below(3)],
        purposes: [
            Purposes::ALL,
            Purposes::NOT_KEYS,
            Purpose::Device.into(),
            Purpose::Key.into(),
            Purposes::of(&[]),
        ][[0, 0, 1, 1, 2, 3, 4][rng.below(7)]],
    }
}

/// A revocation or list of a subject never includes an anonymous record.
async fn anonymous_records_belong_to_no_subject(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let record = anonymous();
    store.put(&record).await?;
    for name in ["null", "NULL", "None", "anonymous", "*", "%", "-", " "] {
        let list = store.list_by_subject(&subject(name), &page(9)).await?;
        same(S9, format_args!("the list of {name:?}"), &ids(&list), &vec![])?;
        for action in [MARK, Action::Remove] {
            let count = revoke(&store, name, &RecordFilter::all(), action).await?;
            same(S8, format_args!("records {name:?} has"), &count, &0)?;
        }
    }
    same(S8, "the anonymous record", &store.find(record.selector).await?, &Some(record))
}

/// As many records as a statement, a batch or a page of some backend takes, and none left over.
async fn round_numbers_of_records_are_listed_ended_and_counted(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for count in [10, 16, 25, 32, 50, 64, 100, 128, 200, 256, 500, 512, 1_000] {
        let name = format!("{count} records");
        let mut records = many(&record(&name), count);
        let last = records.split_off(records.len() - 1);
        store.put_all(&records).await?;
        for last in &last {
            let answer = store.watched().insert(last, Fence::None).await?;
            let is_exact = |of: u32| of == u32::from(count);
            let exact = matches!(answer, Insert::Inserted { of_subject } if of_subject.is_none_or(is_exact));
            hold(S2, exact, format_args!("insert of record number {count} returned {answer:?}"))?;
        }
        records.extend(last);
        let full = page(count);
        let list = store.list_by_subject(&subject(&name), &full).await?;
        same(
            S9,
            format_args!("of {count} records, those on a page of as many"),
            &list.len(),
            &records.len(),
        )?;
        let after = list.last().map(|last| (last.created_at, last.selector));
        let rest = store.list_by_subject(&subject(&name), &Page { after, ..full }).await?;
        same(S9, format_args!("of {count} records, those on the next page"), &rest.len(), &0)?;
        for (action, number) in [(MARK, 1), (Action::Remove, 2)] {
            let update = EpochUpdate::Set { epoch: Epoch([number; 16]), now: NOW, keep: KEEP };
            let all = RecordFilter::all();
            let ended = store.revoke_by_subject(&subject(&name), &all, action, update).await?;
            same(S8, format_args!("of {count} records, those ended: {action:?}"), &ended, &u64::from(count))?;
            let list = store.list_by_subject(&subject(&name), &page(u16::MAX)).await?;
            let alive = list.iter().filter(|record| record.revoked.is_none()).count();
            same(S8, format_args!("of {count} records, those left alive: {action:?}"), &alive, &0)?;
        }
    }
    Ok(())
}

async fn two_thousand_five_hundred_records_are_ended_and_counted(case: CaseContext) -> CaseResult {
    const MANY: u16 = 2_500;
    let store = case.open().await?;
    let template = record("alice");
    store.put_all(&many(&template, MANY)).await?;
    let count = revoke(&store, "alice", &RecordFilter::all(), MARK).await?;
    same(S8, "records marked", &count, &u64::from(MANY))?;
    let list = store.list_by_subject(&subject("alice"), &page(u16::MAX)).await?;
    let live = list.iter().filter(|record| record.revoked.is_none()).count();
    same(S8, "live records in the list", &(list.len(), live), &(usize::from(MANY), 0))?;
    let count = revoke(&store, "alice", &RecordFilter::all(), Action::Remove).await?;
    same(S8, "number of records removed", &count, &u64::from(MANY))?;
    let list = store.list_by_subject(&subject("alice"), &page(9)).await?;
    same(S8, "records left", &list.len(), &0)?;
    hold(
        S8,
        store.find(list.first().map_or(template.selector, |left| left.selector)).await?.is_none(),
        "whether any is found",
    )
}

/// `count` copies of `template` with their own selectors.
fn many(template: &Record, count: u16) -> Vec<Record> {
    let numbered = |number: u16| {
        let mut record = template.clone();
        record.selector.0[14..].copy_from_slice(&number.to_be_bytes());
        // Several are issued in one millisecond.
        record.created_at = at(u64::from(number / 7));
        record
    };
    (0..count).map(numbered).collect()
}

/// More records than a script's stack, the parameters of a statement or ten rounds of a thousand can hold.
async fn twelve_thousand_records_are_ended_and_counted(case: CaseContext) -> CaseResult {
    const MANY: u16 = 12_000;
    let store = case.open().await?;
    let template = record("alice");
    store.put_all(&many(&template, MANY)).await?;
    let list = store.list_by_subject(&subject("alice"), &page(u16::MAX)).await?;
    same(S9, "records on one page", &list.len(), &usize::from(MANY))?;
    for action in [MARK, Action::Remove] {
        let count = revoke(&store, "alice", &RecordFilter::all(), action).await?;
        same(S8, format_args!("records that {action:?} ended"), &count, &u64::from(MANY))?;
    }
    let list = store.list_by_subject(&subject("alice"), &page(9)).await?;
    same(S8, "records left", &list.len(), &0)
}

async fn a_kind_named_twice_counts_once(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let kinds: Vec<Kind> = (0..12).filter_map(|number| Kind::new(&format!("kind-{number}")).ok()).collect();
    let mut records = Vec::new();
    for kind in &kinds {
        let mut record = record("alice");
        record.kind = *kind;
        store.put(&record).await?;
        records.push(record);
    }
    store.put(&record("alice")).await?;
    let dozen = Kinds::Only(kinds.iter().chain(&kinds).copied().collect());
    let shown = Page { kinds: dozen.clone(), ..page(99) };
    let list = store.list_by_subject(&subject("alice"), &shown).await?;
    same(S9, "records of a dozen kinds, named twice, listed", &list.len(), &12)?;
    for action in [MARK, Action::Remove] {
        let count = revoke(&store, "alice", &RecordFilter::all().kinds(dozen.clone()), action).await?;
        same(
            S8,
            format_args!("number of records of a dozen kinds, named twice, that {action:?} ended"),
            &count,
            &12,
        )?;
    }
    let left = store.list_by_subject(&subject("alice"), &page(99)).await?;
    same(S8, "records of another kind left", &left.len(), &1)
}

async fn every_purpose_is_ended_alone(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for purpose in Purpose::ALL {
        let records = Purpose::ALL.map(|purpose| {
            let mut record = record("alice");
            record.purpose = purpose;
            record
        });
        store.put_all(&records).await?;
        let filter = RecordFilter::all().purposes(purpose);
        let count = revoke(&store, "alice", &filter, Action::Remove).await?;
        same(S8, format_args!("records of purpose {purpose:?} ended"), &count, &1)?;
        for record in records {
            let found = store.find(record.selector).await?;
            let expected = (record.purpose != purpose).then_some(record);
            same(
                S8,
                format_args!("a record after everything of purpose {purpose:?} went"),
                &found,
                &expected,
            )?;
        }
        let count = revoke(&store, "alice", &RecordFilter::all(), Action::Remove).await?;
        same(S8, "records left", &count, &2)?;
    }
    Ok(())
}

/// A repeated revocation ends no further record and returns 0.
async fn repeating_finds_nothing_left_to_do(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let record = record("alice");
    store.put(&record).await?;
    for (action, counts) in [(MARK, [1, 0, 0]), (Action::Remove, [1, 0, 0])] {
        for expected in counts {
            let count = revoke(&store, "alice", &RecordFilter::all(), action).await?;
            same(S8, format_args!("records that {action:?} ended"), &count, &expected)?;
        }
    }
    Ok(())
}

async fn a_subject_without_records_is_no_error(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let update = EpochUpdate::Set { epoch: Epoch([7; 16]), now: NOW, keep: KEEP };
    for update in [EpochUpdate::Keep, update] {
        let count = store.revoke_by_subject(&subject("carol"), &RecordFilter::all(), MARK, update).await?;
        same(S8, "records of a subject without any", &count, &0)?;
    }
    let epoch = store.epoch(&subject("carol"), Epoch([9; 16]), KEEP, NOW).await?;
    same(S11, "the epoch after a revocation of nothing", &(epoch == Epoch([7; 16])), &true)
}
