//! Faults of a server: every call fails in bounded time, and the store recovers.

use tokio::time::timeout;

use super::prelude::*;
use crate::cases::secrecy::keeps_quiet;
use crate::harness::Fault;

pub(super) const CASES: &[Case] = &[
    case!(Stop Full [S12 S18] a_stopped_server_is_an_error_and_passes needs [Outage]),
    case!(Freeze Full [S12 S18] a_frozen_server_is_an_error_in_time_and_passes needs [Outage]),
    case!(Cut Full [S12 S18] cut_connections_are_an_error_and_pass needs [Outage]),
    case!(Restart Full [S12] a_restarted_server_is_found_again needs [Outage]),
    case!(Restart Full [S14 S11] what_was_acknowledged_survives_a_restart_of_the_server needs [Outage ProcessCrash]),
];

/// The time limit of one call during a fault.
const BOUND: Duration = Duration::from_secs(20);
/// How long after the fault a call may still fail, once for each connection of a pool.
const RECOVERY: Duration = Duration::from_secs(30);
/// How many rounds of every operation must succeed in a row before a store counts as recovered: more calls than a
/// pool has connections, each of which may fail once.
const ROUNDS: usize = 4;
/// Data that no error may show.
const SECRET: &[u8] = b"wholly confidential";

async fn a_stopped_server_is_an_error_and_passes(case: CaseContext) -> CaseResult {
    endure(&case, Fault::Stop).await
}

async fn a_frozen_server_is_an_error_in_time_and_passes(case: CaseContext) -> CaseResult {
    endure(&case, Fault::Freeze).await
}

async fn cut_connections_are_an_error_and_pass(case: CaseContext) -> CaseResult {
    endure(&case, Fault::Cut).await
}

/// During a fault every call fails in time and reports correctly whether it may have written. Afterwards the same
/// handle works.
async fn endure(case: &CaseContext, fault: Fault) -> CaseResult {
    let (store, server) = (case.open().await?.bare(), case.server()?);
    let (mut parent, mut asked) = (record("alice"), Vec::new());
    parent.body = body(SECRET.to_vec());
    store.put(&parent).await?;
    let epoch = store.epoch(&subject("alice"), Epoch([1; 16]), KEEP, NOW).await?;
    for fence in [Fence::None, Fence::Epoch(epoch), Fence::Parent(parent.selector)] {
        let mut record = record("alice");
        record.body = body(SECRET.repeat(9));
        asked.push((record, fence, false));
    }
    server.inflict(fault).await.map_err(|error| harness_failed(&error))?;
    let seen = ask_everything(case, &store, &parent, &mut asked).await;
    server.heal().await.map_err(|error| harness_failed(&error))?;
    let touched = seen?;
    recovered(case, &store, &parent).await?;
    for (record, fence, may_be) in asked {
        let found = store.find(record.selector).await?;
        let said = "an insert failed and reported that it wrote nothing, but the record is there";
        hold(S12, may_be || found.is_none(), format_args!("{said}: {fence:?}"))?;
        hold(S12, found.is_none() || found == Some(record), "a record is only partly there after the fault")?;
    }
    if !touched {
        let found = store.find(parent.selector).await?;
        let said = "a write failed and reported that it wrote nothing, but the record has changed";
        hold(S12, found == Some(parent), said)?;
    }
    Ok(())
}

/// Calls every operation. Returns whether `record` may have been changed; sets the flags in `asked` for inserts that
/// may have happened.
async fn ask_everything(
    case: &CaseContext,
    store: &Handle,
    record: &Record,
    asked: &mut [(Record, Fence, bool)],
) -> CaseResult<bool> {
    let (alice, all) = (subject("alice"), RecordFilter::all());
    let mut next = case.next(record);
    next.body = body(SECRET.repeat(3));
    let mark = Action::Mark { reason: Reason::Administrative, at: NOW };
    fails("find", store.find(record.selector)).await?;
    fails("list_by_subject", store.list_by_subject(&alice, &page(9))).await?;
    fails("epoch", store.epoch(&alice, Epoch([1; 16]), KEEP, NOW)).await?;
    fails("purge_expired", store.purge_expired(NOW, 9)).await?;
    for (record, fence, may_be) in asked {
        *may_be = fails("insert", store.insert(record, *fence)).await?;
    }
    let mut touched = fails("replace", store.replace(&next, record.revision)).await?;
    touched |=
        fails("revoke_by_subject", store.revoke_by_subject(&alice, &all, mark, EpochUpdate::Keep)).await?;
    touched |= fails("delete", store.delete(record.selector)).await?;
    Ok(touched)
}

