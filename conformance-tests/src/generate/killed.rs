//! Sequences in a child process that is killed when it has played them: what was acknowledged is there afterwards.
//!
//! The child makes calls of every form, about several subjects, and reports which states the model then considers
//! possible. Nothing is under way when it is killed, so exactly one of these states is right.

use std::ops::Range;
use std::sync::Arc;

use hallpass_core::store::{Epoch, Record};
use hallpass_core::{Selector, Subject, Timestamp};

use super::choose::Chooser;
use super::form::Form;
use super::model::Model;
use super::place::{Place, StepOutcome};
use super::play::{Session, Step};
use super::state::{Kept, State};
use super::world::World;
use crate::clause::Clause::S14;
use crate::context::CaseContext;
use crate::hex::{hex, unhex};
use crate::outcome::{CaseResult, Stop};

/// How many sequences the child plays.
const SEQUENCES: usize = 32;
/// How many records a sequence begins with.
const BEGINS_WITH: usize = 4;
/// The number of calls after that: few, so that later calls hide little of what earlier ones did.
const CALLS: Range<usize> = 2..14;
/// The namespace of the sequences.
const PLACE: &str = "_k";
/// The last line of the child.
pub(crate) const READY: &str = "ready.";

/// In the child: plays the sequences, each with its own subjects, and says what each has led to. The result holds the
/// handles open.
pub(crate) async fn play(case: &CaseContext, say: impl Fn(String)) -> CaseResult<Session> {
    let model = Model::of(case);
    let mut session = Session::open(case, PLACE, model, 1).await?;
    for number in 0..SEQUENCES {
        let mut rng = case.rng();
        let world = World::apart(&mut rng, model.floor(), number);
        let mut chooser = Chooser { world, rng, restarts: true, dropped: 0, made: Vec::new(), pair: 0 };
        session.begin_anew();
        if let StepOutcome::On = forms(&mut session, &mut chooser, number, &say).await? {
            say(format!("left {number} {}.", session.first().print()));
        }
    }
    say(READY.to_owned());
    Ok(session)
}

async fn forms(
    session: &mut Session,
    chooser: &mut Chooser,
    number: usize,
    say: &impl Fn(String),
) -> CaseResult<StepOutcome> {
    let mut forms = chooser.forms();
    forms.truncate(CALLS.start + chooser.rng.below(CALLS.len()));
    for form in [Form::Insert; BEGINS_WITH].into_iter().chain(forms) {
        let call = chooser.form(form, session.state(0), &[]);
        say(format!("did {number} {}.", hex(call.text().as_bytes())));
        let step = Step::Do { place: 0, node: chooser.rng.below(2), call };
        if let StepOutcome::Nowhere = session.step(&step).await? {
            return Ok(StepOutcome::Nowhere);
        }
    }
    Ok(StepOutcome::On)
}

/// In the parent, once the child is dead: compares the store with what the child has said.
pub(crate) async fn judge(case: &CaseContext, lines: &[String]) -> CaseResult {
    let model = Model::of(case);
    let nodes = Vec::from(case.pair_named(PLACE).await?);
    let mut judged = 0;
    for number in 0..SEQUENCES {
        let said = |word: &str| {
            let begin = format!("{word} {number} ");
            lines
                .iter()
                .filter_map(move |line| line.strip_prefix(&begin)?.strip_suffix('.').map(str::to_owned))
        };
        let Some(left) = said("left").next() else { continue };
        let mut place = Place::new(PLACE.to_owned(), nodes.clone());
        place.is_shared = true;
        place.parse(&left).ok_or_else(|| Stop::Harness(format!("a line of the crash child: {left}")))?;
        judged += 1;
        match place.last_look(&model).await {
            Ok(_) => {}
            Err(Stop::Violation { clause, observed }) => {
                let made = said("did").filter_map(|text| String::from_utf8(unhex(&text)?).ok());
                let made: String = made.map(|call| format!("\n  {call}")).collect();
                let observed = format!("after a kill {observed}; before it these calls had been made:{made}");
                return Err(Stop::Violation { clause, observed });
            }
            Err(stop) => return Err(stop),
        }
    }
    match judged {
        0 => Err(Stop::Inconclusive("the crash child followed no sequence to its end".to_owned())),
        _ => Ok(()),
    }
}

