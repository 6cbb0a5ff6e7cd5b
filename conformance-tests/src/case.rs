//! One check of the suite.

use std::fmt;
use std::pin::Pin;

use crate::clause::Clause;
use crate::context::CaseContext;
use crate::declared::Capability;
use crate::harness::Fault;
use crate::outcome::{CHANCE, CaseResult};

/// One check: a plain function, and the clauses that it checks.
pub struct Case {
    pub(crate) module: &'static str,
    /// What holds when the case passes, as a sentence.
    pub name: &'static str,
    /// The clauses that it checks; it fails with one of them, with S12, S1 or S18.
    pub clauses: &'static [Clause],
    /// The lowest level that runs it.
    pub level: Level,
    /// The capabilities that a backend must declare for it to run.
    pub needs: &'static [Capability],
    pub(crate) run: Run,
}

/// How much to run; each level includes the ones before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Everything deterministic, short random sequences, one kill, and one fault of a server of each kind that passes by
    /// itself: takes seconds.
    Quick,
    /// Adds what depends on chance or takes longer: races, random histories, more crashes and faults.
    #[default]
    Full,
    /// Adds what waits for real time to pass: native times to live.
    RealTime,
}

/// Not `Send`: each case has a thread of its own.
pub(crate) type Function = fn(CaseContext) -> Pin<Box<dyn Future<Output = CaseResult>>>;

#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// At any time.
    Any(Function),
    /// If the harness can damage rows.
    Damage(Function),
    /// If the test binary can be run again as a child.
    Child(Function),
    /// While no other case runs, if the harness has a server that supports this fault.
    Server(Fault, Function),
    /// Never, for this reason.
    Untested(&'static str),
}

impl Case {
    /// `chapter::name`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}::{}", self.chapter(), self.name)
    }

    /// The name of its file: `src/cases/{chapter}.rs`.
    #[must_use]
    pub fn chapter(&self) -> &'static str {
        self.module.rsplit("::").next().unwrap_or(self.module)
    }

    /// Whether another run may show more, and needs nothing but the store.
    pub(crate) fn is_chance(&self) -> bool {
        CHANCE.contains(&self.chapter()) && matches!(self.run, Run::Any(_))
    }

    /// Why the suite cannot check this; `None` if it can.
    #[must_use]
    pub const fn untested(&self) -> Option<&'static str> {
        match self.run {
            Run::Untested(reason) => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("id", &self.id()).field("clauses", &self.clauses).finish_non_exhaustive()
    }
}

/// An entry of the registry: `case!(Any Quick [S7] name)`. `Child`, `Damage` or the name of a [`Fault`] may replace
/// `Any`, and `needs [Purge]` names required capabilities. `case!(untested [S14] name, "reason")` is never run.
macro_rules! case {
    (untested [$($clause:ident)+] $name:ident, $reason:literal) => {
        $crate::case::Case {
            module: module_path!(),
            name: stringify!($name),
            clauses: &[$($crate::clause::Clause::$clause),+],
            level: $crate::case::Level::Quick,
            needs: &[],
            run: $crate::case::Run::Untested($reason),
        }
    };
    ($run:ident $level:ident [$($clause:ident)+] $name:ident $(needs [$($need:ident)+])?) => {
        $crate::case::Case {
            module: module_path!(),
            name: stringify!($name),
            clauses: &[$($crate::clause::Clause::$clause),+],
            level: $crate::case::Level::$level,
            needs: &[$($($crate::declared::Capability::$need),+)?],
            run: $crate::case::case!(@run $run $name),
        }
    };
    (@run Any $name:ident) => { $crate::case::Run::Any(|context| Box::pin($name(context))) };
    (@run Damage $name:ident) => { $crate::case::Run::Damage(|context| Box::pin($name(context))) };
    (@run Child $name:ident) => { $crate::case::Run::Child(|context| Box::pin($name(context))) };
    (@run $fault:ident $name:ident) => {
        $crate::case::Run::Server($crate::harness::Fault::$fault, |context| Box::pin($name(context)))
    };
}

pub(crate) use case;
