//! A renewal: the caller gets new tokens in a new login, and what it held before ends.

use super::Tokens;
use super::backoff::Backoff;
use super::cap::Cap;
use super::ending::Ending;
use super::found::corrupt;
use super::issue::Draft;
use super::valid::{Issued, Valid};
use super::write::Written;
use crate::authentication::Authentication;
use crate::clock::Timestamp;
use crate::error::{Denied, Failure, Rejected};
use crate::event::{Event, EventKind};
use crate::facts::{Facts, Origin};
use crate::ident::{Kind, LoginId, Subject};
use crate::limit::DecodeError;
use crate::purpose::{Purpose, Purposes};
use crate::record::state::State;
use crate::record::{Reason, Record};
use crate::selector::Selector;
use crate::stamp::Stamp;
use crate::store::{Fence, RecordFilter};

/// The caller's new tokens, and whether the rest could be ended.
#[derive(Debug)]
#[must_use = "the caller's old tokens are superseded: send it the new ones"]
pub struct Renewed {
    /// What the client gets in place of every token that it holds: send them all.
    pub tokens: Vec<Issued>,
    /// How many other records were ended. A failure if they could not be, or what a step-up exceeds the
    /// [cap](crate::TokensBuilder::max_logins) by: verify one of the new tokens and repeat the call with it.
    pub ended: Result<u64, Failure>,
}

/// One renewal: whose, what is different in the new records, and what ends at last.
struct Renewal {
    subject: Subject,
    selector: Selector,
    login: LoginId,
    /// The caller's row as its token proved it.
    proven: (Record, Facts),
    stamp: Option<[u8; 16]>,
    authentication: Option<Authentication>,
    rest: Rest,
}

/// What ends besides the caller's own record.
#[derive(Clone, Copy)]
enum Rest {
    /// Everything outside the new login, logins under way included.
    Subject(Reason),
    /// What else the caller's login holds.
    Login,
}

/// A login as it was read, and the records made of it.
struct Copies {
    caller: Record,
    /// The one that renewals of this login compete for: its oldest record that was not ended.
    oldest: (Record, State),
    /// That of the caller's record first.
    made: Vec<Made>,
    /// How many records the subject has, where the store knows.
    of_subject: Option<u32>,
}

/// A new record, and what it was copied from.
pub(super) struct Made {
    issued: Issued,
    pub(super) record: Record,
    pub(super) original: (Record, State),
    /// Whether it keeps the data of the original, which a copy of another token may have restored and written to.
    pub(super) keeps_data: bool,
}

/// The call was overtaken: this is the caller's record now, if it is there. If it lives the call starts over.
struct Lost(Option<Record>);

impl Tokens {
    /// "Log out the other devices": ends every other device of the caller's subject and every single-use
    /// token, turns away logins under way, and gives the caller new tokens in place of all that its own
    /// login holds (ASVS 5.0, 7.2.4): a copy of one of those is out too.
    ///
    /// Send every token of the answer to the client: its old ones are dead. None of the new ones expires later
    /// than its old one, nor later than the policy allows. API keys stay. Kinds that this process has no policy
    /// for end, and the caller gets none in their place.
    ///
    /// Of several calls with tokens of one login, at once or one after the other, one wins. The others answer
    /// [`Rejected::Revoked`] with [`Reason::Superseded`] and get nothing, for each may come from a copy. So a
    /// double click, or an answer that is lost, costs the caller a new login.
    ///
    /// The data of the caller's token go along, and those of tokens that a login or a renewal gave it. Of others,
    /// which were [restored](Self::issue_from), they stay behind: a copy may have restored them.
    ///
    /// # Errors
    /// [`Failure::Store`]: repeat the call with the same token; others of its login may have been superseded.
    /// [`Failure::Contended`]: other requests wrote to the login's records all the time, or another renewal of it
    /// stopped half-way; the login is ended, and nothing else. [`Failure::WrongCall`] if the caller is anonymous or
    /// not a device.
    ///
    /// # Cancellation
    /// It completes though the future is dropped; then the caller has to log in again.
    pub async fn revoke_others(&self, caller: &Valid) -> Result<Renewed, Denied> {
        self.renew(caller, None, None, Rest::Subject(Reason::LoggedOutElsewhere)).await
    }

