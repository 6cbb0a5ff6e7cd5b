//! The server of a run, the ways of the nodes to it, and the stops and cuts.

use std::sync::Arc;
use std::time::Duration;

use hallpass_core::BoxError;
use hallpass_test_servers::{Backend, Launch, Mode, Origin, Proxy, Server, needed, redis_command};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::system::System;
use crate::world::World;

/// The number of nodes that can be cut off.
const WAYS: usize = 3;
/// How long a command to the server may take.
const LIMIT: Duration = Duration::from_secs(5);

/// A server, and a proxy between it and each node with a cache.
pub(crate) struct Site {
    pub(crate) system: System,
    server: Arc<Server>,
    ways: Vec<Proxy>,
}

/// A stop or a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The server stands still.
    FreezeServer,
    /// The server ends and starts again.
    Restart,
    /// A process of a node, or two, stand still.
    StopNodes,
    /// The server closes the connections of feeds.
    CloseFeeds,
    /// What serves the feeds stands still, and the rest of the server goes on.
    StopFeeds,
    /// Connections are cut, and others can be opened.
    Cut,
    /// Connections are cut, and no other can be opened.
    Refuse,
    /// Bytes are held in both directions, and arrive late.
    BlackHole,
    /// A router forgets the connections.
    Forgotten,
    /// Answers are held, and arrive late.
    HoldAnswers,
    /// Answers are held for less than the lag, pass for a moment, and are held for longer than it. A proof that is
    /// counted from its answer, and not from its question, lasts too long.
    HoldTwice,
    /// Each answer takes long.
    Delay,
    /// Connections are cut in the middle of an answer.
    CutMidway,
}

/// With how often each comes.
const FAULTS: [(Fault, &str, usize); 13] = [
    (Fault::FreezeServer, "server stopped", 3),
    (Fault::Restart, "server restarted", 1),
    (Fault::StopNodes, "node stopped", 3),
    (Fault::CloseFeeds, "connections of feeds closed by the server", 2),
    (Fault::StopFeeds, "feeds stopped in the server", 3),
    (Fault::Cut, "cut", 2),
    (Fault::Refuse, "cut and refused", 2),
    (Fault::BlackHole, "both directions held", 3),
    (Fault::Forgotten, "connections forgotten", 2),
    (Fault::HoldAnswers, "one direction held", 3),
    (Fault::HoldTwice, "one direction held twice", 4),
    (Fault::Delay, "delayed", 2),
    (Fault::CutMidway, "cut in the middle of an answer", 1),
];

impl Site {
    /// Starts the server; `None` if this machine has none and may go without.
    pub(crate) async fn start(system: System) -> Result<Option<Self>, BoxError> {
        let launch = match system {
            System::Memory => return Ok(None),
            System::Postgres => Launch::new(Backend::Postgres),
            // A script that runs for longer than this makes the server answer others with an error.
            System::Redis => Launch::new(Backend::Redis).setting("busy-reply-threshold", "20"),
        };
        let started = spawn_blocking(move || launch.start()).await?;
        let Some(server) = needed(&format!("random histories on {system}"), started)? else {
            return Ok(None);
        };
        let mut ways = Vec::new();
        for _ in 0..WAYS {
            ways.push(Proxy::start(server.address()).await?);
        }
        Ok(Some(Self { system, server: Arc::new(server), ways }))
    }

    /// The URL for a node.
    pub(crate) fn url(&self, node: u32) -> String {
        let way = self.ways.get(node as usize);
        way.map_or_else(|| self.server.url().to_owned(), |way| self.server.url_at(way.address()))
    }

    /// Inflicts one fault after another until the run is over.
    pub(crate) async fn disturb(self: Arc<Self>, world: Arc<World>) {
        while !world.is_over() {
            sleep(world.lag.mul_f64(0.2 + 1.5 * fastrand::f64())).await;
            let (fault, name) = self.choose();
            match self.inflict(fault, &world).await {
                Ok(()) => world.count_fault(name),
                // The server may be busy with what was inflicted before: not possible just then, and not counted.
                Err(_) if matches!(fault, Fault::CloseFeeds | Fault::StopFeeds) => {}
                Err(error) => world.break_off(format!("{name}: {error}")),
            }
        }
    }

    fn choose(&self) -> (Fault, &'static str) {
        let is_ours = self.server.origin() == Origin::Local;
        let possible = |(fault, ..): &&(Fault, &str, usize)| {
            is_ours || !matches!(fault, Fault::FreezeServer | Fault::Restart | Fault::StopFeeds)
        };
        let possible = FAULTS.iter().filter(possible);
        let all: Vec<_> =
            possible.flat_map(|(fault, name, weight)| [(*fault, *name)].repeat(*weight)).collect();
        all[fastrand::usize(..all.len())]
    }

