//! The process that measures the peers: `bench/peers`, a separate workspace that is built when needed. It runs the
//! same loop as this process, and takes its turns on request.

use std::cell::RefCell;
use std::env;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use hallpass_bench_load::wire::{Asked, DeserializeOwned, Opening, hear, say};
use hallpass_bench_load::{Offer, Offered, Turn};

use crate::report::Report;

/// The running process, for one area.
pub(crate) struct Peers {
    process: Rc<RefCell<Process>>,
    offers: Vec<Offered>,
}

struct Process {
    child: Child,
    /// Closing it ends the process.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Peers {
    /// Starts the process, which fills its stores at `server` with this number of rows. If that fails, reports what
    /// is missing.
    pub(crate) fn start(report: &mut Report, area: &str, server: &str, rows: usize) -> Option<Self> {
        report.progress(&format!("{area}: the peers get ready"));
        static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let program = PROGRAM.get_or_init(build);
        match program.clone().and_then(|program| Self::open(report, &program, area, server, rows)) {
            Ok(peers) => Some(peers),
            Err(reason) => {
                report.missing(area, "every other system", &reason);
                None
            }
        }
    }

    fn open(
        report: &mut Report,
        program: &Path,
        area: &str,
        server: &str,
        rows: usize,
    ) -> Result<Self, String> {
        let mut process = Process::start(program, &[area, server, &rows.to_string()])?;
        let Opening { offers, missing } = process.hear()?;
        missing.iter().for_each(|(system, reason)| report.missing(area, system, reason));
        Ok(Self { process: Rc::new(RefCell::new(process)), offers })
    }

    /// The offers of the peers.
    pub(crate) fn offers(&self) -> Vec<Offer<'static>> {
        let offer = |(number, offered): (usize, &Offered)| {
            let process = self.process.clone();
            let play = move |tasks, length| process.borrow_mut().turn(number, tasks, length);
            let mut offer = Offer::new("", "", play);
            offer.of = offered.clone();
            offer
        };
        self.offers.iter().enumerate().map(offer).collect()
    }
}

impl Process {
    fn start(program: &Path, arguments: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot start: {error}"))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both are piped")
        };
        Ok(Self { child, stdin: Some(stdin), stdout: BufReader::new(stdout) })
    }

    fn turn(&mut self, offer: usize, tasks: usize, length: Duration) -> Result<Turn, String> {
        let asked = Asked { offer, tasks, length };
        let stdin = self.stdin.as_mut().ok_or("it has been asked to exit")?;
        say(stdin, &asked).map_err(|error| format!("its process does not accept requests: {error}"))?;
        self.hear()?
    }

    fn hear<T: DeserializeOwned>(&mut self) -> Result<T, String> {
        let heard =
            hear(&mut self.stdout).map_err(|error| format!("unexpected output of its process: {error}"));
        heard?.ok_or_else(|| "its process ended".to_owned())
    }
}

impl Drop for Process {
    /// The process ends by itself and removes its files, unless it hangs.
    fn drop(&mut self) {
        drop(self.stdin.take());
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Builds the program beside this one, with the same optimisation.
fn build() -> Result<PathBuf, String> {
    let here = env::current_exe().map_err(|error| error.to_string())?;
    let target = here.ancestors().nth(2).ok_or("this program's path has no target folder")?.join("peers");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Cargo.toml");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--locked", "--manifest-path"]).arg(manifest).arg("--target-dir").arg(&target);
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    if profile == "release" {
        cargo.arg("--release");
    }
    eprintln!("building the peers into {}, which takes minutes the first time", target.display());
    // Cargo's output goes to standard error, because it is not a result.
    let status = cargo.stdin(Stdio::null()).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(target.join(profile).join("hallpass-bench-peers")),
        Ok(_) => Err("bench/peers does not build".to_owned()),
        Err(error) => Err(format!("cargo cannot be run: {error}")),
    }
}
