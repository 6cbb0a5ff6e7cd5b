//! Races over two handles, with measured overlap.

use std::time::Duration;

use hallpass_core::{
    Action, Advance, Epoch, Fence, Insert, Kind, Reason, Record, Rejected, Replace, Revision, TokenStore,
    Which,
};

use crate::case::{Case, case};
use crate::clause::Clause::{D3, D12, D15, D16, S2, S4, S5, S6, S7, S8, S9, S10, S11, T5};
use crate::handle::Handle;
use crate::outcome::{Ran, hold, same};
use crate::race::{Entrant, Timed, contest, overlapped, race};
use crate::service::{accepted, log_in, same_token};
use crate::specimen::{NOW, at, page, record, subject};
use crate::stage::Stage;

pub(super) const CASES: &[Case] = &[
    case!(Any Full [S5] of_many_replaces_of_one_revision_one_wins),
    case!(Any Full [S2] of_many_inserts_of_one_selector_one_wins),
    case!(Any Full [S7] of_many_deletes_one_found_the_record),
    case!(Any Full [S4 S8 D12] no_flood_of_writes_saves_what_is_marked),
    case!(Any Full [S4 S8] no_flood_of_writes_saves_what_is_removed),
    case!(Any Full [S11] no_login_slips_in_behind_a_log_out_everywhere),
    case!(Any Full [S11] no_session_outlives_the_end_of_its_parent),
    case!(Any Full [S11] no_session_is_made_after_its_parent_was_deleted),
    case!(Any Full [S8] racing_revocations_count_each_record_once),
    case!(Any Full [S11] racing_readers_of_a_missing_epoch_agree),
    case!(Any Full [S9] a_list_during_writes_shows_each_living_record_once),
    case!(Any Full [S6] a_reader_never_sees_a_record_torn_or_going_back),
    case!(Any Full [S10] purges_from_two_nodes_share_the_work needs [Purge]),
    case!(Any Full [S10] a_slide_and_a_purge_do_not_both_win needs [Purge]),
    case!(Any Full [D3 S5] a_one_time_token_presented_many_times_at_once_works_once),
    case!(Any Full [T5 D16] parallel_rotations_get_one_successor),
    case!(Any Full [D15] racing_changes_of_data_are_all_kept),
];

const KEEP: Duration = Duration::from_secs(3_600);
const MARK: Action = Action::Mark { reason: Reason::CredentialChanged, at: NOW };

/// The two handles in turn.
fn of(number: usize, nodes: &(Handle, Handle)) -> Handle {
    if number % 2 == 0 { nodes.0.clone() } else { nodes.1.clone() }
}

fn values<T: Copy>(timed: &[Timed<T>]) -> Vec<T> {
    timed.iter().map(|timed| timed.value).collect()
}

