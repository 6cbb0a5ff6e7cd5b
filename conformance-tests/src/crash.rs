//! The child process that a crash case kills, and the lines that it sends to its parent.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use hallpass_core::store::{Action, Epoch, EpochUpdate, Fence, Record, RecordFilter};
use hallpass_core::{LoginId, Reason, Selector, StoreError};

use crate::context::CaseContext;
use crate::generate::killed;
use crate::handle::{Handle, INSERTED};
use crate::harness::Harness;
use crate::hex::{hex, unhex};
use crate::history::History;
use crate::outcome::{CaseResult, Stop};
use crate::rng::Rng;
use crate::specimen::{at, record, rewritten, subject};

/// The environment variable that makes a test binary a crash child: a namespace, a seed and a task.
const CHILD: &str = "HALLPASS_CONFORMANCE_CHILD";
/// What the parent's harness passes to the child.
const FOR_CHILD: &str = "HALLPASS_CONFORMANCE_FOR_CHILD";
/// How many tasks of the child write concurrently.
const WRITERS: u64 = 3;

/// How long a child may take to say its next line: opening a store may take a while.
const SILENCE: Duration = Duration::from_secs(30);

/// What a crash child does until it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Several writers at once.
    Write,
    /// Sequences one after the other, then nothing.
    Play,
}

impl Task {
    const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Play => "play",
        }
    }
}

/// A crash child, killed when dropped.
pub(crate) struct CrashChild {
    child: Child,
    lines: Receiver<String>,
}

impl CrashChild {
    /// Runs this binary again as a crash child.
    pub(crate) fn run(case: &CaseContext, seed: u64, task: Task) -> CaseResult<Self> {
        let binary = std::env::current_exe().map_err(|error| failed("this binary", &error))?;
        let mut command = Command::new(binary);
        command.args(case.child()).env(CHILD, format!("{} {seed} {}", case.namespace(""), task.name()));
        command.env(FOR_CHILD, case.for_child()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed("the crash child", &error))?;
        let lines = listen(&mut child);
        Ok(Self { child, lines })
    }

    /// Returns its lines up to the first that `ends` accepts.
    pub(crate) fn hear(&self, ends: impl Fn(&str) -> bool) -> CaseResult<Vec<String>> {
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|line: &String| ends(line)) {
            match self.lines.recv_timeout(SILENCE) {
                Ok(line) => heard.push(line),
                Err(_) => return Err(Stop::Harness("the crash child acknowledges nothing".into())),
            }
        }
        Ok(heard)
    }

    /// Kills it and returns its other lines.
    pub(crate) fn kill(mut self) -> CaseResult<Vec<String>> {
        // A child that has ended by itself was not killed during a write.
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(Stop::Harness(format!("the crash child ended by itself: {status}")));
        }
        self.child.kill().map_err(|error| failed("killing the crash child", &error))?;
        self.child.wait().map_err(|error| failed("waiting for the crash child", &error))?;
        Ok(self.lines.iter().collect())
    }
}

