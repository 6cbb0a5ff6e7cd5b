//! Faults of a server while a feed is open: silence is never proof.
//!
//! The accident: the connection of a feed is gone, its node hears nothing, and takes that for good news.

use super::outage::recovered;
use super::prelude::*;
use crate::harness::Fault;

pub(super) const CASES: &[Case] = &[
    case!(Stop Full [S19] a_stopped_server_proves_nothing needs [Outage Feed]),
    case!(Freeze Full [S19] a_frozen_server_proves_nothing needs [Outage Feed]),
    case!(Cut Full [S19] a_connection_that_was_cut_proves_nothing needs [Outage Feed]),
    case!(Cut Full [S19] what_ends_while_a_feed_is_cut_off_is_heard_or_lost needs [Outage Feed]),
    case!(Restart Full [S19] what_ends_around_a_restart_is_heard_or_lost needs [Outage Feed]),
];

/// When a turn is cut off during a fault, as core does after the lag.
const LAG: Duration = Duration::from_secs(2);

async fn a_stopped_server_proves_nothing(case: CaseContext) -> CaseResult {
    outlast(&case, Fault::Stop).await
}

async fn a_frozen_server_proves_nothing(case: CaseContext) -> CaseResult {
    outlast(&case, Fault::Freeze).await
}

async fn a_connection_that_was_cut_proves_nothing(case: CaseContext) -> CaseResult {
    outlast(&case, Fault::Cut).await
}

/// The parts of a case: two nodes, each with a feed.
struct Scene {
    here: Handle,
    there: Handle,
    journal: Journal,
    listeners: Vec<Listener>,
    /// A record for the calls that show whether the store works again.
    stays: Record,
    rng: crate::rng::Rng,
    count: usize,
}

impl Scene {
    /// Opens everything, and waits until the feeds prove something.
    async fn set(case: &CaseContext) -> CaseResult<Self> {
        let ((here, there), journal) = (case.pair().await?, Journal::default());
        let mut listeners = Vec::new();
        for store in [&here, &there] {
            let mut listener = Listener::open(store, &journal).await?;
            listener.prove().await?;
            listeners.push(listener);
        }
        let stays = record("carol");
        here.put(&stays).await?;
        Ok(Self { here, there, journal, listeners, stays, rng: case.rng(), count: 0 })
    }

    /// Ends a few records.
    async fn end_some(&mut self) -> CaseResult {
        for way in [Way::Delete, Way::Replace(Reason::Spent), Way::ALL[3], Way::ALL[9]] {
            self.count += 1;
            let name = format!("user {}", self.count);
            let doomed = Doomed::put(&self.there, &name, way, self.rng.fork()).await?;
            doomed.end(&self.there, &self.journal).await?;
        }
        Ok(())
    }

    /// Waits until the server works again for both nodes.
    async fn heal(&self, case: &CaseContext) -> CaseResult {
        case.server()?.heal().await.map_err(|error| harness_failed(&error))?;
        for store in [&self.here, &self.there] {
            recovered(case, &store.bare(), &self.stays).await?;
        }
        Ok(())
    }

    /// Every feed proves that it has heard everything, or is lost. A lost one is opened anew, and hears what ends then.
    async fn hear(&mut self) -> CaseResult {
        for listener in &mut self.listeners {
            listener.prove().await?;
        }
        self.end_some().await?;
        for listener in &mut self.listeners {
            listener.prove().await?;
        }
        Ok(())
    }
}

/// A turn that begins during the fault proves nothing. One that began during it and ends afterwards proves nothing of
/// what ended meanwhile.
async fn outlast(case: &CaseContext, fault: Fault) -> CaseResult {
    let mut scene = Scene::set(case).await?;
    scene.end_some().await?;
    case.server()?.inflict(fault).await.map_err(|error| harness_failed(&error))?;
    let silent = scene.listeners[0].turn_during_a_fault(LAG).await;
    let mut late = scene.listeners.pop();
    let across = tokio::spawn(async move {
        let ended = match &mut late {
            Some(late) if late.is_open() => late.turn_within(LAG * 10).await.map(drop),
            _ => Ok(()),
        };
        (late, ended)
    });
    scene.heal(case).await?;
    scene.end_some().await?;
    let (late, ended) = across.await.map_err(|error| Stop::Harness(error.to_string()))?;
    ended?;
    scene.listeners.extend(late);
    silent?;
    scene.hear().await
}

/// The connections are closed, and the store connects again, before the feed takes another turn.
async fn what_ends_while_a_feed_is_cut_off_is_heard_or_lost(case: CaseContext) -> CaseResult {
    let mut scene = Scene::set(&case).await?;
    for _ in 0..2 {
        case.server()?.inflict(Fault::Cut).await.map_err(|error| harness_failed(&error))?;
        scene.heal(&case).await?;
        scene.end_some().await?;
        scene.hear().await?;
    }
    Ok(())
}

/// Some records end before the restart and some after it. The feed hears of neither before.
async fn what_ends_around_a_restart_is_heard_or_lost(case: CaseContext) -> CaseResult {
    let mut scene = Scene::set(&case).await?;
    scene.end_some().await?;
    case.server()?.inflict(Fault::Restart).await.map_err(|error| harness_failed(&error))?;
    scene.heal(&case).await?;
    scene.end_some().await?;
    scene.hear().await
}
