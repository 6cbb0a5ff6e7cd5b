//! The program over stores that are separate servers: one is stopped during use, one is shared by two programs.

use hallpass_test_servers::{Backend, Error, Launch, Server as Store, needed, postgres, redis};

use crate::client::{Browser, until};
use crate::server::{Server, run};

const STOLEN: &str = "used an old copy of your login cookie";

fn over(store: &Store, flags: &[&str]) -> Server {
    Server::start(&[&["--insecure-cookies", "--store", store.url()], flags].concat())
}

/// While the store is away the site answers 503 and sets no cookies; afterwards every user is still logged in.
fn outlives(store: &Store) {
    let server = over(store, &[]);
    let alice = Browser::remembered(server.address);
    let mut restored = alice.reopened();
    assert_eq!(restored.me().0, 200);
    store.crash().unwrap();
    // Until then the session is accepted from memory, at most for the lag.
    until("the outage shows", || alice.clone().me().0 == 503);
    let (mut one, mut two, mut three) = (alice.clone(), restored.clone(), restored.reopened());
    for answer in [one.get("/api/me"), two.post("/logout", ""), three.page("/")] {
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
    assert_eq!(Browser::new(server.address).get("/healthz").status, 200);

    store.start().unwrap();
    until("it works again", || restored.clone().me().0 == 200);
    for browser in [alice.clone(), restored.clone(), restored.reopened()] {
        assert_eq!(browser.clone().me().0, 200);
    }
    assert_eq!(restored.post("/logout-everywhere", "password=wonderland").status, 303);
    assert_eq!(alice.clone().me().0, 401, "a node sees its own endings at once");
}

/// Two programs over one store: each accepts the tokens of the other, and what one ended is ended for both.
fn is_shared(store: &Store) {
    let flags = ["--remember-overlap=0", "--remember-min-interval=0", "--remember-retry=60"];
    let (one, two) = (over(store, &flags), over(store, &flags));
    let browser = Browser::remembered(one.address);
    let mut owner = Browser { address: two.address, ..browser.reopened() };
    assert_eq!((owner.me().0, owner.me().0), (200, 200), "restored and confirmed at the other");
    // Without an overlap, its window ends with the current millisecond.
    until("the copy is caught", || browser.reopened().me().0 == 401);
    until("the owner is told, at the other", || owner.get("/").body.contains(STOLEN));

    let mut laptop = Browser::remembered(one.address);
    let mut phone = Browser::remembered(two.address);
    assert_eq!(laptop.post("/logout-others", "password=wonderland").status, 303);
    assert_eq!(laptop.me().0, 200);
    until("the phone is logged out, at the other", || phone.me().0 == 401);
}

#[test]
fn killing_postgres_logs_no_user_out() -> Result<(), Error> {
    let Some(store) = needed("the demo over a PostgreSQL that is killed", postgres())? else { return Ok(()) };
    outlives(&store);
    Ok(())
}

#[test]
fn two_programs_share_a_postgres() -> Result<(), Error> {
    let Some(store) = needed("two demos over one PostgreSQL", postgres())? else { return Ok(()) };
    is_shared(&store);
    Ok(())
}

#[test]
fn killing_redis_logs_no_user_out() -> Result<(), Error> {
    // With `everysec`, a Redis that is killed while it syncs its file loses writes that it has acknowledged.
    let redis = Launch::new(Backend::Redis).setting("appendfsync", "always").start();
    let Some(store) = needed("the demo over a Redis that is killed", redis)? else { return Ok(()) };
    outlives(&store);
    Ok(())
}

#[test]
fn two_programs_share_a_redis() -> Result<(), Error> {
    let Some(store) = needed("two demos over one Redis", redis())? else { return Ok(()) };
    is_shared(&store);
    Ok(())
}

#[test]
fn a_server_that_is_not_there_is_said_without_its_password() {
    for url in [
        "postgres://user:hunter2@127.0.0.1:1/sessions",
        "postgres://user:hunter2@:bad/",
        "redis://user:hunter2@127.0.0.1:1/",
        "redis+cluster://user:hunter2@:bad/",
    ] {
        let output = run(&["--listen", "127.0.0.1:0", "--store", url]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        // The store's own log may come before it.
        let said: Vec<_> = error.lines().filter(|line| line.starts_with("hallpass-demo: ")).collect();
        assert_eq!(said.len(), 1, "one clear line: {error}");
        assert!(
            said[0].starts_with("hallpass-demo: cannot open ") && error.ends_with(&format!("{}\n", said[0])),
            "{error}"
        );
    }
}
