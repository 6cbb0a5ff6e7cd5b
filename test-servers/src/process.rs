//! A server process supervised by `supervise.sh`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::Error;

/// Interval for polling what sends no notification.
pub(crate) const TICK: Duration = Duration::from_millis(10);
/// How long to wait before a signal is sent again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long the supervisor may take to end a server and clean up.
const TEARDOWN: Duration = Duration::from_secs(15);

/// The user and group that a process runs as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A running server. Dropping it ends the server and removes its folder.
#[derive(Debug)]
pub(crate) struct Process {
    supervisor: Child,
    /// Held open as long as the server is to run.
    lifeline: Option<ChildStdin>,
    server: Pid,
    frozen: bool,
}

impl Process {
    /// Starts `command` in `folder`, creating the folder if needed. When this process ends, the server is ended with
    /// `signal`. `files` are written into the folder before the command runs.
    pub(crate) fn spawn(
        command: &[String],
        folder: &Path,
        log: &Path,
        signal: &str,
        user: Option<User>,
        files: &[(&str, String)],
    ) -> Result<Self, Error> {
        let mut shell = Command::new("sh");
        shell.args(["-c", include_str!("supervise.sh"), "supervise.sh"]);
        shell.arg(folder).arg(log).arg(signal).args(command);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        if let Some(user) = user {
            shell.uid(user.uid).gid(user.gid);
        }
        let mut supervisor = shell.spawn().map_err(Error::io("start a shell"))?;
        let unexpected = |action| Error::io(action)(ErrorKind::UnexpectedEof.into());
        let pipes = supervisor.stdin.take().zip(supervisor.stdout.take());
        let (mut lifeline, heard) = pipes.ok_or_else(|| unexpected("talk to the supervisor"))?;
        let mut heard = BufReader::new(heard).lines();
        let mut hear = || heard.next().transpose().map_err(Error::io("hear from the supervisor"));
        if hear()?.as_deref() != Some("folder") {
            return Err(unexpected("make the server's folder"));
        }
        for (name, text) in files {
            fs::write(folder.join(name), text).map_err(Error::io("write a file"))?;
        }
        lifeline.write_all(b"\n").map_err(Error::io("talk to the supervisor"))?;
        let server = hear()?.and_then(|line| line.parse().ok()).and_then(Pid::from_raw);
        let server = server.ok_or_else(|| unexpected("learn the server's process id"))?;
        Ok(Self { supervisor, lifeline: Some(lifeline), server, frozen: false })
    }

    pub(crate) fn id(&self) -> i32 {
        self.server.as_raw_nonzero().get()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.supervisor.try_wait(), Ok(None))
    }

    /// Sends a signal to the server process only; a server that has ended is no error.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<(), Error> {
        if self.has_ended() {
            return Ok(());
        }
        match kill_process(self.server, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(Error::Io { action: "signal the server", source: error.into() }),
        }
    }

    /// Suspends the server and its children; their connections stay open.
    pub(crate) fn freeze(&mut self) -> Result<(), Error> {
        // The parent first, so that it starts no child that the list misses.
        self.signal(Signal::STOP)?;
        self.frozen = true;
        self.signal_children(Signal::STOP)
    }

    pub(crate) fn thaw(&mut self) -> Result<(), Error> {
        self.signal_children(Signal::CONT)?;
        self.signal(Signal::CONT)?;
        self.frozen = false;
        Ok(())
    }

    /// Sends `signal` until the server ends; after `limit` sends SIGKILL and returns an error.
    pub(crate) fn end(&mut self, signal: Signal, limit: Duration) -> Result<(), Error> {
        if self.frozen {
            self.thaw()?;
        }
        // Redis ignores a signal that arrives while it writes its first log after a full synchronisation.
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            self.signal(signal)?;
            if self.wait(AGAIN) {
                return Ok(());
            }
        }
        self.signal_children(Signal::KILL)?;
        self.signal(Signal::KILL)?;
        self.wait(TEARDOWN);
        Err(Error::Timeout { action: "stop the server", limit })
    }

    fn wait(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while !self.has_ended() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(TICK);
        }
        true
    }

    fn signal_children(&self, signal: Signal) -> Result<(), Error> {
        for child in children_of(self.server)? {
            match kill_process(child, signal) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(Error::Io { action: "signal a child", source: error.into() }),
            }
        }
        Ok(())
    }
}

impl Drop for Process {
    /// Cleans up in the same way as after SIGKILL, but waits for it.
    fn drop(&mut self) {
        self.lifeline = None;
        if !self.wait(TEARDOWN) {
            _ = self.signal(Signal::KILL);
        }
    }
}

/// Lists the child processes with `ps`: PostgreSQL's backends lead their own process groups, so signalling a group
/// misses them.
fn children_of(parent: Pid) -> Result<Vec<Pid>, Error> {
    let ps = Command::new("ps").args(["-A", "-o", "pid=", "-o", "ppid="]).output();
    let ps = ps.map_err(Error::io("list processes with ps"))?;
    let parent = parent.as_raw_nonzero().get().to_string();
    let text = String::from_utf8_lossy(&ps.stdout);
    let pairs = text.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
    let own = pairs.filter(|(_, of)| of.trim() == parent);
    Ok(own.filter_map(|(id, _)| id.parse().ok().and_then(Pid::from_raw)).collect())
}

/// The last lines of a log, as far as they can be read.
pub(crate) fn tail(log: &Path) -> String {
    let mut text = Vec::new();
    if let Ok(mut file) = File::open(log) {
        _ = file.seek(SeekFrom::End(-1500));
        _ = file.read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}
