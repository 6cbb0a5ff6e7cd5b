//! Reports a history that no order explains: the part that can be explained, and the first call that does not fit.

use std::time::Duration;

use hallpass_core::store::Replace;

use super::{Meaning, Observed, Op, explain};
use crate::generate::call::{Answer, Call};
use crate::history::line;
use crate::watched::brief;

/// Explains why no order fits `history`; `None` if one does. The text gives the longest beginning that can be
/// explained, in an order that explains it, the resulting state, the first call that does not fit, and the remaining
/// calls.
pub(crate) fn unexplained<M: Meaning>(meaning: &M, history: &[Op]) -> Option<String> {
    if explain(meaning, history).is_some() {
        return None;
    }
    let mut ends: Vec<_> = history.iter().filter_map(|op| Some((op.ended?, op))).collect();
    ends.sort_unstable_by_key(|(end, _)| *end);
    let mut explained = (Vec::new(), meaning.initial(), Duration::ZERO);
    for (end, culprit) in ends {
        let known = until(history, end);
        match explain(meaning, &known) {
            Some((order, state)) => {
                let order = order.into_iter().map(|at| known[at].clone()).collect();
                explained = (order, state, end);
            }
            None => {
                return Some(tell(history, &explained.0, &meaning.tell(&explained.1), explained.2, culprit));
            }
        }
    }
    None
}

fn tell(history: &[Op], order: &[Op], state: &str, until: Duration, culprit: &Op) -> String {
    let mut later: Vec<_> = history.iter().filter(|op| op.ended.is_none_or(|end| end > until)).collect();
    later.retain(|op| op.ended != culprit.ended);
    later.sort_unstable_by_key(|op| op.began);
    let kept = format!("    {state}");
    let parts = [
        ("this order explains the calls that had ended until then", lines(order.iter())),
        ("after them the store has kept", kept),
        ("then nothing explains", culprit.line()),
        ("calls that ended later, or never", lines(later.into_iter())),
    ];
    let mut text = "no order of single steps explains these calls".to_owned();
    for (title, lines) in parts.iter().filter(|(_, lines)| !lines.is_empty()) {
        text.push_str(&format!("\n  {title}:\n{}", lines.trim_end_matches('\n')));
    }
    text
}

/// The calls, without those that changed nothing and learned nothing.
fn lines<'a>(ops: impl Iterator<Item = &'a Op>) -> String {
    let (vain, telling): (Vec<_>, Vec<_>) = ops.partition(|op| op.is_vain());
    let mut text: String = telling.into_iter().map(Op::line).collect();
    if !vain.is_empty() {
        text.push_str(&format!("  … and {} calls that changed nothing\n", vain.len()));
    }
    text
}

/// What is known of `history` at `end`; the outcome of a call that ended later is still unknown.
fn until(history: &[Op], end: Duration) -> Vec<Op> {
    let open = |op: &Op| op.ended.is_none_or(|ended| ended > end);
    let cut = |op: &Op| match open(op) {
        true => Op { ended: None, answer: Answer::Unknown, ..op.clone() },
        false => op.clone(),
    };
    history.iter().filter(|op| op.began <= end && (!open(op) || op.writes())).map(cut).collect()
}

impl Op {
    /// Whether the call may change something.
    fn writes(&self) -> bool {
        !matches!(&self.observed, Observed::Call(call) if call.reads())
            && !matches!(self.observed, Observed::Looked { .. })
    }

    /// Whether the result says that nothing was done.
    fn is_vain(&self) -> bool {
        match &self.answer {
            Answer::Insert(answer) => {
                !answer.is_inserted() && !matches!(self.observed, Observed::Looked { .. })
            }
            Answer::Replace(answer) => *answer != Replace::Replaced,
            Answer::Delete(found) => !found,
            answer => *answer == Answer::Refused,
        }
    }

    /// Formats the call for a reader, like the calls of a violation.
    fn line(&self) -> String {
        let part = match &self.observed {
            Observed::Call(Call::Find { selector }) if !self.asked.starts_with("find") => {
                format!(" (shows {})", brief(*selector))
            }
            Observed::Call(_) | Observed::Revoked { .. } => String::new(),
            Observed::Looked { parent, lived: true } => format!(" (its fence saw {} live)", brief(*parent)),
            Observed::Looked { parent, lived: false } => {
                format!(" (its fence saw {} gone or marked)", brief(*parent))
            }
            Observed::Ended { selector, .. } => format!(" (comes to {})", brief(*selector)),
            Observed::Swept { .. } => " (sets the epoch)".to_owned(),
            Observed::Collected { selector, .. } => format!(" (comes to {})", brief(*selector)),
        };
        let answer = self.answer.text();
        line(
            self.began,
            self.node,
            &format!("{}{part}", self.asked),
            self.ended.map(|end| (end, answer.as_str())),
        )
    }
}
