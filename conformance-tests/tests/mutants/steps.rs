//! Operators on the transaction and its result: steps dropped, swapped, separated; the wrong result or an error.

use crate::mutant::{At, Grown};
use crate::plan::{Answer, Does, DuringFault, Into, More, Tally, commit};
use crate::statement::Param;

pub(crate) fn grow(grown: &mut Grown, operation: usize) {
    let steps = grown.right.operations[operation].steps.clone();
    for (number, step) in steps.iter().enumerate() {
        let at = At { operation, step: number };
        let place = step.name;
        grown.operation(operation, place, "left_out", |operation| {
            operation.steps.remove(number);
        });
        grown.step(at, "", "once", |step| step.repeats = false);
        if step.does == Does::Commit {
            grown.step(at, "", "a_trip_of_its_own", |step| step.joined = false);
        }
        let next = (number + 1..steps.len()).find(|next| !apart(&step.when, &steps[*next].when));
        if let Some(next) = next.filter(|next| steps[*next].does != Does::Commit) {
            grown.operation(operation, place, "after_the_next", |operation| {
                let step = operation.steps.remove(number);
                operation.steps.insert(next, step);
            });
            if !matches!(step.does, Does::Require(_)) {
                grown.operation(operation, place, "committed_apart", |operation| {
                    operation.steps.insert(number + 1, commit());
                });
            }
        }
        for (operator, answer) in others(grown.right.operations[operation].name, step.some) {
            grown.step(at, "found", operator, |step| step.some = answer);
        }
        for (operator, answer) in others(grown.right.operations[operation].name, step.none) {
            grown.step(at, "not_found", operator, |step| step.none = answer);
        }
        if step.into == Into::Count && steps.iter().filter(|other| other.into == Into::Count).count() > 1 {
            grown.step(at, "", "not_counted", |step| step.into = Into::Nothing);
        }
    }
    let (name, answer) = {
        let operation = &grown.right.operations[operation];
        (operation.name, operation.answer)
    };
    for (operator, answer) in others(name, Some(answer)) {
        if let Some(answer) = answer {
            grown.operation(operation, "answer", operator, |operation| operation.answer = answer);
        }
    }
    for (operator, fault) in faults(name) {
        grown.operation(operation, "fault", operator, |operation| operation.fault = fault);
    }
}

/// Whether no call runs both steps.
fn apart(one: &[(Param, bool)], other: &[(Param, bool)]) -> bool {
    let opposite = one.iter().any(|(param, wanted)| other.contains(&(*param, !wanted)));
    let fences = one.contains(&(Param::FenceEpoch, true)) && other.contains(&(Param::Parent, true));
    opposite || fences
}

type Named = (&'static str, Option<Answer>);

/// The other results of the operation; `None` continues instead of returning.
fn others(operation: &str, answer: Option<Answer>) -> Vec<Named> {
    let Some(right) = answer else { return Vec::new() };
    let all: &[Named] = match (operation, right) {
        ("insert", _) => &[
            ("goes_on", None),
            ("inserted", Some(Answer::Inserted(Tally::Exact))),
            ("duplicate", Some(Answer::Duplicate)),
            ("fenced", Some(Answer::Fenced)),
            ("of_subject_unknown", Some(Answer::Inserted(Tally::Unknown))),
            ("of_subject_one_more", Some(Answer::Inserted(Tally::OneMore))),
            ("of_subject_one_less", Some(Answer::Inserted(Tally::OneLess))),
            ("of_subject_byte", Some(Answer::Inserted(Tally::Byte))),
            ("error", Some(Answer::Failed)),
        ],
        ("find", _) => {
            &[("goes_on", None), ("nothing", Some(Answer::Nothing)), ("error", Some(Answer::Failed))]
        }
        ("replace", _) => &[
            ("goes_on", None),
            ("replaced", Some(Answer::Replaced)),
            ("conflict", Some(Answer::Conflict)),
            ("missing", Some(Answer::Missing)),
            ("error", Some(Answer::Failed)),
        ],
        ("delete", _) => &[
            ("negated", Some(Answer::Counted(false))),
            ("yes", Some(Answer::Yes)),
            ("no", Some(Answer::No)),
            ("error", Some(Answer::Failed)),
        ],
        ("revoke", _) => &[
            ("zero", Some(Answer::Count(Tally::Zero))),
            ("one", Some(Answer::Count(Tally::One))),
            ("one_more", Some(Answer::Count(Tally::OneMore))),
            ("one_less", Some(Answer::Count(Tally::OneLess))),
            ("twice", Some(Answer::Count(Tally::Twice))),
            ("byte", Some(Answer::Count(Tally::Byte))),
            ("error", Some(Answer::Failed)),
        ],
        ("purge", _) => &[
            ("removed_zero", Some(Answer::Purged(Tally::Zero, More::Exact))),
            ("removed_one_more", Some(Answer::Purged(Tally::OneMore, More::Exact))),
            ("removed_byte", Some(Answer::Purged(Tally::Byte, More::Exact))),
            ("more_always", Some(Answer::Purged(Tally::Exact, More::Always))),
            ("more_never", Some(Answer::Purged(Tally::Exact, More::Never))),
            ("more_negated", Some(Answer::Purged(Tally::Exact, More::Inverted))),
            ("more_at_the_limit", Some(Answer::Purged(Tally::Exact, More::AtTheLimit))),
            ("more_if_any_went", Some(Answer::Purged(Tally::Exact, More::Removed))),
            ("error", Some(Answer::Failed)),
        ],
        _ => &[
            ("goes_on", None),
            ("rows", Some(Answer::Rows)),
            ("nothing", Some(Answer::Nothing)),
            ("error", Some(Answer::Failed)),
        ],
    };
    // The number of a subject's records is changed only in the step that reports it.
    let fits = |(_, other): &&Named| match (right, other) {
        (Answer::Inserted(_), _) => true,
        (_, Some(Answer::Inserted(tally))) => *tally == Tally::Exact,
        _ => true,
    };
    all.iter().filter(fits).copied().collect()
}

/// The other ways in which an operation may react to a fault of its server.
fn faults(operation: &str) -> Vec<(&'static str, DuringFault)> {
    let mut faults = vec![("fails_for_good", DuringFault::FailsForGood)];
    if matches!(operation, "insert" | "replace" | "delete" | "revoke") {
        faults.push(("done_and_denied", DuringFault::DoneAndDenied));
    }
    faults.push(match operation {
        "insert" => ("fenced", DuringFault::Answers(Answer::Fenced)),
        "replace" => ("conflict", DuringFault::Answers(Answer::Conflict)),
        "delete" => ("no", DuringFault::Answers(Answer::No)),
        "revoke" => ("zero", DuringFault::Answers(Answer::Count(Tally::Zero))),
        "purge" => ("nothing_left", DuringFault::Answers(Answer::Purged(Tally::Zero, More::Never))),
        _ => ("nothing", DuringFault::Answers(Answer::Nothing)),
    });
    faults
}
