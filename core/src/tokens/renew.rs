//! Renewals: the caller gets new tokens in a new login, and its old ones end.

use super::Tokens;
use super::backoff::Backoff;
use super::cap::Cap;
use super::ending::Ending;
use super::found::corrupt;
use super::issue::Draft;
use super::valid::{Issued, Valid};
use super::write::SwapOutcome;
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
    /// The new tokens, in place of every token that the client holds: send them all.
    pub tokens: Vec<Issued>,
    /// The number of other records that were ended; a failure if they could not be ended, or if a step-up could not
    /// end the logins beyond the [cap](crate::TokensBuilder::max_logins). After a failure, verify one of the new
    /// tokens and repeat the call with it.
    pub ended: Result<u64, Failure>,
}

/// One renewal: whose it is, what differs in the new records, and what ends with it.
struct Renewal {
    subject: Subject,
    selector: Selector,
    login: LoginId,
    /// The caller's row, as proven by its token.
    proven: (Record, Facts),
    stamp: Option<[u8; 16]>,
    authentication: Option<Authentication>,
    rest: Remainder,
}

/// What ends besides the caller's own record.
#[derive(Clone, Copy)]
enum Remainder {
    /// Everything outside the new login, and logins under way.
    Subject(Reason),
    /// The rest of the caller's login.
    Login,
}

/// A login as it was read, and the records copied from it.
struct CopiedLogin {
    caller: Record,
    /// The record that renewals of this login compete for: the oldest that was not ended.
    oldest: (Record, State),
    /// The copies; that of the caller's record first.
    made: Vec<CopiedRecord>,
    /// The number of records of the subject, if the store knows it.
    of_subject: Option<u32>,
}

/// A new record, and the one it was copied from.
pub(super) struct CopiedRecord {
    issued: Issued,
    pub(super) record: Record,
    pub(super) original: (Record, State),
    /// Whether it keeps the data of the original. It does not if a copied token may have restored the original and
    /// written to it.
    pub(super) keeps_data: bool,
}

/// The call was overtaken. Holds the caller's present record, if it exists; if that is alive, the call starts over.
struct Overtaken(Option<Record>);

impl Tokens {
    /// Logs out the caller's other devices: ends them and all single-use tokens of the subject, turns away logins
    /// under way, and gives the caller new tokens (ASVS 5.0, 7.2.4).
    ///
    /// The new tokens replace all that the caller's own login holds, so a copy of one of those is logged out, too.
    /// Send every new token to the client: its old ones are refused. No new token expires later than the old one, nor
    /// later than the policy allows. API keys stay. Tokens of kinds for which this process has no policy end without
    /// a replacement.
    ///
    /// If several calls use tokens of one login, concurrently or one after the other, one wins. The others return
    /// [`Rejected::Revoked`] with [`Reason::Superseded`] and no tokens, because each may come from a copy. So after a
    /// double click or a lost response the user has to log in again.
    ///
    /// The new tokens keep the data of the caller's token, and of the other tokens that a login or a renewal made.
    /// Data of [restored](Self::issue_from) tokens are not kept, because a copy may have restored them.
    ///
    /// # Errors
    /// [`Failure::Store`]: repeat the call with the same token; other tokens of its login may have been superseded.
    /// [`Failure::Contended`]: other requests kept writing to the login's records, or another renewal of it stopped
    /// half-way; only this login is ended. [`Failure::WrongCall`]: the caller is anonymous or not a device.
    ///
    /// # Cancellation
    /// The call completes even if the future is dropped; then the caller has to log in again.
    pub async fn revoke_others(&self, caller: &Valid) -> Result<Renewed, Denied> {
        self.renew(caller, None, None, Remainder::Subject(Reason::LoggedOutElsewhere)).await
    }

    /// Renews the caller's login after a password or another credential was changed and committed.
    ///
    /// It does the same as [`revoke_others`](Self::revoke_others), and binds the new tokens to the new `stamp`. A
    /// token bound to the old stamp is refused from the commit on, and this call ends it.
    ///
    /// # Errors
    /// As for [`revoke_others`](Self::revoke_others).
    pub async fn credential_changed(&self, caller: &Valid, stamp: Option<Stamp>) -> Result<Renewed, Denied> {
        self.renew(caller, stamp, None, Remainder::Subject(Reason::CredentialChanged)).await
    }

