//! Finds a shorter sequence that still breaks the promise.

use std::time::Duration;

use hallpass_core::store::{EpochUpdate, Era, Fence, Record, RecordFilter};
use hallpass_core::{Device, Note};

use super::call::{Call, Kind};
use super::model::Model;
use super::play::{Step, replay};
use crate::clause::Clause;
use crate::context::CaseContext;
use crate::history::{Calls, now};
use crate::outcome::{CaseResult, Stop};
use crate::specimen::{body, page};

/// The maximum number of attempts.
const TRIES: usize = 400;

/// Shortens sequences.
pub(crate) struct Shrink<'a> {
    pub(crate) case: &'a CaseContext,
    pub(crate) model: Model,
    pub(crate) places: usize,
    pub(crate) budget: Duration,
}

/// A sequence that breaks a promise.
struct Story {
    steps: Vec<Step>,
    clause: Clause,
    observed: String,
    calls: Calls,
}

impl Shrink<'_> {
    /// Finds the shortest sequence it can, puts its calls into the history, and returns the violation.
    pub(crate) async fn story(&self, steps: Vec<Step>, clause: Clause, observed: String) -> CaseResult<Stop> {
        let calls = self.case.history().take();
        let mut best = Story { steps, clause, observed, calls };
        let (started, mut tries) = (now(), 0);
        let mut size = best.steps.len().div_ceil(2);
        let mut simplified = false;
        // First whole chunks, then single steps; then simpler arguments; then single steps again.
        loop {
            let mut shorter = false;
            let mut at = 0;
            while at < best.steps.len() {
                if tries >= TRIES || now() - started > self.budget {
                    return Ok(self.tell(best));
                }
                let mut steps = best.steps.clone();
                steps.drain(at..(at + size).min(steps.len()));
                tries += 1;
                if self.tells(&mut best, steps, tries).await? {
                    shorter = true;
                } else {
                    at += size;
                }
            }
            if size > 1 {
                size = size.div_ceil(2);
            } else if !shorter {
                if std::mem::replace(&mut simplified, true) {
                    return Ok(self.tell(best));
                }
                for simpler in SIMPLER {
                    let steps: Vec<_> = best.steps.iter().map(|step| simplify(step, *simpler)).collect();
                    tries += 1;
                    self.tells(&mut best, steps, tries).await?;
                }
            }
        }
    }

    /// Whether `steps` break the same clause; if so, they become the best sequence so far.
    async fn tells(&self, best: &mut Story, steps: Vec<Step>, number: usize) -> CaseResult<bool> {
        let suffix = format!("_r{number}");
        let again = replay(self.case, &suffix, self.model, self.places, &steps).await;
        match again {
            Err(Stop::Violation { clause, observed }) if clause == best.clause => {
                let calls = self.case.history().take();
                *best = Story { steps, clause, observed, calls };
                Ok(true)
            }
            Err(stop @ (Stop::Harness(_) | Stop::Inconclusive(_))) => Err(stop),
            _ => Ok(false),
        }
    }

    fn tell(&self, story: Story) -> Stop {
        self.case.history().put(story.calls);
        let place_of = |step: &Step| match step {
            Step::Do { place, .. }
            | Step::Drop { place, .. }
            | Step::Pair { place, .. }
            | Step::Look { place, .. }
            | Step::Reopen { place, .. }
            | Step::Restart { place } => *place,
        };
        let apart = story.steps.iter().any(|step| place_of(step) != place_of(&story.steps[0]));
        let clause = if apart { Clause::S15 } else { story.clause };
        Stop::Violation { clause, observed: story.observed }
    }
}

type Simpler = fn(&mut Call);

/// The ways to make the calls of a sequence simpler.
const SIMPLER: &[Simpler] = &[
    |call| {
        of_record(call, |record| {
            record.body = body(record.body.as_bytes().iter().copied().take(10).collect());
        });
    },
    |call| of_record(call, |record| record.device = Device::default()),
    |call| of_record(call, |record| (record.generation, record.era) = (0, Era::FIRST)),
    |call| of_record(call, |record| record.seen_at = record.created_at),
    |call| of_record(call, |record| record.updated_at = record.created_at),
    |call| of_record(call, |record| record.idle_at = None),
    |call| of_record(call, |record| record.purge_at = record.expires_at),
    |call| of_record(call, |record| record.revoked = None),
    |call| {
        if let Call::Insert { fence, .. } = call {
            *fence = Fence::None;
        }
    },
    |call| match call {
        Call::Replace { kind: Kind::End(note), .. } | Call::Delete { note, .. } => *note = Note::none(),
        Call::Revoke { revocation, .. } => revocation.note = Note::none(),
        _ => {}
    },
    |call| {
        if let Call::Revoke { revocation, .. } = call {
            revocation.filter = RecordFilter::all();
        }
    },
    |call| {
        if let Call::Revoke { revocation, .. } = call {
            revocation.epoch = EpochUpdate::Keep;
        }
    },
    |call| {
        if let Call::List { page: of, .. } = call {
            *of = page(u16::MAX);
        }
    },
];

fn of_record(call: &mut Call, change: impl Fn(&mut Record)) {
    match call {
        Call::Insert { record, .. } => change(record),
        Call::Replace { next, kind, .. } if !matches!(kind, Kind::End(_)) => change(next),
        _ => {}
    }
}

fn simplify(step: &Step, simpler: Simpler) -> Step {
    let mut step = step.clone();
    match &mut step {
        Step::Do { call, .. } | Step::Drop { call, .. } => simpler(call),
        Step::Pair { calls, .. } => calls.iter_mut().for_each(simpler),
        Step::Look { .. } | Step::Reopen { .. } | Step::Restart { .. } => {}
    }
    step
}
