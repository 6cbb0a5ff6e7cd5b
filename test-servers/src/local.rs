//! A server made of a program of this machine, with a folder and a port of its own.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use url::Url;

use crate::error::Error;
use crate::port;
use crate::probe;
use crate::process::{Process, TICK, User, tail};
use crate::server::{Backend, Handle, Server};
use crate::version::announce;

/// Covers `initdb` on a busy machine.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(15);

/// How the version of a program that runs is found out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Version {
    /// By a request.
    Asked,
    /// From its log, after these words.
    Logged(&'static str),
}

/// What is run, and how it is told to stop.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) backend: Backend,
    /// `{port}` and `{folder}` stand for the server's own.
    pub(crate) command: Vec<String>,
    /// Logged once it takes connections: a server of another test on the same port logs elsewhere.
    pub(crate) ready: String,
    pub(crate) version: Version,
    pub(crate) user: Option<User>,
    /// Files that it needs in its folder, in the same way.
    pub(crate) files: Vec<(&'static str, String)>,
}

/// A started program.
#[derive(Debug)]
pub(crate) struct Local {
    program: Recipe,
    folder: PathBuf,
    port: u16,
    starts: u32,
    process: Option<Process>,
}

/// Starts a program on a free port.
pub(crate) fn launch(program: &Recipe) -> Result<Server, Error> {
    let mut attempts = 0;
    let local = loop {
        attempts += 1;
        match Local::new(program.clone()) {
            // Somebody took the port between the look and the start.
            Err(Error::Start { log, .. }) if log.contains("Address already in use") && attempts < 5 => {}
            other => break other?,
        }
    };
    let address = probe::resolve("127.0.0.1", local.port).map_err(Error::io("resolve 127.0.0.1"))?;
    let url = match program.backend {
        Backend::Postgres => format!("postgres://postgres@{address}/postgres"),
        Backend::Redis => format!("redis://{address}"),
        Backend::Other(_) => format!("tcp://{address}"),
    };
    let url = Url::parse(&url).map_err(|error| Error::Io {
        action: "build a URL",
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, error),
    })?;
    let server = Server::new(program.backend, url, address, Handle::Local(local));
    server.until_it_answers(START)?;
    announce(&server);
    Ok(server)
}

impl Local {
    fn new(program: Recipe) -> Result<Self, Error> {
        let port = port::free()?;
        let mut local = Self { program, folder: own_folder(), port, starts: 0, process: None };
        local.start()?;
        Ok(local)
    }

    pub(crate) fn process_id(&self) -> Option<i32> {
        self.process.as_ref().map(Process::id)
    }

    /// What its log says of its version, where it is asked there.
    pub(crate) fn logged_version(&self) -> Option<String> {
        let Version::Logged(before) = self.program.version else { return None };
        let log = fs::read_to_string(self.folder.join(format!("log-{}", self.starts))).ok()?;
        let (_, rest) = log.split_once(before)?;
        rest.split([',', '\n']).next().map(str::to_owned)
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(Process::has_ended)
    }

    pub(crate) fn start(&mut self) -> Result<(), Error> {
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
        // A server may have written into its own since.
        let new = if self.starts == 1 { self.program.files.as_slice() } else { &[] };
        let files: Vec<_> = new.iter().map(|(name, text)| (*name, self.fill(text))).collect();
        let process = Process::spawn(&command, &self.folder, &log, signal, self.program.user, &files)?;
        let process = self.process.insert(process);
        let deadline = Instant::now() + START;
        loop {
            // First, so that the last words of one that has ended are read.
            let ended = process.has_ended();
            if fs::read_to_string(&log).is_ok_and(|log| log.contains(&self.program.ready)) && !ended {
                return Ok(());
            }
            if ended || Instant::now() >= deadline {
                // Read first: one that is still there takes the folder with it.
                let log = tail(&log);
                self.process = None;
                return Err(Error::Start { backend: self.program.backend, log });
            }
            thread::sleep(TICK);
        }
    }

    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        match self.program.backend {
            // "Fast": sessions are ended, a checkpoint is written.
            Backend::Postgres => self.end(Signal::INT),
            Backend::Redis | Backend::Other(_) => self.end(Signal::TERM),
        }
    }

    pub(crate) fn crash(&mut self) -> Result<(), Error> {
        match self.program.backend {
            Backend::Postgres => self.end(Signal::QUIT),
            Backend::Redis | Backend::Other(_) => self.end(Signal::KILL),
        }
    }

    pub(crate) fn freeze(&mut self) -> Result<(), Error> {
        self.process.as_mut().map_or(Ok(()), Process::freeze)
    }

    pub(crate) fn thaw(&mut self) -> Result<(), Error> {
        self.process.as_mut().map_or(Ok(()), Process::thaw)
    }

    fn end(&mut self, signal: Signal) -> Result<(), Error> {
        self.process.take().map_or(Ok(()), |mut process| process.end(signal, STOP))
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{port}", &self.port.to_string()).replace("{folder}", &self.folder.to_string_lossy())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.process = None;
        // Gone already, unless the server was stopped.
        _ = fs::remove_dir_all(&self.folder);
    }
}

/// The path of a folder that does not exist yet, below the temporary folder.
fn own_folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut folder = env::temp_dir().join(format!("hallpass-server-{}-{next}", process::id()));
    // Left behind by a process that had the same number.
    while folder.exists() {
        folder.as_mut_os_string().push("x");
    }
    folder
}
