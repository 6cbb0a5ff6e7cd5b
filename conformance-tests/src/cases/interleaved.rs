//! Two writes at once, interleaved at every step of the first one.

use std::time::Duration;

use hallpass_core::{Action, Epoch, EpochUpdate, Fence, Insert, Reason, RecordFilter, Replace};

use crate::case::{Case, case};
use crate::clause::Clause::{S2, S4, S5, S7, S8, S10, S11};
use crate::handle::INSERTED;
use crate::interleave::{STEPS, hold_up};
use crate::outcome::{Ran, hold, same};
use crate::specimen::{NOW, at, ids, page, record, subject};
use crate::stage::Stage;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S5] of_two_interleaved_replaces_one_wins),
    case!(Any Quick [S2] of_two_interleaved_inserts_one_wins),
    case!(Any Quick [S7] of_two_interleaved_deletes_one_found_it),
    case!(Any Quick [S4 S8] no_replace_saves_what_is_being_marked),
    case!(Any Quick [S4 S8] no_replace_saves_what_is_being_removed),
    case!(Any Quick [S11] no_login_slips_in_behind_an_advance),
    case!(Any Quick [S11] no_session_is_restored_behind_its_parents_end),
    case!(Any Quick [S11] two_first_readers_of_an_epoch_agree),
    case!(Any Quick [S8] two_revocations_count_each_record_once),
    case!(Any Quick [S10] a_slide_during_a_purge_is_not_lost needs [Purge]),
];

const KEEP: Duration = Duration::from_secs(3_600);
const MARK: Action = Action::Mark { reason: Reason::CredentialChanged, at: NOW };

async fn of_two_interleaved_replaces_one_wins(stage: Stage) -> Ran {
    let (here, there) = stage.pair().await?;
    for steps in 1..=STEPS {
        let old = record("alice");
        here.put(&old).await?;
        let (a, b) = (stage.next(&old), stage.next(&old));
        let (first, second) =
            hold_up(here.replace(&a, old.revision), steps, there.replace(&b, old.revision)).await;
        let (first, second) = (first?, second?);
        let found = here.find(old.selector).await?;
        let expected = match (first, second) {
            (Replace::Replaced, Replace::Conflict) => a,
            (Replace::Conflict, Replace::Replaced) => b,
            // Both may be spurious.
            (Replace::Conflict, Replace::Conflict) => old,
            _ => return hold(S5, false, format_args!("two replaces of one revision: {first:?}, {second:?}")),
        };
        same(S5, "the record of the replace that won", &found, &Some(expected))?;
    }
    Ok(())
}

async fn of_two_interleaved_inserts_one_wins(stage: Stage) -> Ran {
    let (here, there) = stage.pair().await?;
    for steps in 1..=STEPS {
        let (a, mut b) = (record("alice"), record("alice"));
        b.selector = a.selector;
        let (first, second) =
            hold_up(here.insert(&a, Fence::None), steps, there.insert(&b, Fence::None)).await;
        let expected = match (first?, second?) {
            (INSERTED, Insert::Duplicate) => a,
            (Insert::Duplicate, INSERTED) => b,
            both => return hold(S2, false, format_args!("two inserts of one selector: {both:?}")),
        };
        same(S2, "the record of the insert that won", &here.find(expected.selector).await?, &Some(expected))?;
        let list = here.list_by_subject(&subject("alice"), &page(100)).await?;
        same(S2, "how many records are listed", &list.len(), &steps)?;
    }
    Ok(())
}

async fn of_two_interleaved_deletes_one_found_it(stage: Stage) -> Ran {
    let (here, there) = stage.pair().await?;
    for steps in 1..=STEPS {
        let record = record("alice");
        here.put(&record).await?;
        let (first, second) =
            hold_up(here.delete(record.selector), steps, there.delete(record.selector)).await;
        let found = [first?, second?];
        let both = found.iter().filter(|found| **found).count();
        same(S7, format_args!("how many of two deletes found the record: {found:?}"), &both, &1)?;
    }
    Ok(())
}

async fn no_replace_saves_what_is_being_marked(stage: Stage) -> Ran {
    let (here, there) = stage.pair().await?;
    let (alice, all) = (subject("alice"), RecordFilter::all());
    for steps in 1..=STEPS {
        for replace_first in [true, false] {
            let old = record("alice");
            here.put(&old).await?;
            let new = stage.next(&old);
            let replace = here.replace(&new, old.revision);
            let mark = there.revoke_by_subject(&alice, &all, MARK, EpochUpdate::Keep);
            let (replaced, count) = match replace_first {
                true => hold_up(replace, steps, mark).await,
                false => swapped(hold_up(mark, steps, replace).await),
            };
            same(S8, "how many were marked", &count?, &1)?;
            let mut expected = if replaced? == Replace::Replaced { new } else { old };
            expected.mark(Reason::CredentialChanged, NOW);
            let found = here.find(expected.selector).await?;
            same(S4, "a record that was replaced and marked at once", &found, &Some(expected))?;
        }
    }
    Ok(())
}

async fn no_replace_saves_what_is_being_removed(stage: Stage) -> Ran {
    let (here, there) = stage.pair().await?;
    let (alice, all) = (subject("alice"), RecordFilter::all());
    for steps in 1..=STEPS {
        for replace_first in [true, false] {
            let old = record("alice");
            here.put(&old).await?;
            let new = stage.next(&old);
            let replace = here.replace(&new, old.revision);
            let remove = there.revoke_by_subject(&alice, &all, Action::Remove, EpochUpdate::Keep);
            let (replaced, count) = match replace_first {
                true => hold_up(replace, steps, remove).await,
                false => swapped(hold_up(remove, steps, replace).await),
            };
            let _ = replaced?;
            same(S8, "how many were removed", &count?, &1)?;
            hold(S4, here.find(old.selector).await?.is_none(), "a racing replace saved a removed record")?;
            let list = here.list_by_subject(&alice, &page(9)).await?;
            same(S8, "the list after the removal", &ids(&list), &vec![])?;
        }
    }
    Ok(())
}