    /// After a password or another credential was changed, and committed: the same as
    /// [`revoke_others`](Self::revoke_others), with the new tokens bound to the new `stamp`.
    ///
    /// A token bound to the old stamp is refused from the commit on, and ended by this call.
    ///
    /// # Errors
    /// As for [`revoke_others`](Self::revoke_others).
    pub async fn credential_changed(&self, caller: &Valid, stamp: Option<Stamp>) -> Result<Renewed, Denied> {
        self.renew(caller, stamp, None, Rest::Subject(Reason::CredentialChanged)).await
    }

    /// After the subject has authenticated again in its login (a step-up): gives the caller new tokens that
    /// carry `authentication` and the present time as [`auth_at`](Valid::auth_at), in place of all that its login
    /// holds, so that a copy of those gains nothing by it. Other logins stay.
    ///
    /// Lifetimes stay, too. For the [cap](crate::TokensBuilder::max_logins) it is a new login: where as many newer
    /// ones were made meanwhile it answers [`Rejected::Revoked`] with [`Reason::Evicted`]. For the rest see
    /// [`revoke_others`](Self::revoke_others).
    ///
    /// # Errors
    /// As for [`revoke_others`](Self::revoke_others), and [`Failure::Limit`] for an `authentication` beyond its
    /// limits.
    pub async fn authenticated_again(
        &self,
        caller: &Valid,
        authentication: Authentication,
    ) -> Result<Renewed, Denied> {
        authentication.check()?;
        self.renew(caller, None, Some(authentication), Rest::Login).await
    }

    async fn renew(
        &self,
        caller: &Valid,
        stamp: Option<Stamp>,
        authentication: Option<Authentication>,
        rest: Rest,
    ) -> Result<Renewed, Denied> {
        let Some(subject) = caller.subject().cloned() else {
            return Err(Failure::WrongCall(caller.kind()).into());
        };
        if self.policy(caller.kind())?.purpose != Purpose::Device {
            return Err(Failure::WrongCall(caller.kind()).into());
        }
        let renewal = Renewal {
            subject,
            selector: caller.selector(),
            login: caller.login(),
            proven: (caller.found.record.clone(), caller.found.state.facts.clone()),
            stamp: stamp.map(|stamp| stamp.0),
            authentication,
            rest,
        };
        self.detached(|tokens| async move { tokens.renew_login(&renewal).await }).await
    }

    /// In four steps, of which a copy of the caller's token gains nothing, whatever it calls meanwhile:
    ///
    /// 1. New records in a new login, fenced by the oldest record of the caller's login.
    /// 2. That record is marked, by compare-and-swap at the revision that was read: of renewals with any tokens of
    ///    the login one wins. Then the caller's is marked the same way, or nothing is handed out; then each other
    ///    record that was copied, or its copy is removed.
    /// 3. The rest ends, in one step.
    /// 4. The tokens are handed out, with the failure of step 3 if it failed.
    ///
    /// Until step 2 the old tokens are as good as before, and no new one was handed out; from step 2 on the
    /// caller's old one is dead.
    async fn renew_login(&self, renewal: &Renewal) -> Result<Renewed, Denied> {
        let mut backoff = Backoff::default();
        backoff.pause(self).await?;
        loop {
            let (now, login) = (self.now(), LoginId(self.random()?));
            let lost = match self.try_to_renew(renewal, login, now).await {
                Ok(Ok(renewed)) => return Ok(renewed),
                Ok(Err(lost)) => lost,
                Err(denied) => {
                    self.discard(&renewal.subject, login, now).await;
                    // Written to all the time, like below, when it had won already.
                    if let Denied::Failed(Failure::Contended) = denied {
                        self.end_login(renewal, now).await?;
                    }
                    return Err(denied);
                }
            };
            let Lost(Some(Record { revoked: None, .. })) = &lost else {
                return Err(self.lose(renewal, login, lost, now).await);
            };
            let paused = backoff.pause(self).await;
            self.discard(&renewal.subject, login, now).await;
            let Err(out_of_time) = paused else { continue };
            // It has not won, for another call may. But no flood of writes keeps the caller's login alive (D12).
            self.end_login(renewal, now).await?;
            return Err(out_of_time.into());
        }
    }

