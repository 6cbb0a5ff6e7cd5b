//! Random sequences of calls, compared step by step with a reference model.
//!
//! A sequence plays in a [`world`] of its own: few subjects, selectors, kinds, logins, epochs and instants, so that
//! its calls meet, chosen by one to three *themes*, so that a slip shows that needs two edges at once. The
//! [`choose`]r looks at the state that the store is in and picks the next step; [`play`] makes the calls over two
//! handles and asks the [`model`] whether the answers can be right. The model knows what the contract leaves open: a
//! call leads to the *set* of states that it allows, and the next answers narrow it. Where an answer fits none of them, the
//! steps are [`shrink`]ed: played again in fresh namespaces with less, until nothing can be left out.
//!
//! Steps hold their whole arguments, so what is left out changes nothing about the rest, and one seed tells one story.

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
use crate::declared::Capability;
use crate::harness::Trouble;
use crate::history::now;
use crate::outcome::{Ran, Stop};
use crate::rng::Rng;
use crate::stage::{Stage, harness_failed};
use call::Call;
use choose::Chooser;
use model::Model;
use play::{Session, Step, Went};
use shrink::Shrink;
use world::World;
pub(crate) use world::{FAMILIES, NEIGHBOURS, Theme};

/// How much is played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    /// How many sequences: as many wherever there is time, so that a seed tells one story on a busy machine, too.
    pub(crate) sequences: usize,
    /// How long there is time.
    pub(crate) within: Duration,
    /// How many sequences it takes to say anything, and how long they may take.
    pub(crate) least: usize,
    pub(crate) patience: Duration,
    /// How many steps a sequence has.
    pub(crate) steps: usize,
    pub(crate) quick: bool,
    /// What every sequence is about, besides what it draws.
    pub(crate) about: Option<Theme>,
}

impl Model {
    /// What the backend of `stage` promises.
    fn of(stage: &Stage) -> Self {
        let wall = SystemClock.now().saturating_add(Duration::from_secs(2 * 3_600));
        Self { purges: stage.declares(Capability::Purge), wall }
    }

    /// Before which no record may be due: a native time to live may take it an hour later, by a real clock (S10).
    const fn floor(&self) -> Timestamp {
        if self.purges { Timestamp::MIN } else { self.wall }
    }
}

/// Plays sequences until one of them breaks a promise.
pub(crate) async fn sequences(stage: Stage, amount: Amount) -> Ran {
    let (started, mut played, mut whole) = (now(), 0, 0);
    let model = Model::of(&stage);
    for number in 0..amount.sequences {
        let spent = now() - started;
        if number >= amount.least && spent > amount.within {
            break;
        }
        if spent > amount.patience {
            let why = format!("too slow: {number} of {} sequences took {spent:?}", amount.least);
            return Err(Stop::Inconclusive(why));
        }
        let mut rng = stage.rng();
        let world = World::new(&mut rng, model.floor(), amount.quick, amount.about);
        played += 1;
        if let Went::On = sequence(&stage, world, rng, model, number, amount).await? {
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
    stage: &Stage,
    world: World,
    rng: Rng,
    model: Model,
    number: usize,
    amount: Amount,
) -> Ran<Went> {
    let places = if world.has(Theme::Places) { 2 } else { 1 };
    let length = if world.has(Theme::Crowd) { 3 * amount.steps } else { amount.steps };
    let restarts = world.has(Theme::Opens) && stage.declares(Capability::ProcessCrash);
    let mut chooser = Chooser { world, rng, restarts, dropped: 0, made: Vec::new() };
    let mut session = Session::open(stage, &format!("_g{number}"), model, places).await?;
    let mut steps: Vec<Step> = Vec::new();
    let mut went = Ok(Went::On);
    for _ in 0..length {
        let place = chooser.rng.below(places);
        steps.push(chooser.step(place, session.state(place)));
        went = session.step(&steps[steps.len() - 1]).await;
        if !matches!(went, Ok(Went::On)) {
            break;
        }
    }
    let ended = match went {
        Ok(Went::On) => session.finish().await,
        ended => ended,
    };
    drop(session);
    match ended {
        Err(Stop::Violation { clause, observed }) => {
            let budget = if amount.quick { Duration::from_secs(1) } else { Duration::from_secs(3) };
            let shrink = Shrink { stage, model, places, budget };
            Err(shrink.story(steps, clause, observed).await?)
        }
        other => other,
    }
}

/// How long a call may take (S12).
const BOUND: Duration = Duration::from_secs(20);
/// How long after the trouble a handle may fail now and then (S12).
const RECOVERY: Duration = Duration::from_secs(30);

/// Plays sequences with `trouble` in the middle of each: what is answered with an error has not happened, or may have
/// if the error says so, and everything is as the model says afterwards.
pub(crate) async fn sequences_in(stage: Stage, trouble: Trouble, count: usize, steps: usize) -> Ran {
    let server = stage.server()?;
    let model = Model::of(&stage);
    'sequences: for number in 0..count {
        let mut rng = stage.rng();
        let mut world = World::new(&mut rng, model.floor(), true, None);
        world.themes.retain(|theme| !matches!(theme, Theme::Drops | Theme::Places | Theme::Opens));
        let mut session = Session::open(&stage, &format!("_g{number}"), model, 1).await?;
        // Losing a touch harms no one, and what a purge took may be back.
        let restarts = trouble == Trouble::Restart;
        let mut chooser = Chooser { world, rng, restarts, dropped: 0, made: Vec::new() };
        for _ in 0..steps {
            let step = chooser.step(0, session.state(0));
            session.step(&step).await?;
        }
        let mut calls = chooser.each(session.state(0));
        if trouble == Trouble::Restart {
            // What a purge took may be back.
            calls.retain(|call| !matches!(call, Call::Purge { .. }));
        }
        server.inflict(trouble).await.map_err(|error| harness_failed(&error))?;
        let asked = session.ask_in_trouble(&calls, trouble, BOUND).await;
        server.heal().await.map_err(|error| harness_failed(&error))?;
        let lost = |stop| match stop {
            Stop::Violation { clause, observed } if trouble == Trouble::Restart && clause != Clause::S12 => {
                Stop::Violation { clause: Clause::S14, observed: format!("after a restart: {observed}") }
            }
            stop => stop,
        };
        asked.map_err(lost)?;
        session.recover(RECOVERY).await?;
        // Each operation works again, on the handle that was in trouble.
        for call in chooser.each(session.state(0)) {
            if trouble == Trouble::Restart && matches!(call, Call::Purge { .. }) {
                continue;
            }
            let step = Step::Do { place: 0, node: 0, call };
            if let Went::Nowhere = session.step(&step).await.map_err(lost)? {
                continue 'sequences;
            }
        }
        session.finish().await.map_err(lost).map(drop)?;
    }
    Ok(())
}