async fn no_login_slips_in_behind_an_advance(stage: Stage) -> Ran {
    let (here, there) = stage.pair().await?;
    let (alice, all) = (subject("alice"), RecordFilter::all());
    for (number, steps) in (1_u8..).zip((1..=STEPS).chain(1..=STEPS)) {
        let before = here.epoch(&alice, Epoch([0; 16]), KEEP, NOW).await?;
        let record = record("alice");
        let insert = here.insert(&record, Fence::Epoch(before));
        let advance = EpochUpdate::Set { epoch: Epoch([number; 16]), now: NOW, keep: KEEP };
        let revoke = there.revoke_by_subject(&alice, &all, MARK, advance);
        let (inserted, count) = match usize::from(number) <= STEPS {
            true => hold_up(insert, steps, revoke).await,
            false => swapped(hold_up(revoke, steps, insert).await),
        };
        let (inserted, _) = (inserted?, count?);
        hold(S11, inserted != Insert::Duplicate, "insert of a new record answered Duplicate")?;
        let found = here.find(record.selector).await?;
        let lives = found.is_some_and(|found| found.revoked.is_none());
        hold(S11, !lives, format_args!("{inserted:?}, and the login outlived a log-out-everywhere"))?;
    }
    Ok(())
}

async fn no_session_is_restored_behind_its_parents_end(stage: Stage) -> Ran {
    let (here, there) = stage.pair().await?;
    let alice = subject("alice");
    for (number, steps) in (0..).zip((1..=STEPS).chain(1..=STEPS)) {
        let (parent, mut child) = (record("alice"), record("alice"));
        child.login = parent.login;
        here.put(&parent).await?;
        let login = RecordFilter::login(parent.login);
        let action = if number % 2 == 0 { MARK } else { Action::Remove };
        let insert = here.insert(&child, Fence::Parent(parent.selector));
        let revoke = there.revoke_by_subject(&alice, &login, action, EpochUpdate::Keep);
        let (inserted, count) = match number < STEPS {
            true => hold_up(insert, steps, revoke).await,
            false => swapped(hold_up(revoke, steps, insert).await),
        };
        let (inserted, _) = (inserted?, count?);
        let found = here.find(child.selector).await?;
        let lives = found.is_some_and(|found| found.revoked.is_none());
        hold(S11, !lives, format_args!("{inserted:?}, and the restored session outlived its login"))?;
    }
    Ok(())
}

async fn two_first_readers_of_an_epoch_agree(stage: Stage) -> Ran {
    let (here, there) = stage.pair().await?;
    for steps in 1..=STEPS {
        let alice = subject(&format!("alice {steps}"));
        let first = here.epoch(&alice, Epoch([1; 16]), KEEP, NOW);
        let second = there.epoch(&alice, Epoch([2; 16]), KEEP, NOW);
        let (first, second) = hold_up(first, steps, second).await;
        let (first, second) = (first?, second?);
        hold(S11, first == second, "two first readers of an epoch were given different ones")?;
        let third = here.epoch(&alice, Epoch([3; 16]), KEEP, NOW).await?;
        hold(S11, third == first, "a third reader was given another epoch than the first two")?;
    }
    Ok(())
}

async fn two_revocations_count_each_record_once(stage: Stage) -> Ran {
    let (here, there) = stage.pair().await?;
    let (alice, all) = (subject("alice"), RecordFilter::all());
    for steps in 1..=STEPS {
        for _ in 0..3 {
            here.put(&record("alice")).await?;
        }
        for action in [MARK, Action::Remove] {
            let first = here.revoke_by_subject(&alice, &all, action, EpochUpdate::Keep);
            let second = there.revoke_by_subject(&alice, &all, action, EpochUpdate::Keep);
            let (first, second) = hold_up(first, steps, second).await;
            let counts = [first?, second?];
            let sum = counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
            same(S8, format_args!("what two revocations of 3 records counted: {counts:?}"), &sum, &3)?;
        }
    }
    Ok(())
}

async fn a_slide_during_a_purge_is_not_lost(stage: Stage) -> Ran {
    let (here, there) = stage.pair().await?;
    for steps in 1..=STEPS {
        for slide_first in [true, false] {
            let mut old = record("alice");
            (old.idle_at, old.purge_at) = (Some(at(5)), at(5));
            here.put(&old).await?;
            let mut slid = stage.next(&old);
            (slid.idle_at, slid.purge_at) = (Some(at(500)), at(500));
            let (slide, purge) = (here.replace(&slid, old.revision), there.purge_expired(at(5), 9));
            let (answer, purged) = match slide_first {
                true => hold_up(slide, steps, purge).await,
                false => swapped(hold_up(purge, steps, slide).await),
            };
            let (answer, purged) = (answer?, purged?);
            let (expected, removed) = match answer {
                Replace::Replaced => (Some(slid.clone()), 0),
                _ => (None, 1),
            };
            let found = here.find(old.selector).await?;
            if answer != Replace::Conflict {
                same(S10, format_args!("{answer:?} during a purge"), &found, &expected)?;
                same(S10, "how many the purge removed", &purged.removed, &removed)?;
            }
            here.delete(old.selector).await?;
        }
    }
    Ok(())
}

fn swapped<A, B>((a, b): (A, B)) -> (B, A) {
    (b, a)
}