/// Checks that `call` fails in time and shows no data. Returns whether it may have written.
async fn fails<T: std::fmt::Debug>(
    what: &str,
    call: impl Future<Output = Result<T, StoreError>>,
) -> CaseResult<bool> {
    match timeout(BOUND, call).await {
        Ok(Err(error)) => {
            let said = format!("{error:?} {}", error_chain(&error));
            keeps_quiet("an error during a fault", &said, &[SECRET])?;
            Ok(matches!(error, StoreError::Timeout { outcome_unknown: true, .. }))
        }
        Ok(Ok(answer)) => {
            hold(S12, false, format_args!("{what} returned {answer:?} without its server")).map(|()| true)
        }
        Err(_) => hold(S12, false, format_args!("{what} has not returned within {BOUND:?}")).map(|()| true),
    }
}

/// Waits until every operation keeps working; each connection of a pool may fail once.
pub(super) async fn recovered(case: &CaseContext, store: &Handle, record: &Record) -> CaseResult {
    let until = tokio::time::Instant::now() + RECOVERY;
    let mut good = 0;
    while good < ROUNDS {
        let error = match timeout(BOUND, use_everything(case, store, record)).await {
            Ok(Ok(())) => {
                good += 1;
                continue;
            }
            Ok(Err(error)) => error_chain(&error),
            Err(_) => return hold(S12, false, "after the fault a call never returns"),
        };
        good = 0;
        let late = tokio::time::Instant::now() > until;
        hold(S12, !late, format_args!("{RECOVERY:?} after the fault the handle still fails: {error}"))?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Calls every operation once, on its own records.
async fn use_everything(case: &CaseContext, store: &Handle, record: &Record) -> Result<(), StoreError> {
    let (name, all) = (subject("zoe"), RecordFilter::all());
    let fresh = crate::specimen::record(name.as_str());
    store.find(record.selector).await?;
    let epoch = store.epoch(&name, Epoch([1; 16]), KEEP, NOW).await?;
    let _ = store.insert(&fresh, Fence::Epoch(epoch)).await?;
    let child = crate::specimen::record(name.as_str());
    let _ = store.insert(&child, Fence::Parent(fresh.selector)).await?;
    let _ = store.replace(&case.next(&fresh), fresh.revision).await?;
    store.list_by_subject(&name, &page(9)).await?;
    store.delete(child.selector).await?;
    store.revoke_by_subject(&name, &all, Action::Remove, EpochUpdate::Keep).await?;
    store.purge_expired(Timestamp::MIN, 9).await.map(drop)
}

/// After a restart of the server the same handle works for every operation.
async fn a_restarted_server_is_found_again(case: CaseContext) -> CaseResult {
    let (store, server) = (case.open().await?.bare(), case.server()?);
    let record = record("alice");
    store.put(&record).await?;
    server.inflict(Fault::Restart).await.map_err(|error| harness_failed(&error))?;
    recovered(&case, &store, &record).await?;
    let fresh = crate::specimen::record("alice");
    store.put(&fresh).await?;
    same(S12, "a record written after a restart", &store.find(fresh.selector).await?, &Some(fresh))
}

async fn what_was_acknowledged_survives_a_restart_of_the_server(case: CaseContext) -> CaseResult {
    let (store, server) = (case.open().await?.bare(), case.server()?);
    let (kept, deleted, mut marked) = (record("bob"), record("bob"), record("alice"));
    for record in [&kept, &deleted, &marked] {
        store.put(record).await?;
    }
    let newer = case.next(&kept);
    store.swap(&newer, &kept).await?;
    store.delete(deleted.selector).await?;
    let mark = Action::Mark { reason: Reason::Reused, at: NOW };
    store.revoke_by_subject(&subject("alice"), &RecordFilter::all(), mark, EpochUpdate::Keep).await?;
    marked.mark(Reason::Reused, NOW);
    let old = store.epoch(&subject("carol"), Epoch([1; 16]), KEEP, NOW).await?;
    let update = EpochUpdate::Set { epoch: Epoch([2; 16]), now: NOW, keep: KEEP };
    store.revoke_by_subject(&subject("carol"), &RecordFilter::all(), mark, update).await?;
    server.inflict(Fault::Restart).await.map_err(|error| harness_failed(&error))?;
    recovered(&case, &store, &kept).await?;
    for (selector, expected) in
        [(newer.selector, Some(newer)), (deleted.selector, None), (marked.selector, Some(marked))]
    {
        same(S14, "a record after a restart of the server", &store.find(selector).await?, &expected)?;
    }
    for (epoch, expected) in [(old, Insert::Fenced), (Epoch([2; 16]), INSERTED)] {
        let answer = store.insert(&record("carol"), Fence::Epoch(epoch)).await?;
        same(S11, "insert under an epoch from before a restart of the server", &answer, &expected)?;
    }
    Ok(())
}
