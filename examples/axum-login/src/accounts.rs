//! The two accounts, as axum-login wants them.

use std::convert::Infallible;
use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use axum_login::{AuthUser, AuthnBackend, UserId};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

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

/// How many passwords are hashed at a time: each takes 19 MiB.
static HASHING: Semaphore = Semaphore::const_new(4);

/// Everybody who can log in.
#[derive(Clone, Debug)]
pub(crate) struct Accounts;

/// Somebody who is logged in.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: &'static str,
    /// axum-login keeps it in the session and ends the session when it is another. A digest, because
    /// the password hash itself has no place in session data.
    stamp: [u8; 32],
}

/// What the form sends. No `Debug`: it holds a password.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    user: String,
    password: String,
}

impl AuthnBackend for Accounts {
    type User = User;
    type Credentials = Credentials;
    type Error = Infallible;

    /// For an unknown name the answer takes as long, so that it does not tell which names exist.
    async fn authenticate(&self, credentials: Credentials) -> Result<Option<User>, Infallible> {
        let found = ACCOUNTS.iter().find(|(name, _)| *name == credentials.user);
        let (_, hash) = found.unwrap_or(&ACCOUNTS[0]);
        let _permit = HASHING.acquire().await;
        let right = spawn_blocking(move || {
            PasswordHash::new(hash).is_ok_and(|hash| {
                Argon2::default().verify_password(credentials.password.as_bytes(), &hash).is_ok()
            })
        });
        let right = right.await.unwrap_or(false);
        Ok(found.filter(|_| right).map(User::of))
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<User>, Infallible> {
        Ok(ACCOUNTS.iter().find(|(name, _)| name == id).map(User::of))
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
