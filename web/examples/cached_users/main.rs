//! A page that costs no call in the usual case: its session comes from the near cache, its user from memory.

mod loader;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use hallpass_core::{MemoryStore, Policy, Stamp, Subject, Tokens};
use hallpass_web::{AuthLayer, CurrentUser, FreshUser, UserLoader};
use loader::CachedUsers;
use tokio::net::TcpListener;

#[derive(Clone)]
struct User {
    id: String,
    name: String,
    password_changes: u32,
}

/// Stands for a database.
#[derive(Default)]
struct Database(Mutex<BTreeMap<String, User>>);

impl UserLoader for Database {
    type User = User;
    type Error = Infallible;

    async fn load(&self, id: &Subject) -> Result<Option<User>, Infallible> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id.as_str()).cloned())
    }

    fn id(&self, user: &User) -> String {
        user.id.clone()
    }

    fn stamp(&self, user: &User) -> Option<Stamp> {
        Some(Stamp::of(user.password_changes.to_string()))
    }
}

type Users = Arc<CachedUsers<Database>>;

async fn home(user: CurrentUser<User>) -> String {
    format!("hello {}", user.name)
}

async fn rename(State(users): State<Users>, user: FreshUser<User>, name: String) {
    // Write it to the database first. Then:
    drop(name);
    users.forget(user.identity().subject());
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let users: Users = Arc::new(CachedUsers::new(Database::default(), Duration::from_secs(5)));
    let sessions = Policy::session().cached_for(Duration::from_secs(60));
    let tokens = Tokens::builder(MemoryStore::new()).policy(sessions).build()?;
    let auth = AuthLayer::builder(tokens, users.clone()).build()?;
    let app = Router::new().route("/", get(home)).route("/name", post(rename)).layer(auth).with_state(users);
    Ok(axum::serve(TcpListener::bind("127.0.0.1:8080").await?, app).await?)
}
