//! A server run from a program on this machine, with its own folder and port.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::backend::{Backend, Origin};
use crate::error::Error;
use crate::handle::Handle;
use crate::port;
use crate::process::{Process, TICK, User, tail};

/// Long enough for `initdb` on a busy machine.
const START: Duration = Duration::from_secs(60);
/// Long enough for a checkpoint of a thousand files on a disk that others write to.
const STOP: Duration = Duration::from_secs(60);

/// How to find the version of a running program.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Version {
    /// With a request to the server.
    Asked,
    /// From its log, after these words.
    Logged(&'static str),
}

/// What to run, and how to stop it.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) backend: Backend,
    /// `{port}` and `{folder}` are replaced by the server's own.
    pub(crate) command: Vec<String>,
    /// Logged once the server accepts connections. A server of another test on the same port writes to another log.
    pub(crate) ready: String,
    pub(crate) version: Version,
    pub(crate) user: Option<User>,
    /// Files to write into its folder, with the same replacements.
    pub(crate) files: Vec<(&'static str, String)>,
}

impl Recipe {
    /// A program that reports its version, runs as this user, and needs no files.
    pub(crate) fn new(backend: Backend, command: Vec<String>, ready: &str) -> Self {
        let (ready, version) = (ready.to_owned(), Version::Asked);
        Self { backend, command, ready, version, user: None, files: Vec::new() }
    }
}

/// A running program.
#[derive(Debug)]
pub(crate) struct Local {
    program: Recipe,
    folder: PathBuf,
    port: u16,
    starts: u32,
    process: Option<Process>,
}

impl Local {
    /// Starts a program on a free port.
    pub(crate) fn launch(program: &Recipe) -> Result<Self, Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (program, port) = (program.clone(), port::free()?);
            let mut local = Self { program, folder: own_folder(), port, starts: 0, process: None };
            match local.start() {
                // Another process took the port after it was found free.
                Err(Error::Start { log, .. }) if log.contains("Address already in use") && attempts < 5 => {}
                started => return started.map(|()| local),
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    fn end(&mut self, signal: Signal) -> Result<(), Error> {
        self.process.take().map_or(Ok(()), |mut process| process.end(signal, STOP))
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{port}", &self.port.to_string()).replace("{folder}", &self.folder.to_string_lossy())
    }
}

impl Handle for Local {
    fn origin(&self) -> Origin {
        Origin::Local
    }

    fn process_id(&self) -> Option<i32> {
        self.process.as_ref().map(Process::id)
    }

    fn logged_version(&self) -> Option<String> {
        let Version::Logged(before) = self.program.version else { return None };
        let log = fs::read_to_string(self.folder.join(format!("log-{}", self.starts))).ok()?;
        let (_, rest) = log.split_once(before)?;
        rest.split([',', '\n']).next().map(str::to_owned)
    }

    fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(Process::has_ended)
    }

    fn start(&mut self) -> Result<(), Error> {
        if !self.has_ended() {
            return Ok(());
        }
        self.starts += 1;
        let log = self.folder.join(format!("log-{}", self.starts));
        let command: Vec<_> = self.program.command.iter().map(|word| self.fill(word)).collect();
        let signal = match self.program.backend {
            Backend::Postgres => "QUIT",
            Backend::Redis | Backend::Other(_) => "TERM",
        };
        // The server may have changed its files since the first start.
        let new = if self.starts == 1 { self.program.files.as_slice() } else { &[] };
        let files: Vec<_> = new.iter().map(|(name, text)| (*name, self.fill(text))).collect();
        let process = Process::spawn(&command, &self.folder, &log, signal, self.program.user, &files)?;
        let process = self.process.insert(process);
        let deadline = Instant::now() + START;
        loop {
            // Checked first, so that the log of an ended server is read to its end.
            let ended = process.has_ended();
            if fs::read_to_string(&log).is_ok_and(|log| log.contains(&self.program.ready)) && !ended {
                return Ok(());
            }
            if ended || Instant::now() >= deadline {
                // Read the log first: dropping the process removes the folder.
                let log = tail(&log);
                self.process = None;
                return Err(Error::Start { backend: self.program.backend, log });
            }
            thread::sleep(TICK);
        }
    }

    fn stop(&mut self) -> Result<(), Error> {
        match self.program.backend {
            // A "fast" shutdown: ends sessions and writes a checkpoint.
            Backend::Postgres => self.end(Signal::INT),
            Backend::Redis | Backend::Other(_) => self.end(Signal::TERM),
        }
    }

    fn crash(&mut self) -> Result<(), Error> {
        match self.program.backend {
            Backend::Postgres => self.end(Signal::QUIT),
            Backend::Redis | Backend::Other(_) => self.end(Signal::KILL),
        }
    }

    fn freeze(&mut self) -> Result<(), Error> {
        self.process.as_mut().map_or(Ok(()), Process::freeze)
    }

    fn thaw(&mut self) -> Result<(), Error> {
        self.process.as_mut().map_or(Ok(()), Process::thaw)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.process = None;
        // Already gone, unless the server was stopped.
        _ = fs::remove_dir_all(&self.folder);
    }
}

/// A path below the temporary folder that does not exist yet.
fn own_folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut folder = env::temp_dir().join(format!("hallpass-server-{}-{next}", process::id()));
    // Left by an earlier process with the same id.
    while folder.exists() {
        folder.as_mut_os_string().push("x");
    }
    folder
}
