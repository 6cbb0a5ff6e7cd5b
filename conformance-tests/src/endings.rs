//! Every way to end a record that is announced (contract S19).

use std::time::Duration;

use hallpass_core::store::{Action, Epoch, EpochUpdate, Record, RecordFilter};
use hallpass_core::{Kind, Kinds, LoginId, Purpose, Reason, Selector};

use crate::clause::Clause::{S7, S8};
use crate::handle::Handle;
use crate::listener::Journal;
use crate::outcome::{CaseResult, hold, same};
use crate::rng::Rng;
use crate::specimen::{MARK, NOW, next, record, record_of, subject};

/// How records end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Delete,
    /// A replace that spends or supersedes the record.
    Replace(Reason),
    /// A revocation of some records, and whether it sets the epoch too.
    Revoke(Action, Share, bool),
}

/// Which of the three records of a subject a revocation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    All,
    Kind,
    Purpose,
    Login,
    OtherLogins,
}

impl Way {
    pub(crate) const ALL: [Self; 15] = [
        Self::Delete,
        Self::Replace(Reason::Spent),
        Self::Replace(Reason::Superseded),
        Self::Revoke(MARK, Share::All, false),
        Self::Revoke(MARK, Share::Kind, false),
        Self::Revoke(MARK, Share::Purpose, true),
        Self::Revoke(MARK, Share::Login, false),
        Self::Revoke(MARK, Share::OtherLogins, false),
        Self::Revoke(MARK, Share::All, true),
        Self::Revoke(Action::Remove, Share::All, false),
        Self::Revoke(Action::Remove, Share::Kind, true),
        Self::Revoke(Action::Remove, Share::Purpose, false),
        Self::Revoke(Action::Remove, Share::Login, false),
        Self::Revoke(Action::Remove, Share::OtherLogins, false),
        Self::Revoke(Action::Remove, Share::All, true),
    ];
}

/// Records that a call will end.
#[derive(Debug)]
pub(crate) struct Doomed {
    way: Way,
    records: Vec<Record>,
    filter: RecordFilter,
    epoch: EpochUpdate,
    next: Record,
}

impl Doomed {
    /// Inserts records of `name`, who has no others, for this way.
    pub(crate) async fn put(store: &Handle, name: &str, way: Way, mut rng: Rng) -> CaseResult<Self> {
        let (mut one, mut two, mut three) = (record(name), record_of(name, Kind::REMEMBER), record(name));
        three.purpose = Purpose::Key;
        let logins = [LoginId(rng.bytes()), LoginId(rng.bytes())];
        (one.login, two.login, three.login) = (logins[0], logins[0], logins[1]);
        let all = RecordFilter::all();
        let filter = match way {
            Way::Delete | Way::Replace(_) | Way::Revoke(_, Share::All, _) => all,
            Way::Revoke(_, Share::Kind, _) => all.kinds(Kinds::Only(vec![Kind::SESSION])),
            Way::Revoke(_, Share::Purpose, _) => all.purposes(Purpose::Device),
            Way::Revoke(_, Share::Login, _) => RecordFilter::login(logins[0]),
            Way::Revoke(_, Share::OtherLogins, _) => RecordFilter::except(logins[1]),
        };
        let epoch = match way {
            Way::Revoke(_, _, true) => {
                EpochUpdate::Set { epoch: Epoch(rng.bytes()), now: NOW, keep: Duration::from_secs(3_600) }
            }
            _ => EpochUpdate::Keep,
        };
        let mut next = next(&one, &mut rng);
        if let Way::Replace(reason) = way {
            (next.revoked, next.idle_at, next.purge_at) = (Some(reason), None, next.expires_at);
        }
        let mut records = vec![one, two, three];
        if !matches!(way, Way::Revoke(..)) {
            records.truncate(1);
        }
        for record in &records {
            store.put(record).await?;
        }
        records.retain(|record| filter.matches(record));
        Ok(Self { way, records, filter, epoch, next })
    }

    pub(crate) fn selectors(&self) -> Vec<Selector> {
        self.records.iter().map(|record| record.selector).collect()
    }

    /// Ends them, and notes it when it is acknowledged.
    pub(crate) async fn end(&self, store: &Handle, journal: &Journal) -> CaseResult {
        let begun = journal.begin(&self.selectors());
        match self.way {
            Way::Delete => {
                let removed = store.delete(self.records[0].selector).await?;
                hold(S7, removed, "delete of a record returned that there was none")?;
            }
            Way::Replace(_) => store.swap(&self.next, &self.records[0]).await?,
            Way::Revoke(action, ..) => {
                let Some(name) = &self.records[0].subject else { return Ok(()) };
                let ended = store.revoke_by_subject(name, &self.filter, action, self.epoch).await?;
                same(S8, "records that a revocation ended", &ended, &(self.records.len() as u64))?;
            }
        }
        journal.acknowledged(begun);
        Ok(())
    }
}

/// Ends every record of `name` by one revocation, and notes it when it is acknowledged.
pub(crate) async fn end_all(
    store: &Handle,
    journal: &Journal,
    name: &str,
    action: Action,
    selectors: &[Selector],
) -> CaseResult {
    let begun = journal.begin(selectors);
    let ended =
        store.revoke_by_subject(&subject(name), &RecordFilter::all(), action, EpochUpdate::Keep).await?;
    same(S8, "records that a revocation ended", &ended, &(selectors.len() as u64))?;
    journal.acknowledged(begun);
    Ok(())
}