    async fn try_to_renew(
        &self,
        renewal: &Renewal,
        login: LoginId,
        now: Timestamp,
    ) -> Result<Result<Renewed, Lost>, Denied> {
        let Copies { caller, oldest: (oldest, mut state), made, of_subject } =
            match self.copy_login(renewal, login, now).await? {
                Ok(copies) => copies,
                Err(lost) => return Ok(Err(lost)),
            };
        state.write_id = self.random()?;
        match self.mark_revision(&oldest, &state, now).await? {
            Written::Done => {}
            Written::Lost(record) if oldest.selector == caller.selector => return Ok(Err(Lost(record))),
            // Ended, or written to: what the caller's record is now, the next try reads.
            Written::Lost(_) => return Ok(Err(Lost(Some(caller)))),
        }
        let mut marked = u64::from(oldest.selector != caller.selector);
        let mut renewed = Vec::with_capacity(made.len());
        // That of the caller's record comes first: where it was ended meanwhile nothing is handed out.
        for made in made {
            let original = made.original.0.selector;
            if original != oldest.selector {
                let of_caller = original == caller.selector;
                match self.settle(&made, now).await {
                    Ok(Written::Done) => marked += u64::from(!of_caller),
                    Ok(Written::Lost(record)) if of_caller => return Ok(Err(Lost(record))),
                    Err(failure) if of_caller => return Err(failure.into()),
                    settled => {
                        self.give_up(&made.record, settled.err(), now).await;
                        continue;
                    }
                }
            }
            renewed.push(made);
        }
        let mut ended = self.end_rest(renewal, login, now).await.map(|count| count + marked);
        // Beside the logins that stay this is a new one, and an eviction that is under way does not know of it.
        if let (Rest::Login, Ok(_), Some(new)) = (renewal.rest, &ended, renewed.first())
            && self.may_exceed(Cap::Logins, of_subject)
        {
            match self.keep_to(Cap::Logins, &new.record, &[], now).await {
                Ok(()) => {}
                Err(Denied::Rejected(evicted)) => return Err(evicted.into()),
                Err(Denied::Failed(failure)) => ended = Err(failure),
            }
        }
        let tokens = renewed.into_iter().map(|made| {
            self.emit(&Event::new(EventKind::Issued, now).record(&made.record));
            made.issued
        });
        Ok(Ok(Renewed { tokens: tokens.collect(), ended }))
    }

