//! A server that is hurt: trouble is an error, bounded in time, and passes.

use std::time::Duration;

use hallpass_core::{Action, Epoch, EpochUpdate, Fence, Reason, Record, RecordFilter, StoreError};
use tokio::time::timeout;

use crate::case::{Case, case};
use crate::clause::Clause::{S12, S14};
use crate::handle::Handle;
use crate::harness::Trouble;
use crate::outcome::{Ran, Stop, chain, hold, same};
use crate::specimen::{NOW, page, record, subject};
use crate::stage::{Stage, harness_failed};

pub(super) const CASES: &[Case] = &[
    case!(Stop Full [S12] a_stopped_server_is_an_error_and_passes needs [Outage]),
    case!(Freeze Full [S12] a_frozen_server_is_an_error_in_time_and_passes needs [Outage]),
    case!(Cut Full [S12] cut_connections_are_an_error_and_pass needs [Outage]),
    case!(Restart Full [S12] a_restarted_server_is_found_again needs [Outage]),
    case!(Restart Full [S14] what_was_acknowledged_survives_a_restart_of_the_server needs [Outage ProcessCrash]),
];

/// How long one call may take in trouble.
const BOUND: Duration = Duration::from_secs(30);
/// How long a store may take to find its server again.
const RECOVERY: Duration = Duration::from_secs(30);
const KEEP: Duration = Duration::from_secs(3_600);

async fn a_stopped_server_is_an_error_and_passes(stage: Stage) -> Ran {
    endure(&stage, Trouble::Stop).await
}

async fn a_frozen_server_is_an_error_in_time_and_passes(stage: Stage) -> Ran {
    endure(&stage, Trouble::Freeze).await
}

async fn cut_connections_are_an_error_and_pass(stage: Stage) -> Ran {
    endure(&stage, Trouble::Cut).await
}

/// Every call fails in time while there is trouble, and the same handle works after it.
async fn endure(stage: &Stage, trouble: Trouble) -> Ran {
    let (store, server) = (stage.open().await?.bare(), stage.server()?);
    let record = record("alice");
    store.put(&record).await?;
    server.inflict(trouble).await.map_err(|error| harness_failed(&error))?;
    let seen = ask_everything(stage, &store, &record).await;
    server.heal().await.map_err(|error| harness_failed(&error))?;
    seen?;
    recovered(&store, &record).await?;
    let next = stage.next(&record);
    // A write that was under way may have been done.
    let found = store.find(record.selector).await?;
    let whole = found.as_ref().is_none_or(|found| found.selector == record.selector);
    hold(S12, whole, "after the trouble another record is found")?;
    let _ = store.replace(&next, record.revision).await?;
    Ok(())
}

async fn ask_everything(stage: &Stage, store: &Handle, record: &Record) -> Ran {
    let (alice, all, other) = (subject("alice"), RecordFilter::all(), crate::specimen::record("alice"));
    let next = stage.next(record);
    let mark = Action::Mark { reason: Reason::Administrative, at: NOW };
    fails("find", store.find(record.selector)).await?;
    fails("list_by_subject", store.list_by_subject(&alice, &page(9))).await?;
    fails("epoch", store.epoch(&alice, Epoch([1; 16]), KEEP, NOW)).await?;
    fails("purge_expired", store.purge_expired(NOW, 9)).await?;
    fails("insert", store.insert(&other, Fence::None)).await?;
    fails("replace", store.replace(&next, record.revision)).await?;
    fails("revoke_by_subject", store.revoke_by_subject(&alice, &all, mark, EpochUpdate::Keep)).await?;
    fails("delete", store.delete(record.selector)).await
}

/// That `call` answers an error, and in time.
async fn fails<T: std::fmt::Debug>(what: &str, call: impl Future<Output = Result<T, StoreError>>) -> Ran {
    match timeout(BOUND, call).await {
        Ok(Err(_)) => Ok(()),
        Ok(Ok(answer)) => hold(S12, false, format_args!("{what} answered {answer:?} without its server")),
        Err(_) => hold(S12, false, format_args!("{what} has not answered within {BOUND:?}")),
    }
}

/// Waits until the store answers again.
async fn recovered(store: &Handle, record: &Record) -> Ran {
    let until = tokio::time::Instant::now() + RECOVERY;
    loop {
        let error = match timeout(BOUND, store.find(record.selector)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => chain(&error),
            Err(_) => return hold(S12, false, "after the trouble a call never answers"),
        };
        let late = tokio::time::Instant::now() > until;
        hold(S12, !late, format_args!("{RECOVERY:?} after the trouble the handle still fails: {error}"))?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn a_restarted_server_is_found_again(stage: Stage) -> Ran {
    let (store, server) = (stage.open().await?.bare(), stage.server()?);
    let record = record("alice");
    store.put(&record).await?;
    server.inflict(Trouble::Restart).await.map_err(|error| harness_failed(&error))?;
    recovered(&store, &record).await?;
    let fresh = crate::specimen::record("alice");
    store.put(&fresh).await?;
    same(S12, "a record written after a restart", &store.find(fresh.selector).await?, &Some(fresh))
}

async fn what_was_acknowledged_survives_a_restart_of_the_server(stage: Stage) -> Ran {
    let (store, server) = (stage.open().await?.bare(), stage.server()?);
    let (kept, deleted, mut marked) = (record("bob"), record("bob"), record("alice"));
    for record in [&kept, &deleted, &marked] {
        store.put(record).await?;
    }
    let newer = stage.next(&kept);
    store.swap(&newer, &kept).await?;
    store.delete(deleted.selector).await?;
    let mark = Action::Mark { reason: Reason::Reused, at: NOW };
    store.revoke_by_subject(&subject("alice"), &RecordFilter::all(), mark, EpochUpdate::Keep).await?;
    marked.mark(Reason::Reused, NOW);
    server.inflict(Trouble::Restart).await.map_err(|error| harness_failed(&error))?;
    recovered(&store, &kept).await?;
    for (selector, expected) in
        [(newer.selector, Some(newer)), (deleted.selector, None), (marked.selector, Some(marked))]
    {
        same(S14, "a record after a restart of the server", &store.find(selector).await?, &expected)?;
    }
    Ok::<(), Stop>(())
}
