//! Two namespaces in one database.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S15] one_selector_lives_in_each_namespace_for_itself),
    case!(Any Quick [S15] revoking_and_listing_stay_in_their_namespace),
    case!(Any Quick [S15] each_namespace_has_epochs_of_its_own),
    case!(Any Quick [S15] a_parent_in_another_namespace_is_no_parent),
    case!(Any Quick [S15] names_that_a_backend_confuses_are_refused),
    case!(Any Quick [S15] a_namespace_and_a_subject_do_not_run_together),
    case!(Any Quick [S15] purging_stays_in_its_namespace needs [Purge]),
];

/// The suffix of the second namespace, whose name begins with the first one's name.
const OTHER: &str = "_b";

async fn one_selector_lives_in_each_namespace_for_itself(case: CaseContext) -> CaseResult {
    let (here, there) = (case.open().await?, case.open_named(OTHER).await?);
    let mine = record("alice");
    here.put(&mine).await?;
    hold(S15, there.find(mine.selector).await?.is_none(), "the other namespace finds the record")?;
    let theirs = case.next(&mine);
    let answer = there.replace(&theirs, mine.revision).await?;
    same(S15, "replace in the other namespace", &answer, &Replace::Missing)?;
    same(S15, "delete in the other namespace", &there.delete(mine.selector).await?, &false)?;
    let answer = there.insert(&theirs, Fence::None).await?;
    same(S15, "insert of the same selector in the other namespace", &answer, &INSERTED)?;
    same(S15, "the record here", &here.find(mine.selector).await?, &Some(mine.clone()))?;
    same(S15, "delete here", &here.delete(mine.selector).await?, &true)?;
    same(S15, "the record there", &there.find(mine.selector).await?, &Some(theirs))
}

async fn revoking_and_listing_stay_in_their_namespace(case: CaseContext) -> CaseResult {
    let (here, there) = (case.open().await?, case.open_named(OTHER).await?);
    let (mine, theirs) = (record("alice"), record("alice"));
    here.put(&mine).await?;
    there.put(&theirs).await?;
    let alice = subject("alice");
    let list = here.list_by_subject(&alice, &page(9)).await?;
    same(S15, "the list here", &ids(&list), &vec![mine.selector])?;
    for action in [Action::Mark { reason: Reason::Administrative, at: at(1) }, Action::Remove] {
        let count = here.revoke_by_subject(&alice, &RecordFilter::all(), action, EpochUpdate::Keep).await?;
        same(S15, "records ended here", &count, &1)?;
        same(S15, "the record there", &there.find(theirs.selector).await?, &Some(theirs.clone()))?;
    }
    Ok(())
}

async fn each_namespace_has_epochs_of_its_own(case: CaseContext) -> CaseResult {
    let (here, there) = (case.open().await?, case.open_named(OTHER).await?);
    let alice = subject("alice");
    let mine = here.epoch(&alice, Epoch([1; 16]), KEEP, NOW).await?;
    let answer = there.insert(&record("alice"), Fence::Epoch(mine)).await?;
    same(S15, "insert there under the epoch from here", &answer, &Insert::Fenced)?;
    let theirs = there.epoch(&alice, Epoch([2; 16]), KEEP, NOW).await?;
    hold(S15, theirs == Epoch([2; 16]), "the other namespace has an epoch although none was created there")?;
    let update = EpochUpdate::Set { epoch: Epoch([3; 16]), now: NOW, keep: KEEP };
    let _ = there.revoke_by_subject(&alice, &RecordFilter::all(), Action::Remove, update).await?;
    let answer = here.insert(&record("alice"), Fence::Epoch(mine)).await?;
    same(S15, "insert here after an update of the epoch there", &answer, &INSERTED)
}

async fn a_parent_in_another_namespace_is_no_parent(case: CaseContext) -> CaseResult {
    let (here, there) = (case.open().await?, case.open_named(OTHER).await?);
    let parent = record("alice");
    here.put(&parent).await?;
    let answer = there.insert(&record("alice"), Fence::Parent(parent.selector)).await?;
    same(S15, "insert there under a parent from here", &answer, &Insert::Fenced)
}

