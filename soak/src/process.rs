//! Nodes in processes of their own, and in this one.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::BoxError;
use hallpass_core::store::TokenStore;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::line::{Order, Report};
use crate::node::{Role, serve};
use crate::system::{System, open};

/// The argument that makes the program a node. The rest comes on its standard input.
pub(crate) const NODE: &str = "node";

/// What a node is told first.
pub(crate) struct Setting {
    pub(crate) system: System,
    pub(crate) url: String,
    pub(crate) namespace: String,
    pub(crate) role: Role,
    pub(crate) lag: Duration,
}

/// A report, or the end of the node, and the node's number.
pub(crate) type Reports = UnboundedSender<(u32, Option<Report>)>;

/// A running node. Dropping it ends it.
pub(crate) struct Node {
    orders: UnboundedSender<Order>,
    process: Option<Process>,
}

struct Process(Child);

impl Node {
    /// Starts a node in a process of its own.
    pub(crate) fn start(
        program: &Path,
        number: u32,
        setting: &Setting,
        reports: &Reports,
    ) -> Result<Self, BoxError> {
        let mut command = Command::new(program);
        command.arg(NODE).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process(command.spawn()?);
        let (Some(mut input), Some(output)) = (process.0.stdin.take(), process.0.stdout.take()) else {
            return Err("a node without input or output".into());
        };
        // In a pipe, because a URL may contain a password.
        writeln!(input, "{}", setting.line())?;
        let (orders, mut told) = unbounded_channel::<Order>();
        // In threads: a stopped process reads nothing, and nothing else may wait for it.
        std::thread::spawn(move || {
            while let Some(order) = told.blocking_recv() {
                if writeln!(input, "{order}").is_err() {
                    return;
                }
            }
        });
        let reports = reports.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(report) = line.parse() else { break };
                let _ = reports.send((number, Some(report)));
            }
            let _ = reports.send((number, None));
        });
        Ok(Self { orders, process: Some(process) })
    }

    /// Starts a node in this process.
    pub(crate) fn start_here(
        number: u32,
        store: Arc<dyn TokenStore>,
        (role, lag): (Role, Duration),
        reports: &Reports,
    ) -> Self {
        let (orders, told) = unbounded_channel();
        let (report, mut reported) = unbounded_channel();
        tokio::spawn(serve(store, role, lag, told, report));
        let reports = reports.clone();
        tokio::spawn(async move {
            while let Some(report) = reported.recv().await {
                let _ = reports.send((number, Some(report)));
            }
            let _ = reports.send((number, None));
        });
        Self { orders, process: None }
    }

    pub(crate) fn tell(&self, order: Order) {
        // A node that has ended was reported.
        let _ = self.orders.send(order);
    }

    /// Stops the process, wherever it is, until `resume`.
    pub(crate) fn stop(&self) -> Result<(), BoxError> {
        self.signal(Signal::STOP)
    }

    pub(crate) fn resume(&self) -> Result<(), BoxError> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), BoxError> {
        let id = self.process.as_ref().and_then(|process| i32::try_from(process.0.id()).ok());
        let id = id.and_then(Pid::from_raw).ok_or("the node is no process of its own")?;
        Ok(kill_process(id, signal)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Setting {
    fn line(&self) -> String {
        let Self { system, url, namespace, role, lag } = self;
        let is_planted = *role == Role::Planted;
        format!("{system} {url} {namespace} {is_planted} {}", lag.as_millis())
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.trim_end().split(' ');
        Some(Self {
            system: words.next()?.parse().ok()?,
            url: words.next()?.to_owned(),
            namespace: words.next()?.to_owned(),
            role: if words.next()?.parse().ok()? { Role::Planted } else { Role::Near },
            lag: Duration::from_millis(words.next()?.parse().ok()?),
        })
    }
}

/// Is a node: follows the orders on standard input and reports on standard output, until the input ends.
///
/// # Errors
/// If the store cannot be opened, or the service cannot be built.
pub(crate) async fn be_a_node() -> Result<(), BoxError> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let setting = Setting::parse(&line).ok_or("a node is started by hallpass-soak itself")?;
    let store = open(setting.system, &setting.url, &setting.namespace).await?;
    let (report, reported) = unbounded_channel();
    std::thread::spawn(move || print(reported));
    serve(store, setting.role, setting.lag, read_orders(), report).await
}

fn read_orders() -> UnboundedReceiver<Order> {
    let (sender, orders) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let Ok(order) = line.parse() else { return };
            if sender.send(order).is_err() {
                return;
            }
        }
    });
    orders
}

fn print(mut reported: UnboundedReceiver<Report>) {
    let mut output = std::io::stdout().lock();
    while let Some(report) = reported.blocking_recv() {
        if writeln!(output, "{report}").and_then(|()| output.flush()).is_err() {
            return;
        }
    }
}