    /// Renews the caller's login after the subject has authenticated again in it (a step-up).
    ///
    /// The new tokens carry `authentication` and the present time as [`auth_at`](Valid::auth_at). They replace all
    /// that the login holds, so a copy of an old token gains nothing. Other logins stay, and so do lifetimes.
    ///
    /// For the [cap](crate::TokensBuilder::max_logins) it is a new login: if as many newer ones were made meanwhile,
    /// the call returns [`Rejected::Revoked`] with [`Reason::Evicted`]. Everything else is as for
    /// [`revoke_others`](Self::revoke_others).
    ///
    /// # Errors
    /// As for [`revoke_others`](Self::revoke_others), and [`Failure::Limit`] if `authentication` is beyond its
    /// limits.
    pub async fn authenticated_again(
        &self,
        caller: &Valid,
        authentication: Authentication,
    ) -> Result<Renewed, Denied> {
        authentication.check()?;
        self.renew(caller, None, Some(authentication), Remainder::Login).await
    }

    async fn renew(
        &self,
        caller: &Valid,
        stamp: Option<Stamp>,
        authentication: Option<Authentication>,
        rest: Remainder,
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
        let renewed = self.detached(|tokens| async move { tokens.renew_login(&renewal).await }).await?;
        if renewed.ended.is_ok() {
            self.wait_out().await;
        }
        Ok(renewed)
    }

    /// Renews in four steps. A copy of the caller's token gains nothing from them, whatever calls it makes meanwhile:
    ///
    /// 1. New records are made in a new login, fenced by the oldest record of the caller's login.
    /// 2. That record is marked, by compare-and-swap at the revision that was read, so of all renewals with tokens of
    ///    this login one wins. Then the caller's record is marked the same way; if that fails, no token is handed
    ///    out. Then each other record that was copied is marked; if that fails, its copy is removed.
    /// 3. The rest ends, in one step.
    /// 4. The tokens are handed out, with the failure of step 3 if it failed.
    ///
    /// Until step 2 the old tokens are valid, and no new one was handed out. From step 2 on the caller's old token is
    /// refused.
    async fn renew_login(&self, renewal: &Renewal) -> Result<Renewed, Denied> {
        let mut backoff = Backoff::default();
        backoff.pause(self).await?;
        loop {
            let (now, login) = (self.now(), LoginId(self.random()?));
            let overtaken = match self.try_to_renew(renewal, login, now).await {
                Ok(Ok(renewed)) => return Ok(renewed),
                Ok(Err(overtaken)) => overtaken,
                Err(denied) => {
                    self.discard(&renewal.subject, login, now).await;
                    // Other calls kept writing although this renewal had won: the login ends, as below.
                    if let Denied::Failed(Failure::Contended) = denied {
                        self.end_login(renewal, now).await?;
                    }
                    return Err(denied);
                }
            };
            let Overtaken(Some(Record { revoked: None, .. })) = &overtaken else {
                return Err(self.lose(renewal, login, overtaken, now).await);
            };
            let paused = backoff.pause(self).await;
            self.discard(&renewal.subject, login, now).await;
            let Err(out_of_time) = paused else { continue };
            // This renewal has not won, and another call may win. But a flood of writes must not keep the caller's
            // login alive (D12).
            self.end_login(renewal, now).await?;
            return Err(out_of_time.into());
        }
    }

