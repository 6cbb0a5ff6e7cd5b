use std::collections::BTreeMap;

use hallpass_core::{Insert, Replace};

use crate::handle::INSERTED;

use super::*;

/// A call from `began` to `ended`; for ever if that is 0.
fn op(began: u64, ended: u64, did: Did, saw: Saw) -> Op {
    let ended = (ended > 0).then(|| Duration::from_millis(ended));
    Op { began: Duration::from_millis(began), ended, did, saw }
}

fn insert(began: u64, ended: u64, answer: Insert) -> Op {
    op(began, ended, Did::Insert { key: 0, version: 1, fence: None }, Saw::Insert(answer))
}

fn replace(began: u64, ended: u64, expected: u64, version: u32, answer: Replace) -> Op {
    op(began, ended, Did::Replace { key: 0, expected, version }, Saw::Replace(answer))
}

fn find(began: u64, ended: u64, row: Option<(u64, u32)>) -> Op {
    let row = row.map(|(revision, version)| Row { revision, version, marked: false });
    op(began, ended, Did::Find { key: 0 }, Saw::Find(row))
}

fn fits(history: &[Op]) -> bool {
    is_linearizable(&Model, history)
}

#[test]
fn calls_that_follow_each_other_are_explained_in_their_order() {
    assert!(fits(&[]));
    assert!(fits(&[insert(1, 2, INSERTED), find(3, 4, Some((1, 1)))]));
    assert!(!fits(&[insert(1, 2, INSERTED), find(3, 4, None)]), "a stale read");
    assert!(!fits(&[find(1, 2, Some((1, 1))), insert(3, 4, INSERTED)]), "a read of the future");
    assert!(!fits(&[insert(1, 2, INSERTED), insert(3, 4, INSERTED)]), "an overwriting insert");
}

#[test]
fn calls_at_once_may_be_ordered_either_way() {
    assert!(fits(&[insert(1, 5, INSERTED), find(2, 3, None)]));
    assert!(fits(&[insert(1, 5, INSERTED), find(2, 3, Some((1, 1)))]));
    let backwards = [insert(1, 9, INSERTED), find(2, 3, Some((1, 1))), find(4, 5, None)];
    assert!(!fits(&backwards), "seen and then unseen");
}

#[test]
fn of_two_replaces_of_one_revision_only_one_may_win() {
    let begin = insert(1, 2, INSERTED);
    let first = replace(3, 6, 1, 2, Replace::Replaced);
    assert!(fits(&[begin.clone(), first.clone(), replace(4, 7, 1, 3, Replace::Conflict)]));
    assert!(!fits(&[begin, first, replace(4, 7, 1, 3, Replace::Replaced)]));
}

#[test]
fn a_conflict_may_be_spurious_and_a_missing_may_not() {
    let begin = insert(1, 2, INSERTED);
    assert!(fits(&[begin.clone(), replace(3, 4, 1, 2, Replace::Conflict), find(5, 6, Some((1, 1)))]));
    assert!(!fits(&[begin, replace(3, 4, 1, 2, Replace::Missing)]));
    assert!(!fits(&[replace(3, 4, 1, 2, Replace::Conflict)]), "a conflict with nothing");
}

#[test]
fn an_unknown_outcome_may_have_happened_early_late_or_never() {
    let begin = insert(1, 2, INSERTED);
    let lost = op(3, 0, Did::Replace { key: 0, expected: 1, version: 2 }, Saw::Unknown);
    for reads in [[1, 1], [1, 2], [2, 2]] {
        let finds =
            [find(4, 5, Some((reads[0], reads[0] as u32))), find(6, 7, Some((reads[1], reads[1] as u32)))];
        assert!(fits(&[vec![begin.clone(), lost.clone()], finds.to_vec()].concat()), "{reads:?}");
    }
    assert!(
        !fits(&[begin, lost, find(4, 5, Some((2, 2))), find(6, 7, Some((1, 1)))]),
        "done and then undone"
    );
}

#[test]
fn a_marked_record_stays_marked() {
    let mark = op(3, 4, Did::Revoke { remove: false, advance: None }, Saw::Revoke(1));
    let begin = insert(1, 2, INSERTED);
    assert!(fits(&[begin.clone(), mark.clone(), replace(5, 6, 2, 2, Replace::Conflict)]));
    assert!(!fits(&[begin.clone(), mark.clone(), replace(5, 6, 2, 2, Replace::Replaced)]), "un-marked");
    assert!(!fits(&[begin, mark, find(5, 6, Some((1, 1)))]), "the mark was lost");
}

