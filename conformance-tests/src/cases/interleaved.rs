//! Two concurrent writes, interleaved at each step of the first one.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S4 S8] no_replace_saves_what_is_being_removed),
    case!(Any Quick [S11] no_login_slips_in_behind_an_epoch_update),
    case!(Any Quick [S11] no_session_is_restored_behind_its_parents_end),
    case!(Any Quick [S11] no_session_is_restored_when_its_parent_was_seen_to_end),
    case!(Any Quick [S11] no_first_reader_of_an_epoch_shortens_anothers),
    case!(Any Quick [S11] no_update_of_an_epoch_shortens_it_for_a_reader),
    case!(Any Quick [S11] no_purge_takes_an_epoch_that_is_read),
    case!(Any Quick [S11] two_inserts_under_one_fence_both_pass),
];

async fn no_replace_saves_what_is_being_removed(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let (alice, all) = (subject("alice"), RecordFilter::all());
    meet(async |how| {
        let old = record("alice");
        here.put(&old).await?;
        let (new, store) = (case.next(&old), here.clone());
        let replace = async move { store.replace(&new, old.revision).await };
        let (store, of, which) = (there.clone(), alice.clone(), all.clone());
        let remove =
            async move { store.revoke_by_subject(&of, &which, Action::Remove, EpochUpdate::Keep).await };
        let (_, count, met) = how.make(replace, remove).await?;
        same(S8, "records removed", &count, &1)?;
        hold(S4, here.find(old.selector).await?.is_none(), "a racing replace saved a removed record")?;
        let list = here.list_by_subject(&alice, &page(9)).await?;
        same(S8, "the list after the removal", &ids(&list), &vec![])?;
        Ok(met)
    })
    .await
}

/// No insert under the old epoch survives a revocation that sets a new one.
async fn no_login_slips_in_behind_an_epoch_update(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let alice = subject("alice");
    meet(async |how| {
        let before = here.epoch(&alice, Epoch(case.rng().bytes()), KEEP, NOW).await?;
        let record = record("alice");
        let (store, login) = (here.clone(), record.clone());
        let insert = async move { store.insert(&login, Fence::Epoch(before)).await };
        let update = EpochUpdate::Set { epoch: Epoch(case.rng().bytes()), now: NOW, keep: KEEP };
        let (store, of) = (there.clone(), alice.clone());
        let revoke = async move { store.revoke_by_subject(&of, &RecordFilter::all(), MARK, update).await };
        let (inserted, _, met) = how.make(insert, revoke).await?;
        hold(S11, inserted != Insert::Duplicate, "insert of a new record returned Duplicate")?;
        let found = here.find(record.selector).await?;
        let lives = found.is_some_and(|found| found.revoked.is_none());
        hold(S11, !lives, format_args!("{inserted:?}, and the login outlived a log-out-everywhere"))?;
        Ok(met)
    })
    .await
}

/// No insert under a parent survives a revocation of the parent's login.
async fn no_session_is_restored_behind_its_parents_end(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let (alice, mut number) = (subject("alice"), 0);
    meet(async |how| {
        let (parent, mut child) = (record("alice"), record("alice"));
        child.login = parent.login;
        here.put(&parent).await?;
        let login = RecordFilter::login(parent.login);
        number += 1;
        let action = if number % 2 == 0 { MARK } else { Action::Remove };
        let (store, session) = (here.clone(), child.clone());
        let insert = async move { store.insert(&session, Fence::Parent(parent.selector)).await };
        let (store, of) = (there.clone(), alice.clone());
        let revoke = async move { store.revoke_by_subject(&of, &login, action, EpochUpdate::Keep).await };
        let (inserted, _, met) = how.make(insert, revoke).await?;
        let found = here.find(child.selector).await?;
        let lives = found.is_some_and(|found| found.revoked.is_none());
        hold(S11, !lives, format_args!("{inserted:?}, and the restored session outlived its login"))?;
        Ok(met)
    })
    .await
}

/// If two calls create an epoch concurrently, the longer of their times counts.
async fn no_first_reader_of_an_epoch_shortens_anothers(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let mut number = 0;
    meet(async |how| {
        number += 1;
        let name = format!("alice {number}");
        let read = |store: &Handle, epoch: u8, keep: Duration| {
            let (store, of) = (store.clone(), subject(&name));
            async move { store.epoch(&of, Epoch([epoch; 16]), keep, NOW).await }
        };
        let (long, short) = (read(&here, 1, KEEP * 3), read(&there, 2, KEEP));
        let (one, other, met) = how.make(long, short).await?;
        hold(S11, one == other, "two first readers of an epoch received different epochs")?;
        lasts(&here, &name, one, NOW, KEEP * 3).await?;
        Ok(met)
    })
    .await
}

