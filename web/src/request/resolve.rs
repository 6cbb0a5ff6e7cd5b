//! Finds out who sent a request: by the session, else by the remember-me token, else by a key.

use std::sync::atomic::Ordering;

use hallpass_core::Rejected;

use super::credentials::Judged;
use super::{Proof, Request, State, Who};
use crate::cookie::Held;
use crate::current::Identity;
use crate::error::{Failure, NoEntry};

impl Request {
    /// Returns who sent the request; finds it out once.
    pub(crate) async fn who<'s>(&self, state: &'s mut State) -> Result<&'s mut Who, Failure> {
        if state.who.is_none() {
            let logged_in = state.logged_in;
            let who = self.find_out(state.held(self), logged_in).await?;
            if who.known.is_some() || who.session.is_some() {
                self.mark_personal();
            }
            state.who = Some(who);
        }
        Ok(state.who.get_or_insert_default())
    }

    async fn find_out(&self, held: &mut Held, logged_in: bool) -> Result<Who, Failure> {
        self.asked.store(true, Ordering::Relaxed);
        let mut who = Who::default();
        let mut found = None;
        for text in &held.sessions {
            match self.note(&mut who, self.resume(held, text).await)? {
                Some((valid, Some(loaded))) => {
                    found = Some((valid, loaded, text.clone()));
                    break;
                }
                Some((valid, None)) => {
                    who.session.get_or_insert(valid);
                }
                None => {}
            }
        }
        if let Some((mut valid, loaded, text)) = found {
            let confirmed = self.confirm_restored(held, &mut valid).await;
            if self.note(&mut who, confirmed)?.is_some() {
                let known = self.known(&valid, loaded.user, logged_in).await;
                who.known = self.note(&mut who, known)?;
                who.proof = Some(Proof::Session(text));
                who.session = Some(valid);
                return Ok(who);
            }
        }
        for candidate in self.remembered(held, &mut who).await? {
            let restored = self.restore(held, candidate, who.session.as_ref()).await;
            if let Some((session, user)) = self.note(&mut who, restored)? {
                let known = self.known(&session, user, false).await;
                who.known = self.note(&mut who, known)?;
                // After the response was sent, no session was made.
                let made = session.kind() == self.config.kinds.session;
                who.proof = held.sessions.first().cloned().filter(|_| made).map(Proof::Session);
                who.session = Some(session);
                return Ok(who);
            }
        }
        if let Some(key) = self.sent().and_then(|sent| sent.key.clone()) {
            let unlocked = self.unlock(&key).await;
            who.known = self.note(&mut who, unlocked)?;
            who.proof = who.known.is_some().then_some(Proof::Key(key));
        }
        Ok(who)
    }

    /// Checks again whether the token of this request is still accepted, without a rotation and without a new
    /// session.
    pub(crate) async fn recheck(&self, state: &mut State) -> Result<(), Failure> {
        let Some(who) = &mut state.who else { return self.who(state).await.map(drop) };
        let Some((_, identity)) = &who.known else { return Ok(()) };
        let identity = identity.clone();
        if who.proof.is_none() {
            // The request came with a remember-me token and asked only after the response: no session was made from
            // it.
            let mut again = self.find_out(state.held(self), false).await?;
            if again.known.as_ref().is_none_or(|(_, again)| again.login != identity.login) {
                (again.known, again.session) = (None, None);
            }
            state.who = Some(again);
            return Ok(());
        }
        let held = state.held.clone().unwrap_or_default();
        let again = match &who.proof {
            Some(Proof::Session(text)) => match self.resume(&held, text).await {
                Ok((valid, Some(loaded))) => self.known(&valid, loaded.user, false).await,
                Ok((_, None)) => Err(Rejected::Invalid.into()),
                Err(no_entry) => Err(no_entry),
            },
            Some(Proof::Key(key)) => self.unlock(key).await,
            None => Err(Rejected::Invalid.into()),
        };
        match self.note(who, again)? {
            Some((user, again)) => who.known = Some((user, Identity { via: identity.via, ..again })),
            None => (who.known, who.session) = (None, None),
        }
        Ok(())
    }

    /// Records why a token let no user in.
    pub(super) fn note<T>(&self, who: &mut Who, judged: Judged<T>) -> Result<Option<T>, Failure> {
        match judged {
            Ok(value) => return Ok(Some(value)),
            Err(NoEntry::Rejected(rejected)) => who.rejections.push(rejected),
            Err(NoEntry::Unreadable(failure)) => self.tell_unreadable(&failure),
            Err(NoEntry::Failed(failure)) => return Err(failure),
        }
        Ok(None)
    }
}