#[test]
fn a_fence_holds_and_a_count_is_exact() {
    let epoch = op(1, 2, Did::Epoch { fresh: 7 }, Saw::Epoch(7));
    let advance = |count| op(3, 8, Did::Revoke { remove: true, advance: Some(8) }, Saw::Revoke(count));
    let login = |began, ended, answer| {
        op(began, ended, Did::Insert { key: 0, version: 1, fence: Some(7) }, Saw::Insert(answer))
    };
    assert!(fits(&[epoch.clone(), advance(1), login(4, 6, INSERTED)]));
    assert!(fits(&[epoch.clone(), advance(0), login(4, 6, Insert::Fenced)]));
    assert!(!fits(&[epoch.clone(), advance(0), login(4, 6, INSERTED)]), "a login slipped in");
    assert!(!fits(&[epoch.clone(), advance(0), login(9, 10, INSERTED)]), "a fence that does nothing");
    assert!(!fits(&[epoch, login(4, 6, Insert::Fenced)]), "fenced for nothing");
}

#[test]
fn a_selector_is_judged_without_the_rest_and_the_subject_without_finds() {
    let fenced = op(1, 2, Did::Insert { key: 0, version: 1, fence: Some(9) }, Saw::Insert(Insert::Fenced));
    let other = op(3, 4, Did::Delete { key: 1 }, Saw::Delete(true));
    let list = op(5, 6, Did::List, Saw::List(BTreeMap::new()));
    let history = [fenced, other, list, find(7, 8, None)];
    assert_eq!(of_key(&history, 0).len(), 3);
    assert!(fits(&of_key(&history, 0)));
    assert_eq!(of_subject(&history).len(), 3);
    assert!(!fits(&of_subject(&history)), "a delete found what was never there");
}

#[test]
fn a_revocation_may_wait_for_what_it_ends() {
    let revoke = op(1, 9, Did::Revoke { remove: false, advance: None }, Saw::Any);
    let marked = Row { revision: 2, version: 1, marked: true };
    let seen = op(4, 5, Did::Find { key: 0 }, Saw::Find(Some(marked)));
    assert!(fits(&[revoke, insert(2, 3, INSERTED), seen]));
}

#[test]
fn many_calls_at_once_are_searched_quickly() {
    let mut history = vec![insert(0, 1, INSERTED)];
    history.extend((0..24).map(|number| replace(2, 90, 1 + number % 3, 2, Replace::Conflict)));
    history.push(find(91, 92, Some((1, 1))));
    assert!(fits(&history));
    history.push(find(93, 94, Some((2, 2))));
    assert!(!fits(&history));
}

/// Two records and a list in the middle of what ends them.
fn list_amid_a_revocation(seen: BTreeMap<u8, Row>) -> Vec<Op> {
    let insert = |key| Did::Insert { key, version: 1, fence: None };
    vec![
        op(0, 1, insert(0), Saw::Insert(INSERTED)),
        op(2, 3, insert(1), Saw::Insert(INSERTED)),
        op(4, 9, Did::Revoke { remove: true, advance: Some(5) }, Saw::Revoke(2)),
        op(5, 6, Did::List, Saw::List(seen)),
    ]
}

#[test]
fn a_sweep_may_be_seen_half_done_and_one_event_may_not() {
    let row = Row { revision: 1, version: 1, marked: false };
    let half = list_amid_a_revocation(BTreeMap::from([(1, row)]));
    assert!(!is_linearizable(&Model, &half));
    assert!(is_linearizable(&Model, &swept(&half, 2)));
    for seen in [BTreeMap::new(), BTreeMap::from([(0, row), (1, row)])] {
        let whole = list_amid_a_revocation(seen);
        assert!(is_linearizable(&Model, &whole) && is_linearizable(&Model, &swept(&whole, 2)));
    }
}

#[test]
fn nothing_outlives_a_sweep_and_nothing_slips_in_behind_its_epoch() {
    let row = Row { revision: 1, version: 1, marked: false };
    let login = |began, ended| {
        op(began, ended, Did::Insert { key: 0, version: 1, fence: Some(1) }, Saw::Insert(INSERTED))
    };
    let history = |login| {
        swept(
            &[
                op(0, 1, Did::Epoch { fresh: 1 }, Saw::Epoch(1)),
                login,
                op(2, 9, Did::Revoke { remove: true, advance: Some(5) }, Saw::Revoke(1)),
                op(10, 11, Did::List, Saw::List(BTreeMap::from([(0, row)]))),
            ],
            1,
        )
    };
    for login in [login(1, 2), login(3, 4), login(10, 10)] {
        assert!(!is_linearizable(&Model, &history(login)), "a login of before the epoch is there after it");
    }
    let after = op(10, 10, Did::Insert { key: 0, version: 1, fence: Some(5) }, Saw::Insert(INSERTED));
    assert!(is_linearizable(&Model, &history(after)));
}
