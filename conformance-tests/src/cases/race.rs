//! Races between two handles for one record, with measured overlap.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Full [S5] of_many_replaces_of_one_revision_one_wins),
    case!(Any Full [S2] of_many_inserts_of_one_selector_one_wins),
    case!(Any Full [S7] of_many_deletes_one_found_the_record),
    case!(Any Full [S9] a_list_during_writes_shows_each_living_record_once),
    case!(Any Full [S6] a_reader_never_sees_a_record_torn_or_going_back),
    case!(Any Full [S10] purges_from_two_nodes_share_the_work needs [Purge]),
    case!(Any Full [S10] a_slide_and_a_purge_do_not_both_win needs [Purge]),
];

async fn of_many_replaces_of_one_revision_one_wins(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    contest(async |_| {
        let old = record("alice");
        nodes.0.put(&old).await?;
        let writes: Vec<_> = (0..4).map(|_| case.next(&old)).collect();
        let racer = |(number, next): (usize, &Record)| -> Racer<Replace> {
            let (node, next, expected) = (of(number, &nodes), next.clone(), old.revision);
            Box::pin(async move { Ok(node.replace(&next, expected).await?) })
        };
        let timed = race(writes.iter().enumerate().map(racer).collect()).await?;
        let winners: Vec<_> = (0..4).filter(|at| timed[*at].value == Replace::Replaced).collect();
        let missing = values(&timed).contains(&Replace::Missing);
        hold(S4, !missing, "a racing replace of an existing record returned Missing")?;
        hold(S5, winners.len() <= 1, format_args!("{} of 4 replaces of one revision won", winners.len()))?;
        let expected = winners.first().map_or(&old, |winner| &writes[*winner]);
        same(S5, "the record of the winner", &nodes.1.find(old.selector).await?, &Some(expected.clone()))?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn of_many_inserts_of_one_selector_one_wins(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    contest(async |_| {
        let mut records: Vec<_> = (0..4).map(|_| record("alice")).collect();
        let selector = records[0].selector;
        records.iter_mut().for_each(|record| record.selector = selector);
        let racer = |(number, record): (usize, &Record)| -> Racer<Insert> {
            let (node, record) = (of(number, &nodes), record.clone());
            Box::pin(async move { Ok(node.insert(&record, Fence::None).await?) })
        };
        let timed = race(records.iter().enumerate().map(racer).collect()).await?;
        let winners: Vec<_> = (0..4).filter(|at| timed[*at].value == INSERTED).collect();
        same(S2, format_args!("of 4 inserts, those that won: {:?}", values(&timed)), &winners.len(), &1)?;
        let found = nodes.1.find(selector).await?;
        same(S2, "the record of the winner", &found, &Some(records[winners[0]].clone()))?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn of_many_deletes_one_found_the_record(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    contest(async |_| {
        let record = record("alice");
        nodes.0.put(&record).await?;
        let racer = |number| -> Racer<bool> {
            let (node, selector) = (of(number, &nodes), record.selector);
            Box::pin(async move { Ok(node.delete(selector).await?) })
        };
        let timed = race((0..3).map(racer).collect()).await?;
        let found = values(&timed).iter().filter(|found| **found).count();
        same(S7, "of 3 deletes, those that found the record", &found, &1)?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn a_reader_never_sees_a_record_torn_or_going_back(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    contest(async |_| {
        let mut versions = vec![record("alice")];
        for number in 0..12 {
            versions.push(case.next(&versions[number]));
        }
        nodes.0.put(&versions[0]).await?;
        let (node, written) = (nodes.0.clone(), versions.clone());
        let writer: Racer<usize> = Box::pin(async move {
            for pair in written.windows(2) {
                node.swap(&pair[1], &pair[0]).await?;
            }
            Ok(0)
        });
        let readers = (0..2).map(|number| -> Racer<usize> {
            let (node, known) = (of(number, &nodes), versions.clone());
            Box::pin(async move {
                let mut last = 0;
                for _ in 0..15 {
                    let found = node.find(known[0].selector).await?;
                    let version = known.iter().position(|version| Some(version) == found.as_ref());
                    hold(S6, version.is_some(), "a reader saw a record that no call wrote")?;
                    hold(S6, version >= Some(last), "a reader saw an older record after a newer one")?;
                    last = version.unwrap_or(last);
                }
                Ok(0)
            })
        });
        let timed = race(readers.chain([writer]).collect()).await?;
        let found = nodes.1.find(versions[0].selector).await?;
        same(S6, "the record afterwards", &found, &versions.last().cloned())?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn a_list_during_writes_shows_each_living_record_once(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    let stable: Vec<_> = (0..8).map(|number| aged(number * 10)).collect();
    for record in &stable {
        nodes.0.put(record).await?;
    }
    contest(async |_| {
        let (node, expected) = (nodes.1.clone(), stable.clone());
        let lists: Racer<usize> = Box::pin(async move {
            for _ in 0..8 {
                let list = node.list_by_subject(&subject("alice"), &page(1_000)).await?;
                for record in &expected {
                    let times = list.iter().filter(|listed| listed.selector == record.selector).count();
                    same(S9, "how often a living record is in a list during writes", &times, &1)?;
                }
                hold(S9, is_ordered(&list), "a list during writes is out of order or repeats a record")?;
            }
            Ok(0)
        });
        let churns = [0, 1]
            .map(|number| churn(of(number, &nodes), number as u64, stable[number].clone(), case.clone()));
        Ok(overlapped(&race(churns.into_iter().chain([lists]).collect()).await?))
    })
    .await
}

/// Replaces one record repeatedly, while inserting and deleting others.
fn churn(node: Handle, number: u64, mut stays: Record, case: CaseContext) -> Racer<usize> {
    Box::pin(async move {
        if let Some(found) = node.find(stays.selector).await? {
            stays = found;
        }
        for step in 0..8 {
            let passing = aged(step * 10 + number + 1);
            node.put(&passing).await?;
            let next = case.next(&stays);
            node.swap(&next, &stays).await?;
            stays = next;
            node.delete(passing.selector).await?;
        }
        Ok(0)
    })
}

fn is_ordered(list: &[Record]) -> bool {
    let place = |record: &Record| (record.created_at, record.selector);
    list.windows(2).all(|pair| place(&pair[0]) > place(&pair[1]))
}

fn aged(millis: u64) -> Record {
    let mut record = record("alice");
    record.created_at = at(millis);
    record
}

async fn purges_from_two_nodes_share_the_work(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    let living = record("alice");
    nodes.0.put(&living).await?;
    contest(async |_| {
        for number in 0..12 {
            let mut due = record("bob");
            (due.idle_at, due.purge_at) = (Some(at(number)), at(number));
            nodes.0.put(&due).await?;
        }
        let racer = |number| -> Racer<u64> {
            let node = of(number, &nodes);
            Box::pin(async move {
                let mut removed = 0;
                for _ in 0..20 {
                    let purged = node.purge_expired(at(20), 5).await?;
                    hold(S10, purged.removed <= 5, "a purge removed more than its limit")?;
                    removed += purged.removed;
                    if !purged.more {
                        break;
                    }
                }
                Ok(removed)
            })
        };
        let timed = race((0..3).map(racer).collect()).await?;
        let sum = values(&timed).iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        same(S10, format_args!("counts of 3 purges of 12 records: {:?}", values(&timed)), &sum, &12)?;
        let list = nodes.1.list_by_subject(&subject("bob"), &page(100)).await?;
        same(S10, "due records left", &list.len(), &0)?;
        same(S10, "the living record", &nodes.1.find(living.selector).await?, &Some(living.clone()))?;
        Ok(overlapped(&timed))
    })
    .await
}

/// A record is either postponed by a replace or removed by a purge, never both.
async fn a_slide_and_a_purge_do_not_both_win(case: CaseContext) -> CaseResult {
    let nodes = case.pair().await?;
    contest(async |_| {
        let slides = due_and_slid(&case, &nodes.0).await?;
        let (node, writes) = (nodes.0.clone(), slides.clone());
        let slide: Racer<Vec<bool>> = Box::pin(async move {
            let mut done = Vec::new();
            for (expected, slid) in writes {
                done.push(node.replace(&slid, expected).await? == Replace::Replaced);
            }
            Ok(done)
        });
        let node = nodes.1.clone();
        let purge: Racer<Vec<bool>> = Box::pin(async move {
            let mut removed = Vec::new();
            for _ in 0..30 {
                let purged = node.purge_expired(at(5), 2).await?;
                removed.extend((0..purged.removed).map(|_| true));
                if !purged.more {
                    break;
                }
            }
            Ok(removed)
        });
        let timed = race(vec![slide, purge]).await?;
        let mut gone = 0;
        for (done, (_, slid)) in timed[0].value.iter().zip(slides) {
            let found = nodes.1.find(slid.selector).await?;
            gone += usize::from(found.is_none());
            hold(S10, !done || found == Some(slid), "a record that was postponed during a purge is gone")?;
        }
        same(S10, "records that the purge removed, of those gone", &timed[1].value.len(), &gone)?;
        let _ = nodes
            .0
            .revoke_by_subject(&subject("alice"), &RecordFilter::all(), Action::Remove, EpochUpdate::Keep)
            .await?;
        Ok(overlapped(&timed))
    })
    .await
}

/// Eight due records, each with the update that postpones it.
async fn due_and_slid(case: &CaseContext, store: &Handle) -> CaseResult<Vec<(Revision, Record)>> {
    let mut slides = Vec::new();
    for _ in 0..8 {
        let mut old = record("alice");
        (old.idle_at, old.purge_at) = (Some(at(5)), at(5));
        store.put(&old).await?;
        let mut slid = case.next(&old);
        (slid.idle_at, slid.purge_at) = (Some(at(500)), at(500));
        slides.push((old.revision, slid));
    }
    Ok(slides)
}
