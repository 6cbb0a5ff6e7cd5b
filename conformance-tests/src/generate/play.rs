//! Plays the steps of a sequence and compares each result with the model.

use std::pin::pin;
use std::time::Duration;

use hallpass_core::{Selector, StoreError};
use tokio::time::timeout;

use super::call::Call;
use super::model::Model;
use super::place::{Place, StepOutcome};
use super::state::State;
use crate::clause::Clause::{S5, S12, S14};
use crate::context::CaseContext;
use crate::declared::Capability;
use crate::handle::Handle;
use crate::harness::Fault;
use crate::history::now;
use crate::interleave::interleave;
use crate::outcome::{CaseResult, Stop, hold};
use hallpass_core::error_chain;

/// How many spurious conflicts (S5) are accepted before they count as a refusal.
const SPURIOUS: u32 = 16;

/// How many calls must succeed in a row after a fault: more than a pool has connections, each of which may fail once.
const RECOVERED: usize = 40;

/// One step of a sequence. `place` is the index of a namespace, `node` that of one of two handles.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// One call.
    Do { place: usize, node: usize, call: Call },
    /// A call whose future is dropped after `polls` polls.
    Drop { place: usize, node: usize, call: Call, polls: usize },
    /// The first call is held up after `polls` polls, and the others run to their end before it continues.
    Pair { place: usize, calls: Vec<Call>, polls: usize },
    /// A look-up of every record that the sequence knows.
    Look { place: usize, node: usize },
    /// A handle is closed and another one is opened.
    Reopen { place: usize, node: usize },
    /// All handles are closed, and the store is opened again.
    Restart { place: usize },
}

/// The namespaces of one sequence, and their states in the model.
pub(crate) struct Session {
    case: CaseContext,
    suffix: String,
    model: Model,
    places: Vec<Place>,
}

impl Session {
    /// Opens fresh namespaces; `suffix` distinguishes them from those of other sequences.
    pub(crate) async fn open(
        case: &CaseContext,
        suffix: &str,
        model: Model,
        places: usize,
    ) -> CaseResult<Self> {
        case.forget();
        let mut session = Self { case: case.clone(), suffix: suffix.to_owned(), model, places: Vec::new() };
        for number in 0..places {
            let name = format!("{}{}", session.suffix, ["", "_b"][number]);
            let nodes = session.case.pair_named(&name).await?.into();
            session.places.push(Place::new(name, nodes));
        }
        Ok(session)
    }

    /// The first namespace.
    pub(super) fn first(&self) -> &Place {
        &self.places[0]
    }

    /// The most likely state of the store.
    pub(crate) fn state(&self, place: usize) -> &State {
        &self.places[place].states[0]
    }

    pub(crate) async fn step(&mut self, step: &Step) -> CaseResult<StepOutcome> {
        let model = self.model;
        let well_formed = match step {
            Step::Do { place, call, .. } | Step::Drop { place, call, .. } => {
                self.places[*place].is_well_formed(call, &[])
            }
            Step::Pair { place, calls, .. } => {
                calls.iter().all(|call| self.places[*place].is_well_formed(call, calls))
            }
            Step::Look { .. } | Step::Reopen { .. } | Step::Restart { .. } => true,
        };
        if !well_formed {
            return Ok(StepOutcome::Nowhere);
        }
        match step {
            Step::Do { place, node, call } => {
                let place = &mut self.places[*place];
                let store = place.nodes[*node].clone();
                place.meet(call);
                for _ in 0..SPURIOUS {
                    let answer = call.make(store.watched()).await?;
                    let spurious = place.is_spurious(&model, call, &answer);
                    if let StepOutcome::Nowhere = place.answered(&model, call, &answer)? {
                        return Ok(StepOutcome::Nowhere);
                    }
                    if !spurious {
                        return place.after(&model, &store, call).await;
                    }
                }
                let often = format!("replace of the current revision returned Conflict {SPURIOUS} times");
                Err(Stop::Violation { clause: S5, observed: often })
            }
            Step::Drop { place, node, call, polls } => {
                let place = &mut self.places[*place];
                let store = place.nodes[*node].clone();
                place.meet(call);
                let answer = {
                    let mut made = pin!(call.make(store.watched()));
                    crate::interleave::step(made.as_mut(), *polls).await.transpose()?
                };
                match answer {
                    Some(answer) => place.answered(&model, call, &answer),
                    None => Ok(place.was_dropped(call)),
                }
            }
            Step::Pair { place, calls, polls } => {
                let [first, others @ ..] = &**calls else { return Ok(StepOutcome::On) };
                let place = &mut self.places[*place];
                let (here, there) = (place.nodes[0].clone(), place.nodes[1].clone());
                calls.iter().for_each(|call| place.meet(call));
                let others_made = async {
                    let mut answers = Vec::new();
                    for call in others {
                        answers.push((call, call.make(there.watched()).await?));
                    }
                    Ok::<_, StoreError>(answers)
                };
                let (one, answers, _) = interleave(first.make(here.watched()), *polls, others_made).await;
                place.all_answered(&model, (first, &one?), &answers?)
            }
            Step::Look { place, node } => {
                let place = &mut self.places[*place];
                let store = place.nodes[*node].clone();
                place.look(&model, &store).await
            }
            Step::Reopen { place, node } => {
                let place = &mut self.places[*place];
                if self.case.declares(Capability::SecondHandle) {
                    place.nodes[*node] = self.case.open_named(&place.name).await?;
                }
                Ok(StepOutcome::On)
            }
            Step::Restart { place } => {
                let place = &mut self.places[*place];
                place.nodes.clear();
                place.nodes = self.case.pair_named(&place.name).await?.into();
                for selector in place.selectors.clone() {
                    place.blame.insert(selector, S14);
                }
                let store = place.nodes[0].clone();
                place.look(&model, &store).await
            }
        }
    }

