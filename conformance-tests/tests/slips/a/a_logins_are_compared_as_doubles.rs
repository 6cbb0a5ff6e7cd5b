//! MySQL: the login is a decimal VARCHAR and is bound as a number, and MySQL compares text with numbers as doubles: two
//! logins that agree in their first 53 bits are one.
//! Breaks S8: `Only` ends records of another login, and `Except` leaves records alive that match.

use super::help::revoke_picked;
use crate::prelude::*;

// A sequence that shows it:
// logins L = [1,0,0,0,0,0,0,1] and L' = [1,0,0,0,0,0,0,2]; insert A of L and B of L'; revoke(u, Except(L), Remove): 0,
// and B lives on.
pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong;

fn double(login: LoginId) -> f64 {
    u64::from_be_bytes(login.0) as f64
}
fn near(one: LoginId, other: LoginId) -> bool {
    double(one).to_bits() == double(other).to_bits()
}

#[async_trait]
impl Twist for Wrong {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let rest = RecordFilter { logins: Logins::Any, ..filter.clone() };
        let logins = filter.logins;
        let pick = |record: &Record| {
            let login = match logins {
                Logins::Any => true,
                Logins::Only(only) => near(record.login, only),
                Logins::Except(except) => !near(record.login, except),
            };
            login && rest.matches(record)
        };
        revoke_picked(store, subject, filter, action, update, pick).await
    }
}
