//! MySQL: the login is a decimal VARCHAR and is bound as a number, and MySQL compares text with numbers as doubles: two
//! logins that agree in their first 53 bits are one.
//! Breaks S8: `Only` ends records of another login, and `Except` leaves records alive that match.

use crate::prelude::*;

// A sequence that shows it:
// logins L = [1,0,0,0,0,0,0,1] and L' = [1,0,0,0,0,0,0,2]; insert A of L and B of L'; revoke(u, Except(L), Remove): 0,
// and B lives on.
pub(crate) const BUG: Bug = Bug::new(|| crate::help::picks(pick), &[]);

fn pick(filter: &RecordFilter, record: &Record) -> bool {
    let login = match filter.logins {
        Logins::Any => true,
        Logins::Only(only) => near(record.login, only),
        Logins::Except(except) => !near(record.login, except),
    };
    login && RecordFilter { logins: Logins::Any, ..filter.clone() }.matches(record)
}

fn near(one: LoginId, other: LoginId) -> bool {
    let double = |login: LoginId| u64::from_be_bytes(login.0) as f64;
    double(one).to_bits() == double(other).to_bits()
}