impl Place {
    /// What the namespace may contain, in one word for each: selectors, subjects, states.
    fn print(&self) -> String {
        let selectors: Vec<_> = self.selectors.iter().map(|selector| hex(&selector.0)).collect();
        let subjects: Vec<_> = self.subjects.iter().map(|subject| hex(subject.as_str().as_bytes())).collect();
        let states: Vec<_> = self.states.iter().map(State::print).collect();
        format!("{} {} {}", selectors.join(","), subjects.join(","), states.join("|"))
    }

    /// Reads what [`print`](Self::print) has printed.
    fn parse(&mut self, text: &str) -> Option<()> {
        let mut words = text.split(' ');
        self.selectors = list(words.next()?, ',', |word| Some(Selector(unhex(word)?.try_into().ok()?)))?;
        self.subjects = list(words.next()?, ',', name)?;
        self.states = list(words.next()?, '|', State::parse)?;
        self.blame = self.selectors.iter().map(|selector| (*selector, S14)).collect();
        (!self.states.is_empty()).then_some(())
    }
}

impl State {
    fn print(&self) -> String {
        let records = self.all().map(|record| format!("r{}", hex(&record.encode())));
        let epochs = self.epochs.iter().map(|(subject, kept)| {
            let Kept { epoch, until, over } = kept;
            let name = hex(subject.as_str().as_bytes());
            format!("e{name}:{}:{}:{over}", hex(&epoch.0), until.as_millis())
        });
        // An empty state is a word, too.
        ["-".to_owned()].into_iter().chain(records).chain(epochs).collect::<Vec<_>>().join(",")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut state = Self::default();
        for word in text.split(',') {
            if let Some(record) = word.strip_prefix('r') {
                state.put(Record::decode(&unhex(record)?).ok()?);
            } else if let Some(epoch) = word.strip_prefix('e') {
                let mut parts = epoch.split(':');
                let subject = name(parts.next()?)?;
                let epoch = Epoch(unhex(parts.next()?)?.try_into().ok()?);
                let until = Timestamp::from_millis(parts.next()?.parse().ok()?);
                let kept = Kept { epoch, until, over: parts.next()?.parse().ok()? };
                Arc::make_mut(&mut state.epochs).insert(subject, kept);
            }
        }
        Some(state)
    }
}

fn name(hex: &str) -> Option<Subject> {
    Subject::new(String::from_utf8(unhex(hex)?).ok()?).ok()
}

/// The words of `text`, none if it is empty.
fn list<T, C: FromIterator<T>>(text: &str, between: char, parse: impl Fn(&str) -> Option<T>) -> Option<C> {
    text.split(between).filter(|word| !word.is_empty()).map(parse).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::specimen::{anonymous, at, record, subject};

    #[test]
    fn what_is_printed_is_parsed() {
        let mut place = Place::new(String::new(), Vec::new());
        let (mine, nobodys) = (record("alice"), anonymous());
        let mut full = State::default();
        full.put(mine.clone());
        full.put(nobodys.clone());
        let kept = Kept { epoch: Epoch([7; 16]), until: at(9), over: true };
        Arc::make_mut(&mut full.epochs).insert(subject("a: b,c|"), kept);
        place.states = vec![full, State::default()];
        place.selectors = BTreeSet::from([mine.selector, nobodys.selector]);
        place.subjects = BTreeSet::from([subject("alice"), subject("a: b,c|")]);
        let mut again = Place::new(String::new(), Vec::new());
        again.parse(&place.print()).unwrap();
        assert_eq!(again.states, place.states);
        assert_eq!((again.selectors, again.subjects), (place.selectors, place.subjects));
    }
}
