//! Dropped futures.

use std::pin::pin;

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S13] a_dropped_insert_is_whole_or_nothing),
    case!(Any Quick [S13] a_dropped_replace_is_whole_or_nothing),
    case!(Any Quick [S13] a_dropped_delete_is_whole_or_nothing),
    case!(Any Quick [S13] a_dropped_revocation_leaves_each_record_whole),
    case!(Any Quick [S13] a_dropped_purge_leaves_each_record_whole needs [Purge]),
    case!(Any Quick [S13] a_dropped_read_breaks_nothing),
];

/// The maximum number of polls before a future is dropped.
const POLLS: usize = 12;
/// How long purges may skip rows that a dropped purge still holds.
const SETTLE: Duration = Duration::from_secs(20);

/// Polls `call` up to `polls` times and drops it; returns whether it had ended before.
async fn drop_after<T>(polls: usize, call: impl Future<Output = Result<T, StoreError>>) -> CaseResult<bool> {
    let mut call = pin!(call);
    match step(call.as_mut(), polls).await {
        Some(ended) => ended.map(|_| true).map_err(Into::into),
        None => Ok(false),
    }
}

/// Finds `of` once a dropped call has taken effect or never will. The result must be one of `states` and agree with
/// the list.
async fn settled(store: &Handle, of: &Record, states: &[Option<&Record>]) -> CaseResult<Option<Record>> {
    for tried in 0.. {
        let found = store.find(of.selector).await?;
        let torn = format_args!("the record after a dropped call: {found:?}").to_string();
        hold(S13, states.contains(&found.as_ref()), torn)?;
        let Some(subject) = &of.subject else { return Ok(found) };
        let list = store.list_by_subject(subject, &page(1_000)).await?;
        let listed = list.into_iter().find(|listed| listed.selector == of.selector);
        let again = store.find(of.selector).await?;
        if listed == found && again == found {
            return Ok(found);
        }
        hold(S9, tried < 20, "after a dropped call find and list disagree permanently")?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(None)
}

async fn a_dropped_insert_is_whole_or_nothing(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let epoch = store.epoch(&subject("alice"), Epoch([1; 16]), KEEP, NOW).await?;
    let parent = record("alice");
    store.put(&parent).await?;
    let fences = [Fence::None, Fence::Epoch(epoch), Fence::Parent(parent.selector)];
    for (fence, is_large) in fences.into_iter().flat_map(|fence| [(fence, false), (fence, true)]) {
        for polls in 1..=POLLS {
            let mut record = record("alice");
            if is_large {
                record.body = body(case.rng().vec(Body::MAX_LEN));
            }
            let ended = drop_after(polls, store.insert(&record, fence)).await?;
            let found = settled(&store, &record, &[None, Some(&record)]).await?;
            hold(S13, found.is_some() || !ended, "an acknowledged insert is not found")?;
            let answer = store.insert(&record, Fence::None).await?;
            let whole = matches!(answer, INSERTED | Insert::Duplicate);
            hold(
                S13,
                whole && (found.is_none() || answer == Insert::Duplicate),
                "insert after a dropped one",
            )?;
            same(S13, "the record afterwards", &store.find(record.selector).await?, &Some(record))?;
            if ended {
                break;
            }
        }
    }
    Ok(())
}

/// Each kind of change, with a small body and with one that a backend may split.
async fn a_dropped_replace_is_whole_or_nothing(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    // Whether it ends the record, or touches it.
    let kinds = [(false, false), (false, true), (true, false)];
    for ((ends, touches), is_large) in kinds.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        for polls in 1..=POLLS {
            let mut old = record("alice");
            let mut new = case.next(&old);
            (new.purge_at, new.idle_at) = (at(50), Some(at(50)));
            if ends {
                (new.revoked, new.idle_at, new.purge_at) = (Some(Reason::Spent), None, new.expires_at);
            }
            if is_large {
                for record in [&mut old, &mut new] {
                    record.body = body(case.rng().vec(Body::MAX_LEN));
                }
            }
            store.put(&old).await?;
            let ended = match touches {
                true => drop_after(polls, store.touch(&new, old.revision)).await?,
                false => drop_after(polls, store.replace(&new, old.revision)).await?,
            };
            let found = settled(&store, &old, &[Some(&old), Some(&new)]).await?;
            let stands = found.unwrap_or(old);
            let newer = case.next(&stands);
            let answer = store.replace(&newer, stands.revision).await?;
            hold(S13, answer != Replace::Missing, "replace after a dropped one returned Missing")?;
            if ended {
                break;
            }
        }
    }
    Ok(())
}