async fn purging_stays_in_its_namespace(case: CaseContext) -> CaseResult {
    let (here, there) = (case.open().await?, case.open_named(OTHER).await?);
    let mut due = record("alice");
    (due.idle_at, due.purge_at) = (Some(at(1)), at(1));
    here.put(&due).await?;
    let epoch = here.epoch(&subject("alice"), Epoch([1; 16]), KEEP, NOW).await?;
    same(S15, "records purged in the empty namespace", &there.collect(at(7_200_000), 9).await?, &0)?;
    same(S15, "the record here", &here.find(due.selector).await?, &Some(due))?;
    let answer = here.insert(&record("alice"), Fence::Epoch(epoch)).await?;
    same(S15, "insert here after a purge there", &answer, &INSERTED)
}

async fn names_that_a_backend_confuses_are_refused(case: CaseContext) -> CaseResult {
    let long = "x".repeat(60);
    let names = ["_a", "_A", "-a", "_a_", "__a"].map(str::to_owned);
    let long_ones = ["a", "b", "A", ""].map(|last| format!("_{long}{last}"));
    let longest = ["a", "b"].map(|last| format!("_{long}{}{last}", "y".repeat(40)));
    let plain = String::new();
    let mut open = vec![(&plain, case.open().await?)];
    for name in names.iter().chain(&long_ones).chain(&longest) {
        open.extend(case.open_if_taken(name).await.map(|store| (name, store)));
    }
    // The accepted names are separate namespaces.
    let mut records = Vec::new();
    for (name, store) in &open {
        let record = record("alice");
        store.put(&record).await?;
        let epoch = Epoch(case.rng().bytes());
        let made = store.epoch(&subject("alice"), epoch, KEEP, NOW).await?;
        hold(S15, made == epoch, format_args!("the namespace {name:?} has the epoch of another"))?;
        records.push(record);
    }
    for ((name, store), record) in open.iter().zip(records) {
        let list = store.list_by_subject(&subject("alice"), &page(99)).await?;
        same(S15, format_args!("the list in the namespace {name:?}"), &ids(&list), &vec![record.selector])?;
    }
    Ok(())
}

/// A key that joins both without a separator is the same for "a" and "b_alice" as for "a_b" and "alice".
async fn a_namespace_and_a_subject_do_not_run_together(case: CaseContext) -> CaseResult {
    let (here, there) = (case.open().await?, case.open_named(OTHER).await?);
    for (mine, theirs) in
        [("b_alice", "alice"), ("_b_alice", "alice"), ("_balice", "alice"), ("b:alice", "alice")]
    {
        let (record, other) = (record(mine), record(theirs));
        here.put(&record).await?;
        there.put(&other).await?;
        let first = here.epoch(&subject(mine), Epoch([1; 16]), KEEP, NOW).await?;
        let second = there.epoch(&subject(theirs), Epoch([2; 16]), KEEP, NOW).await?;
        hold(
            S15,
            (first, second) == (Epoch([1; 16]), Epoch([2; 16])),
            format_args!("the epoch of {mine:?} here is that of {theirs:?} there"),
        )?;
        let list = here.list_by_subject(&subject(mine), &page(9)).await?;
        same(S15, format_args!("the list of {mine:?} here"), &ids(&list), &vec![record.selector])?;
        let update = EpochUpdate::Set { epoch: Epoch([3; 16]), now: NOW, keep: KEEP };
        let all = RecordFilter::all();
        let count = here.revoke_by_subject(&subject(mine), &all, Action::Remove, update).await?;
        same(S15, format_args!("records {mine:?} has here"), &count, &1)?;
        same(
            S15,
            format_args!("a record of {theirs:?} there"),
            &there.find(other.selector).await?,
            &Some(other),
        )?;
        let answer = there.insert(&self::record(theirs), Fence::Epoch(second)).await?;
        same(S15, format_args!("insert under the epoch of {theirs:?} there"), &answer, &INSERTED)?;
        there
            .revoke_by_subject(
                &subject(theirs),
                &all,
                Action::Remove,
                EpochUpdate::Set { epoch: Epoch([2; 16]), now: NOW, keep: KEEP },
            )
            .await?;
        // The next pair starts with new epochs.
        here.revoke_by_subject(&subject(mine), &all, Action::Remove, EpochUpdate::Keep).await?;
    }
    Ok(())
}
