//! The two accounts, as a backend of axum-login.

use std::fmt;
use std::time::Duration;

use argon2::password_hash::Error;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use axum_login::{AuthUser, AuthnBackend, UserId};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Name and Argon2id hash, as a database would keep them.
const ACCOUNTS: [(&str, &str); 2] = [
    (
        "alice",
        "$argon2id$v=19$m=19456,t=2,p=1$Kaat/wVe/WDGm6ApSsR+ow$91dyomJGb0xuZNP+tAMGmBs2+15SpRcdY8kQcdB6K8M",
    ),
    (
        "bob",
        "$argon2id$v=19$m=19456,t=2,p=1$jHHDGhfyqNoLj01YAbTaTQ$qBAduXZeL5X1XjrhasAYpEGOmDnDk52tySnAacLCCPU",
    ),
];

/// Limits how many passwords are hashed at a time: each hash takes 19 MiB. A hash continues after its request is
/// gone, so it holds the permit itself.
static HASHING: Semaphore = Semaphore::const_new(4);
/// The longest time that a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The users who can log in.
#[derive(Clone, Debug)]
pub(crate) struct Accounts;

/// The user who is logged in.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: &'static str,
    /// axum-login keeps it in the session, and ends the session when it changes. It is a digest, because session
    /// data should not contain the password hash itself.
    stamp: [u8; 32],
}

/// The fields of the login form. No `Debug`: they include a password.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    password: String,
}

impl AuthnBackend for Accounts {
    type User = User;
    type Credentials = Credentials;
    type Error = Unknown;

    /// An unknown name takes as long as a known one, so that the time does not reveal which names exist.
    async fn authenticate(&self, credentials: Credentials) -> Result<Option<User>, Unknown> {
        let found = ACCOUNTS.iter().find(|(name, _)| *name == credentials.user);
        let (_, hash) = found.unwrap_or(&ACCOUNTS[0]);
        let permit = timeout(PATIENCE, HASHING.acquire()).await.map_err(Unknown::of)?.map_err(Unknown::of)?;
        let verdict = spawn_blocking(move || {
            let _permit = permit;
            let hash = PasswordHash::new(hash).map_err(Unknown::of)?;
            match Argon2::default().verify_password(credentials.password.as_bytes(), &hash) {
                Ok(()) => Ok(true),
                Err(Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(Unknown::of(error)),
            }
        });
        let right = verdict.await.map_err(Unknown::of)??;
        Ok(found.filter(|_| right).map(User::of))
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<User>, Unknown> {
        Ok(ACCOUNTS.iter().find(|(name, _)| name == id).map(User::of))
    }
}

/// Why the password could not be checked.
#[derive(Debug)]
pub(crate) struct Unknown(Box<dyn std::error::Error + Send + Sync>);

impl Unknown {
    fn of(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the password was not compared")
    }
}

impl std::error::Error for Unknown {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

impl User {
    fn of((name, hash): &(&'static str, &'static str)) -> Self {
        Self { name, stamp: Sha256::digest(hash).into() }
    }
}

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.name.into()
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.stamp
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "User({})", self.name)
    }
}