async fn of_many_replaces_of_one_revision_one_wins(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest(async |_| {
        let old = record("alice");
        nodes.0.put(&old).await?;
        let writes: Vec<_> = (0..4).map(|_| stage.next(&old)).collect();
        let entrant = |(number, next): (usize, &Record)| -> Entrant<Replace> {
            let (node, next, expected) = (of(number, &nodes), next.clone(), old.revision);
            Box::pin(async move { Ok(node.replace(&next, expected).await?) })
        };
        let timed = race(writes.iter().enumerate().map(entrant).collect()).await?;
        let winners: Vec<_> = (0..4).filter(|at| timed[*at].value == Replace::Replaced).collect();
        let missing = values(&timed).contains(&Replace::Missing);
        hold(S4, !missing, "a racing replace answered Missing of a record that is there")?;
        hold(S5, winners.len() <= 1, format_args!("{} of 4 replaces of one revision won", winners.len()))?;
        let expected = winners.first().map_or(&old, |winner| &writes[*winner]);
        same(S5, "the record of the winner", &nodes.1.find(old.selector).await?, &Some(expected.clone()))?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn of_many_inserts_of_one_selector_one_wins(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest(async |_| {
        let mut records: Vec<_> = (0..4).map(|_| record("alice")).collect();
        let selector = records[0].selector;
        records.iter_mut().for_each(|record| record.selector = selector);
        let entrant = |(number, record): (usize, &Record)| -> Entrant<Insert> {
            let (node, record) = (of(number, &nodes), record.clone());
            Box::pin(async move { Ok(node.insert(&record, Fence::None).await?) })
        };
        let timed = race(records.iter().enumerate().map(entrant).collect()).await?;
        let winners: Vec<_> = (0..4).filter(|at| timed[*at].value == Insert::Inserted).collect();
        same(S2, format_args!("how many of 4 inserts won: {:?}", values(&timed)), &winners.len(), &1)?;
        let found = nodes.1.find(selector).await?;
        same(S2, "the record of the winner", &found, &Some(records[winners[0]].clone()))?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn of_many_deletes_one_found_the_record(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest(async |_| {
        let record = record("alice");
        nodes.0.put(&record).await?;
        let entrant = |number| -> Entrant<bool> {
            let (node, selector) = (of(number, &nodes), record.selector);
            Box::pin(async move { Ok(node.delete(selector).await?) })
        };
        let timed = race((0..3).map(entrant).collect()).await?;
        let found = values(&timed).iter().filter(|found| **found).count();
        same(S7, "how many of 3 deletes found the record", &found, &1)?;
        Ok(overlapped(&timed))
    })
    .await
}

/// Replaces the record again and again until it cannot be.
fn flood(node: Handle, mut record: Record, stage: Stage) -> Entrant<u64> {
    Box::pin(async move {
        for _ in 0..40 {
            let next = stage.next(&record);
            match node.replace(&next, record.revision).await? {
                Replace::Replaced => record = next,
                Replace::Missing => break,
                Replace::Conflict => match node.find(record.selector).await? {
                    Some(found) if found.revoked.is_none() => record = found,
                    _ => break,
                },
            }
        }
        Ok(0)
    })
}

fn revocation(node: Handle, action: Action, advance: Advance) -> Entrant<u64> {
    Box::pin(async move {
        tokio::task::yield_now().await;
        Ok(node.revoke_by_subject(&subject("alice"), &Which::all(), action, advance).await?)
    })
}

async fn no_flood_of_writes_saves_what_is_marked(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest(async |_| {
        let old = record("alice");
        nodes.0.put(&old).await?;
        let floods = [
            flood(nodes.0.clone(), old.clone(), stage.clone()),
            flood(nodes.1.clone(), old.clone(), stage.clone()),
        ];
        let entrants = floods.into_iter().chain([revocation(nodes.1.clone(), MARK, Advance::Keep)]).collect();
        let timed = race(entrants).await?;
        same(S8, "how many were marked", &timed[2].value, &1)?;
        let found = nodes.0.find(old.selector).await?;
        let marked = found.as_ref().is_some_and(|found| found.revoked == Some(Reason::CredentialChanged));
        hold(S4, marked, format_args!("a flood of writes saved a record from its mark: {found:?}"))?;
        nodes.0.delete(old.selector).await?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn no_flood_of_writes_saves_what_is_removed(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest(async |_| {
        let old = record("alice");
        nodes.0.put(&old).await?;
        let floods = [
            flood(nodes.0.clone(), old.clone(), stage.clone()),
            flood(nodes.1.clone(), old.clone(), stage.clone()),
        ];
        let remove = revocation(nodes.0.clone(), Action::Remove, Advance::Keep);
        let timed = race(floods.into_iter().chain([remove]).collect()).await?;
        same(S8, "how many were removed", &timed[2].value, &1)?;
        hold(
            S4,
            nodes.1.find(old.selector).await?.is_none(),
            "a flood of writes brought a removed record back",
        )?;
        let list = nodes.1.list_by_subject(&subject("alice"), &page(9)).await?;
        same(S9, "how many are listed after the removal", &list.len(), &0)?;
        Ok(overlapped(&timed))
    })
    .await
}

fn insertion(node: Handle, record: Record, fence: Fence) -> Entrant<u64> {
    Box::pin(async move {
        let answer = node.insert(&record, fence).await?;
        hold(S11, answer != Insert::Duplicate, "insert of a new record answered Duplicate")?;
        Ok(u64::from(answer == Insert::Inserted))
    })
}

async fn no_login_slips_in_behind_a_log_out_everywhere(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest(async |round| {
        let action = [MARK, Action::Remove][round % 2];
        let fresh = Epoch(stage.rng().bytes());
        let before = nodes.0.epoch(&subject("alice"), fresh, KEEP, NOW).await?;
        let logins: Vec<_> = (0..3).map(|_| record("alice")).collect();
        let mut entrants: Vec<_> = (0..3)
            .map(|number| insertion(of(number, &nodes), logins[number].clone(), Fence::Epoch(before)))
            .collect();
        let advance = Advance::To { epoch: Epoch(stage.rng().bytes()), now: NOW, keep: KEEP };
        entrants.push(revocation(nodes.1.clone(), action, advance));
        let timed = race(entrants).await?;
        for login in &logins {
            let found = nodes.0.find(login.selector).await?;
            let lives = found.is_some_and(|found| found.revoked.is_none());
            hold(S11, !lives, "a login that began before a log-out-everywhere outlived it")?;
        }
        let inserted: u64 = timed[..3].iter().map(|timed| timed.value).sum();
        let _ = nodes
            .0
            .revoke_by_subject(&subject("alice"), &Which::all(), Action::Remove, Advance::Keep)
            .await?;
        same(S8, "how many were ended, of those that were inserted", &timed[3].value, &inserted)?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn no_session_outlives_the_end_of_its_parent(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest(async |round| {
        let (parent, mut child) = (record("alice"), record("alice"));
        child.login = parent.login;
        nodes.0.put(&parent).await?;
        let (node, login) = (nodes.1.clone(), Which::login(parent.login));
        let action = [MARK, Action::Remove][round % 2];
        let end: Entrant<u64> = Box::pin(async move {
            Ok(node.revoke_by_subject(&subject("alice"), &login, action, Advance::Keep).await?)
        });
        let restore = insertion(nodes.0.clone(), child.clone(), Fence::Parent(parent.selector));
        let timed = race(vec![restore, end]).await?;
        let found = nodes.0.find(child.selector).await?;
        let lives = found.is_some_and(|found| found.revoked.is_none());
        hold(S11, !lives, "a session restored while its login was ended outlived it")?;
        let ended = timed[1].value;
        same(S8, "how many were ended, the parent included", &ended, &(timed[0].value + 1))?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn no_session_is_made_after_its_parent_was_deleted(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest(async |_| {
        let parent = record("alice");
        nodes.0.put(&parent).await?;
        let (node, selector) = (nodes.1.clone(), parent.selector);
        let delete: Entrant<Vec<_>> = Box::pin(async move {
            node.delete(selector).await?;
            Ok(vec![(crate::history::now(), true)])
        });
        let (node, stage) = (nodes.0.clone(), stage.clone());
        let restore: Entrant<Vec<_>> = Box::pin(async move {
            let mut seen = Vec::new();
            for _ in 0..6 {
                let began = crate::history::now();
                let child = record("alice");
                let answer = node.insert(&child, Fence::Parent(selector)).await?;
                seen.push((began, answer == Insert::Inserted));
            }
            drop(stage);
            Ok(seen)
        });
        let timed = race(vec![delete, restore]).await?;
        let deleted = timed[0].value[0].0;
        let late = timed[1].value.iter().any(|(began, inserted)| *inserted && *began > deleted);
        hold(S11, !late, "a session was made after the delete of its parent was acknowledged")?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn racing_revocations_count_each_record_once(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest(async |_| {
        for _ in 0..5 {
            nodes.0.put(&record("alice")).await?;
        }
        let mut overlap = false;
        for action in [MARK, Action::Remove] {
            let entrant = |number| revocation(of(number, &nodes), action, Advance::Keep);
            let timed = race((0..3).map(entrant).collect()).await?;
            let sum: u64 = values(&timed).iter().sum();
            same(
                S8,
                format_args!("what 3 revocations of 5 records counted: {:?}", values(&timed)),
                &sum,
                &5,
            )?;
            overlap |= overlapped(&timed);
        }
        Ok(overlap)
    })
    .await
}

async fn racing_readers_of_a_missing_epoch_agree(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest(async |round| {
        let entrant = |number| -> Entrant<Epoch> {
            let (node, fresh) = (of(number, &nodes), Epoch(stage.rng().bytes()));
            let name = subject(&format!("alice {round}"));
            Box::pin(async move { Ok(node.epoch(&name, fresh, KEEP, NOW).await?) })
        };
        let timed = race((0..3).map(entrant).collect()).await?;
        let agree = timed.iter().all(|other| other.value == timed[0].value);
        hold(S11, agree, "racing readers of a missing epoch were given different ones")?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn a_list_during_writes_shows_each_living_record_once(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    let stable: Vec<_> = (0..8).map(|number| aged(number * 10)).collect();
    for record in &stable {
        nodes.0.put(record).await?;
    }
    contest(async |_| {
        let churn = |number: u64| -> Entrant<usize> {
            let (node, mut replaced, stage) =
                (of(number as usize, &nodes), stable[number as usize].clone(), stage.clone());
            Box::pin(async move {
                if let Some(found) = node.find(replaced.selector).await? {
                    replaced = found;
                }
                for step in 0..8 {
                    let passing = aged(step * 10 + number + 1);
                    node.put(&passing).await?;
                    let next = stage.next(&replaced);
                    node.swap(&next, &replaced).await?;
                    replaced = next;
                    node.delete(passing.selector).await?;
                }
                Ok(0)
            })
        };
        let (node, expected) = (nodes.1.clone(), stable.clone());
        let lists: Entrant<usize> = Box::pin(async move {
            for _ in 0..8 {
                let list = node.list_by_subject(&subject("alice"), &page(1_000)).await?;
                for record in &expected {
                    let times = list.iter().filter(|listed| listed.selector == record.selector).count();
                    same(S9, "how often a living record is in a list during writes", &times, &1)?;
                }
                let place = |record: &Record| (record.created_at, record.selector);
                let ordered = list.windows(2).all(|pair| place(&pair[0]) > place(&pair[1]));
                hold(S9, ordered, "a list during writes is out of order or repeats a record")?;
            }
            Ok(0)
        });
        Ok(overlapped(&race(vec![churn(0), churn(1), lists]).await?))
    })
    .await
}

fn aged(millis: u64) -> Record {
    let mut record = record("alice");
    record.created_at = at(millis);
    record
}

async fn a_reader_never_sees_a_record_torn_or_going_back(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest(async |_| {
        let mut versions = vec![record("alice")];
        for number in 0..12 {
            versions.push(stage.next(&versions[number]));
        }
        nodes.0.put(&versions[0]).await?;
        let (node, written) = (nodes.0.clone(), versions.clone());
        let writer: Entrant<usize> = Box::pin(async move {
            for pair in written.windows(2) {
                node.swap(&pair[1], &pair[0]).await?;
            }
            Ok(0)
        });
        let readers = (0..2).map(|number| -> Entrant<usize> {
            let (node, known) = (of(number, &nodes), versions.clone());
            Box::pin(async move {
                let mut last = 0;
                for _ in 0..15 {
                    let found = node.find(known[0].selector).await?;
                    let version = known.iter().position(|version| Some(version) == found.as_ref());
                    hold(S6, version.is_some(), "a reader saw a record that nobody wrote")?;
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

async fn purges_from_two_nodes_share_the_work(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    let living = record("alice");
    nodes.0.put(&living).await?;
    contest(async |_| {
        for number in 0..12 {
            let mut due = record("bob");
            (due.idle_at, due.purge_at) = (Some(at(number)), at(number));
            nodes.0.put(&due).await?;
        }
        let entrant = |number| -> Entrant<u64> {
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
        let timed = race((0..3).map(entrant).collect()).await?;
        let sum: u64 = values(&timed).iter().sum();
        same(S10, format_args!("what 3 purgers of 12 records counted: {:?}", values(&timed)), &sum, &12)?;
        let list = nodes.1.list_by_subject(&subject("bob"), &page(100)).await?;
        same(S10, "how many due records are left", &list.len(), &0)?;
        same(S10, "the living record", &nodes.1.find(living.selector).await?, &Some(living.clone()))?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn a_slide_and_a_purge_do_not_both_win(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    contest(async |_| {
        let mut old = record("alice");
        (old.idle_at, old.purge_at) = (Some(at(5)), at(5));
        nodes.0.put(&old).await?;
        let mut slid = stage.next(&old);
        (slid.idle_at, slid.purge_at) = (Some(at(500)), at(500));
        let (node, next, expected) = (nodes.0.clone(), slid.clone(), old.revision);
        let slide: Entrant<u64> =
            Box::pin(async move { Ok(u64::from(node.replace(&next, expected).await? == Replace::Replaced)) });
        let node = nodes.1.clone();
        let purge: Entrant<u64> = Box::pin(async move { Ok(node.purge_expired(at(5), 9).await?.removed) });
        let timed = race(vec![slide, purge]).await?;
        let found = nodes.1.find(old.selector).await?;
        if timed[0].value == 1 {
            same(S10, "a record that was slid during a purge", &found, &Some(slid))?;
        }
        hold(S10, timed[0].value + timed[1].value <= 1, "a slide and a purge of one record both succeeded")?;
        nodes.0.delete(old.selector).await?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn a_one_time_token_presented_many_times_at_once_works_once(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    let services =
        [stage.tokens(&nodes.0, |builder| builder)?.0, stage.tokens(&nodes.1, |builder| builder)?.0];
    contest(async |_| {
        let once = log_in(&services[0], "alice", Kind::ONE_TIME).await?;
        let entrant = |number: usize| -> Entrant<bool> {
            let (tokens, text) = (services[number % 2].clone(), once.token.expose().to_owned());
            Box::pin(async move {
                match tokens.consume(Kind::ONE_TIME, &text).await? {
                    Ok(_) => Ok(true),
                    Err(rejected) => {
                        same(D3, "a use that came too late", &rejected, &Rejected::Spent).map(|()| false)
                    }
                }
            })
        };
        let timed = race((0..4).map(entrant).collect()).await?;
        let used = values(&timed).iter().filter(|used| **used).count();
        same(D3, "how often a one-time token worked", &used, &1)?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn parallel_rotations_get_one_successor(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    let services =
        [stage.tokens(&nodes.0, |builder| builder)?.0, stage.tokens(&nodes.1, |builder| builder)?.0];
    contest(async |_| {
        let first = log_in(&services[0], "alice", Kind::REMEMBER).await?;
        let entrant = |number: usize| -> Entrant<Option<String>> {
            let (tokens, text) = (services[number % 2].clone(), first.token.expose().to_owned());
            Box::pin(async move {
                let verdict = tokens.verify_and_rotate(Kind::REMEMBER, &text).await;
                let valid = accepted(D16, "one of several requests at once", verdict)?;
                Ok(valid.successor.map(|issued| issued.token.expose().to_owned()))
            })
        };
        let timed = race((0..4).map(entrant).collect()).await?;
        let Some(expected) = timed.iter().find_map(|timed| timed.value.clone()) else {
            hold(T5, false, "no request of several at once got a successor")?;
            return Ok(false);
        };
        for timed in &timed {
            let got = timed.value.as_deref().unwrap_or(&expected);
            same_token(T5, "two requests at once got different successors", got, &expected)?;
        }
        accepted(D16, "the successor", services[1].verify(Kind::REMEMBER, &expected).await)?;
        Ok(overlapped(&timed))
    })
    .await
}

async fn racing_changes_of_data_are_all_kept(stage: Stage) -> Ran {
    let nodes = stage.pair().await?;
    let services =
        [stage.tokens(&nodes.0, |builder| builder)?.0, stage.tokens(&nodes.1, |builder| builder)?.0];
    contest(async |_| {
        let issued = log_in(&services[0], "alice", Kind::SESSION).await?;
        let entrant = |number: usize| -> Entrant<u64> {
            let (tokens, text) = (services[number % 2].clone(), issued.token.expose().to_owned());
            Box::pin(async move {
                for _ in 0..3 {
                    let mut valid = accepted(D15, "a session", tokens.verify(Kind::SESSION, &text).await)?;
                    accepted(
                        D15,
                        "a change",
                        tokens.update_data(&mut valid, |data| data.push(number as u8)).await,
                    )?;
                }
                Ok(0)
            })
        };
        let timed = race((0..3).map(entrant).collect()).await?;
        let valid =
            accepted(D15, "a session", services[0].verify(Kind::SESSION, issued.token.expose()).await)?;
        same(D15, "how many of 9 racing changes were kept", &valid.data().len(), &9)?;
        let found = nodes.1.find(issued.token.selector()).await?.map(|record| record.revision);
        same(D15, "how many writes they took", &found, &Revision::new(10).ok())?;
        Ok(overlapped(&timed))
    })
    .await
}
