//! The users of the application under test, who can be changed, removed, and made unavailable.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_core::{Stamp, Subject};
use hallpass_web::UserLoader;
use tokio::sync::Barrier;
use tokio::time::timeout;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) password: String,
    pub(crate) active: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Users(Arc<Mutex<Directory>>, Arc<Barrier>);

#[derive(Debug, Default)]
struct Directory {
    users: BTreeMap<String, User>,
    down: bool,
    loads: usize,
}

impl Users {
    pub(crate) fn new(ids: &[&str]) -> Self {
        let users = Self(Arc::default(), Arc::new(Barrier::new(2)));
        for id in ids {
            users.put(User { id: (*id).into(), password: "secret".into(), active: true });
        }
        users
    }

    /// Where the slow handler and the test meet: when it has begun, and when it may end.
    pub(crate) async fn meet(&self) {
        let patience = Duration::from_secs(20);
        timeout(patience, self.1.wait()).await.expect("the other one came in time");
    }

    pub(crate) fn put(&self, user: User) {
        self.0.lock().unwrap().users.insert(user.id.clone(), user);
    }

    pub(crate) fn remove(&self, id: &str) {
        self.0.lock().unwrap().users.remove(id);
    }

    pub(crate) fn find(&self, id: &str) -> Option<User> {
        self.0.lock().unwrap().users.get(id).cloned()
    }

    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut User)) -> User {
        let mut directory = self.0.lock().unwrap();
        let user = directory.users.get_mut(id).unwrap();
        change(user);
        user.clone()
    }

    pub(crate) fn down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    /// Returns how many times a user was loaded since the last call.
    pub(crate) fn loads(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().loads)
    }
}

impl UserLoader for Users {
    type User = User;
    type Error = std::io::Error;

    async fn load(&self, id: &Subject) -> Result<Option<User>, std::io::Error> {
        let mut directory = self.0.lock().unwrap();
        directory.loads += 1;
        match directory.down {
            true => Err(std::io::Error::other("the database is down")),
            false => Ok(directory.users.get(id.as_str()).cloned()),
        }
    }

    fn id(&self, user: &User) -> String {
        user.id.clone()
    }

    fn stamp(&self, user: &User) -> Option<Stamp> {
        Some(Stamp::of(&user.password))
    }

    fn is_active(&self, user: &User) -> bool {
        user.active
    }
}
