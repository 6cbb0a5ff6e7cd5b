//! Finds out who sent a request: by the session, else by the remember-me token, else by a key.

use std::sync::atomic::Ordering;

use hallpass_core::Rejected;

use super::credentials::Judged;
use super::{Credential, Request, Resolved, State};
use crate::cookie::PresentedTokens;
use crate::current::Identity;
use crate::error::{Failure, NotAdmitted};

impl Request {
    /// Returns who sent the request; finds it out once.
    pub(crate) async fn resolved<'s>(&self, state: &'s mut State) -> Result<&'s mut Resolved, Failure> {
        if state.resolved.is_none() {
            let logged_in = state.logged_in;
            let resolved = self.resolve(state.held(self), logged_in).await?;
            if resolved.known.is_some() || resolved.session.is_some() {
                self.mark_personal();
            }
            state.resolved = Some(resolved);
        }
        Ok(state.resolved.get_or_insert_default())
    }

    async fn resolve(&self, held: &mut PresentedTokens, logged_in: bool) -> Result<Resolved, Failure> {
        self.asked.store(true, Ordering::Relaxed);
        let mut resolved = Resolved::default();
        let mut found = None;
        for text in &held.sessions {
            match self.note(&mut resolved, self.resume(held, text).await)? {
                Some((valid, Some(loaded))) => {
                    found = Some((valid, loaded, text.clone()));
                    break;
                }
                Some((valid, None)) => {
                    resolved.session.get_or_insert(valid);
                }
                None => {}
            }
        }
        if let Some((mut valid, loaded, text)) = found {
            let confirmed = self.confirm_restored(held, &mut valid).await;
            if self.note(&mut resolved, confirmed)?.is_some() {
                let known = self.known(&valid, loaded.user, logged_in).await;
                resolved.known = self.note(&mut resolved, known)?;
                resolved.credential = Some(Credential::Session(text));
                resolved.session = Some(valid);
                return Ok(resolved);
            }
        }
        for candidate in self.remembered(held, &mut resolved).await? {
            let restored = self.restore(held, candidate, resolved.session.as_ref()).await;
            if let Some((session, user)) = self.note(&mut resolved, restored)? {
                let known = self.known(&session, user, false).await;
                resolved.known = self.note(&mut resolved, known)?;
                // After the response was sent, no session was made.
                let made = session.kind() == self.config.kinds.session;
                resolved.credential =
                    held.sessions.first().cloned().filter(|_| made).map(Credential::Session);
                resolved.session = Some(session);
                return Ok(resolved);
            }
        }
        if let Some(key) = self.sent().and_then(|sent| sent.key.clone()) {
            let authenticated = self.authenticate_key(&key).await;
            resolved.known = self.note(&mut resolved, authenticated)?;
            resolved.credential = resolved.known.is_some().then_some(Credential::Key(key));
        }
        Ok(resolved)
    }

    /// Checks again whether the token of this request is still accepted, without a rotation and without a new
    /// session.
    pub(crate) async fn recheck(&self, state: &mut State) -> Result<(), Failure> {
        let Some(resolved) = &mut state.resolved else { return self.resolved(state).await.map(drop) };
        let Some((_, identity)) = &resolved.known else { return Ok(()) };
        let identity = identity.clone();
        if resolved.credential.is_none() {
            // The request came with a remember-me token and asked only after the response: no session was made from
            // it.
            let mut again = self.resolve(state.held(self), false).await?;
            if again.known.as_ref().is_none_or(|(_, again)| again.login != identity.login) {
                (again.known, again.session) = (None, None);
            }
            state.resolved = Some(again);
            return Ok(());
        }
        let held = state.held.clone().unwrap_or_default();
        let again = match &resolved.credential {
            Some(Credential::Session(text)) => match self.resume(&held, text).await {
                Ok((valid, Some(loaded))) => self.known(&valid, loaded.user, false).await,
                Ok((_, None)) => Err(Rejected::Invalid.into()),
                Err(no_entry) => Err(no_entry),
            },
            Some(Credential::Key(key)) => self.authenticate_key(key).await,
            None => Err(Rejected::Invalid.into()),
        };
        match self.note(resolved, again)? {
            Some((user, again)) => resolved.known = Some((user, Identity { via: identity.via, ..again })),
            None => (resolved.known, resolved.session) = (None, None),
        }
        Ok(())
    }

    /// Records why a token let no user in.
    pub(super) fn note<T>(&self, resolved: &mut Resolved, judged: Judged<T>) -> Result<Option<T>, Failure> {
        match judged {
            Ok(value) => return Ok(Some(value)),
            Err(NotAdmitted::Rejected(rejected)) => resolved.rejections.push(rejected),
            Err(NotAdmitted::Unreadable(failure)) => self.tell_unreadable(&failure),
            Err(NotAdmitted::Failed(failure)) => return Err(failure),
        }
        Ok(None)
    }
}
