//! Operators on conditions: dropped, weakened, negated, partly compared, and conditions that no caller asked for.

use crate::mutant::{At, Grown, name};
use crate::plan::living;
use crate::statement::{Col, Expr, Op, Param, Pred, Statement, Table, Verb};
use crate::value::{Lens, Value};

pub(crate) fn grow(grown: &mut Grown, at: At, statement: &Statement) {
    for (number, pred) in statement.filter.iter().enumerate() {
        let part = format!("where.{}", part(pred));
        grown.statement(at, &part, "dropped", |statement| {
            statement.filter.remove(number);
        });
        for (operator, changed) in variants(pred) {
            grown.statement(at, &part, operator, |statement| statement.filter[number] = changed);
        }
    }
    if matches!(statement.verb, Verb::Insert(..)) {
        return;
    }
    for (operator, pred) in unasked(statement) {
        grown.statement(at, "", operator, |statement| statement.filter.push(pred));
    }
}

/// The name of the condition's part.
fn part(pred: &Pred) -> String {
    match (&pred.left, &pred.right) {
        (_, Expr::Given(Param::Only)) => "only".into(),
        (_, Expr::Given(Param::Except)) => "except".into(),
        (Expr::Col(col), _) => name(*col),
        _ => "after".into(),
    }
}

fn variants(pred: &Pred) -> Vec<(&'static str, Pred)> {
    let mut variants = match (&pred.left, pred.op) {
        (Expr::Col(Col::Subject), _) => text(pred),
        (Expr::Col(Col::Selector | Col::Epoch), _) => bytes(pred, 8),
        (Expr::Col(Col::Login), _) => login(pred),
        (Expr::Col(Col::Revision), _) => revision(pred),
        (Expr::Col(Col::Revoked), _) => vec![
            ("logged_out_lives", Pred { op: Op::AtMost, right: Expr::Is(Value::Number(1)), ..pred.clone() }),
            (
                "all_but_spent_live",
                Pred { op: Op::IsNot, right: Expr::Is(Value::Number(10)), ..pred.clone() },
            ),
            ("negated", Pred { op: Op::IsNot, ..pred.clone() }),
        ],
        (Expr::Col(Col::PurgeAt), _) => time(pred),
        (Expr::Col(Col::Kind | Col::Purpose), Op::In) => set(pred),
        (Expr::Pair(_), _) => place(pred),
        _ => Vec::new(),
    };
    if pred.optional {
        variants.push(("never_left_out", Pred { optional: false, ..pred.clone() }));
    }
    variants
}

fn through(pred: &Pred, lens: Lens) -> Pred {
    Pred { lens: Some(lens), ..pred.clone() }
}

fn text(pred: &Pred) -> Vec<(&'static str, Pred)> {
    vec![
        ("any_case", through(pred, Lens::AnyCase)),
        ("ascii", through(pred, Lens::Ascii)),
        ("cut_at_63", through(pred, Lens::First(63))),
        ("cut_at_191", through(pred, Lens::First(191))),
        ("padded", through(pred, Lens::Trimmed)),
        ("like", Pred { op: Op::Like, ..pred.clone() }),
        ("null_is_null", Pred { op: Op::Same, ..pred.clone() }),
    ]
}

fn bytes(pred: &Pred, half: usize) -> Vec<(&'static str, Pred)> {
    vec![
        ("first_half", through(pred, Lens::First(half))),
        ("last_half", through(pred, Lens::Last(half))),
        ("base64_any_case", through(pred, Lens::AnyCase)),
        ("up_to_nul", through(pred, Lens::UpToNul)),
    ]
}

fn login(pred: &Pred) -> Vec<(&'static str, Pred)> {
    let op = if pred.op == Op::Is { Op::IsNot } else { Op::Is };
    let mut variants = bytes(pred, 4);
    variants.push(("negated", Pred { op, ..pred.clone() }));
    variants
}

fn revision(pred: &Pred) -> Vec<(&'static str, Pred)> {
    vec![
        ("bits_16", through(pred, Lens::Bits(16))),
        ("bits_32", through(pred, Lens::Bits(32))),
        ("float", through(pred, Lens::Float)),
        ("at_most", Pred { op: Op::AtMost, ..pred.clone() }),
        ("at_least", Pred { op: Op::AtLeast, ..pred.clone() }),
        ("negated", Pred { op: Op::IsNot, ..pred.clone() }),
    ]
}