/// Checks that `epoch` of `name`, read at `now` for `keep`, still admits an insert a millisecond before half of that
/// time is over. A store that keeps epochs for longer than asked may have left it alone (S11).
async fn lasts(store: &Handle, name: &str, epoch: Epoch, now: Timestamp, keep: Duration) -> CaseResult {
    let end = now.saturating_add(keep / 2);
    let _ = store.purge_expired(end.saturating_sub(Duration::from_millis(1)), 9).await?;
    let answer = store.insert(&record(name), Fence::Epoch(epoch)).await?;
    same(S11, "insert within half of the time of an epoch that two calls were about", &answer, &INSERTED)
}

async fn no_update_of_an_epoch_shortens_it_for_a_reader(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let mut number = 0;
    meet(async |how| {
        number += 1;
        let name = format!("alice {number}");
        here.epoch(&subject(&name), Epoch([1; 16]), KEEP, NOW).await?;
        here.put(&record(&name)).await?;
        let (store, of) = (here.clone(), subject(&name));
        let read = async move { store.epoch(&of, Epoch([9; 16]), KEEP * 3, NOW).await };
        let (store, of) = (there.clone(), subject(&name));
        let update = EpochUpdate::Set { epoch: Epoch([2; 16]), now: NOW, keep: KEEP };
        let set = async move { store.revoke_by_subject(&of, &RecordFilter::all(), MARK, update).await };
        let (_, _, met) = how.make(read, set).await?;
        lasts(&here, &name, Epoch([2; 16]), NOW, KEEP * 3).await?;
        Ok(met)
    })
    .await
}

/// A purge that runs during a read does not shorten the time of the epoch returned.
async fn no_purge_takes_an_epoch_that_is_read(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let mut number = 0;
    meet(async |how| {
        number += 1;
        let name = format!("alice {number}");
        here.epoch(&subject(&name), Epoch([1; 16]), KEEP, NOW).await?;
        let over = NOW.saturating_add(KEEP);
        let (store, of) = (here.clone(), subject(&name));
        let read = async move { store.epoch(&of, Epoch([2; 16]), KEEP, over).await };
        let store = there.clone();
        let purge = async move { store.purge_expired(over, 9).await };
        let (epoch, _, met) = how.make(read, purge).await?;
        lasts(&here, &name, epoch, over, KEEP).await?;
        Ok(met)
    })
    .await
}

async fn two_inserts_under_one_fence_both_pass(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let parent = record("alice");
    here.put(&parent).await?;
    let epoch = here.epoch(&subject("alice"), Epoch([1; 16]), KEEP, NOW).await?;
    for fence in [Fence::Parent(parent.selector), Fence::Epoch(epoch)] {
        meet(async |how| {
            let insert = |store: &Handle| {
                let (store, record) = (store.clone(), record("alice"));
                async move { store.insert(&record, fence).await }
            };
            let (one, other, met) = how.make(insert(&here), insert(&there)).await?;
            same(S11, "two inserts at once under one fence", &(one, other), &(INSERTED, INSERTED))?;
            Ok(met)
        })
        .await?;
    }
    Ok(())
}

/// A delete or a last use ends the parent. A child that passed the fence stays, but was there before that call
/// returned.
async fn no_session_is_restored_when_its_parent_was_seen_to_end(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    for spends in [false, true] {
        meet(async |how| {
            let (parent, child) = (record("alice"), record("alice"));
            here.put(&parent).await?;
            let (store, session) = (here.clone(), child.clone());
            let insert = async move { store.insert(&session, Fence::Parent(parent.selector)).await };
            let mut spent = case.next(&parent);
            (spent.revoked, spent.idle_at, spent.purge_at) = (Some(Reason::Spent), None, spent.expires_at);
            let store = there.clone();
            let end = async move {
                let ended = match spends {
                    true => store.replace(&spent, parent.revision).await? == Replace::Replaced,
                    false => store.delete(parent.selector).await?,
                };
                Ok((ended, store.find(child.selector).await?.is_some()))
            };
            let (inserted, (ended, was_there), met) = how.make(insert, end).await?;
            let late = ended && !was_there && inserted == INSERTED;
            hold(
                S11,
                !late,
                "a session was restored although another call had observed the end of its parent",
            )?;
            let _ = here.delete(parent.selector).await?;
            Ok(met)
        })
        .await?;
    }
    Ok(())
}