    /// Inflicts a fault and ends it.
    async fn inflict(&self, fault: Fault, world: &World) -> Result<(), BoxError> {
        let time = world.lag.mul_f64(0.1 + 2.9 * fastrand::f64());
        match fault {
            Fault::FreezeServer => {
                self.control(Server::freeze).await?;
                sleep(time).await;
                self.control(Server::thaw).await
            }
            // Redis may write to its log only after an acknowledgement if the disk is slow, and a crash loses that.
            Fault::Restart if self.system == System::Redis => self.control(Server::restart).await,
            Fault::Restart => self.control(|server| server.crash().and_then(|()| server.start())).await,
            Fault::StopNodes => stop_nodes(world, time).await,
            Fault::CloseFeeds => self.close_feeds().await,
            Fault::StopFeeds => self.stop_feeds(time).await,
            Fault::Cut => {
                self.some_ways().into_iter().for_each(Proxy::cut);
                Ok(())
            }
            Fault::Forgotten => {
                self.some_ways().into_iter().for_each(Proxy::black_hole_existing);
                sleep(time).await;
                Ok(())
            }
            Fault::Refuse => {
                let ways = self.some_ways();
                ways.iter().for_each(|way| way.set(Mode::Refuse));
                ways.iter().for_each(|way| way.cut());
                self.pass_after(time, &ways).await
            }
            Fault::BlackHole => self.hold(Mode::BlackHole, time).await,
            Fault::HoldAnswers => self.hold(Mode::HalfOpen, time).await,
            Fault::HoldTwice => {
                let ways = self.some_ways();
                ways.iter().for_each(|way| way.set(Mode::HalfOpen));
                self.pass_after(world.lag.mul_f64(0.5 + 0.45 * fastrand::f64()), &ways).await?;
                // Less than the pause between two turns.
                sleep(Duration::from_millis(fastrand::u64(1..15))).await;
                ways.iter().for_each(|way| way.set(Mode::HalfOpen));
                self.pass_after(world.lag.mul_f64(1.5), &ways).await
            }
            Fault::Delay => self.hold(Mode::Delay(world.lag.mul_f64(0.6 * fastrand::f64())), time).await,
            Fault::CutMidway => self.hold(Mode::CutAfter(fastrand::u64(1..20_000)), time).await,
        }
    }

    async fn hold(&self, mode: Mode, time: Duration) -> Result<(), BoxError> {
        let ways = self.some_ways();
        ways.iter().for_each(|way| way.set(mode));
        self.pass_after(time, &ways).await
    }

    async fn pass_after(&self, time: Duration, ways: &[&Proxy]) -> Result<(), BoxError> {
        sleep(time).await;
        ways.iter().for_each(|way| way.set(Mode::Pass));
        Ok(())
    }

    /// One way or more.
    fn some_ways(&self) -> Vec<&Proxy> {
        let one = fastrand::usize(..WAYS);
        let chosen = self.ways.iter().enumerate().filter(|(at, _)| *at == one || fastrand::u8(..10) < 3);
        chosen.map(|(_, way)| way).collect()
    }

    async fn control(
        &self,
        verb: impl FnOnce(&Server) -> Result<(), hallpass_test_servers::Error> + Send + 'static,
    ) -> Result<(), BoxError> {
        let server = Arc::clone(&self.server);
        Ok(spawn_blocking(move || verb(&server)).await??)
    }

    /// Runs a command on a Redis server.
    async fn command(&self, command: String) -> Result<String, BoxError> {
        let server = Arc::clone(&self.server);
        Ok(spawn_blocking(move || redis_command(server.address(), &command, LIMIT)).await??)
    }

    /// Runs SQL that returns process ids.
    async fn feeds(&self, what: &str) -> Result<Vec<i32>, BoxError> {
        let sql = format!(
            "select {what} from pg_stat_activity where query like '%hallpass_feed\" f%' and pid <> pg_backend_pid()"
        );
        let mut on = PgConnection::connect(self.server.url()).await?;
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut on).await?)
    }

    async fn close_feeds(&self) -> Result<(), BoxError> {
        if self.system == System::Postgres {
            self.feeds("case when pg_terminate_backend(pid) then pid else 0 end").await?;
            return Ok(());
        }
        let clients = self.command("CLIENT LIST".to_owned()).await?;
        // A client with the flag t tracks keys.
        let has = |line: &&str| line.split(' ').any(|word| word.starts_with("flags=") && word.contains('t'));
        for client in clients.lines().filter(has) {
            let id = client.strip_prefix("id=").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
            self.command(format!("CLIENT KILL ID {id}")).await?;
        }
        Ok(())
    }

    /// On PostgreSQL the processes of the feeds. A Redis server has none: it runs a script, or pauses its clients.
    async fn stop_feeds(&self, time: Duration) -> Result<(), BoxError> {
        if self.system == System::Redis {
            let command = match fastrand::bool() {
                // The words of a command are split at spaces.
                true => "EVAL for--[[]]i=1,1e7--[[]]do--[[]]end 0".to_owned(),
                false => format!("CLIENT PAUSE {} ALL", time.as_millis()),
            };
            self.command(command).await?;
            return Ok(());
        }
        let feeds: Vec<_> = self.feeds("pid").await?.into_iter().filter_map(Pid::from_raw).collect();
        for feed in &feeds {
            // One that has ended meanwhile is stopped, too.
            let _ = kill_process(*feed, Signal::STOP);
        }
        sleep(time).await;
        for feed in &feeds {
            let _ = kill_process(*feed, Signal::CONT);
        }
        Ok(())
    }
}

async fn stop_nodes(world: &World, time: Duration) -> Result<(), BoxError> {
    let one = fastrand::usize(..WAYS);
    let chosen = world.nodes().into_iter().take(WAYS).enumerate();
    let chosen: Vec<_> = chosen.filter(|(at, _)| *at == one || fastrand::u8(..10) < 3).collect();
    for (_, node) in &chosen {
        node.stop()?;
    }
    sleep(time).await;
    for (_, node) in &chosen {
        node.resume()?;
    }
    Ok(())
}
