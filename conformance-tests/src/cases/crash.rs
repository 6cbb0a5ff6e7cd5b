//! What survives after an acknowledgement.
//!
//! The accident: a process is killed after it has answered "logged out" to one user, while it writes for two others.
//! After the restart the first must still be logged out. SIGKILL does not test the disk: the operating system keeps
//! what it holds.

use super::prelude::*;
use crate::crash::{ChildLine, CrashChild, Expected, Task};
use crate::generate::killed;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S14] what_was_acknowledged_is_there_when_the_store_is_opened_again needs [ProcessCrash]),
    case!(Any Quick [S11 S14] an_updated_epoch_is_there_when_the_store_is_opened_again needs [ProcessCrash]),
    case!(Child Quick [S14 S11] every_form_of_a_write_survives_a_kill needs [ProcessCrash]),
    case!(Child Full [S14] what_was_acknowledged_survives_a_kill needs [ProcessCrash]),
    case!(untested [S14] what_was_acknowledged_survives_a_power_loss,
        "no test without its own disk can cut the power; killing a process leaves the page cache"),
];

/// The number of times the child is killed.
const KILLS: usize = 6;

async fn what_was_acknowledged_is_there_when_the_store_is_opened_again(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let alice = subject("alice");
    let (kept, replaced, deleted, spent) = (record("bob"), record("bob"), record("bob"), record("bob"));
    let (mut marked, removed) = (record("alice"), record("carol"));
    for record in [&kept, &replaced, &deleted, &spent, &marked, &removed] {
        store.put(record).await?;
    }
    let (newer, mut used) = (case.next(&replaced), case.next(&spent));
    (used.revoked, used.idle_at) = (Some(Reason::Spent), None);
    store.swap(&newer, &replaced).await?;
    store.swap(&used, &spent).await?;
    store.delete(deleted.selector).await?;
    let mark = Action::Mark { reason: Reason::Reused, at: at(1) };
    store.revoke_by_subject(&alice, &RecordFilter::all(), mark, EpochUpdate::Keep).await?;
    store
        .revoke_by_subject(&subject("carol"), &RecordFilter::all(), Action::Remove, EpochUpdate::Keep)
        .await?;
    marked.mark(Reason::Reused, at(1));
    drop(store);
    let store = case.open().await?;
    let all = [
        (kept.selector, Some(kept)),
        (newer.selector, Some(newer)),
        (deleted.selector, None),
        (used.selector, Some(used)),
        (marked.selector, Some(marked)),
        (removed.selector, None),
    ];
    for (selector, expected) in all {
        same(S14, "a record after the store was opened again", &store.find(selector).await?, &expected)?;
    }
    let left = store.list_by_subject(&subject("bob"), &page(9)).await?;
    same(S14, "records bob has", &left.len(), &3)
}

async fn an_updated_epoch_is_there_when_the_store_is_opened_again(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let alice = subject("alice");
    let old = store.epoch(&alice, Epoch([1; 16]), KEEP, NOW).await?;
    let update = EpochUpdate::Set { epoch: Epoch([2; 16]), now: NOW, keep: KEEP };
    store.revoke_by_subject(&alice, &RecordFilter::all(), Action::Remove, update).await?;
    drop(store);
    let store = case.open().await?;
    for (epoch, expected) in [(old, Insert::Fenced), (Epoch([2; 16]), INSERTED)] {
        let answer = store.insert(&record("alice"), Fence::Epoch(epoch)).await?;
        same(S11, "insert under an epoch from before the restart", &answer, &expected)?;
    }
    Ok(())
}

async fn what_was_acknowledged_survives_a_kill(case: CaseContext) -> CaseResult {
    let mut expected = Expected::default();
    let mut rng = case.rng();
    for kill in 0..KILLS {
        let delay = Duration::from_micros(rng.below(120_000) as u64);
        let (seed, context) = (rng.next() >> 8, case.clone());
        let heard = tokio::task::spawn_blocking(move || run_and_kill(&context, seed, delay)).await;
        let heard = heard.map_err(|error| Stop::Harness(error.to_string()))??;
        for said in heard {
            expected.hear(said);
        }
        expected.killed();
        let store = case.open().await?;
        for selector in expected.selectors() {
            let found = store.find(selector).await?;
            let allowed = expected.allows(selector, found.as_ref());
            let known = expected.known.get(&selector).and_then(Option::as_ref);
            hold(
                S14,
                allowed,
                format_args!("after kill {kill}: {known:?} was acknowledged, {found:?} was found"),
            )?;
        }
        agree(&store, &expected).await?;
    }
    hold(S14, !expected.known.is_empty(), "no write was acknowledged in any round")
}

/// How often a writer's records are read again because they changed meanwhile.
const LOOKS: usize = 64;

/// Checks that look-ups and lists agree. The calls of the killed child may still take effect, each once: if the list
/// changed during the look-ups, they are repeated.
async fn agree(store: &Handle, expected: &Expected) -> CaseResult {
    for writer in 0..3 {
        let name = subject(&format!("writer {writer}"));
        let mut list = store.list_by_subject(&name, &page(u16::MAX)).await?;
        for look in 0..LOOKS {
            let mut found = Vec::new();
            for listed in &list {
                found.push(store.find(listed.selector).await?);
            }
            let mut hidden = false;
            let of_writer = |known: &&Record| known.subject.as_ref() == Some(&name);
            for known in expected.known.values().flatten().filter(of_writer) {
                let listed = list.iter().any(|listed| listed.selector == known.selector);
                hidden |= !listed && store.find(known.selector).await?.is_some();
            }
            let again = store.list_by_subject(&name, &page(u16::MAX)).await?;
            if again == list || look == LOOKS - 1 {
                for (listed, found) in list.iter().zip(&found) {
                    same(S9, "a listed record, found", &found.as_ref(), &Some(listed))?;
                }
                hold(S9, !hidden, "a record is found but not listed")?;
                break;
            }
            list = again;
        }
    }
    Ok(())
}

/// Runs this binary again as a crash child and kills it `delay` after its first acknowledgement.
fn run_and_kill(case: &CaseContext, seed: u64, delay: Duration) -> CaseResult<Vec<ChildLine>> {
    let child = CrashChild::run(case, seed, Task::Write)?;
    let acknowledges = |line: &str| matches!(ChildLine::parse(line), Some(ChildLine::Acknowledged { .. }));
    let mut heard = child.hear(acknowledges)?;
    std::thread::sleep(delay);
    heard.extend(child.kill()?);
    Ok(heard.iter().filter_map(|line| ChildLine::parse(line)).collect())
}

/// A child makes calls of every form and is killed when all are acknowledged.
async fn every_form_of_a_write_survives_a_kill(case: CaseContext) -> CaseResult {
    let (seed, context) = (case.rng().next() >> 8, case.clone());
    let heard = tokio::task::spawn_blocking(move || {
        let child = CrashChild::run(&context, seed, Task::Play)?;
        let heard = child.hear(|line| line == killed::READY)?;
        child.kill().map(|_| heard)
    });
    let heard = heard.await.map_err(|error| Stop::Harness(error.to_string()))??;
    killed::judge(&case, &heard).await
}
