//! A run: starts the nodes, lets users live on them, disturbs them, and judges the record.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hallpass_conformance_tests::staleness::{Event, judge};
use hallpass_core::{BoxError, MemoryStore};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{sleep, timeout};

use crate::clock::now;
use crate::line::{Deed, Report, Verb};
use crate::node::Role;
use crate::outcome::{Needs, Outcome};
use crate::process::{Node, Reports, Setting};
use crate::site::Site;
use crate::system::{System, open};
use crate::user::User;
use crate::world::{FAR, NEAR, PLANTED, World};

/// How many users there are.
const USERS: usize = 16;
/// How long a node may take to connect.
const START: Duration = Duration::from_secs(60);
/// How often expired records are purged, and old announcements trimmed.
const PURGE_EVERY: Duration = Duration::from_secs(20);

/// What to run, and for how long.
#[derive(Clone, Debug)]
pub struct Options {
    /// The system under test.
    pub system: System,
    /// The lag of the near caches.
    pub lag: Duration,
    /// The least time that the run takes.
    pub least: Duration,
    /// The most time that it takes, if it does not count before.
    pub most: Duration,
    /// When the run counts.
    pub needs: Needs,
}

/// Runs random histories. `program` is this package's own, for the processes of the nodes. Returns `None` if the machine
/// has no server and may go without.
///
/// # Errors
/// If a server, a node or a fault does not work. It is no verdict.
pub async fn run(options: &Options, program: &Path) -> Result<Option<Outcome>, BoxError> {
    let (reports, mut reported) = unbounded_channel();
    let site = Site::start(options.system).await?.map(Arc::new);
    let nodes = match &site {
        Some(site) => start(site, options.lag, program, &reports).await?,
        None if options.system == System::Memory => start_here(options.lag, &reports),
        None => return Ok(None),
    };
    for _ in &nodes {
        until_ready(&mut reported).await?;
    }
    let world = World::new(nodes, options.lag);
    tokio::spawn(Arc::clone(&world).record(reported));
    let began = now();
    let users: Vec<_> = (0..USERS).map(|id| tokio::spawn(User::new(Arc::clone(&world), id).live())).collect();
    let purging = tokio::spawn(purge(Arc::clone(&world)));
    let disturbing = site.as_ref().map(|site| tokio::spawn(Arc::clone(site).disturb(Arc::clone(&world))));
    let time = || Duration::from_nanos(now().saturating_sub(began));
    while !world.is_over() {
        sleep(Duration::from_secs(1)).await;
        let is_enough = time() >= options.most
            || (time() >= options.least && conclude(&world, time()).counts(&options.needs));
        if is_enough {
            world.end();
        }
    }
    if let Some(disturbing) = disturbing {
        disturbing.await?;
    }
    users.iter().for_each(|user| user.abort());
    purging.abort();
    world.end_nodes();
    match world.tallies().broken {
        Some(broken) => Err(broken.into()),
        None => Ok(Some(conclude(&world, time()))),
    }
}

/// Starts each node with a cache in a process of its own.
async fn start(site: &Site, lag: Duration, program: &Path, reports: &Reports) -> Result<Vec<Node>, BoxError> {
    let namespace = format!("soak_{}_{}", std::process::id(), fastrand::u32(..));
    // The first makes the tables.
    let far = open(site.system, &site.url(FAR), &namespace).await?;
    let mut nodes = Vec::new();
    for number in NEAR.into_iter().chain([PLANTED]) {
        let role = if number == PLANTED { Role::Planted } else { Role::Near };
        let (url, namespace) = (site.url(number), namespace.clone());
        let setting = Setting { system: site.system, url, namespace, role, lag };
        nodes.push(Node::start(program, number, &setting, reports)?);
    }
    nodes.push(Node::start_here(FAR, far, (Role::Far, lag), reports));
    Ok(nodes)
}

/// Starts all nodes over one store in the memory of this process.
fn start_here(lag: Duration, reports: &Reports) -> Vec<Node> {
    let store = MemoryStore::new();
    let roles = [(NEAR[0], Role::Near), (NEAR[1], Role::Near), (PLANTED, Role::Planted), (FAR, Role::Far)];
    let node = |(number, role)| Node::start_here(number, Arc::new(store.clone()), (role, lag), reports);
    roles.into_iter().map(node).collect()
}

async fn until_ready(reported: &mut UnboundedReceiver<(u32, Option<Report>)>) -> Result<(), BoxError> {
    match timeout(START, reported.recv()).await? {
        Some((_, Some(Report::Ready))) => Ok(()),
        _ => Err("a node did not start".into()),
    }
}

async fn purge(world: Arc<World>) {
    loop {
        sleep(PURGE_EVERY).await;
        let deed = Deed { verb: Verb::Purge, user: "nobody".to_owned(), token: None };
        // The next one does what this one could not.
        let _ = world.call(FAR, deed).await;
    }
}

/// Judges the record so far.
fn conclude(world: &World, time: Duration) -> Outcome {
    let of = |event: &&Event, is_planted: bool| match event {
        Event::Accept(accept) => (accept.node == PLANTED) == is_planted,
        Event::Ending(_) => true,
    };
    let (verdict, planted) = world.with_events(|events| {
        let judged = |is_planted| judge(events.iter().filter(|event| of(event, is_planted)), world.lag);
        (judged(false), judged(true))
    });
    Outcome::new(time, world.lag, verdict, planted, world.tallies())
}
