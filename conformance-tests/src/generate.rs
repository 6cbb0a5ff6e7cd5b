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
mod faults;
mod form;
mod forms;
pub(crate) mod killed;
pub(crate) mod model;
mod pieces;
mod place;
mod play;
mod settle;
mod shrink;
pub(crate) mod spared;
pub(crate) mod state;
mod values;
mod world;

use std::time::Duration;

use hallpass_core::{Clock as _, SystemClock, Timestamp};

use crate::context::CaseContext;
use crate::declared::Capability;
use crate::history::now;
use crate::outcome::{CaseResult, Stop};
use crate::rng::Rng;
use choose::Chooser;
pub(crate) use faults::sequences_in;
use model::Model;
use place::StepOutcome;
use play::{Session, Step};
use shrink::Shrink;
pub(crate) use values::{FAMILIES, NEIGHBOURS, instant, number, revision};
pub(crate) use world::Theme;
use world::World;

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
    /// A theme of every sequence, besides those that it draws; otherwise each theme has its turn.
    pub(crate) about: Option<Theme>,
}

/// About how many steps of a sequence are two calls at once, if it is about that. Each sequence goes on where the one
/// before has stopped.
const PAIRS: usize = 8 * 101;

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

/// The earliest time at which a record of `case` may be due.
pub(crate) fn floor(case: &CaseContext) -> Timestamp {
    Model::of(case).floor()
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
        // Each theme has its turn, however few sequences there is time for.
        let about = amount.about.unwrap_or(Theme::ALL[number % Theme::ALL.len()]);
        let world = World::new(&mut rng, model.floor(), amount.quick, Some(about));
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
    let mut chooser = Chooser { world, rng, restarts, dropped: 0, made: Vec::new(), pair: number * PAIRS };
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