    /// Step 1: one record for each device kind that is live in the caller's login.
    async fn copy_login(
        &self,
        renewal: &Renewal,
        login: LoginId,
        now: Timestamp,
    ) -> Result<Result<Copies, Lost>, Denied> {
        let rows = self.records(&renewal.subject, Purpose::Device.into()).await?;
        if rows.unreadable.contains(&renewal.selector) {
            return Err(corrupt(renewal.selector, DecodeError("the row of the caller is unreadable")).into());
        }
        let caller = rows.records.iter().find(|record| record.selector == renewal.selector);
        let Some(caller) = caller.filter(|caller| caller.revoked.is_none()) else {
            return Ok(Err(Lost(caller.cloned())));
        };
        if !self.is_live(caller, now) {
            return Err(Rejected::Expired.into());
        }
        let state = State::decode(&caller.body).map_err(|source| corrupt(caller.selector, source))?;
        let (proven, facts) = &renewal.proven;
        caller
            .same_as_proven(&state.facts, proven, facts)
            .map_err(|source| corrupt(caller.selector, source))?;
        if self.is_renewed(&rows.records, caller.login) {
            return Ok(Err(Lost(Some(caller.clone()))));
        }
        let mine = |record: &Record| {
            record.login == caller.login && record.subject == caller.subject && record.revoked.is_none()
        };
        // An expired one counts: whether it has is not the same on every node. A restored one only where no other is
        // left: it may be inserted meanwhile, by a node whose clock is behind, and would be the oldest for some calls.
        let mut oldest = None;
        for record in rows.records.iter().rev().filter(|record| mine(record)) {
            let Some(state) = self.state(record) else { continue };
            let is_last = state.is_of_the_login();
            if is_last || oldest.is_none() {
                oldest = Some((record.clone(), state));
            }
            if is_last {
                break;
            }
        }
        let proven = (caller, &state.facts);
        let mut kinds: Vec<Kind> = vec![caller.kind];
        let mut originals = vec![(caller.clone(), state.clone())];
        for record in &rows.records {
            if mine(record)
                && self.is_live(record, now)
                // A row says what it is for, and its policy has to agree: a copy of a device is no key.
                && self.policy(record.kind).is_ok_and(|policy| policy.purpose == Purpose::Device)
                && !kinds.contains(&record.kind)
                && let Some(state) = self.state(record)
                // Its tokens are `Invalid` (T3): a leaked key would sign for the ring's active one otherwise.
                && self.key(state.digest.key, now)?.is_some()
            {
                kinds.push(record.kind);
                originals.push((record.clone(), state));
            }
        }
        let oldest = oldest.unwrap_or_else(|| (caller.clone(), state.clone()));
        let mut copies = Copies { caller: caller.clone(), oldest, made: Vec::new(), of_subject: None };
        for original in originals {
            let fence = Fence::Parent(copies.oldest.0.selector);
            match self.copy_record(renewal, (login, fence), proven, original, now).await {
                Ok((made, of_subject)) => {
                    copies.made.push(made);
                    copies.of_subject = of_subject;
                }
                Err(Denied::Rejected(Rejected::Fenced)) => {
                    return Ok(Err(Lost(self.store().find(renewal.selector).await?)));
                }
                Err(denied) => return Err(denied),
            }
        }
        Ok(Ok(copies))
    }

    /// Whether another renewal of `login` has won and is not done: it has superseded a record, and what is to
    /// take its place is there. The cap of a login's records supersedes restored ones, too, but puts nothing in their
    /// place; a renewal supersedes such a one first only where no other is left.
    fn is_renewed(&self, records: &[Record], login: LoginId) -> bool {
        let renews = |record: &Record| self.state(record).is_some_and(|state| state.renews == Some(login));
        let of_the_login = |record: &&Record| self.state(record).is_some_and(|state| state.is_of_the_login());
        let superseded = |record: &&Record| record.revoked == Some(Reason::Superseded);
        let mine = || records.iter().filter(|record| record.login == login);
        mine().any(|record| superseded(&record))
            && records.iter().any(|record| record.login != login && renews(record))
            && (mine().filter(superseded).any(|record| of_the_login(&record))
                || !mine().filter(|record| record.revoked.is_none()).any(|record| of_the_login(&record)))
    }

