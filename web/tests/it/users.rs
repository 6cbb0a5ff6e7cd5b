//! The users of the site under test, in a database that can fail.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hallpass_core::{Stamp, Subject};
use hallpass_web::UserLoader;
use tokio::sync::Semaphore;

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) password: String,
    pub(crate) active: bool,
    /// Whether tokens are bound to the password. A user with a passkey has none.
    pub(crate) bound: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Users {
    all: Arc<Mutex<BTreeMap<String, User>>>,
    down: Arc<AtomicBool>,
    loads: Arc<AtomicUsize>,
    /// Lets the slow page continue.
    pub(crate) slow: Arc<(Semaphore, Semaphore)>,
    /// The outcome of the work that continued after its answer.
    pub(crate) late: Arc<(Semaphore, Mutex<Option<String>>)>,
}

#[derive(Debug)]
pub(crate) struct Down;

impl std::fmt::Display for Down {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the database of users is down")
    }
}

impl std::error::Error for Down {}

impl Users {
    pub(crate) fn some() -> Self {
        let slow = Arc::new((Semaphore::new(0), Semaphore::new(0)));
        let late = Arc::new((Semaphore::new(0), Mutex::default()));
        let users = Self { all: Arc::default(), down: Arc::default(), loads: Arc::default(), slow, late };
        for id in ["alice", "bob", "42", "佐藤", "Ünï cödé, \"quoted\"; =id=", &"x".repeat(255)] {
            users.add(id, true);
        }
        users.add("carol", false);
        users
    }

    pub(crate) fn add(&self, id: &str, active: bool) {
        let user = User { id: id.to_owned(), password: "secret".to_owned(), active, bound: true };
        self.all.lock().unwrap().insert(id.to_owned(), user);
    }

    pub(crate) fn remove(&self, id: &str) {
        self.all.lock().unwrap().remove(id).unwrap();
    }

    pub(crate) fn find(&self, id: &str) -> Option<User> {
        self.all.lock().unwrap().get(id).cloned()
    }

    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut User)) {
        change(self.all.lock().unwrap().get_mut(id).unwrap());
    }

    pub(crate) fn down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Waits until the test lets the page continue.
    pub(crate) async fn pause(&self) {
        let (arrived, passes) = &*self.slow;
        arrived.add_permits(1);
        passes.acquire().await.unwrap().forget();
    }

    /// Reports the outcome of the work that continued after its answer.
    pub(crate) fn report(&self, outcome: String) {
        *self.late.1.lock().unwrap() = Some(outcome);
        self.late.0.add_permits(1);
    }

    /// Waits for that report.
    pub(crate) async fn reported(&self) -> String {
        self.late.0.acquire().await.unwrap().forget();
        self.late.1.lock().unwrap().take().unwrap()
    }

    /// How often a user was loaded.
    pub(crate) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

impl UserLoader for Users {
    type User = User;
    type Error = Down;

    async fn load(&self, id: &Subject) -> Result<Option<User>, Down> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) { Err(Down) } else { Ok(self.find(id.as_str())) }
    }

    fn id(&self, user: &User) -> String {
        user.id.clone()
    }

    fn stamp(&self, user: &User) -> Option<Stamp> {
        user.bound.then(|| Stamp::of(&user.password))
    }

    fn is_active(&self, user: &User) -> bool {
        user.active
    }
}