fn time(pred: &Pred) -> Vec<(&'static str, Pred)> {
    let (strict, negated) = match pred.op {
        Op::AtMost => (Op::Less, Op::More),
        _ => (Op::More, Op::Less),
    };
    let mut variants = vec![
        ("exclusive", Pred { op: strict, ..pred.clone() }),
        ("negated", Pred { op: negated, ..pred.clone() }),
        ("seconds", through(pred, Lens::Seconds)),
        ("own_clock", Pred { right: own_clock(&pred.right), ..pred.clone() }),
    ];
    if let Expr::Sum(both) = &pred.right {
        variants.push(("not_half_of_it", Pred { right: both[0].clone(), ..pred.clone() }));
    } else {
        for (operator, col) in [("by_expires_at", Col::ExpiresAt), ("by_idle_at", Col::IdleAt)] {
            variants.push((operator, Pred { left: Expr::Col(col), ..pred.clone() }));
        }
    }
    variants
}

fn set(pred: &Pred) -> Vec<(&'static str, Pred)> {
    let right = |lens| Pred { right: Expr::Bent(lens, Box::new(pred.right.clone())), ..pred.clone() };
    let mut variants =
        vec![("first_only", right(Lens::FirstOf(1))), ("empty_is_any", right(Lens::EmptyIsNull))];
    if pred.left == Expr::Col(Col::Kind) {
        variants.push(("eight_at_most", right(Lens::FirstOf(8))));
        variants.push(("cut_at_16", through(pred, Lens::First(16))));
    } else {
        variants.push(("two_at_most", right(Lens::FirstOf(2))));
    }
    variants
}

/// The position after which a page begins.
fn place(pred: &Pred) -> Vec<(&'static str, Pred)> {
    let (Expr::Pair(left), Expr::Pair(right)) = (&pred.left, &pred.right) else { return Vec::new() };
    let only = |at: usize| Pred { left: left[at].clone(), right: right[at].clone(), ..pred.clone() };
    let swapped = |both: &[Expr; 2]| Expr::Pair(Box::new([both[1].clone(), both[0].clone()]));
    vec![
        ("inclusive", Pred { op: Op::AtMost, ..pred.clone() }),
        ("reversed", Pred { op: Op::More, ..pred.clone() }),
        ("created_at_only", only(0)),
        ("created_at_only_inclusive", Pred { op: Op::AtMost, ..only(0) }),
        ("selector_only", only(1)),
        ("selector_first", Pred { left: swapped(left), right: swapped(right), ..pred.clone() }),
        ("seconds", through(pred, Lens::Seconds)),
    ]
}

/// Conditions that an author adds with good intentions.
fn unasked(statement: &Statement) -> Vec<(&'static str, Pred)> {
    let more = |col, op, right| Pred { left: Expr::Col(col), op, right, lens: None, optional: false };
    if statement.table == Table::Epochs {
        return vec![("hides_what_is_over", more(Col::PurgeAt, Op::More, Expr::Clock))];
    }
    let mut unasked = vec![
        ("hides_the_expired", more(Col::ExpiresAt, Op::More, Expr::Clock)),
        ("hides_the_idle", more(Col::IdleAt, Op::More, Expr::Clock)),
    ];
    if !statement.filter.contains(&living()) {
        unasked.push(("hides_the_ended", living()));
    }
    // A join on the subject, which finds nothing if it is null.
    if !statement.filter.iter().any(|pred| pred.left == Expr::Col(Col::Subject)) {
        unasked.push(("hides_the_anonymous", more(Col::Subject, Op::IsNot, Expr::Is(Value::text("")))));
    }
    unasked
}

/// Replaces the given instant by the server's clock.
pub(crate) fn own_clock(expr: &Expr) -> Expr {
    rewrite(expr, &|expr| match expr {
        Expr::Given(Param::Now | Param::At) => Some(Expr::Clock),
        _ => None,
    })
}

/// Replaces each part for which `change` returns another.
pub(crate) fn rewrite(expr: &Expr, change: &dyn Fn(&Expr) -> Option<Expr>) -> Expr {
    let both = |both: &[Expr; 2]| Box::new([rewrite(&both[0], change), rewrite(&both[1], change)]);
    match expr {
        other if change(other).is_some() => change(other).unwrap_or(Expr::Clock),
        Expr::Sum(of) => Expr::Sum(both(of)),
        Expr::Larger(of) => Expr::Larger(both(of)),
        Expr::Smaller(of) => Expr::Smaller(both(of)),
        Expr::Pair(of) => Expr::Pair(both(of)),
        Expr::Bent(lens, of) => Expr::Bent(*lens, Box::new(rewrite(of, change))),
        other => other.clone(),
    }
}
