//! Servers of this machine: each operation, observed from outside.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests, which fail by panicking, and measure real time"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use hallpass_test_servers::{Backend, Error, Launch, Origin, Server, needed, pgbouncer, redis_command};

const SOON: Duration = Duration::from_secs(5);

fn local(backend: Backend, what: &str) -> Option<Server> {
    needed(what, Launch::new(backend).only(Origin::Local).start()).unwrap()
}

/// Reads one value by SQL, through psql.
fn sql(server: &Server, statement: &str) -> String {
    let psql = Command::new("psql").args(["-X", "-A", "-t", "-q", "-c", statement, server.url()]).output();
    let psql = psql.expect("psql, from the package postgresql-client");
    assert!(psql.status.success(), "{}", String::from_utf8_lossy(&psql.stderr));
    String::from_utf8(psql.stdout).unwrap().trim().to_owned()
}

fn ask(server: &Server, command: &str) -> String {
    redis_command(server.address(), command, SOON).unwrap()
}

fn no_listener_is_registered(server: &Server) -> bool {
    TcpStream::connect_timeout(&server.address(), SOON).is_err()
}

fn is_alive(id: i32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &id.to_string()]).output().unwrap();
    !state.stdout.is_empty() && !state.stdout.starts_with(b"Z")
}

#[test]
fn redis_answers_and_is_gone_when_dropped() {
    let Some(server) = local(Backend::Redis, "redis_answers") else { return };
    assert_eq!(ask(&server, "PING"), "PONG");
    let version = server.version().unwrap();
    let (name, number) = version.split_once(' ').unwrap();
    assert!(ask(&server, "INFO server").contains(&format!("{}_version:{number}\r\n", name.to_lowercase())));
    assert_eq!(server.url(), format!("redis://{}", server.address()));
    let (address, id) = (server.address(), server.process_id().unwrap());
    assert!(is_alive(id));
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    assert!(!is_alive(id));
}

#[test]
fn postgres_answers_and_is_gone_when_dropped() {
    let Some(server) = local(Backend::Postgres, "postgres_answers") else { return };
    assert_eq!(sql(&server, "show fsync"), "on");
    let version = sql(&server, "show server_version");
    assert_eq!(server.version().unwrap(), format!("PostgreSQL {}", version.split(' ').next().unwrap()));
    let data = sql(&server, "show data_directory");
    let (address, id) = (server.address(), server.process_id().unwrap());
    assert!(is_alive(id));
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    assert!(!is_alive(id));
    assert!(!std::path::Path::new(&data).exists());
}

#[test]
fn a_restart_keeps_data_and_address() {
    if let Some(server) = local(Backend::Redis, "a_restart, Redis") {
        let address = server.address();
        ask(&server, "SET kept yes");
        server.restart().unwrap();
        assert_eq!(ask(&server, "GET kept"), "yes");
        server.stop().unwrap();
        assert!(no_listener_is_registered(&server));
        server.stop().unwrap();
        server.start().unwrap();
        server.start().unwrap();
        assert_eq!(ask(&server, "GET kept"), "yes");
        assert_eq!(server.address(), address);
    }
    if let Some(server) = local(Backend::Postgres, "a_restart, PostgreSQL") {
        sql(&server, "create table kept as select 'yes' as value");
        server.restart().unwrap();
        assert_eq!(sql(&server, "select value from kept"), "yes");
    }
}

#[test]
fn a_crash_loses_nothing_that_was_acknowledged() {
    if let Some(server) = local(Backend::Redis, "a_crash, Redis") {
        ask(&server, "SET kept yes");
        server.crash().unwrap();
        assert!(no_listener_is_registered(&server));
        server.start().unwrap();
        assert_eq!(ask(&server, "GET kept"), "yes");
    }
    if let Some(server) = local(Backend::Postgres, "a_crash, PostgreSQL") {
        sql(&server, "create table kept as select 'yes' as value");
        server.crash().unwrap();
        assert!(no_listener_is_registered(&server));
        server.start().unwrap();
        assert_eq!(sql(&server, "select value from kept"), "yes");
        // It was not an orderly stop: the control file would say "shut down".
        assert!(server_log(&server).contains("automatic recovery in progress"));
    }
}