    async fn try_to_renew(
        &self,
        renewal: &Renewal,
        login: LoginId,
        now: Timestamp,
    ) -> Result<Result<Renewed, Overtaken>, Denied> {
        let CopiedLogin { caller, oldest: (oldest, mut state), made, of_subject } =
            match self.copy_login(renewal, login, now).await? {
                Ok(copies) => copies,
                Err(overtaken) => return Ok(Err(overtaken)),
            };
        state.write_id = self.random()?;
        match self.mark_revision(&oldest, &state, now).await? {
            SwapOutcome::Done => {}
            SwapOutcome::Lost(record) if oldest.selector == caller.selector => {
                return Ok(Err(Overtaken(record)));
            }
            // Ended or written to: the next try reads what the caller's record is now.
            SwapOutcome::Lost(_) => return Ok(Err(Overtaken(Some(caller)))),
        }
        let mut marked = u64::from(oldest.selector != caller.selector);
        let mut renewed = Vec::with_capacity(made.len());
        // The caller's record comes first: if it was ended meanwhile, no token is handed out.
        for made in made {
            let original = made.original.0.selector;
            if original != oldest.selector {
                let of_caller = original == caller.selector;
                match self.settle(&made, now).await {
                    Ok(SwapOutcome::Done) => marked += u64::from(!of_caller),
                    Ok(SwapOutcome::Lost(record)) if of_caller => return Ok(Err(Overtaken(record))),
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
        // The other logins stay, so this one counts as an additional login, which an eviction under way does not
        // know about.
        if let (Remainder::Login, Ok(_), Some(new)) = (renewal.rest, &ended, renewed.first())
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

    /// Step 1: copies one record for each device kind that is live in the caller's login.
    async fn copy_login(
        &self,
        renewal: &Renewal,
        login: LoginId,
        now: Timestamp,
    ) -> Result<Result<CopiedLogin, Overtaken>, Denied> {
        let rows = self.records(&renewal.subject, Purpose::Device.into()).await?;
        if rows.unreadable.contains(&renewal.selector) {
            return Err(corrupt(renewal.selector, DecodeError("the caller's row is unreadable")).into());
        }
        let caller = rows.records.iter().find(|record| record.selector == renewal.selector);
        let Some(caller) = caller.filter(|caller| caller.revoked.is_none()) else {
            return Ok(Err(Overtaken(caller.cloned())));
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
            return Ok(Err(Overtaken(Some(caller.clone()))));
        }
        let mine = |record: &Record| {
            record.login == caller.login && record.subject == caller.subject && record.revoked.is_none()
        };
        // An expired record counts, because nodes may disagree whether it has expired. A restored one counts only if
        // there is no other: a node whose clock is behind may insert one meanwhile, which would be the oldest for
        // some calls only.
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
                // A row states its purpose, and its policy must agree: the copy of a device must not become a key.
                && self.policy(record.kind).is_ok_and(|policy| policy.purpose == Purpose::Device)
                && !kinds.contains(&record.kind)
                && let Some(state) = self.state(record)
                && self.may_sign_anew(record, &state, now)
            {
                kinds.push(record.kind);
                originals.push((record.clone(), state));
            }
        }
        let oldest = oldest.unwrap_or_else(|| (caller.clone(), state.clone()));
        let mut copies = CopiedLogin { caller: caller.clone(), oldest, made: Vec::new(), of_subject: None };
        for original in originals {
            let fence = Fence::Parent(copies.oldest.0.selector);
            match self.copy_record(renewal, (login, fence), proven, original, now).await {
                Ok((made, of_subject)) => {
                    copies.made.push(made);
                    copies.of_subject = of_subject;
                }
                Err(Denied::Rejected(Rejected::Fenced)) => {
                    return Ok(Err(Overtaken(self.store().find(renewal.selector).await?)));
                }
                Err(denied) => return Err(denied),
            }
        }
        Ok(Ok(copies))
    }

    /// Returns whether this node accepts the key of `record`'s digest; if not, there is an event.
    ///
    /// A copy is signed with the ring's active key. Without the record's key, retired or never known here, nothing
    /// shows that the record was not made with a leaked key (T3). Then it ends uncopied: failing the renewal would
    /// keep every other device logged in.
    fn may_sign_anew(&self, record: &Record, state: &State, now: Timestamp) -> bool {
        let key = self.key(state.digest.key, now);
        let event = Event::new(EventKind::UnusableKey, now).record(record);
        match &key {
            Ok(Some(_)) => return true,
            Ok(None) => self.emit(&event),
            Err(unknown) => self.emit(&event.source(unknown)),
        }
        false
    }

    /// Returns whether another renewal of `login` has won and is not finished: it has superseded a record, and a
    /// record that replaces it exists.
    ///
    /// The cap of a login's records supersedes restored ones, too, but puts nothing in their place. A renewal
    /// supersedes a restored record first only if there is no other.
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

    /// Makes a new record from an old one, with another secret and login, limited to what the caller's facts support.
    ///
    /// If the old one was restored, perhaps by a copy, everything but its kind and lifetime comes from the caller's
    /// record.
    async fn copy_record(
        &self,
        renewal: &Renewal,
        (login, fence): (LoginId, Fence),
        (caller, proven): (&Record, &Facts),
        original: (Record, State),
        now: Timestamp,
    ) -> Result<(CopiedRecord, Option<u32>), Denied> {
        let (old, state) = &original;
        let keeps_data = old.selector == caller.selector || state.is_of_the_login();
        let policy = self.policy(old.kind)?;
        let mut facts = proven.limit_to_proven(state.facts.clone());
        if !keeps_data {
            facts.fingerprint = proven.fingerprint;
        }
        facts.stamp = renewal.stamp.or(facts.stamp);
        if let Some(authentication) = renewal.authentication.clone() {
            facts = Facts { auth_at: now, origin: Origin::Authenticated, authentication, ..facts };
        }
        // The idle lifetime that the record was promised: a longer one applies from the next login.
        let promised = old.idle_at.map(|idle_at| idle_at.since(old.seen_at));
        // Only the caller's token was presented: the idle expiry of the others does not move.
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
        Ok((CopiedRecord { issued, record, original, keeps_data }, of_subject))
    }

    /// Returns the error of a call that another call overtook. The rest is left to the winner, which reports whether
    /// it ended.
    ///
    /// If this call ended the rest and spared only the winner's login, it would also end the login that the next
    /// renewal makes of it: a copy of the first token could log the owner out. The model check finds that, and
    /// `overtaken.rs` shows it.
    async fn lose(&self, renewal: &Renewal, login: LoginId, overtaken: Overtaken, now: Timestamp) -> Denied {
        self.discard(&renewal.subject, login, now).await;
        let Overtaken(Some(record)) = overtaken else { return Rejected::Invalid.into() };
        record.revoked.map_or(Rejected::Fenced, Rejected::Revoked).into()
    }

    /// Step 3: ends the rest.
    async fn end_rest(&self, renewal: &Renewal, login: LoginId, now: Timestamp) -> Result<u64, Failure> {
        let ending = match renewal.rest {
            Remainder::Subject(reason) => {
                let others = RecordFilter::except(login).purposes(Purposes::NOT_KEYS);
                Ending::mark(&renewal.subject, others, reason, now).with_fence()
            }
            Remainder::Login => {
                let old = RecordFilter::login(renewal.login).purposes(Purposes::NOT_KEYS);
                Ending::mark(&renewal.subject, old, Reason::Superseded, now).only_if_some()
            }
        };
        self.end_here(ending).await
    }

    /// Ends the caller's login, but no new one: another call with the same token may have won meanwhile.
    async fn end_login(&self, renewal: &Renewal, now: Timestamp) -> Result<u64, Failure> {
        let reason = match renewal.rest {
            Remainder::Subject(reason) => reason,
            Remainder::Login => Reason::Superseded,
        };
        let old = RecordFilter::login(renewal.login).purposes(Purposes::NOT_KEYS);
        self.end_here(Ending::mark(&renewal.subject, old, reason, now).only_if_some()).await
    }

    /// Removes the records of a renewal whose tokens are not handed out. If they stay, the only harm is an entry in
    /// the list of devices.
    async fn discard(&self, subject: &Subject, login: LoginId, now: Timestamp) {
        let ending = Ending::remove(subject, RecordFilter::login(login), EventKind::Abandoned, now);
        // If this fails, an event says so; the caller's result is about the renewal.
        drop(self.end_here(ending.only_if_failed()).await);
    }
}