impl Drop for CrashChild {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failed(what: &str, error: &std::io::Error) -> Stop {
    Stop::Harness(format!("{what}: {error}"))
}

/// Reads the child's lines on a separate thread, so that the child never waits for its parent.
fn listen(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    if let Some(out) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    receiver
}

/// What a writing child reports, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "only a few are alive concurrently")]
pub(crate) enum ChildLine {
    /// A writer is about to leave this record under the selector; `None` means no record.
    Begins { writer: u64, selector: Selector, after: Option<Record> },
    /// That was acknowledged.
    Acknowledged { writer: u64 },
}

/// Returns what the parent's [`Harness::for_child`] passed to this crash child; `None` in every other process.
///
/// The cases about crashes run the test binary again, with the same arguments, and kill it. A `main` that launches a
/// server calls this first: in a child it launches none, and opens the store at the server of its parent.
#[must_use]
pub fn crash_child() -> Option<String> {
    std::env::var(CHILD).ok()?;
    Some(std::env::var(FOR_CHILD).unwrap_or_default())
}

/// In a crash child, writes to a store of `harness` until the process is killed; otherwise returns `None`.
///
/// [`main`](crate::main) calls this itself. A binary that calls [`run`](crate::run) with
/// [`Options::child`](crate::Options::child) must call this first.
#[expect(clippy::print_stderr, reason = "the parent shows what its child says")]
pub fn serve_crash_child(harness: &Arc<dyn Harness>) -> Option<ExitCode> {
    let asked = std::env::var(CHILD).ok()?;
    let mut words = asked.split(' ');
    let namespace = words.next().unwrap_or_default().to_owned();
    let seed: u64 = words.next().and_then(|seed| seed.parse().ok()).unwrap_or_default();
    let plays = words.next() == Some(Task::Play.name());
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return Some(ExitCode::from(2));
        }
    };
    let served = runtime.block_on(async {
        if plays {
            return play(harness, namespace, seed).await;
        }
        let store = harness.open(&namespace).await.map_err(|error| error.to_string())?;
        let store = Handle::new(store, History::new(Arc::default()), 0);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(store.clone(), writer, Rng::new(seed + writer, "crash"))))
            .collect();
        for writer in writers {
            writer.await.map_err(|error| error.to_string())??;
        }
        Err::<(), _>("the writers have ended".to_owned())
    });
    eprintln!("{}", served.err().unwrap_or_default());
    Some(ExitCode::from(2))
}

/// Plays sequences, and then waits to be killed.
async fn play(harness: &Arc<dyn Harness>, namespace: String, seed: u64) -> Result<(), String> {
    let rng = Rng::new(seed, "sequences");
    let case = CaseContext::new(Arc::clone(harness), namespace, rng, None, Arc::default());
    let played = killed::play(&case, |line| say(&line)).await;
    let _handles = played.map_err(|stop| format!("{stop:?}"))?;
    std::future::pending().await
}

/// Creates and ends records in every way there is, until the process is killed.
async fn write(store: Handle, writer: u64, mut rng: Rng) -> Result<(), String> {
    let failed = |error: StoreError| hallpass_core::error_chain(&error);
    let stopped = |stop: Stop| format!("{stop:?}");
    let name = subject(&format!("writer {writer}"));
    loop {
        let mut old = record(name.as_str());
        old.login = LoginId(rng.bytes());
        say(&ChildLine::Begins { writer, selector: old.selector, after: Some(old.clone()) }.print());
        expect(store.insert(&old, Fence::None).await.map_err(failed)? == INSERTED)?;
        say(&ChildLine::Acknowledged { writer }.print());
        for _ in 0..rng.below(3) {
            let mut new = crate::specimen::next(&old, &mut rng);
            new.body = rewritten(&new.body, &mut rng);
            say(&ChildLine::Begins { writer, selector: new.selector, after: Some(new.clone()) }.print());
            store.swap(&new, &old).await.map_err(stopped)?;
            say(&ChildLine::Acknowledged { writer }.print());
            old = new;
        }
        let which = RecordFilter::login(old.login);
        let (mut marked, mut spent) = (old.clone(), crate::specimen::next(&old, &mut rng));
        marked.mark(Reason::LoggedOutElsewhere, at(9));
        (spent.revoked, spent.idle_at, spent.purge_at) = (Some(Reason::Spent), None, spent.expires_at);
        let ending = rng.below(5);
        let after = [None, None, Some(marked), Some(spent.clone())].into_iter().nth(ending);
        let Some(after) = after else { continue };
        say(&ChildLine::Begins { writer, selector: old.selector, after }.print());
        let epoch =
            EpochUpdate::Set { epoch: Epoch(rng.bytes()), now: at(9), keep: Duration::from_secs(3_600) };
        let mark = Action::Mark { reason: Reason::LoggedOutElsewhere, at: at(9) };
        let done = match ending {
            0 => store.delete(old.selector).await.map_err(failed)?,
            1 => store.revoke_by_subject(&name, &which, Action::Remove, epoch).await.map_err(failed)? == 1,
            2 => store.revoke_by_subject(&name, &which, mark, epoch).await.map_err(failed)? == 1,
            _ => store.swap(&spent, &old).await.map(|()| true).map_err(stopped)?,
        };
        expect(done)?;
        say(&ChildLine::Acknowledged { writer }.print());
    }
}

