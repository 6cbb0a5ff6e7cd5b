use hallpass_core::store::{
    Action, Epoch, EpochUpdate, Fence, Insert, Record, RecordFilter, Replace, Revision, Revocation,
};
use hallpass_core::{Note, Reason, Timestamp};

use super::*;
use crate::generate::call::{Call, Kind};
use crate::generate::model::Model;
use crate::handle::INSERTED;
use crate::specimen::{NOW, body, page, record, subject};

const MODEL: Model = Model { purges: true, wall: Timestamp::MIN };
const KEEP: Duration = Duration::from_secs(3_600);

/// A call from `began` to `ended`; if that is 0, it never ends.
fn op(began: u64, ended: u64, call: Call, answer: Answer) -> Op {
    let ended = (ended > 0).then(|| Duration::from_millis(ended));
    Op {
        node: 1,
        asked: call.text(),
        began: Duration::from_millis(began),
        ended,
        observed: Observed::Call(call),
        answer,
    }
}

/// Record `key` of alice's, at `revision`, with a body made from `version`.
fn of(key: u8, revision: u64, version: u8) -> Record {
    let mut record = record("alice");
    record.selector.0[2..].fill(key);
    record.login.0.fill(1);
    (record.revision, record.body) = (Revision::new(revision).unwrap(), body(vec![version; 10]));
    record
}

fn insert(began: u64, ended: u64, answer: Insert) -> Op {
    op(began, ended, Call::Insert { record: of(0, 1, 1), fence: Fence::None }, Answer::Insert(answer))
}

fn replace(began: u64, ended: u64, expected: u64, version: u8, answer: Replace) -> Op {
    let call = Call::Replace {
        next: of(0, expected + 1, version),
        expected: Revision::new(expected).unwrap(),
        kind: Kind::Update,
    };
    op(began, ended, call, Answer::Replace(answer))
}

fn find(began: u64, ended: u64, row: Option<(u64, u8)>) -> Op {
    let found = row.map(|(revision, version)| of(0, revision, version));
    op(began, ended, Call::Find { selector: of(0, 1, 1).selector }, Answer::Find(found))
}

fn revoke(began: u64, ended: u64, action: Action, to: Option<u8>, answer: Answer) -> Op {
    let set = |epoch| EpochUpdate::Set { epoch: Epoch([epoch; 16]), now: NOW, keep: KEEP };
    let revocation = Revocation::new(RecordFilter::all(), action).epoch(to.map_or(EpochUpdate::Keep, set));
    op(began, ended, Call::Revoke { subject: subject("alice"), revocation }, answer)
}

fn epoch(began: u64, ended: u64, fresh: u8) -> Op {
    let fresh = Epoch([fresh; 16]);
    let call = Call::Epoch { subject: subject("alice"), fresh, keep: KEEP, now: NOW };
    op(began, ended, call, Answer::Epoch(fresh))
}

fn login(began: u64, ended: u64, epoch: u8, answer: Insert) -> Op {
    let fence = Fence::Epoch(Epoch([epoch; 16]));
    op(began, ended, Call::Insert { record: of(0, 1, 1), fence }, Answer::Insert(answer))
}

fn list(began: u64, ended: u64, shown: Vec<Record>) -> Op {
    op(began, ended, Call::List { subject: subject("alice"), page: page(u16::MAX) }, Answer::List(shown))
}

const MARK: Action = Action::Mark { reason: Reason::LoggedOut, at: NOW };

fn fits(history: &[Op]) -> bool {
    explain(&MODEL, history).is_some()
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
    let mut lost = replace(3, 0, 1, 2, Replace::Replaced);
    lost.answer = Answer::Unknown;
    for reads in [[1, 1], [1, 2], [2, 2]] {
        let finds = [(4, reads[0]), (6, reads[1])]
            .map(|(began, number)| find(began, began + 1, Some((number, number as u8))));
        assert!(fits(&[vec![begin.clone(), lost.clone()], finds.to_vec()].concat()), "{reads:?}");
    }
    assert!(
        !fits(&[begin, lost, find(4, 5, Some((2, 2))), find(6, 7, Some((1, 1)))]),
        "done and then undone"
    );
}

