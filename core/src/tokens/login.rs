//! A login under way, and the epoch that fences it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Tokens;
use crate::clock::Timestamp;
use crate::error::Failure;
use crate::ident::{Epoch, Era, LoginId, Subject};
use crate::limit::DecodeError;
use crate::selector::Selector;
use crate::store::{Admission, Fence};

/// How long a login may be under way (password, second factor, response): 1 hour.
pub(super) const LOGIN_WINDOW: Duration = Duration::from_secs(60 * 60);

/// A login that has begun: tokens can be issued to it within an hour.
///
/// No token is issued once the login was ended or everything of the subject was logged out (contract S11). It holds
/// no secret, but a forged one would get past that fence, so keep it on the server.
///
/// A clone is the same login. A copy that was encoded before the first token was issued does not know about that
/// token; so end the token that carried the copy, with [`Issue::replaces`](crate::Issue::replaces) for instance.
#[derive(Clone, Debug)]
#[must_use = "issue its tokens once the credentials are checked"]
pub struct Login {
    pub(super) id: LoginId,
    pub(super) era: Era,
    begun_at: Timestamp,
    subject: LoginSubject,
    /// The first device record of this login: while that is alive, the login has not been ended.
    first: Arc<OnceLock<Selector>>,
}

/// The subject of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
enum LoginSubject {
    /// No subject: an anonymous session.
    Anonymous,
    /// A subject, with its epoch.
    Subject(Subject, Epoch),
    /// A name that no subject has: no token is ever issued.
    Unknown,
}

/// The first byte after the version.
const ANONYMOUS: u8 = 0;
const SUBJECT: u8 = 1;
const UNKNOWN: u8 = 2;
/// Set in the same byte if the first device record is known.
const HAS_FIRST: u8 = 4;

impl Login {
    const VERSION: u8 = 1;

    fn new(id: LoginId, era: Era, begun_at: Timestamp, subject: LoginSubject) -> Self {
        Self { id, era, begun_at, subject, first: Arc::default() }
    }

    /// Returns the id that its records will carry. Each further anonymous session that is issued from one login has
    /// an id of its own.
    #[must_use]
    pub const fn id(&self) -> LoginId {
        self.id
    }

