//! Operators on the rows that a statement reaches: order, limit, capacity, locks, index entries, caches.

use crate::mutant::{At, Grown};
use crate::plan::Does;
use crate::statement::{Assignments, Cap, Dir, Expr, Index, Lock, Statement, Verb};
use crate::value::{Lens, Value};

pub(crate) fn grow(grown: &mut Grown, at: At, statement: &Statement) {
    order(grown, at, statement);
    limit(grown, at, statement);
    locks(grown, at, statement);
    entries(grown, at, statement);
    if matches!(statement.verb, Verb::Select(_)) {
        grown.statement(at, "", "cached", |statement| statement.cached = true);
    }
}

fn order(grown: &mut Grown, at: At, statement: &Statement) {
    let reversed = |dir: &mut Dir| *dir = if *dir == Dir::Up { Dir::Down } else { Dir::Up };
    if statement.order.is_empty() {
        return;
    }
    grown.statement(at, "order", "dropped", |statement| statement.order.clear());
    grown.statement(at, "order", "reversed", |statement| {
        statement.order.iter_mut().for_each(|(_, dir)| reversed(dir));
    });
    if let [_, .., _] = statement.order[..] {
        grown.statement(at, "order", "ties_reversed", |statement| {
            statement.order.iter_mut().skip(1).for_each(|(_, dir)| reversed(dir));
        });
        grown.statement(at, "order", "ties_by_chance", |statement| statement.order.truncate(1));
    }
}

fn limit(grown: &mut Grown, at: At, statement: &Statement) {
    const MEGABYTE: usize = 1 << 20;
    if let Some(limit) = &statement.limit {
        let bent = |lens| Some(Expr::Bent(lens, Box::new(limit.clone())));
        let more = Expr::Sum(Box::new([limit.clone(), Expr::Is(Value::Number(1))]));
        let variants = [
            ("dropped", None),
            ("one_more", Some(more)),
            ("one_less", bent(Lens::OneLess)),
            ("zero_is_none", bent(Lens::ZeroIsNull)),
            ("byte", bent(Lens::Bits(8))),
            ("at_most_100", bent(Lens::AtMost(100))),
            ("at_most_1000", bent(Lens::AtMost(1_000))),
        ];
        // The others concern limits that a caller may pass.
        let asked = if matches!(limit, Expr::Is(_)) { 3 } else { variants.len() };
        for (operator, limit) in variants.into_iter().take(asked) {
            grown.statement(at, "limit", operator, |statement| statement.limit = limit);
        }
    }
    let many = statement.via != Index::Key && !matches!(statement.limit, Some(Expr::Is(_)));
    if !many {
        return;
    }
    let caps = [
        ("a_megabyte", Cap::Bytes(MEGABYTE)),
        ("at_most_8", Cap::Rows(8)),
        ("at_most_1000", Cap::Rows(1_000)),
        ("at_most_10000", Cap::Rows(10_000)),
        ("refuses_8000", Cap::Refuses(8_000)),
    ];
    for (operator, cap) in caps {
        grown.step(at, "rows", operator, |step| {
            // A repeated step would compensate for the cap.
            step.repeats = false;
            if let Does::Statement(statement) = &mut step.does {
                statement.cap = Some(cap);
            }
        });
    }
}

fn locks(grown: &mut Grown, at: At, statement: &Statement) {
    let variants: &[(&str, Lock)] = match statement.lock {
        Lock::No => &[],
        Lock::Share => &[("dropped", Lock::No), ("skips", Lock::Skip)],
        Lock::Exclusive => &[("dropped", Lock::No), ("shared", Lock::Share), ("skips", Lock::Skip)],
        Lock::Skip => &[("dropped", Lock::No), ("waits", Lock::Exclusive)],
    };
    for (operator, lock) in variants {
        // An insert that finds its key locked has no row to skip.
        if !(matches!(statement.verb, Verb::Insert(..)) && *lock == Lock::Skip) {
            grown.statement(at, "lock", operator, |statement| statement.lock = *lock);
        }
    }
}

/// Index entries that an author who maintains indexes by hand may forget.
fn entries(grown: &mut Grown, at: At, statement: &Statement) {
    for index in statement.table.indexes() {
        let columns = statement.table.columns(*index);
        let changes = |list: &Assignments| list.iter().any(|(col, _)| columns.contains(col));
        let (enters, leaves) = match &statement.verb {
            Verb::Select(_) => (false, false),
            Verb::Delete => (false, true),
            Verb::Update(set) => (changes(set), changes(set)),
            Verb::Insert(_, update) => (true, update.as_ref().is_some_and(changes)),
        };
        let part = name_of(*index);
        if enters {
            grown.statement(at, part, "not_entered", |statement| {
                statement.enters.retain(|kept| kept != index);
            });
        }
        if leaves {
            grown.statement(at, part, "not_left", |statement| statement.leaves.retain(|kept| kept != index));
        }
        if enters && leaves && matches!(statement.verb, Verb::Update(_)) {
            grown.statement(at, part, "not_moved", |statement| {
                statement.enters.retain(|kept| kept != index);
                statement.leaves.retain(|kept| kept != index);
            });
        }
    }
}

const fn name_of(index: Index) -> &'static str {
    match index {
        Index::Key => "key",
        Index::BySubject => "by_subject",
        Index::ByDue => "by_due",
    }
}
