//! SQLite has no arrays: the kinds are bound as one string with commas and asked for with `instr($kinds, kind) > 0`.
//! Breaks S8: no other record is ended; a kind whose name is part of a named one is.

use crate::prelude::*;

// A sequence that shows it:
// insert A of kind "key" and B of kind "api-key"; revoke(u, kinds Only(["api-key"]), Remove): 2, and A is gone.
// Lists are right: they filter in the program.
pub(crate) const BUG: Bug = Bug::new(|| crate::help::picks(pick), &[]);

fn pick(filter: &RecordFilter, record: &Record) -> bool {
    let Kinds::Only(kinds) = &filter.kinds else { return filter.matches(record) };
    let joined = kinds.iter().map(Kind::as_str).collect::<Vec<_>>().join(",");
    filter.clone().kinds(Kinds::Any).matches(record) && joined.contains(record.kind.as_str())
}
