//! Operators on the values written and read: dropped, swapped, kept, narrowed, taken from a clock.

use crate::conditions::{own_clock, rewrite};
use crate::mutant::{At, Grown, name};
use crate::plan::Into;
use crate::statement::{Assignments, Col, Expr, Index, Param, Statement, Verb};
use crate::value::{Lens, Value};

const HOUR: u64 = 3_600_000;
/// The last second of a signed 32-bit number.
const UNTIL_2038: u64 = 2_147_483_647_000;

pub(crate) fn grow(grown: &mut Grown, at: At, statement: &Statement) {
    let reads = matches!(statement.verb, Verb::Select(_));
    // Of other reads it only matters whether there is a row.
    if reads && grown.right.operations[at.operation].steps[at.step].into != Into::Rows {
        return;
    }
    for (number, list) in statement.assignments().into_iter().enumerate() {
        for (place, (col, expr)) in list.iter().enumerate() {
            let part = if number == 0 { name(*col) } else { format!("conflict.{}", name(*col)) };
            if matches!(statement.verb, Verb::Update(_)) || number > 0 {
                grown.statement(at, &part, "kept", |statement| {
                    change(statement, number, |list| drop(list.remove(place)));
                });
            }
            for (operator, changed) in variants(*col, expr, reads) {
                grown.statement(at, &part, operator, |statement| {
                    change(statement, number, |list| list[place].1 = changed);
                });
            }
        }
    }
    overwrites(grown, at, statement);
}

/// An insert overwrites a row that it should leave alone.
fn overwrites(grown: &mut Grown, at: At, statement: &Statement) {
    let Verb::Insert(values, update) = &statement.verb else { return };
    let key = statement.table.columns(Index::Key);
    let new = |col: &Col| (*col, Expr::New(*col));
    let kept = update.clone().unwrap_or_default();
    let is_left_alone = |col: &Col| !key.contains(col) && kept.iter().all(|(other, _)| other != col);
    let left_alone: Assignments =
        values.iter().map(|(col, _)| col).filter(|col| is_left_alone(col)).map(new).collect();
    if left_alone.is_empty() {
        return;
    }
    let verb = Verb::Insert(values.clone(), Some(kept.into_iter().chain(left_alone).collect()));
    grown.statement(at, "conflict", "overwritten", |statement| statement.verb = verb);
}

fn change(statement: &mut Statement, number: usize, change: impl FnOnce(&mut Assignments)) {
    if let Some(list) = statement.assignments_mut().into_iter().nth(number) {
        change(list);
    }
}