#[test]
fn a_marked_record_stays_marked() {
    let mark = revoke(3, 4, MARK, None, Answer::Revoke(1));
    let begin = insert(1, 2, INSERTED);
    assert!(fits(&[begin.clone(), mark.clone(), replace(5, 6, 2, 2, Replace::Conflict)]));
    assert!(!fits(&[begin.clone(), mark.clone(), replace(5, 6, 2, 2, Replace::Replaced)]), "un-marked");
    assert!(!fits(&[begin, mark, find(5, 6, Some((1, 1)))]), "the mark was lost");
}

#[test]
fn a_fence_holds_and_a_count_is_exact() {
    let epoch = epoch(1, 2, 7);
    let update = |count| revoke(3, 8, Action::Remove, Some(8), Answer::Revoke(count));
    assert!(fits(&[epoch.clone(), update(1), login(4, 6, 7, INSERTED)]));
    assert!(fits(&[epoch.clone(), update(0), login(4, 6, 7, Insert::Fenced)]));
    assert!(!fits(&[epoch.clone(), update(0), login(4, 6, 7, INSERTED)]), "a login slipped in");
    assert!(!fits(&[epoch.clone(), update(0), login(9, 10, 7, INSERTED)]), "a fence that does nothing");
    assert!(!fits(&[epoch, login(4, 6, 7, Insert::Fenced)]), "fenced for nothing");
}

#[test]
fn a_selector_is_judged_without_the_rest_and_the_subject_without_finds() {
    let delete = Call::Delete { selector: of(1, 1, 1).selector, note: Note::none() };
    let other = op(3, 4, delete, Answer::Delete(true));
    let history = [login(1, 2, 9, Insert::Fenced), other, list(5, 6, vec![of(0, 1, 1)]), find(7, 8, None)];
    let of_it = of_key(&history, of(0, 1, 1).selector);
    assert_eq!(of_it.len(), 2, "what was fenced and another's delete say nothing about it");
    assert!(!fits(&of_it), "listed, and never inserted");
    assert_eq!(of_subject(&history).len(), 3);
    assert!(!fits(&of_subject(&history)), "a delete found what was never there");
}

#[test]
fn a_parent_that_was_ended_admits_no_child() {
    let parent = of(1, 1, 1);
    let begin =
        op(0, 1, Call::Insert { record: parent.clone(), fence: Fence::None }, Answer::Insert(INSERTED));
    let child = |began, ended, answer| {
        let fence = Fence::Parent(parent.selector);
        op(began, ended, Call::Insert { record: of(0, 1, 1), fence }, Answer::Insert(answer))
    };
    let mark = revoke(3, 6, MARK, None, Answer::Revoke(1));
    for (late, answer, right) in
        [(false, INSERTED, true), (true, INSERTED, false), (true, Insert::Fenced, true)]
    {
        let (began, ended) = if late { (7, 8) } else { (4, 5) };
        let history = [begin.clone(), mark.clone(), child(began, ended, answer)];
        assert_eq!(fits(&of_key(&history, parent.selector)), right, "late: {late}, {answer:?}");
    }
}