#[test]
fn a_frozen_server_is_silent_until_it_thaws() {
    for backend in [Backend::Redis, Backend::Postgres] {
        let Some(server) = local(backend, "a_frozen_server") else { continue };
        server.freeze().unwrap();
        // The kernel still accepts connections: the server is silent, but does not refuse.
        assert!(TcpStream::connect_timeout(&server.address(), SOON).is_ok());
        let started = Instant::now();
        let error = server.answers(Duration::from_millis(300)).unwrap_err();
        let Error::Io { source, .. } = &error else { panic!("{error:?}") };
        assert!(matches!(source.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut));
        assert!(started.elapsed() >= Duration::from_millis(290));
        server.thaw().unwrap();
        server.answers(SOON).unwrap();
        // A frozen server can still be crashed, restarted and dropped.
        server.freeze().unwrap();
        server.crash().unwrap();
        server.start().unwrap();
        server.freeze().unwrap();
        let (address, started) = (server.address(), Instant::now());
        drop(server);
        assert!(TcpStream::connect(address).is_err());
        assert!(started.elapsed() < SOON, "had to wait for the kill");
    }
}

#[test]
fn freezing_postgres_freezes_sessions_that_are_open() {
    let Some(server) = local(Backend::Postgres, "freezing_postgres") else { return };
    let mut session = TcpStream::connect(server.address()).unwrap();
    let body = b"\x00\x03\x00\x00user\0postgres\0\0";
    session.write_all(&u32::try_from(body.len() + 4).unwrap().to_be_bytes()).unwrap();
    session.write_all(body).unwrap();
    session.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut buffer = vec![0; 4096];
    while session.read(&mut buffer).is_ok_and(|read| read > 0) {}
    let mut select_one = || {
        session.write_all(b"Q\x00\x00\x00\x0dselect 1\0").unwrap();
        session.read(&mut buffer).map(|_| buffer[0])
    };
    assert_eq!(select_one().unwrap(), b'T');
    server.freeze().unwrap();
    assert!(select_one().is_err());
    server.thaw().unwrap();
    server.answers(SOON).unwrap();
}

#[test]
fn settings_reach_the_server() {
    let launch = |backend, name, value| Launch::new(backend).only(Origin::Local).setting(name, value).start();
    if let Some(server) =
        needed("settings, Redis", launch(Backend::Redis, "maxmemory-policy", "allkeys-lru")).unwrap()
    {
        assert!(ask(&server, "CONFIG GET maxmemory-policy").ends_with("allkeys-lru"));
    }
    if let Some(server) =
        needed("settings, PostgreSQL", launch(Backend::Postgres, "max_connections", "23")).unwrap()
    {
        assert_eq!(sql(&server, "show max_connections"), "23");
    }
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let started = Instant::now();
    for (backend, word) in [(Backend::Redis, "no-such-setting"), (Backend::Postgres, "no_such_setting")] {
        match Launch::new(backend).only(Origin::Local).setting(word, "1").start() {
            Err(Error::Start { log, .. }) => assert!(log.contains(word), "{log}"),
            other => drop(needed("a_server_that_does_not_start", other).unwrap()),
        }
    }
    assert!(started.elapsed() < Duration::from_secs(30));
}

fn server_log(server: &Server) -> String {
    let data = sql(server, "show data_directory");
    std::fs::read_to_string(std::path::Path::new(&data).with_file_name("log-2")).unwrap()
}

#[test]
fn a_pooler_lends_its_clients_the_same_connection() {
    let Some(server) = local(Backend::Postgres, "a_pooler") else { return };
    let Some(pooler) = needed("a_pooler", pgbouncer(&server)).unwrap() else { return };
    let backend = "SELECT pg_backend_pid()";
    assert_ne!(sql(&server, backend), sql(&server, backend));
    let version = pooler.version().unwrap();
    assert!(version.starts_with("PgBouncer 1."), "{version}");
    let pooled = sql(&pooler, backend);
    assert_eq!(sql(&pooler, backend), pooled);
    assert_eq!(sql(&pooler, "SELECT current_user"), "postgres");
    pooler.restart().unwrap();
    assert_ne!(sql(&pooler, backend), pooled);
    pooler.freeze().unwrap();
    pooler.answers(Duration::from_millis(200)).expect_err("a frozen pooler answers nothing");
    pooler.thaw().unwrap();
    pooler.answers(SOON).unwrap();
    let address = pooler.address();
    drop(pooler);
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(sql(&server, "SELECT 1"), "1");
}