    /// Makes calls concurrently during a fault, each on the handle of this number. Only a server that restarts may
    /// return results; an error says what may have happened.
    pub(crate) async fn ask_in_fault(
        &mut self,
        calls: &[(usize, Call)],
        fault: Fault,
        bound: Duration,
    ) -> CaseResult {
        let (model, place) = (self.model, &mut self.places[0]);
        let ask = |store: &Handle, call: Call| {
            let store = store.bare();
            async move { timeout(bound, call.make(store.watched())).await }
        };
        let mut asking = Vec::new();
        for (node, call) in calls {
            if place.is_well_formed(call, &[]) {
                place.meet(call);
                asking.push((call, tokio::spawn(ask(&place.nodes[*node], call.clone()))));
            }
        }
        for (call, asked) in asking {
            place.answered_in_fault(&model, call, asked.await, fault)?;
        }
        Ok(())
    }

    /// Waits until the store responds again.
    pub(crate) async fn recover(&mut self, within: Duration) -> CaseResult {
        let (started, place) = (now(), &mut self.places[0]);
        place.blame.extend(place.selectors.iter().map(|selector| (*selector, S12)));
        for node in &place.nodes {
            let mut good = 0;
            while good < RECOVERED {
                match node.bare().find(Selector([0; 16])).await {
                    Ok(_) => good += 1,
                    Err(error) => {
                        let late = now() - started > within;
                        hold(
                            S12,
                            !late,
                            format_args!("{within:?} after the fault: {}", error_chain(&error)),
                        )?;
                        good = 0;
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether every call has said what it did.
    pub(crate) fn is_certain(&self) -> bool {
        self.places.iter().all(|place| place.dropped.is_empty())
    }

    /// Checks each record by itself: a call of unknown outcome has taken effect at any time, or has not.
    pub(crate) async fn settle(&mut self) -> CaseResult {
        let model = self.model;
        for place in &mut self.places {
            place.settle(&model).await?;
        }
        Ok(())
    }

    /// Forgets what the namespace contains; later steps concern other subjects and selectors on its handles.
    pub(crate) fn begin_anew(&mut self) {
        let old = &self.places[0];
        let anew = Place::new(old.name.clone(), old.nodes.clone());
        self.places = vec![Place { is_shared: true, ..anew }];
    }

    /// Reads everything in every way, and then purges it.
    pub(crate) async fn finish(&mut self) -> CaseResult<StepOutcome> {
        let model = self.model;
        if let Some(node) = self.places.iter().flat_map(|place| &place.nodes).next() {
            self.case.history().hear("the debug output of the store", &format!("{:?}", node.store()));
        }
        for place in &mut self.places {
            if let StepOutcome::Nowhere = place.last_look(&model).await? {
                return Ok(StepOutcome::Nowhere);
            }
        }
        Ok(StepOutcome::On)
    }
}

/// Plays `steps` again, in fresh namespaces.
pub(crate) async fn replay(
    case: &CaseContext,
    suffix: &str,
    model: Model,
    places: usize,
    steps: &[Step],
) -> CaseResult<StepOutcome> {
    let mut session = Session::open(case, suffix, model, places).await?;
    for step in steps {
        if let StepOutcome::Nowhere = session.step(step).await? {
            return Ok(StepOutcome::Nowhere);
        }
    }
    session.finish().await
}
