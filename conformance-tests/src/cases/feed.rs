//! What a store announces, one turn of its feed after another.
//!
//! The accident: a user logs out, and the node that keeps the session in memory never learns of it.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S19] each_ending_is_heard_by_the_next_proof needs [Feed]),
    case!(Any Quick [S19] a_feed_hears_from_its_opening_on needs [Feed]),
    case!(Any Quick [S19] every_feed_hears_everything needs [Feed]),
    case!(Any Quick [S19] a_record_that_ends_again_is_heard_again needs [Feed]),
    case!(Any Quick [S19 S12] a_turn_that_is_dropped_leaves_the_store_working needs [Feed]),
    case!(Any Quick [S19 S15] a_namespace_hears_what_ends_in_it needs [Feed]),
    case!(Any Quick [S19] a_revocation_of_hundreds_is_heard needs [Feed]),
    case!(Any Full [S19] a_revocation_of_ten_thousand_is_heard needs [Feed]),
    case!(Any Quick [S19] what_ended_before_purges_is_heard_or_lost needs [Feed]),
];

/// How often in a row feeds may be lost although nothing fails.
const LOSSES: usize = 16;

/// Plays `round` until it returns `true`: until no feed was lost in it, because what was lost need not be heard.
async fn until_kept(mut round: impl AsyncFnMut(usize) -> CaseResult<bool>) -> CaseResult {
    for number in 0..LOSSES {
        if round(number).await? {
            return Ok(());
        }
    }
    let observed = format!("a feed is lost again and again ({LOSSES} times), and nothing fails");
    Err(Stop::Late { clause: S19, observed })
}

/// Through the handle of the feed, and through another.
async fn each_ending_is_heard_by_the_next_proof(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let journal = Journal::default();
    let mut listener = Listener::open(&here, &journal).await?;
    for (at, way) in Way::ALL.into_iter().enumerate() {
        for (side, store) in [&here, &there].into_iter().enumerate() {
            until_kept(async |round| {
                let name = format!("user {at} {side} {round}");
                let doomed = Doomed::put(store, &name, way, case.rng()).await?;
                // Then nothing is written between this proof and the ending. Not always: the mistake of a feed may be
                // in every second turn.
                if at % 2 == 0 {
                    listener.prove().await?;
                }
                doomed.end(store, &journal).await?;
                listener.prove().await
            })
            .await?;
        }
    }
    Ok(())
}

/// The first ending comes before the first turn. Then a feed is opened anew, and hears what ends from then on.
async fn a_feed_hears_from_its_opening_on(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let journal = Journal::default();
    let mut listener = Listener::open(&here, &journal).await?;
    for opening in 0..3 {
        until_kept(async |round| {
            listener.close();
            let before =
                Doomed::put(&there, &format!("early {opening} {round}"), Way::Delete, case.rng()).await?;
            before.end(&there, &journal).await?;
            let after =
                Doomed::put(&there, &format!("late {opening} {round}"), Way::Delete, case.rng()).await?;
            listener.reopen().await?;
            after.end(&there, &journal).await?;
            listener.prove().await
        })
        .await?;
    }
    Ok(())
}

/// Several feeds are open at once, of both handles, and take their turns at different times. One ends.
async fn every_feed_hears_everything(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let journal = Journal::default();
    let mut listeners = Vec::new();
    for store in [&here, &there, &here, &there, &here] {
        listeners.push(Listener::open(store, &journal).await?);
    }
    for ended in 0..3 {
        until_kept(async |round| {
            for listener in &mut listeners {
                listener.reopen().await?;
            }
            let mut kept = true;
            for (way, store) in [(Way::Delete, &here), (Way::Replace(Reason::Spent), &there)] {
                let name = format!("user {ended} {round} {way:?}");
                Doomed::put(store, &name, way, case.rng()).await?.end(store, &journal).await?;
                // The others are a turn behind.
                kept &= listeners[round % 2].prove().await?;
            }
            for listener in &mut listeners {
                kept &= listener.prove().await?;
            }
            Ok(kept)
        })
        .await?;
        listeners.swap_remove(0);
    }
    Ok(())
}

/// The selector of a record that was removed may be inserted again (S2).
async fn a_record_that_ends_again_is_heard_again(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let journal = Journal::default();
    let mut listener = Listener::open(&here, &journal).await?;
    until_kept(async |_| {
        listener.reopen().await?;
        let record = record("alice");
        let mut kept = true;
        for _ in 0..3 {
            there.put(&record).await?;
            end_all(&there, &journal, "alice", Action::Remove, &[record.selector]).await?;
            kept &= listener.prove().await?;
        }
        Ok(kept)
    })
    .await
}

