//! Sequences with a fault of the server in the middle: every form of a call before, during and after it.

use std::time::Duration;

use hallpass_core::Timestamp;

use super::call::Call;
use super::choose::Chooser;
use super::form::Form;
use super::model::Model;
use super::place::StepOutcome;
use super::play::{Session, Step};
use super::world::{Theme, World};
use crate::clause::Clause;
use crate::context::{CaseContext, harness_failed};
use crate::harness::Fault;
use crate::outcome::{CaseResult, Stop};

/// The time limit of a call (S12).
const BOUND: Duration = Duration::from_secs(20);
/// How long after a fault a handle may still fail now and then (S12).
const RECOVERY: Duration = Duration::from_secs(30);
/// How many more records are there when the fault begins.
const MORE: usize = 4;

/// Plays sequences with `fault` in the middle of each. A call that returned an error did nothing, or may have done
/// it if the error says so. Everything else must match the model afterwards.
pub(crate) async fn sequences_in(case: CaseContext, fault: Fault, count: usize, steps: usize) -> CaseResult {
    for number in 0..count {
        let lost = |stop| match stop {
            Stop::Violation { clause, observed } if fault == Fault::Restart && clause != Clause::S12 => {
                Stop::Violation { clause: Clause::S14, observed: format!("after a restart: {observed}") }
            }
            stop => stop,
        };
        sequence_in(&case, fault, number, steps).await.map_err(lost)?;
    }
    Ok(())
}

async fn sequence_in(case: &CaseContext, fault: Fault, number: usize, steps: usize) -> CaseResult {
    let (server, model) = (case.server()?, Model::of(case));
    let mut rng = case.rng();
    let mut world = World::new(&mut rng, model.floor(), true, Some(Theme::Forms));
    world.themes.retain(|theme| !theme.is_about_handles());
    // A lost touch harms no one, and records removed by a purge may be back.
    let restarts = fault == Fault::Restart;
    let mut chooser = Chooser { world, rng, restarts, dropped: 0, made: Vec::new(), pair: 0 };
    let mut session = Session::open(case, &format!("_g{number}"), model, 1).await?;
    for _ in 0..steps {
        let step = chooser.step(0, session.state(0));
        if let StepOutcome::Nowhere = session.step(&step).await? {
            return Ok(());
        }
    }
    // What a handle prepares once, it has prepared.
    if let StepOutcome::Nowhere = every_form(&mut session, &mut chooser).await? {
        return Ok(());
    }
    for _ in 0..MORE {
        let call = chooser.form(Form::Insert, session.state(0), &[]);
        session.step(&Step::Do { place: 0, node: 0, call }).await?;
    }
    server.inflict(fault).await.map_err(|error| harness_failed(&error))?;
    let asked = ask(&mut session, &mut chooser, fault).await;
    server.heal().await.map_err(|error| harness_failed(&error))?;
    asked?;
    session.recover(RECOVERY).await?;
    if !session.is_certain() {
        session.settle().await?;
        begin_anew(&mut session, &mut chooser).await?;
    }
    // Each operation works again, on the handles that were used during the fault.
    match every_form(&mut session, &mut chooser).await? {
        StepOutcome::On => session.finish().await.map(drop),
        StepOutcome::Nowhere => Ok(()),
    }
}

/// Goes on with other subjects and selectors, of which the model knows everything.
async fn begin_anew(session: &mut Session, chooser: &mut Chooser) -> CaseResult {
    session.begin_anew();
    // A purge of unknown outcome may still take effect, so none of these records is due.
    chooser.world = World::apart(&mut chooser.rng, Timestamp::MAX, 0);
    // No later purge removes anything, because it would remove the other records, too.
    chooser.restarts = true;
    for node in 0..2 {
        let touched = chooser.form(Form::Insert, session.state(0), &[]);
        session.step(&Step::Do { place: 0, node, call: touched }).await?;
        let touch = chooser.form(Form::Touch, session.state(0), &[]);
        let purge = Call::Purge { now: Timestamp::MIN, limit: 0 };
        for call in [touch, purge] {
            session.step(&Step::Do { place: 0, node, call }).await?;
        }
    }
    Ok(())
}

/// Makes a call of each form on both handles.
async fn every_form(session: &mut Session, chooser: &mut Chooser) -> CaseResult<StepOutcome> {
    for node in 0..2 {
        for form in chooser.forms() {
            let call = chooser.form(form, session.state(0), &[]);
            if let StepOutcome::Nowhere = session.step(&Step::Do { place: 0, node, call }).await? {
                return Ok(StepOutcome::Nowhere);
            }
        }
    }
    Ok(StepOutcome::On)
}

/// Makes a call of each form during the fault: concurrently, because each may wait for its time limit. The results of
/// a restarting server follow each other in order.
async fn ask(session: &mut Session, chooser: &mut Chooser, fault: Fault) -> CaseResult {
    let (mut calls, mut met) = (Vec::new(), Vec::new());
    for (at, form) in chooser.forms().into_iter().enumerate() {
        let call = chooser.form(form, session.state(0), &met);
        match &call {
            Call::Insert { record, .. } | Call::Replace { next: record, .. } => met.push(record.selector),
            Call::Delete { selector, .. } => met.push(*selector),
            _ => {}
        }
        calls.push((at % 2, call));
        if fault == Fault::Restart {
            session.ask_in_fault(&calls, fault, BOUND).await?;
            (calls, met) = (Vec::new(), Vec::new());
        }
    }
    session.ask_in_fault(&calls, fault, BOUND).await
}