async fn a_dropped_delete_is_whole_or_nothing(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for polls in 1..=POLLS {
        let record = record("alice");
        store.put(&record).await?;
        let ended = drop_after(polls, store.delete(record.selector)).await?;
        let found = settled(&store, &record, &[None, Some(&record)]).await?;
        hold(S13, found.is_none() || !ended, "an acknowledged delete left the record")?;
        store.delete(record.selector).await?;
        hold(S13, settled(&store, &record, &[None]).await?.is_none(), "a delete after a dropped one")?;
        if ended {
            break;
        }
    }
    Ok(())
}

async fn a_dropped_revocation_leaves_each_record_whole(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let all = RecordFilter::all();
    let update = EpochUpdate::Set { epoch: Epoch([2; 16]), now: NOW, keep: KEEP };
    for action in [Action::Mark { reason: Reason::Reused, at: at(1) }, Action::Remove] {
        for polls in 1..=POLLS {
            // A dropped call may take effect late, and must not find the records of the next round.
            let name = format!("alice {polls} {}", action == Action::Remove);
            let alice = subject(&name);
            let records = [record(&name), record(&name), record(&name)];
            for record in &records {
                store.put(record).await?;
            }
            let ended = drop_after(polls, store.revoke_by_subject(&alice, &all, action, update)).await?;
            for record in &records {
                let mut marked = record.clone();
                marked.mark(Reason::Reused, at(1));
                let after = if action == Action::Remove { None } else { Some(&marked) };
                let found = settled(&store, record, &[Some(record), after]).await?;
                hold(S13, !ended || found.as_ref() == after, "an acknowledged revocation spared a record")?;
            }
            store.revoke_by_subject(&alice, &all, Action::Remove, EpochUpdate::Keep).await?;
            let left = store.list_by_subject(&alice, &page(9)).await?;
            same(S6, "records left by a repeated revocation", &left.len(), &0)?;
            if ended {
                break;
            }
        }
    }
    Ok(())
}

async fn a_dropped_purge_leaves_each_record_whole(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for polls in 1..=POLLS {
        let (mut due, other) = (record("alice"), record("alice"));
        (due.idle_at, due.purge_at) = (Some(at(1)), at(1));
        store.put(&due).await?;
        store.put(&other).await?;
        let ended = drop_after(polls, store.purge_expired(at(1), 9)).await?;
        settled(&store, &due, &[None, Some(&due)]).await?;
        settled(&store, &other, &[Some(&other)]).await?;
        purge_away(&store, &due).await?;
        if ended {
            break;
        }
    }
    Ok(())
}

/// Purges until `due` is gone. The server may still work on the dropped call, and a purge may skip its rows meanwhile.
async fn purge_away(store: &Handle, due: &Record) -> CaseResult {
    let until = tokio::time::Instant::now() + SETTLE;
    loop {
        let purged = store.purge_expired(at(1), 9).await?;
        if settled(store, due, &[None, Some(due)]).await?.is_none() {
            return Ok(());
        }
        hold(S10, purged.more, "a purge after a dropped one reports that none is due, but one is")?;
        let late = tokio::time::Instant::now() > until;
        hold(S13, !late, "a record that a dropped purge should remove is still there after 20 s of purges")?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn a_dropped_read_breaks_nothing(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (record, alice) = (record("alice"), subject("alice"));
    store.put(&record).await?;
    // More calls than a pool has connections.
    for round in 0..40 {
        let polls = 1 + round % 3;
        drop_after(polls, store.find(record.selector)).await?;
        drop_after(polls, store.list_by_subject(&alice, &page(9))).await?;
        drop_after(polls, store.epoch(&alice, Epoch([1; 16]), KEEP, NOW)).await?;
    }
    let limit = tokio::time::timeout(Duration::from_secs(20), store.find(record.selector));
    let found = limit.await.map_err(|late| StoreError::Other(BoxError::from(late)))??;
    same(S13, "the record after 120 dropped reads", &found, &Some(record))
}