/// Core drops a turn that takes too long, with its feed.
async fn a_turn_that_is_dropped_leaves_the_store_working(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let journal = Journal::default();
    let mut other = Listener::open(&there, &journal).await?;
    for steps in 0..12 {
        let mut listener = Listener::open(&here, &journal).await?;
        let doomed = Doomed::put(&here, &format!("user {steps}"), Way::Delete, case.rng()).await?;
        doomed.end(&here, &journal).await?;
        let mut turn = std::pin::pin!(listener.turn());
        if let Some(done) = step(turn.as_mut(), steps).await {
            done?;
        }
    }
    until_kept(async |round| {
        let mut listener = Listener::open(&here, &journal).await?;
        other.reopen().await?;
        for (at, way) in [Way::Delete, Way::Replace(Reason::Spent), Way::ALL[3]].into_iter().enumerate() {
            let name = format!("later {at} {round}");
            Doomed::put(&here, &name, way, case.rng()).await?.end(&here, &journal).await?;
        }
        Ok(listener.prove().await? & other.prove().await?)
    })
    .await
}

/// The same selectors are in both namespaces, so that an announcement that went to the wrong one counts for neither.
async fn a_namespace_hears_what_ends_in_it(case: CaseContext) -> CaseResult {
    let here = case.pair().await?;
    let there = case.pair_named("_b").await?;
    let (journal_here, journal_there) = (Journal::default(), Journal::default());
    let mut listener_here = Listener::open(&here.0, &journal_here).await?;
    let mut listener_there = Listener::open(&there[0], &journal_there).await?;
    for action in [MARK, Action::Remove] {
        until_kept(async |round| {
            listener_here.reopen().await?;
            listener_there.reopen().await?;
            let name = format!("user {round} {action:?}");
            let record = record(&name);
            here.1.put(&record).await?;
            there[1].put(&record).await?;
            end_all(&here.1, &journal_here, &name, action, &[record.selector]).await?;
            let mut kept = listener_here.prove().await?;
            kept &= listener_there.prove().await?;
            end_all(&there[1], &journal_there, &name, action, &[record.selector]).await?;
            kept &= listener_there.prove().await?;
            Ok(kept & listener_here.prove().await?)
        })
        .await?;
    }
    Ok(())
}

/// More than a store names one by one.
async fn a_revocation_of_hundreds_is_heard(case: CaseContext) -> CaseResult {
    of_many(&case, &[(MARK, 300), (Action::Remove, 300)]).await
}

/// More than one step ends.
async fn a_revocation_of_ten_thousand_is_heard(case: CaseContext) -> CaseResult {
    of_many(&case, &[(MARK, 10_000), (Action::Remove, 2_500)]).await
}

async fn of_many(case: &CaseContext, actions: &[(Action, u16)]) -> CaseResult {
    let (here, there) = case.pair().await?;
    let journal = Journal::default();
    let mut listener = Listener::open(&here, &journal).await?;
    for (action, count) in actions {
        until_kept(async |round| {
            let name = format!("user {action:?} {round}");
            let mut records = vec![record(&name); usize::from(*count)];
            for (number, record) in (0..*count).zip(&mut records) {
                record.selector.0[14..].copy_from_slice(&number.to_be_bytes());
                record.created_at = at(number.into());
            }
            there.put_all(&records).await?;
            listener.reopen().await?;
            end_all(&there, &journal, &name, *action, &ids(&records)).await?;
            listener.prove().await
        })
        .await?;
    }
    Ok(())
}

/// A purge may remove announcements that are old. A reader that paused meanwhile hears them, or is told that it has not.
async fn what_ended_before_purges_is_heard_or_lost(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let journal = Journal::default();
    let mut listener = Listener::open(&here, &journal).await?;
    for purges in 0..5 {
        // In this case a loss is as good as a report.
        listener.prove().await?;
        for purge in 0..=purges {
            let name = format!("user {purges} {purge}");
            Doomed::put(&there, &name, Way::Delete, case.rng()).await?.end(&there, &journal).await?;
            if purge > 0 {
                let _ = there.purge_expired(Timestamp::MIN, 9).await?;
            }
        }
        listener.prove().await?;
    }
    Ok(())
}