fn variants(col: Col, expr: &Expr, reads: bool) -> Vec<(&'static str, Expr)> {
    let bent = |lens| Expr::Bent(lens, Box::new(expr.clone()));
    let mut variants = Vec::new();
    match expr {
        Expr::Larger(both) => {
            variants.push(("old_only", both[0].clone()));
            variants.push(("new_only", both[1].clone()));
            variants.push(("least", Expr::Smaller(both.clone())));
        }
        Expr::Smaller(both) => {
            variants.push(("without_bound", both[0].clone()));
            variants.push(("not_counted", Expr::Col(col)));
        }
        _ => {}
    }
    variants.push(("own_clock", own_clock(expr)));
    variants.extend(keeping(expr));
    match (col, expr) {
        // Every row needs this column.
        (Col::Namespace, _) => return Vec::new(),
        (_, Expr::Given(_) | Expr::Is(_)) => variants.push(("dropped", default(col))),
        (Col::PurgeAt, Expr::Col(Col::ExpiresAt)) => {
            variants.push(("at_once", Expr::Given(Param::At)));
            variants.push(("never", Expr::Is(Value::Number(253_402_300_799_999))));
        }
        (_, Expr::Col(_)) if reads => variants.push(("dropped", default(col))),
        _ => {}
    }
    variants.extend(swapped(col, expr));
    match col {
        Col::CreatedAt | Col::UpdatedAt | Col::SeenAt | Col::ExpiresAt | Col::PurgeAt | Col::IdleAt
            if !reads && !matches!(expr, Expr::Is(_)) =>
        {
            variants.push(("seconds", bent(Lens::Seconds)));
            variants.push(("until_2038", bent(Lens::AtMost(UNTIL_2038))));
            if matches!(expr, Expr::Given(Param::Of(_))) {
                variants.push(("clock", Expr::Clock));
            }
        }
        _ => {}
    }
    match col {
        // A value that does not fit a column is lost when it is written.
        _ if reads => {}
        Col::IdleAt if *expr != Expr::Is(Value::Null) => {
            variants.push(("null_is_zero", bent(Lens::NullIsZero)));
            variants.push(("zero_is_null", bent(Lens::ZeroIsNull)));
        }
        Col::Subject => {
            variants.push(("any_case", bent(Lens::AnyCase)));
            variants.push(("ascii", bent(Lens::Ascii)));
            variants.push(("cut_at_191", bent(Lens::First(191))));
            variants.push(("padded", bent(Lens::Trimmed)));
        }
        Col::Kind => variants.push(("cut_at_16", bent(Lens::First(16)))),
        Col::Device => {
            variants.push(("cut_at_255", bent(Lens::First(255))));
            variants.push(("ascii", bent(Lens::Ascii)));
            variants.push(("padded", bent(Lens::Trimmed)));
        }
        Col::Body => {
            variants.push(("up_to_nul", bent(Lens::UpToNul)));
            variants.push(("as_text", bent(Lens::Utf8)));
            variants.push(("cut_at_16384", bent(Lens::First(16_384))));
            variants.push(("without_padding", bent(Lens::WithoutPadding)));
        }
        Col::Revision | Col::Generation | Col::Era => {
            variants.push(("bits_16", bent(Lens::Bits(16))));
            variants.push(("bits_31", bent(Lens::Bits(31))));
            if col == Col::Revision {
                variants.push(("float", bent(Lens::Float)));
            }
        }
        Col::Revoked => variants.push(("nine_reasons", bent(Lens::AtMost(9)))),
        _ => {}
    }
    variants
}

/// Mistakes in the time for which an epoch is kept.
fn keeping(expr: &Expr) -> Vec<(&'static str, Expr)> {
    let given = |with: fn(Expr) -> Expr| {
        rewrite(expr, &|expr| match expr {
            Expr::Given(Param::Keep) => Some(with(expr.clone())),
            _ => None,
        })
    };
    vec![
        ("kept_an_hour", given(|keep| Expr::Bent(Lens::AtMost(HOUR), Box::new(keep)))),
        ("kept_half", given(|_| Expr::Given(Param::HalfKeep))),
        ("not_kept", given(|_| Expr::Is(Value::Number(0)))),
        ("kept_whole_seconds", given(|keep| Expr::Bent(Lens::Seconds, Box::new(keep)))),
    ]
}

/// The value of a column that no statement assigns.
fn default(col: Col) -> Expr {
    Expr::Is(match col {
        Col::Subject | Col::IdleAt => Value::Null,
        Col::Kind | Col::Device => Value::text(""),
        Col::Selector | Col::Epoch => Value::bytes([0; 16]),
        Col::Login => Value::bytes([0; 8]),
        Col::Body => Value::bytes([]),
        _ => Value::Number(0),
    })
}

/// The neighbouring column of the same type, or a constant if there is none.
fn swapped(col: Col, expr: &Expr) -> Option<(&'static str, Expr)> {
    let other = match col {
        Col::CreatedAt | Col::SeenAt => Col::UpdatedAt,
        Col::UpdatedAt => Col::SeenAt,
        Col::ExpiresAt => Col::PurgeAt,
        Col::IdleAt | Col::PurgeAt => Col::ExpiresAt,
        Col::Revision | Col::Era => Col::Generation,
        Col::Generation => Col::Revision,
        Col::Device => Col::Kind,
        Col::Kind => return Some(("constant", Expr::Is(Value::text("session")))),
        Col::Purpose => return Some(("constant", Expr::Is(Value::Number(1)))),
        Col::Revoked => return Some(("constant", Expr::Is(Value::Number(1)))),
        _ => return None,
    };
    let other = match expr {
        Expr::Given(Param::Of(_)) => Expr::Given(Param::Of(other)),
        Expr::Col(from) if *from == col => Expr::Col(other),
        _ => return None,
    };
    Some(("swapped", other))
}
