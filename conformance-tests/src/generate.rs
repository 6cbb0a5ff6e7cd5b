//! Random sequences of calls, compared step by step with a reference model.
//!
//! Each sequence runs in a small [`world`] of its own, with few subjects, selectors, kinds, logins, epochs and
//! instants, so that its calls concern the same records. One to three *themes* choose these values, so that a mistake
//! shows that needs two edges at the same time. The [`choose`]r looks at the state of the store and picks the next
//! step. [`play`] makes the calls over two handles and asks the [`model`] whether each result is possible. The model
//! knows what the contract leaves open: a call leads to the *set* of states that the contract allows, and later
//! results narrow it. If a result fits none of them, [`shrink`] repeats the sequence in fresh namespaces with fewer
//! steps until none can be left out.
//!
//! Steps contain all their arguments. So leaving one out changes nothing about the others, and one seed always gives
//! the same sequence.

pub(crate) mod call;
mod choose;
pub(crate) mod model;
mod pieces;
mod place;
mod play;
mod shrink;
pub(crate) mod state;
mod world;

use std::time::Duration;

use hallpass_core::{Clock as _, SystemClock, Timestamp};

use crate::clause::Clause;
use crate::context::{CaseContext, harness_failed};
use crate::declared::Capability;
use crate::harness::Fault;
use crate::history::now;
use crate::outcome::{CaseResult, Stop};
use crate::rng::Rng;
use call::Call;
use choose::Chooser;
use model::Model;
use place::StepOutcome;
use play::{Session, Step};
use shrink::Shrink;
use world::World;
pub(crate) use world::{FAMILIES, NEIGHBOURS, Theme};

/// How many sequences to play, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    /// The number of sequences, the same on every machine that is fast enough, so that a seed gives the same
    /// sequences.
    pub(crate) sequences: usize,
    /// The time limit for them.
    pub(crate) within: Duration,
    /// The minimum number of sequences for a verdict, and the time limit for those.
    pub(crate) least: usize,
    pub(crate) time_budget: Duration,
    /// The number of steps in a sequence.
    pub(crate) steps: usize,
    pub(crate) quick: bool,
    /// A theme of every sequence, besides those that it draws.
    pub(crate) about: Option<Theme>,
}

impl Model {
    /// What the backend of `case` promises.
    fn of(case: &CaseContext) -> Self {
        let wall = SystemClock.now().saturating_add(Duration::from_secs(2 * 3_600));
        Self { purges: case.declares(Capability::Purge), wall }
    }

    /// The earliest time at which a record may be due: by the real clock, a native time to live may remove a record
    /// an hour after that (S10).
    const fn floor(&self) -> Timestamp {
        if self.purges { Timestamp::MIN } else { self.wall }
    }
}

/// Plays sequences until one of them breaks a promise.
pub(crate) async fn sequences(case: CaseContext, amount: Amount) -> CaseResult {
    let (started, mut played, mut whole) = (now(), 0, 0);
    let model = Model::of(&case);
    for number in 0..amount.sequences {
        let spent = now() - started;
        if number >= amount.least && spent > amount.within {
            break;
        }
        if spent > amount.time_budget {
            let why = format!("too slow: {number} of {} sequences took {spent:?}", amount.least);
            return Err(Stop::Inconclusive(why));
        }
        let mut rng = case.rng();
        let world = World::new(&mut rng, model.floor(), amount.quick, amount.about);
        played += 1;
        if let StepOutcome::On = sequence(&case, world, rng, model, number, amount).await? {
            whole += 1;
        }
    }
    if whole * 2 < played {
        let why = format!("only {whole} of {played} sequences could be followed to their end");
        return Err(Stop::Inconclusive(why));
    }
    Ok(())
}

async fn sequence(
    case: &CaseContext,
    world: World,
    rng: Rng,
    model: Model,
    number: usize,
    amount: Amount,
) -> CaseResult<StepOutcome> {
    let places = if world.has(Theme::Places) { 2 } else { 1 };
    let length = if world.has(Theme::Crowd) { 3 * amount.steps } else { amount.steps };
    let restarts = world.has(Theme::Opens) && case.declares(Capability::ProcessCrash);
    let mut chooser = Chooser { world, rng, restarts, dropped: 0, made: Vec::new() };
    let mut session = Session::open(case, &format!("_g{number}"), model, places).await?;
    let mut steps: Vec<Step> = Vec::new();
    let mut outcome = Ok(StepOutcome::On);
    for _ in 0..length {
        let place = chooser.rng.below(places);
        steps.push(chooser.step(place, session.state(place)));
        outcome = session.step(&steps[steps.len() - 1]).await;
        if !matches!(outcome, Ok(StepOutcome::On)) {
            break;
        }
    }
    let ended = match outcome {
        Ok(StepOutcome::On) => session.finish().await,
        ended => ended,
    };
    drop(session);
    match ended {
        Err(Stop::Violation { clause, observed }) => {
            let budget = if amount.quick { Duration::from_secs(1) } else { Duration::from_secs(3) };
            let shrink = Shrink { case, model, places, budget };
            Err(shrink.story(steps, clause, observed).await?)
        }
        other => other,
    }
}

/// The time limit of a call (S12).
const BOUND: Duration = Duration::from_secs(20);
/// How long after a fault a handle may still fail now and then (S12).
const RECOVERY: Duration = Duration::from_secs(30);

/// Plays sequences with `fault` in the middle of each. A call that returned an error did nothing, or may have done
/// it if the error says so. Everything else must match the model afterwards.
pub(crate) async fn sequences_in(case: CaseContext, fault: Fault, count: usize, steps: usize) -> CaseResult {
    let server = case.server()?;
    let model = Model::of(&case);
    'sequences: for number in 0..count {
        let mut rng = case.rng();
        let mut world = World::new(&mut rng, model.floor(), true, None);
        world.themes.retain(|theme| !matches!(theme, Theme::Drops | Theme::Places | Theme::Opens));
        let mut session = Session::open(&case, &format!("_g{number}"), model, 1).await?;
        // A lost touch harms no one, and records removed by a purge may be back.
        let restarts = fault == Fault::Restart;
        let mut chooser = Chooser { world, rng, restarts, dropped: 0, made: Vec::new() };
        for _ in 0..steps {
            let step = chooser.step(0, session.state(0));
            session.step(&step).await?;
        }
        let mut calls = chooser.each(session.state(0));
        if fault == Fault::Restart {
            // Records removed by a purge may be back.
            calls.retain(|call| !matches!(call, Call::Purge { .. }));
        }
        server.inflict(fault).await.map_err(|error| harness_failed(&error))?;
        let asked = session.ask_in_fault(&calls, fault, BOUND).await;
        server.heal().await.map_err(|error| harness_failed(&error))?;
        let lost = |stop| match stop {
            Stop::Violation { clause, observed } if fault == Fault::Restart && clause != Clause::S12 => {
                Stop::Violation { clause: Clause::S14, observed: format!("after a restart: {observed}") }
            }
            stop => stop,
        };
        asked.map_err(lost)?;
        session.recover(RECOVERY).await?;
        // Each operation works again, on the handle that was used during the fault.
        for call in chooser.each(session.state(0)) {
            if fault == Fault::Restart && matches!(call, Call::Purge { .. }) {
                continue;
            }
            let step = Step::Do { place: 0, node: 0, call };
            if let StepOutcome::Nowhere = session.step(&step).await.map_err(lost)? {
                continue 'sequences;
            }
        }
        session.finish().await.map_err(lost).map(drop)?;
    }
    Ok(())
}
