//! Finds out who sent a request: by the session, else by the remember-me token, else by a key.

use std::sync::atomic::Ordering;

use hallpass_core::Rejected;

use super::credentials::Judged;
use super::{Credential, Request, Resolved, State, View};
use crate::cookie::PresentedTokens;
use crate::current::Identity;
use crate::error::{Failure, NotAdmitted};

impl Request {
    /// Returns who sent the request; finds it out once.
    pub(crate) async fn resolved<'s>(&self, state: &'s mut State) -> Result<&'s mut Resolved, Failure> {
        self.resolved_by(self.view(), state).await
    }

    /// Returns who sent the request, past the near cache and past a cache of users; finds it out once.
    pub(crate) async fn resolved_exactly<'s>(
        &self,
        state: &'s mut State,
    ) -> Result<&'s mut Resolved, Failure> {
        if state.resolved.as_ref().is_some_and(|resolved| resolved.cached) {
            self.recheck(state).await?;
        }
        let tokens = self.tokens().exact();
        self.resolved_by(View::exact(&tokens), state).await
    }

    async fn resolved_by<'s>(
        &self,
        view: View<'_>,
        state: &'s mut State,
    ) -> Result<&'s mut Resolved, Failure> {
        if state.resolved.is_none() {
            let logged_in = state.logged_in;
            let mut resolved = self.resolve(view, state.held(self), logged_in).await?;
            let cached_user = !view.exact && self.config.loader.is_cached();
            resolved.cached = resolved.admitted_by().is_some_and(|valid| cached_user || valid.is_cached());
            if resolved.known.is_some() || resolved.session.is_some() {
                self.mark_personal();
            }
            state.resolved = Some(resolved);
        }
        Ok(state.resolved.get_or_insert_default())
    }

    async fn resolve(
        &self,
        view: View<'_>,
        held: &mut PresentedTokens,
        logged_in: bool,
    ) -> Result<Resolved, Failure> {
        self.asked.store(true, Ordering::Relaxed);
        let mut resolved = Resolved::default();
        let mut found = None;
        for text in &held.sessions {
            match self.note(&mut resolved, self.resume(view, held, text).await)? {
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
            let confirmed = self.confirm_restored(view, held, &mut valid).await;
            if self.note(&mut resolved, confirmed)?.is_some() {
                let known = self.known(&valid, loaded.user, logged_in);
                resolved.known = self.note(&mut resolved, known)?;
                resolved.credential = Some(Credential::Session(text));
                resolved.session = Some(valid);
                return Ok(resolved);
            }
        }
        for candidate in self.remembered(view, held, &mut resolved).await? {
            let restored = self.restore(view, held, candidate, resolved.session.as_ref()).await;
            if let Some((session, user)) = self.note(&mut resolved, restored)? {
                let known = self.known(&session, user, false);
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
            let authenticated = self.authenticate_key(view, &key).await;
            if let Some((valid, known)) = self.note(&mut resolved, authenticated)? {
                resolved.known = Some(known);
                resolved.credential = Some(Credential::Key(key, valid));
            }
        }
        Ok(resolved)
    }

    /// Checks again whether the token of this request is still accepted, past every cache, without a rotation and
    /// without a new session.
    pub(crate) async fn recheck(&self, state: &mut State) -> Result<(), Failure> {
        let tokens = self.tokens().exact();
        let view = View::exact(&tokens);
        let Some(resolved) = &mut state.resolved else {
            return self.resolved_by(view, state).await.map(drop);
        };
        let Some((_, identity)) = &resolved.known else { return Ok(()) };
        let identity = identity.clone();
        if resolved.credential.is_none() {
            // The request came with a remember-me token and asked only after the response: no session was made from
            // it.
            let mut again = self.resolve(view, state.held(self), false).await?;
            if again.known.as_ref().is_none_or(|(_, again)| again.login != identity.login) {
                (again.known, again.session) = (None, None);
            }
            state.resolved = Some(again);
            return Ok(());
        }
        let held = state.held.clone().unwrap_or_default();
        let again = match &resolved.credential {
            Some(Credential::Session(text)) => match self.resume(view, &held, text).await {
                Ok((valid, Some(loaded))) => {
                    self.known(&valid, loaded.user, false).map(|known| (valid, known))
                }
                Ok((_, None)) => Err(Rejected::Invalid.into()),
                Err(no_entry) => Err(no_entry),
            },
            Some(Credential::Key(key, _)) => self.authenticate_key(view, key).await,
            None => Err(Rejected::Invalid.into()),
        };
        let again = self.note(resolved, again)?;
        resolved.cached = false;
        match again {
            Some((valid, (user, again))) => {
                resolved.known = Some((user, Identity { via: identity.via, ..again }));
                match &mut resolved.credential {
                    Some(Credential::Key(_, of_key)) => *of_key = valid,
                    Some(Credential::Session(_)) | None => resolved.session = Some(valid),
                }
            }
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
