//! Cassandra: the table by login serves revocations of one login; its clustering columns leave no place for
//! a purpose once kinds are named, and the rest of the filter is dropped.
//! Breaks S8: kind, purpose and login hold at once; here a key of the login is ended with its devices.

use crate::help::{Choose, Chooses};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Chooses<Wrong>>(&[]);

// insert(device d and key k, same kind, same login) → revoke(kinds Only([kind]), purposes NOT_KEYS,
// logins Only(login)) → 2, and k is gone. Any two of the conditions work.
#[derive(Default)]
struct Wrong;

impl Choose for Wrong {
    fn choose(filter: &RecordFilter) -> RecordFilter {
        let mut filter = filter.clone();
        if filter.kinds != Kinds::Any && matches!(filter.logins, Logins::Only(_)) {
            filter.purposes = Purposes::ALL;
        }
        filter
    }
}
