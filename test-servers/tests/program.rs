//! A server of any kind: what its command line may contain, and what happens if it does not start.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::time::Duration;

use hallpass_test_servers::{Backend, Error, Program, Server, needed, redis_command};

const SOON: Duration = Duration::from_secs(5);

/// Redis, as if the package did not know this server.
fn stranger() -> Option<Server> {
    let program = Program::new("a stranger", ["redis-server", "{folder}/its.conf"])
        .file("its.conf", "port {port}\nbind 127.0.0.1\ndir {folder}\nappendonly yes\nappendfsync always\n")
        .ready("Ready to accept connections");
    needed("a program of any kind", program.start()).unwrap()
}

fn ask(server: &Server, command: &str) -> String {
    redis_command(server.address(), command, SOON).expect("an answer")
}

#[test]
fn a_program_of_any_kind_is_stopped_crashed_and_frozen_like_the_others() {
    let Some(server) = stranger() else { return };
    assert_eq!(server.backend(), Backend::Other("a stranger"));
    assert_eq!(server.url(), format!("tcp://{}", server.address()));
    let other = server.url_at("127.0.0.1:7".parse().unwrap());
    assert_eq!(other, "tcp://127.0.0.1:7");
    assert_eq!(ask(&server, "SET kept 1"), "OK");
    for end in [Server::stop, Server::crash] {
        end(&server).unwrap();
        assert!(redis_command(server.address(), "PING", SOON).is_err());
        server.start().unwrap();
        assert_eq!(ask(&server, "GET kept"), "1", "its folder and port stay");
    }
    server.freeze().unwrap();
    assert!(redis_command(server.address(), "PING", Duration::from_millis(200)).is_err());
    server.thaw().unwrap();
    assert_eq!(ask(&server, "PING"), "PONG");
}

#[test]
fn a_program_that_is_not_there_is_unavailable() {
    let missing = Program::new("nothing", ["no-such-server-program"]).start();
    assert!(
        matches!(missing, Err(Error::Unavailable { backend: Backend::Other("nothing"), .. })),
        "{missing:?}"
    );
    let needs = Program::new("nothing", ["sh", "-c", "exit"]).needs("no-such-server-program").start();
    assert!(matches!(needs, Err(Error::Unavailable { .. })), "{needs:?}");
}

#[test]
fn one_that_ends_shows_what_it_logged() {
    let ended =
        Program::new("a shell", ["sh", "-c", "echo no such option >&2; exit 1"]).ready("ready").start();
    let Err(Error::Start { log, .. }) = ended else { panic!("{ended:?}") };
    assert!(log.contains("no such option"), "{log}");
}