    /// Returns the subject that logs in; `None` for an anonymous session and for a name that no subject has.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        match &self.subject {
            LoginSubject::Subject(subject, _) => Some(subject),
            LoginSubject::Anonymous | LoginSubject::Unknown => None,
        }
    }

    /// Encodes the login as at most 309 bytes, to carry it from request to request (until a second factor has been
    /// checked, for instance) in the data of an anonymous session or a one-time token.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let first = self.first.get();
        let tag = match self.subject {
            LoginSubject::Anonymous => ANONYMOUS,
            LoginSubject::Subject(..) => SUBJECT,
            LoginSubject::Unknown => UNKNOWN,
        };
        let mut out = vec![Self::VERSION, tag | if first.is_some() { HAS_FIRST } else { 0 }];
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&self.era.get().to_be_bytes());
        out.extend_from_slice(&self.begun_at.as_millis().to_be_bytes());
        out.extend(first.iter().flat_map(|selector| selector.0));
        if let LoginSubject::Subject(subject, epoch) = &self.subject {
            out.extend_from_slice(&epoch.0);
            out.extend_from_slice(subject.as_str().as_bytes());
        }
        out
    }

    /// Decodes the output of [`Login::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] for any other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const SHORT: DecodeError = DecodeError("too short for a login");
        let Some((&[Self::VERSION], rest)) = bytes.split_first_chunk() else {
            return Err(DecodeError("unknown version of a login"));
        };
        let (&[tag], rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let (id, rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let (era, rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let (begun_at, mut rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let first = OnceLock::new();
        if tag & HAS_FIRST != 0 {
            let (selector, after) = rest.split_first_chunk().ok_or(SHORT)?;
            (_, rest) = (first.set(Selector(*selector)), after);
        }
        let subject = match (tag & !HAS_FIRST, rest.split_first_chunk()) {
            (SUBJECT, None) => return Err(SHORT),
            (SUBJECT, Some((epoch, name))) => {
                let name = std::str::from_utf8(name).map_err(|_| DecodeError("a subject is not UTF-8"))?;
                let subject = Subject::new(name).map_err(|_| DecodeError("a subject breaks its limits"))?;
                LoginSubject::Subject(subject, Epoch(*epoch))
            }
            (ANONYMOUS, None) if rest.is_empty() => LoginSubject::Anonymous,
            (UNKNOWN, None) if rest.is_empty() => LoginSubject::Unknown,
            _ => return Err(DecodeError("not the bytes of a login")),
        };
        Ok(Self {
            id: LoginId(*id),
            era: Era::new(u32::from_be_bytes(*era)),
            begun_at: Timestamp::from_millis(u64::from_be_bytes(*begun_at)),
            subject,
            first: Arc::new(first),
        })
    }

    /// Returns the fence for a record of this login; `None` if none may be inserted, because the name is unknown or
    /// the login began more than an hour ago (or, by a broken clock, that far in the future).
    ///
    /// Once the login has a device record, that record is the fence. Ending the login ends it, and so does a "log out
    /// everywhere", which the epoch would show as well.
    pub(super) fn fence(&self, now: Timestamp) -> Option<Fence> {
        if now.since(self.begun_at) >= LOGIN_WINDOW || self.begun_at.since(now) >= LOGIN_WINDOW {
            return None;
        }
        match (&self.subject, self.first.get()) {
            (LoginSubject::Unknown, _) => None,
            (LoginSubject::Anonymous, _) => Some(Fence::None),
            (LoginSubject::Subject(..), Some(first)) => Some(Fence::Parent(*first)),
            (LoginSubject::Subject(_, epoch), None) => Some(Fence::Epoch(*epoch)),
        }
    }

    /// Returns the cell of the first device record. An issue that has begun already may find it filled before it
    /// ends.
    pub(super) fn first(&self) -> Arc<OnceLock<Selector>> {
        self.first.clone()
    }

    /// Returns whether no device record of the login is known yet.
    pub(super) fn is_new(&self) -> bool {
        self.first.get().is_none()
    }

    /// Stores the first device record; later calls change nothing.
    pub(super) fn has_begun_with(&self, selector: Selector) {
        self.first.get_or_init(|| selector);
    }
}

impl Tokens {
    /// Begins a login and stores a short-lived row for the subject.
    ///
    /// Call it before the password is checked, and only for a subject that exists; otherwise call
    /// [`begin_unknown_login`](Self::begin_unknown_login).
    ///
    /// # Errors
    /// [`Failure::Store`], [`Failure::Randomness`].
    pub async fn begin_login(&self, subject: &Subject) -> Result<Login, Failure> {
        let (now, fresh) = (self.now(), Epoch(self.random()?));
        let Admission { epoch, era } = self.store().epoch(subject, fresh, LOGIN_WINDOW, now).await?;
        Ok(Login::new(LoginId(self.random()?), era, now, LoginSubject::Subject(subject.clone(), epoch)))
    }

    /// Begins a login for a name that no subject has, so that it takes as long as for one that exists.
    ///
    /// It costs one call of the store and writes nothing. [`issue`](Self::issue) then returns
    /// [`Rejected::Fenced`](crate::Rejected::Fenced), whatever the credentials.
    ///
    /// # Errors
    /// [`Failure::Store`], [`Failure::Randomness`].
    pub async fn begin_unknown_login(&self) -> Result<Login, Failure> {
        self.store().find(Selector(self.random()?)).await?;
        Ok(Login::new(LoginId(self.random()?), Era::FIRST, self.now(), LoginSubject::Unknown))
    }

    /// Begins a session that belongs to no subject yet.
    ///
    /// # Errors
    /// [`Failure::Randomness`].
    pub fn begin_anonymous(&self) -> Result<Login, Failure> {
        Ok(Login::new(LoginId(self.random()?), Era::FIRST, self.now(), LoginSubject::Anonymous))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(subject: LoginSubject) -> Login {
        Login::new(LoginId([1; 8]), Era::new(7), Timestamp::from_millis(1_000), subject)
    }

    fn alice() -> LoginSubject {
        LoginSubject::Subject(Subject::new("älice").unwrap(), Epoch([9; 16]))
    }

    #[test]
    fn a_login_survives_its_bytes() {
        for subject in [LoginSubject::Anonymous, LoginSubject::Unknown, alice()] {
            for first in [None, Some(Selector([3; 16]))] {
                let login = login(subject.clone());
                if let Some(first) = first {
                    login.has_begun_with(first);
                }
                let again = Login::decode(&login.encode()).unwrap();
                assert_eq!((again.id, again.era, again.begun_at), (login.id, login.era, login.begun_at));
                assert_eq!((&again.subject, again.first.get()), (&login.subject, first.as_ref()));
            }
        }
        let longest = login(LoginSubject::Subject(Subject::new("x".repeat(255)).unwrap(), Epoch([9; 16])));
        longest.has_begun_with(Selector([3; 16]));
        assert_eq!(longest.encode().len(), 309);
    }

    #[test]
    fn other_bytes_are_an_error() {
        let good = login(alice()).encode();
        for len in 0..good.len() - 5 {
            assert!(Login::decode(&good[..len]).is_err(), "{len} bytes");
        }
        assert!(Login::decode(&[&[2], &good[1..]].concat()).is_err(), "another version");
        for tag in [ANONYMOUS, UNKNOWN, 3, 8, 255] {
            assert!(
                Login::decode(&[&[1, tag], &good[2..]].concat()).is_err(),
                "another kind of login: {tag}"
            );
        }
        assert!(Login::decode(&[&good[..], &[0]].concat()).is_err(), "NUL");
        assert!(Login::decode(&[&good[..], &[0xff]].concat()).is_err(), "not UTF-8");
    }
}
