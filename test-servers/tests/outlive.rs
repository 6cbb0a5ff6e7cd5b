//! No server outlives the test process, however that ends. Each test runs this file again as a child process, ends
//! the child in one way, and looks for what is left.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests, which fail by panicking, and measure real time"
)]

use std::env;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{self, Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use hallpass_test_servers::{Backend, Launch, Origin, Server, needed};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

const WAY: &str = "HALLPASS_TEST_WAY_TO_END";

/// Never dropped: statics are not.
static SHARED: LazyLock<Vec<Server>> = LazyLock::new(start);

fn start() -> Vec<Server> {
    let start = |backend| Launch::new(backend).only(Origin::Local).start();
    let found = [start(Backend::Redis), start(Backend::Postgres)];
    found.into_iter().filter_map(|found| needed("outlive", found).unwrap()).collect()
}

#[test]
fn child() {
    // Not started as a child: there is nothing to do.
    let Ok(way) = env::var(WAY) else { return };
    if way == "shared" || way == "exit" || way == "abort" {
        announce(&SHARED);
        match way.as_str() {
            "exit" => process::exit(0),
            "abort" => process::abort(),
            _ => return,
        }
    }
    let servers = start();
    announce(&servers);
    match way.as_str() {
        "panic" => panic!("on purpose"),
        "frozen" => servers.iter().for_each(|server| server.freeze().unwrap()),
        _ => {}
    }
    println!("\nready");
    thread::sleep(Duration::from_secs(60));
}

fn announce(servers: &[Server]) {
    for server in servers {
        println!("\nserver {} {}", server.process_id().unwrap(), server.address());
    }
}

/// What a child reported about its servers, and the child to end.
struct Family {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
    servers: Vec<(i32, String)>,
}

impl Family {
    fn new(way: &str) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["child", "--exact", "--nocapture"]).env(WAY, way);
        let mut child =
            command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        Self { child, lines: Box::new(lines), servers: Vec::new() }
    }

    /// Reads until the child is ready or has exited.
    fn listen(mut self) -> Self {
        for line in &mut self.lines {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["server", id, address] => self.servers.push((id.parse().unwrap(), address.to_owned())),
                ["ready"] => break,
                _ => {}
            }
        }
        self
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn leaves_nothing(mut self) {
        let _status = self.child.wait().unwrap();
        let deadline = Instant::now() + Duration::from_secs(15);
        while !self.remains().is_empty() {
            assert!(Instant::now() < deadline, "left behind: {:?}", self.remains());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The remaining processes, listeners and folders.
    fn remains(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (id, address) in &self.servers {
            let state = Command::new("ps").args(["-o", "stat=", "-p", &id.to_string()]).output().unwrap();
            if !state.stdout.is_empty() && !state.stdout.starts_with(b"Z") {
                found.push(format!("process {id}"));
            }
            if TcpStream::connect(address).is_ok() {
                found.push(format!("a listener on {address}"));
            }
        }
        found.extend(self.folders().iter().map(|folder| folder.display().to_string()));
        found
    }

    fn folders(&self) -> Vec<PathBuf> {
        let prefix = format!("hallpass-server-{}-", self.child.id());
        let entries = env::temp_dir().read_dir().unwrap().flatten();
        let own = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
        own.map(|entry| entry.path()).collect()
    }
}

fn after_signal(way: &str, signal: Signal) {
    let family = Family::new(way).listen();
    assert!(family.remains().len() >= 3 * family.servers.len(), "the child had servers");
    kill_process(family.id(), signal).unwrap();
    family.leaves_nothing();
}

#[test]
fn killed() {
    after_signal("", Signal::KILL);
}

#[test]
fn terminated() {
    after_signal("", Signal::TERM);
}

#[test]
fn hung_up() {
    after_signal("", Signal::HUP);
}

#[test]
fn killed_with_frozen_servers() {
    after_signal("frozen", Signal::KILL);
}

#[test]
fn interrupted_from_the_terminal() {
    let family = Family::new("").listen();
    kill_process_group(family.id(), Signal::INT).unwrap();
    family.leaves_nothing();
}

#[test]
fn killed_at_any_moment_of_the_start() {
    let mut seen = 0;
    for pause in [20, 60, 120, 250, 500, 900] {
        let mut family = Family::new("");
        thread::sleep(Duration::from_millis(pause));
        seen += family.folders().len();
        kill_process(family.id(), Signal::KILL).unwrap();
        // What the child had started by then is known here only by the number in its folder's name.
        family.child.wait().unwrap();
        family.leaves_nothing();
    }
    if !start().is_empty() {
        assert!(seen > 0, "no child was killed in the middle");
    }
}

#[test]
fn panicked() {
    let family = Family::new("panic").listen();
    family.leaves_nothing();
}

#[test]
fn returned_with_servers_in_a_static() {
    let family = Family::new("shared").listen();
    family.leaves_nothing();
}

#[test]
fn exited_with_servers_in_a_static() {
    Family::new("exit").listen().leaves_nothing();
    Family::new("abort").listen().leaves_nothing();
}