    /// A new record with everything of an old one but its secret and its login, as far as the caller's facts bear
    /// it out. Of one that was restored, by a copy maybe, all but its kind and its lifetime is the caller's.
    async fn copy_record(
        &self,
        renewal: &Renewal,
        (login, fence): (LoginId, Fence),
        (caller, proven): (&Record, &Facts),
        original: (Record, State),
        now: Timestamp,
    ) -> Result<(Made, Option<u32>), Denied> {
        let (old, state) = &original;
        let keeps_data = old.selector == caller.selector || state.is_of_the_login();
        let policy = self.policy(old.kind)?;
        let mut facts = proven.bear_out(state.facts.clone());
        if !keeps_data {
            facts.fingerprint = proven.fingerprint;
        }
        facts.stamp = renewal.stamp.or(facts.stamp);
        if let Some(authentication) = renewal.authentication.clone() {
            facts = Facts { auth_at: now, origin: Origin::Authenticated, authentication, ..facts };
        }
        // What the record was promised: an idle lifetime grows with the next login, not before.
        let promised = old.idle_at.map(|idle_at| idle_at.since(old.seen_at));
        // Only the caller's token was shown: of the others no idle expiry moves.
        let seen_at = if old.selector == caller.selector { now } else { old.seen_at.min(now) };
        let draft = Draft {
            expires_at: self.deadlines(old, policy, now).absolute,
            idle: promised.into_iter().chain(policy.idle).min(),
            created_at: old.created_at,
            seen_at,
            subject: caller.subject.clone(),
            login,
            fence,
            device: if keeps_data { old.device.clone() } else { caller.device.clone() },
            era: caller.era,
            facts,
            confirms: None,
            renews: Some(caller.login),
            data: if keeps_data { state.data.clone() } else { Vec::new() },
        };
        let (issued, record, of_subject) = self.create(policy, now, draft).await?;
        Ok((Made { issued, record, original, keeps_data }, of_subject))
    }

    /// What to answer when another call was faster. The rest is left to the winner, which says whether it ended.
    ///
    /// Ended from here, for the winner's login, it would take along what the next renewal makes of that login: a
    /// copy of the first token could log the owner out. The model check finds that, and `overtaken.rs` shows it.
    async fn lose(&self, renewal: &Renewal, login: LoginId, lost: Lost, now: Timestamp) -> Denied {
        self.discard(&renewal.subject, login, now).await;
        let Lost(Some(record)) = lost else { return Rejected::Invalid.into() };
        record.revoked.map_or(Rejected::Fenced, Rejected::Revoked).into()
    }

    /// Step 3.
    async fn end_rest(&self, renewal: &Renewal, login: LoginId, now: Timestamp) -> Result<u64, Failure> {
        let ending = match renewal.rest {
            Rest::Subject(reason) => {
                let others = RecordFilter::except(login).purposes(Purposes::NOT_KEYS);
                Ending::mark(&renewal.subject, others, reason, now).with_fence()
            }
            Rest::Login => {
                let old = RecordFilter::login(renewal.login).purposes(Purposes::NOT_KEYS);
                Ending::mark(&renewal.subject, old, Reason::Superseded, now).only_if_some()
            }
        };
        self.end_here(ending).await
    }

    /// Ends the caller's login, and no new one: another call with the same token may have won meanwhile.
    async fn end_login(&self, renewal: &Renewal, now: Timestamp) -> Result<u64, Failure> {
        let reason = match renewal.rest {
            Rest::Subject(reason) => reason,
            Rest::Login => Reason::Superseded,
        };
        let old = RecordFilter::login(renewal.login).purposes(Purposes::NOT_KEYS);
        self.end_here(Ending::mark(&renewal.subject, old, reason, now).only_if_some()).await
    }

    /// Removes the records of a renewal whose tokens are not handed out. They harm no one if they stay, but for
    /// an entry in a list of devices.
    async fn discard(&self, subject: &Subject, login: LoginId, now: Timestamp) {
        let ending = Ending::remove(subject, RecordFilter::login(login), EventKind::Abandoned, now);
        // Told to the observer if it fails; the answer to the caller is about the renewal.
        drop(self.end_here(ending.only_if_failed()).await);
    }
}
