//! Who sent a request: the session cookie first, then the remember cookie.

use std::borrow::Cow;

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use hallpass_core::{
    Candidate, Device, Failure, How, Kind, Login, LoginId, Rejected, Stamp, Subject, Timestamp, Tokens,
    Valid, Verdict,
};

use crate::accounts::Account;
use crate::cookies::{Changes, Cookies, Sent};

/// The data of a restored session whose remember token has been presented once more.
const CONFIRMED: &[u8] = b"confirmed";

/// What every request shares.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) tokens: Tokens,
    pub(crate) cookies: Cookies,
}

/// Who sent a request.
#[derive(Debug)]
pub(crate) enum Visitor {
    /// Somebody who is logged in.
    User(User),
    /// Somebody who is not; with the verdicts on the cookies that came along, the most telling first.
    Stranger(Vec<Rejected>),
}

/// Somebody who is logged in.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) subject: Subject,
    pub(crate) login: LoginId,
    pub(crate) how: How,
    pub(crate) auth_at: Timestamp,
}

impl User {
    fn new(valid: &Valid, how: How) -> Result<Self, Rejected> {
        let subject = valid.subject().ok_or(Rejected::Invalid)?.clone();
        Ok(Self { subject, login: valid.login(), how, auth_at: valid.auth_at() })
    }
}

impl Site {
    /// Who sent a request, and what the answer does to the cookies.
    ///
    /// # Errors
    /// [`Failure`]: nobody knows. That is 503, not 401.
    pub(crate) async fn recognise(&self, headers: &HeaderMap) -> Result<(Visitor, Changes), Failure> {
        let Sent { session, remember } = self.cookies.read(headers);
        let (mut changes, mut rejections) = (Changes::default(), Vec::new());
        if let Some(session) = session {
            match self.resume(&session, remember.as_deref()).await? {
                Ok(user) => return Ok((Visitor::User(user), changes)),
                Err(rejected) => rejections.push(rejected),
            }
        }
        if let Some(remember) = remember {
            match self.restore(&remember, &mut changes).await? {
                Ok(user) => return Ok((Visitor::User(user), changes)),
                Err(rejected) => rejections.insert(0, rejected),
            }
        }
        Ok((Visitor::Stranger(rejections), changes))
    }

    /// Makes a new login for `account`, whose password was checked after `login` began. It takes the
    /// place of whatever this browser was logged in as.
    pub(crate) async fn log_in(
        &self,
        account: &Account,
        login: &Login,
        remember: bool,
        headers: &HeaderMap,
    ) -> Verdict<Changes> {
        let Sent { session: old_session, remember: old_remember } = self.cookies.read(headers);
        let agent =
            headers.get(USER_AGENT).map_or(Cow::default(), |agent| String::from_utf8_lossy(agent.as_bytes()));
        let device = Device::from_header(&agent);
        let (now, mut changes) = (self.tokens.now(), Changes::default());
        if remember {
            let issue =
                self.tokens.issue(login, Kind::REMEMBER).device(device.as_str()).stamp(account.stamp());
            match issue.await? {
                Ok(issued) => changes.set(self.cookies, &issued, now),
                Err(rejected) => return Ok(Err(rejected)),
            }
        } else {
            changes.clear(self.cookies, Kind::REMEMBER);
        }
        let mut issue =
            self.tokens.issue(login, Kind::SESSION).device(device.as_str()).stamp(account.stamp());
        for (kind, old) in [(Kind::SESSION, &old_session), (Kind::REMEMBER, &old_remember)] {
            if let Some(old) = old {
                issue = issue.replaces(kind, old);
            }
        }
        let issued = match issue.await? {
            Ok(issued) => issued,
            Err(rejected) => return Ok(Err(rejected)),
        };
        changes.set(self.cookies, &issued, now);
        Ok(Ok(changes))
    }

    /// Ends the login that the cookies belong to, whatever state they are in.
    pub(crate) async fn log_out(&self, headers: &HeaderMap) -> Result<Changes, Failure> {
        let Sent { session, remember } = self.cookies.read(headers);
        for (kind, token) in [(Kind::SESSION, session), (Kind::REMEMBER, remember)] {
            if let Some(token) = token {
                // A rejection means that there is nothing left to end.
                let _ = self.tokens.revoke(kind, &token).await?;
            }
        }
        Ok(self.forget())
    }

    /// Takes both cookies away.
    pub(crate) fn forget(&self) -> Changes {
        let mut changes = Changes::default();
        changes.clear(self.cookies, Kind::SESSION);
        changes.clear(self.cookies, Kind::REMEMBER);
        changes
    }

    /// Goes on with a session.
    ///
    /// A restored session asks once what its remember token is worth. That tells core that the client
    /// has the successor, so that whoever comes with the predecessor later is a thief; and where the
    /// thief was faster, the login ends here, this session included.
    async fn resume(&self, session: &str, remember: Option<&str>) -> Verdict<User> {
        let mut valid = match self.verify(Kind::SESSION, session).await? {
            Ok(valid) => valid,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let confirmed = valid.how() != How::Restored || valid.data() == CONFIRMED;
        let Some(remember) = remember.filter(|_| !confirmed) else {
            return Ok(User::new(&valid, valid.how()));
        };
        let asked = match self.verify(Kind::REMEMBER, remember).await? {
            Ok(_) => self.tokens.update_data(&mut valid, |data| *data = CONFIRMED.to_vec()).await?,
            // If the verdict ended this login, the session is dead too; another's does not concern it.
            Err(_) => self.verify(Kind::SESSION, session).await?.map(drop),
        };
        Ok(asked.and_then(|()| User::new(&valid, valid.how())))
    }

    /// Makes a session from a remember token, whose successor goes along if one is due. Requests that
    /// come at once all get the same successor.
    async fn restore(&self, remember: &str, changes: &mut Changes) -> Verdict<User> {
        let valid = match self.candidate(Kind::REMEMBER, remember).await? {
            Ok((candidate, stamp)) => candidate.verify_and_rotate(Some(&stamp)).await?,
            Err(rejected) => Err(rejected),
        };
        let valid = match valid {
            Ok(valid) => valid,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let session = match self.tokens.issue_from(&valid, Kind::SESSION).await? {
            Ok(session) => session,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let now = self.tokens.now();
        for issued in valid.successor.iter().chain([&session]) {
            changes.set(self.cookies, issued, now);
        }
        Ok(User::new(&valid, How::Restored))
    }

    async fn verify(&self, kind: Kind, text: &str) -> Verdict<Valid> {
        match self.candidate(kind, text).await? {
            Ok((candidate, stamp)) => candidate.verify(Some(&stamp)).await,
            Err(rejected) => Ok(Err(rejected)),
        }
    }

    /// A token with the present stamp of its account.
    async fn candidate(&self, kind: Kind, text: &str) -> Verdict<(Candidate<'_>, Stamp)> {
        let candidate = self.tokens.look_up(kind, text).await?;
        Ok(candidate.and_then(|candidate| {
            let account = candidate.subject().and_then(|subject| Account::find(subject.as_str()));
            let stamp = account.ok_or(Rejected::Invalid)?.stamp();
            Ok((candidate, stamp))
        }))
    }
}
