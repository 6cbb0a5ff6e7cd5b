//! "Log out the others" and the credential change: the others end, the caller gets new tokens.

use std::num::NonZeroU16;

use super::Tokens;
use super::candidate::corrupt;
use super::issue::Draft;
use super::valid::{Issued, Valid};
use crate::error::{DecodeError, Denied, Failure, Rejected};
use crate::event::{Event, EventKind};
use crate::ident::{Kind, LoginId, Subject};
use crate::purpose::Purpose;
use crate::record::state::{Facts, State};
use crate::record::{Reason, Record};
use crate::stamp::Stamp;
use crate::store::{Fence, Kinds, Listed, Logins, Page, RecordFilter};

/// How many records one read of a list asks for.
const PAGE: NonZeroU16 = NonZeroU16::new(256).unwrap();

/// The caller's new tokens, and whether the other logins could be ended.
#[derive(Debug)]
#[must_use = "the caller's old tokens are superseded: send it the new ones"]
pub struct Renewed {
    /// What the client gets in place of every token that it holds: send them all.
    pub tokens: Vec<Issued>,
    /// How many other records were ended; a failure if they could not be, and then the call is to be repeated
    /// with the new tokens.
    pub ended: Result<u64, Failure>,
}

impl Tokens {
    /// "Log out the other devices": ends every other device of the caller's subject and every single-use
    /// token, turns away logins under way, and gives the caller new tokens in place of all that its own
    /// login holds (ASVS 5.0, 7.2.4): whoever copied one of those is out too.
    ///
    /// Send every token of the answer to the client. The old ones are
    /// [superseded](Reason::Superseded); none of the new ones expires later than its old one. API keys
    /// stay.
    ///
    /// # Errors
    /// [`Failure::Store`]: repeat the call with the same tokens. [`Failure::WrongCall`] if the caller is
    /// anonymous or not a device.
    pub async fn revoke_others(&self, caller: &Valid) -> Result<Renewed, Denied> {
        self.renew(caller, Reason::LoggedOutElsewhere, None).await
    }

    /// After a password or another credential was changed, and committed: the same as
    /// [`revoke_others`](Self::revoke_others), with the new tokens bound to the new `stamp`.
    ///
    /// Whatever is bound to the old stamp dies of itself, this call or not.
    ///
    /// # Errors
    /// As for [`revoke_others`](Self::revoke_others).
    pub async fn credential_changed(&self, caller: &Valid, stamp: Option<Stamp>) -> Result<Renewed, Denied> {
        self.renew(caller, Reason::CredentialChanged, stamp).await
    }

    async fn renew(&self, caller: &Valid, reason: Reason, stamp: Option<Stamp>) -> Result<Renewed, Denied> {
        let Some(subject) = caller.subject().cloned() else {
            return Err(Failure::WrongCall(caller.kind()).into());
        };
        if self.policy(caller.kind())?.purpose != Purpose::Device {
            return Err(Failure::WrongCall(caller.kind()).into());
        }
        let (record, stamp) = (caller.found.record.clone(), stamp.map(|stamp| stamp.0));
        self.detached(|tokens| async move { tokens.renew_login(&subject, &record, reason, stamp).await })
            .await
    }

    /// In this order, so that a failure on the way leaves the caller logged in and the call repeatable:
    /// end the others, store the new records behind the caller's own, end the old ones.
    async fn renew_login(
        &self,
        subject: &Subject,
        caller: &Record,
        reason: Reason,
        stamp: Option<[u8; 16]>,
    ) -> Result<Renewed, Denied> {
        let kinds = self.kinds_for(&[Purpose::Device, Purpose::SingleUse]);
        let others = RecordFilter { kinds, logins: Logins::Except(caller.login), ..RecordFilter::default() };
        let ended = self.mark(subject, others, reason, true).await?;

        let now = self.now();
        let login = LoginId(self.random()?);
        let mut renewed: Vec<Kind> = Vec::new();
        let mut answer = Vec::new();
        for old in self.records(subject, self.kinds_for(&[Purpose::Device])).await? {
            let stands_in = old.kind == caller.kind && old.selector != caller.selector;
            if old.login != caller.login || stands_in || !old.is_live(now) || renewed.contains(&old.kind) {
                continue;
            }
            let state = State::decode(&old.body).map_err(|source| corrupt(old.selector, source))?;
            let draft = Draft {
                subject: old.subject,
                login,
                fence: Fence::Parent(caller.selector),
                expires_at: old.expires_at,
                device: old.device,
                era: old.era,
                facts: Facts { stamp: stamp.or(state.facts.stamp), ..state.facts },
                confirms: None,
                data: state.data,
            };
            let (issued, record) = self.create(self.policy(old.kind)?, now, draft).await?;
            self.emit(&Event::new(EventKind::Issued, now).record(&record));
            renewed.push(old.kind);
            answer.push(issued);
        }
        if !renewed.contains(&caller.kind) {
            return Err(Rejected::Fenced.into());
        }
        self.mark(subject, RecordFilter::login(caller.login), Reason::Superseded, false).await?;
        Ok(Renewed { tokens: answer, ended: Ok(ended) })
    }

    /// Every record of `subject` of these kinds, newest first.
    pub(super) async fn records(&self, subject: &Subject, kinds: Kinds) -> Result<Vec<Record>, Failure> {
        let mut page = Page { kinds, ..Page::first(PAGE) };
        let mut all = Vec::new();
        loop {
            let records = self.store().list_by_subject(subject, &page).await?;
            let full = records.len() >= usize::from(PAGE.get());
            let last = records.last().map(Listed::place);
            // A page that does not come after the one before would be read for ever.
            if let Some((_, selector)) = last
                && page.after.is_some()
                && last >= page.after
            {
                return Err(corrupt(selector, DecodeError("the store repeats a page of a list")));
            }
            page.after = last;
            all.extend(records.into_iter().filter_map(Listed::record));
            if !full {
                return Ok(all);
            }
        }
    }
}
