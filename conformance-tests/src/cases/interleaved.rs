//! Two writes at once, interleaved at every step of the first one.

use std::time::Duration;

use hallpass_core::{Action, Epoch, EpochUpdate, Fence, Insert, Reason, RecordFilter};

use crate::case::{Case, case};
use crate::clause::Clause::{S4, S8, S11};
use crate::interleave::{STEPS, hold_up};
use crate::outcome::{Ran, hold, same};
use crate::specimen::{NOW, ids, page, record, subject};
use crate::stage::Stage;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S4 S8] no_replace_saves_what_is_being_removed),
    case!(Any Quick [S11] no_login_slips_in_behind_an_advance),
    case!(Any Quick [S11] no_session_is_restored_behind_its_parents_end),
];

const KEEP: Duration = Duration::from_secs(3_600);
const MARK: Action = Action::Mark { reason: Reason::CredentialChanged, at: NOW };

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

fn swapped<A, B>((a, b): (A, B)) -> (B, A) {
    (b, a)
}
