//! Servers in containers. `scripts/test-image` runs this where there is no Docker or no image.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests, which fail by panicking, and measure real time"
)]

use std::env;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hallpass_test_servers::{Backend, Error, Launch, Origin, Server, needed, redis_command};

const SOON: Duration = Duration::from_secs(5);
const CHILD: &str = "HALLPASS_TEST_CONTAINER_CHILD";

fn container(backend: Backend, what: &str) -> Option<Server> {
    needed(what, Launch::new(backend).only(Origin::Container).start()).unwrap()
}

fn docker(arguments: &[&str]) -> String {
    let docker = Command::new("docker").args(arguments).output().unwrap();
    assert!(docker.status.success(), "{}", String::from_utf8_lossy(&docker.stderr));
    String::from_utf8(docker.stdout).unwrap()
}

/// The containers of the process `id`, running or not.
fn containers_of(id: u32) -> Vec<String> {
    let filter = format!("name=hallpass-server-{id}-");
    let list = docker(&["container", "ls", "--all", "--quiet", "--filter", &filter]);
    list.lines().map(str::to_owned).collect()
}

fn silent(server: &Server) -> bool {
    match server.answers(Duration::from_millis(300)) {
        Err(Error::Io { source, .. }) => {
            matches!(source.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        }
        _ => false,
    }
}

#[test]
fn redis_in_a_container_obeys_every_verb() {
    let Some(server) = container(Backend::Redis, "redis_in_a_container") else { return };
    let ask = |command: &str| redis_command(server.address(), command, SOON).unwrap();
    assert_eq!(server.origin(), Origin::Container);
    assert_eq!(ask("SET kept yes"), "OK");
    server.freeze().unwrap();
    assert!(silent(&server));
    server.thaw().unwrap();
    server.thaw().expect("thawing a running server is allowed, as with a local one");
    server.answers(SOON).unwrap();
    let address = server.address();
    server.restart().unwrap();
    assert_eq!((ask("GET kept").as_str(), server.address()), ("yes", address));
    server.freeze().unwrap();
    server.crash().unwrap();
    assert!(server.answers(SOON).is_err());
    server.start().unwrap();
    assert_eq!(ask("GET kept"), "yes");
    drop(server);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn postgres_in_a_container_obeys_every_verb() {
    let Some(server) = container(Backend::Postgres, "postgres_in_a_container") else { return };
    server.answers(SOON).unwrap();
    let name = containers_of(std::process::id());
    assert!(!name.is_empty());
    server.freeze().unwrap();
    assert!(silent(&server));
    server.thaw().unwrap();
    server.answers(SOON).unwrap();
    server.restart().unwrap();
    server.crash().unwrap();
    assert!(server.answers(SOON).is_err());
    server.start().unwrap();
    server.answers(SOON).unwrap();
    let address = server.address();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn settings_reach_the_container_and_only_loopback_reaches_its_port() {
    let launch =
        Launch::new(Backend::Redis).only(Origin::Container).setting("maxmemory-policy", "allkeys-lru");
    let Some(server) = needed("settings of a container", launch.start()).unwrap() else { return };
    let policy = redis_command(server.address(), "CONFIG GET maxmemory-policy", SOON).unwrap();
    assert!(policy.ends_with("allkeys-lru"), "{policy}");
    let own = containers_of(std::process::id());
    let ports: Vec<String> = own.iter().map(|id| docker(&["port", id])).collect();
    if env::var("HALLPASS_CONTAINER_NETWORK").is_ok_and(|network| network == "host") {
        let listens = redis_command(server.address(), "CONFIG GET bind", SOON).unwrap();
        assert_eq!(listens, "bind\n127.0.0.1");
        assert!(ports.iter().all(String::is_empty), "{ports:?}");
        return;
    }
    let published = format!("127.0.0.1:{}", server.address().port());
    assert!(ports.iter().any(|port| port.contains(&published)), "{ports:?}");
    assert!(!ports.iter().any(|port| port.contains("0.0.0.0") || port.contains("::")), "{ports:?}");
}

#[test]
fn a_network_that_does_not_exist_is_refused() {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["child", "--exact", "--nocapture"]).env(CHILD, "1").env("HALLPASS_CONTAINER_NETWORK", "hots");
    let child = child.output().unwrap();
    let text = String::from_utf8(child.stderr).unwrap();
    assert!(!child.status.success() && text.contains("\\\"hots\\\" is neither bridge nor host"), "{text}");
}

#[test]
fn a_container_that_does_not_start_says_why() {
    let started = Instant::now();
    match Launch::new(Backend::Redis).only(Origin::Container).setting("no-such-setting", "1").start() {
        Err(Error::Start { log, .. }) => assert!(log.contains("no-such-setting"), "{log}"),
        other => drop(needed("a_container_that_does_not_start", other).unwrap()),
    }
    assert!(started.elapsed() < Duration::from_secs(30));
}

/// The caller may be async itself: the Docker client must work inside a runtime.
#[tokio::test]
async fn a_container_starts_and_ends_inside_a_runtime() {
    let Some(server) = container(Backend::Redis, "a_container_inside_a_runtime") else { return };
    server.answers(SOON).unwrap();
}

#[test]
fn child() {
    if env::var_os(CHILD).is_some() {
        let server = container(Backend::Redis, "child");
        println!("\nready");
        thread::sleep(SOON * 12);
        drop(server);
    }
}

#[test]
fn a_container_does_not_outlive_a_test_that_is_killed() {
    if container(Backend::Redis, "a_container_does_not_outlive").is_none() {
        return;
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["child", "--exact", "--nocapture"]).env(CHILD, "1").stdout(Stdio::null());
    let mut child = child.spawn().unwrap();
    let started = Instant::now();
    while containers_of(child.id()).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "the child starts no container");
        thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = Instant::now();
    while !containers_of(child.id()).is_empty() {
        assert!(killed.elapsed() < Duration::from_secs(20), "left behind");
        thread::sleep(Duration::from_millis(50));
    }
}
