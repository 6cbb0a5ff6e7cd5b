//! Cassandra: the table by login serves revocations of one login; its clustering columns leave no place for
//! a purpose once kinds are named, and the rest of the filter is dropped.
//! Breaks S8: kind, purpose and login hold at once; here a key of the login is ended with its devices.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| filters(widen), &[]);

fn widen(filter: &mut RecordFilter) {
    if filter.kinds != Kinds::Any && matches!(filter.logins, Logins::Only(_)) {
        filter.purposes = Purposes::ALL;
    }
}