fn expect(done: bool) -> Result<(), String> {
    if done { Ok(()) } else { Err("a write of the only writer had no effect".into()) }
}

/// Writes one line in a single write.
fn say(said: &str) {
    let line = format!("{said}\n");
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}

impl ChildLine {
    fn print(&self) -> String {
        match self {
            Self::Begins { writer, selector, after } => {
                let after = after.as_ref().map(Record::encode).unwrap_or_default();
                format!("begins {writer} {selector} {}.", hex(&after))
            }
            Self::Acknowledged { writer } => format!("done {writer}."),
        }
    }

    /// Parses a line; `None` if it was cut off.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_suffix('.')?.split(' ');
        match words.next()? {
            "done" => Some(Self::Acknowledged { writer: words.next()?.parse().ok()? }),
            "begins" => {
                let writer = words.next()?.parse().ok()?;
                let selector = Selector(unhex(words.next()?)?.try_into().ok()?);
                let after = match unhex(words.next()?)? {
                    bytes if bytes.is_empty() => None,
                    bytes => Some(Record::decode(&bytes).ok()?),
                };
                Some(Self::Begins { writer, selector, after })
            }
            _ => None,
        }
    }
}

/// The state required after a crash, as far as the child has reported it.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// The last acknowledged state of each selector.
    pub(crate) known: BTreeMap<Selector, Option<Record>>,
    /// What each writer was about to do.
    under_way: BTreeMap<u64, (Selector, Option<Record>)>,
    /// What was under way when a child was killed: done, not done, or done by the server a little later.
    uncertain: Vec<(Selector, Option<Record>)>,
}

impl Expected {
    pub(crate) fn hear(&mut self, said: ChildLine) {
        match said {
            ChildLine::Begins { writer, selector, after } => {
                self.under_way.insert(writer, (selector, after));
            }
            ChildLine::Acknowledged { writer } => self.known.extend(self.under_way.remove(&writer)),
        }
    }

    /// The child was killed: what was under way stays uncertain.
    pub(crate) fn killed(&mut self) {
        self.uncertain.extend(std::mem::take(&mut self.under_way).into_values());
    }

    /// Whether `found` may be under `selector`: the acknowledged record, or the result of a call under way.
    pub(crate) fn allows(&self, selector: Selector, found: Option<&Record>) -> bool {
        let known = self.known.get(&selector).and_then(Option::as_ref);
        let open = self.under_way.values().chain(&self.uncertain);
        known == found || open.filter(|(of, _)| *of == selector).any(|(_, after)| after.as_ref() == found)
    }

    /// Every selector that the child mentioned.
    pub(crate) fn selectors(&self) -> Vec<Selector> {
        let open = self.under_way.values().chain(&self.uncertain).map(|(selector, _)| *selector);
        let mut all: Vec<_> = self.known.keys().copied().chain(open).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let record = record("alice");
        for after in [None, Some(record.clone())] {
            let said = ChildLine::Begins { writer: 2, selector: record.selector, after };
            assert_eq!(ChildLine::parse(&said.print()), Some(said.clone()));
            let line = said.print();
            assert_eq!(ChildLine::parse(&line[..line.len() - 1]), None, "cut off");
        }
        assert_eq!(ChildLine::parse("running 3 tests"), None);
    }

    #[test]
    fn only_what_was_under_way_is_uncertain() {
        let (record, mut expected) = (record("alice"), Expected::default());
        let selector = record.selector;
        expected.hear(ChildLine::Begins { writer: 0, selector, after: Some(record.clone()) });
        assert!(expected.allows(selector, None) && expected.allows(selector, Some(&record)));
        expected.hear(ChildLine::Acknowledged { writer: 0 });
        assert!(!expected.allows(selector, None) && expected.allows(selector, Some(&record)));
        expected.hear(ChildLine::Begins { writer: 0, selector, after: None });
        expected.hear(ChildLine::Acknowledged { writer: 0 });
        assert!(expected.allows(selector, None) && !expected.allows(selector, Some(&record)));
    }
}