#[test]
fn a_revocation_may_wait_for_what_it_ends() {
    let key = of(0, 1, 1).selector;
    let mut marked = of(0, 1, 1);
    marked.mark(Reason::LoggedOut, NOW);
    let seen = op(4, 5, Call::Find { selector: key }, Answer::Find(Some(marked)));
    let history = [revoke(1, 9, MARK, None, Answer::Revoke(0)), insert(2, 3, INSERTED), seen];
    assert!(fits(&of_key(&history, key)));
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

/// Two records, and a list that runs while a revocation ends them.
fn list_amid_a_revocation(seen: Vec<Record>) -> Vec<Op> {
    let insert = |key| Call::Insert { record: of(key, 1, 1), fence: Fence::None };
    vec![
        op(0, 1, insert(0), Answer::Insert(INSERTED)),
        op(2, 3, insert(1), Answer::Insert(INSERTED)),
        revoke(4, 9, Action::Remove, Some(5), Answer::Revoke(2)),
        list(5, 6, seen),
    ]
}

#[test]
fn a_sweep_may_be_seen_half_done_and_one_event_may_not() {
    let keys = [of(0, 1, 1).selector, of(1, 1, 1).selector];
    let half = list_amid_a_revocation(vec![of(1, 1, 1)]);
    assert!(!fits(&half));
    assert!(fits(&swept(&half, &keys)));
    for seen in [Vec::new(), vec![of(1, 1, 1), of(0, 1, 1)]] {
        let whole = list_amid_a_revocation(seen);
        assert!(fits(&whole) && fits(&swept(&whole, &keys)));
    }
}

#[test]
fn what_cannot_be_explained_is_told_with_the_longest_beginning_that_can() {
    let history = [
        insert(1, 2, INSERTED),
        replace(3, 6, 1, 2, Replace::Replaced),
        replace(4, 7, 1, 3, Replace::Replaced),
        { find(8, 9, Some((2, 3))) },
    ];
    assert_eq!(unexplained(&MODEL, &history[..2]), None);
    let told = unexplained(&MODEL, &history).unwrap();
    let lines: Vec<_> = told.lines().map(str::trim).collect();
    let at = |start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap();
    let calls = |from: &str, to: &str| at(to) - at(from) - 1;
    assert_eq!(calls("this order explains", "after them"), 2, "{told}");
    assert!(lines[at("after them") + 1].ends_with("revision 2"), "{told}");
    assert_eq!(calls("then nothing explains", "calls that ended later"), 1, "{told}");
    let culprit = lines[at("then nothing explains") + 1];
    assert!(culprit.starts_with("4.000 ms  handle 1  replace "), "{told}");
    assert!(culprit.ends_with(" → Replaced (3.000 ms)"), "{told}");
    assert_eq!(lines.len() - at("calls that ended later"), 2, "{told}");
}

#[test]
fn nothing_outlives_a_sweep_and_nothing_slips_in_behind_its_epoch() {
    let history = |login| {
        let sweep = revoke(2, 9, Action::Remove, Some(5), Answer::Revoke(1));
        let history = [epoch(0, 1, 1), login, sweep, list(10, 11, vec![of(0, 1, 1)])];
        swept(&history, &[of(0, 1, 1).selector])
    };
    for (began, ended) in [(1, 2), (3, 4), (10, 10)] {
        let login = login(began, ended, 1, INSERTED);
        assert!(!fits(&history(login)), "a login of before the epoch is there after it");
    }
    assert!(fits(&history(login(10, 10, 5, INSERTED))));
}

/// Two records, the second inserted under `fence` and listed while a revocation ran that ended `count` of them.
fn insert_amid_a_revocation(fence: Fence, to: Option<u8>, count: u64) -> Vec<Op> {
    let insert = |key, fence| Call::Insert { record: of(key, 1, 1), fence };
    vec![
        epoch(0, 1, 7),
        op(0, 1, insert(0, Fence::None), Answer::Insert(INSERTED)),
        revoke(2, 9, Action::Remove, to, Answer::Revoke(count)),
        op(3, 4, insert(1, fence), Answer::Insert(INSERTED)),
        list(5, 6, vec![of(1, 1, 1), of(0, 1, 1)]),
        list(10, 11, if count == 1 { vec![of(1, 1, 1)] } else { Vec::new() }),
    ]
}

#[test]
fn a_revocation_may_miss_what_no_fence_turns_away() {
    let (new, old) = (Fence::Epoch(Epoch([7; 16])), Fence::Parent(of(0, 1, 1).selector));
    for (fence, to, right) in [
        (Fence::None, None, true),
        (Fence::None, Some(8), true),
        (new, None, true),
        (new, Some(8), false),
        (old, None, false),
        (old, Some(8), false),
    ] {
        let history = insert_amid_a_revocation(fence, to, 1);
        assert!(!fits(&history), "as one event: {fence:?}, {to:?}");
        assert_eq!(fits(&beside(&history)), right, "{fence:?}, {to:?}");
        assert!(fits(&beside(&insert_amid_a_revocation(fence, to, 2))), "nothing missed: {fence:?}, {to:?}");
    }
}

#[test]
fn a_revocation_misses_nothing_that_was_there_before() {
    let mut history = insert_amid_a_revocation(Fence::None, None, 1);
    (history[3].began, history[3].ended) = (Duration::ZERO, Some(Duration::from_millis(1)));
    assert!(!fits(&beside(&history)));
}
