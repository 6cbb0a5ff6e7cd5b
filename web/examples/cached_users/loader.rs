//! A loader that keeps users in memory for a few seconds.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_core::{Stamp, Subject};
use hallpass_web::UserLoader;
use tokio::time::Instant;

/// The most users that are kept.
const CAPACITY: usize = 10_000;

/// Another loader, and the users that it loaded during the last `age`.
///
/// A change of a user is seen on this node once [`forget`](Self::forget) is called, on others after `age` at the
/// latest. A change of the stamp is seen at once on each node: a token that is bound to the new one loads the user
/// again.
pub(crate) struct CachedUsers<L: UserLoader> {
    users: L,
    age: Duration,
    kept: Mutex<Kept<L::User>>,
}

struct Kept<U> {
    users: HashMap<Subject, (Instant, U)>,
    /// How many times a user was forgotten. What was loaded meanwhile may be the user before the change.
    forgotten: u64,
}

impl<L: UserLoader<User: Clone>> CachedUsers<L> {
    /// Keeps what `users` loads for `age`.
    pub(crate) fn new(users: L, age: Duration) -> Self {
        Self { users, age, kept: Mutex::new(Kept { users: HashMap::new(), forgotten: 0 }) }
    }

    /// Forgets a user. Call it after a change was committed: a ban, another name, another password.
    pub(crate) fn forget(&self, id: &Subject) {
        let mut kept = self.kept();
        kept.users.remove(id);
        kept.forgotten += 1;
    }

    fn kept(&self) -> MutexGuard<'_, Kept<L::User>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: UserLoader<User: Clone>> UserLoader for CachedUsers<L> {
    type User = L::User;
    type Error = L::Error;
    const IS_CACHED: bool = true;

    async fn load(&self, id: &Subject) -> Result<Option<L::User>, L::Error> {
        let kept = self.kept().users.get(id).filter(|(at, _)| at.elapsed() < self.age).cloned();
        match kept {
            Some((_, user)) => Ok(Some(user)),
            None => self.load_exactly(id).await,
        }
    }

    async fn load_exactly(&self, id: &Subject) -> Result<Option<L::User>, L::Error> {
        // Before the call, so that the user is never older than it seems.
        let (at, forgotten) = (Instant::now(), self.kept().forgotten);
        let user = self.users.load_exactly(id).await?;
        let mut kept = self.kept();
        let is_newer = kept.users.get(id).is_some_and(|(newer, _)| *newer > at);
        if kept.forgotten != forgotten || is_newer {
            return Ok(user);
        }
        kept.users.remove(id);
        if kept.users.len() >= CAPACITY {
            kept.users.retain(|_, (at, _)| at.elapsed() < self.age);
        }
        if let Some(user) = user.clone().filter(|_| kept.users.len() < CAPACITY) {
            kept.users.insert(id.clone(), (at, user));
        }
        Ok(user)
    }

    fn id(&self, user: &L::User) -> String {
        self.users.id(user)
    }

    fn stamp(&self, user: &L::User) -> Option<Stamp> {
        self.users.stamp(user)
    }

    fn is_active(&self, user: &L::User) -> bool {
        self.users.is_active(user)
    }
}

impl<L: UserLoader> fmt::Debug for CachedUsers<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedUsers").field("age", &self.age).finish_non_exhaustive()
    }
}
