//! Mutants: the correct plan with one operator applied, at every place where that changes something.

use std::collections::{HashMap, HashSet};

use crate::plan::{Damaged, Does, Operation, Plan, Step};
use crate::statement::{Col, Statement, Table};
use crate::value::Lens;
use crate::{assignments, conditions, rows, steps};

/// The correct plan with one change.
#[derive(Debug)]
pub(crate) struct Mutant {
    pub(crate) operation: &'static str,
    pub(crate) place: String,
    pub(crate) operator: &'static str,
    pub(crate) plan: Plan,
}

impl Mutant {
    pub(crate) fn name(&self) -> String {
        format!("{}/{}/{}", self.operation, self.place, self.operator)
    }

    /// Every mutant, in a stable order.
    pub(crate) fn all() -> Vec<Self> {
        let mut grown = Grown { right: Plan::right(), mutants: Vec::new() };
        grown.of_the_store();
        for operation in 0..grown.right.operations.len() {
            for step in 0..grown.right.operations[operation].steps.len() {
                let at = At { operation, step };
                let Some(statement) = grown.right.operations[operation].steps[step].statement().cloned()
                else {
                    continue;
                };
                conditions::grow(&mut grown, at, &statement);
                assignments::grow(&mut grown, at, &statement);
                rows::grow(&mut grown, at, &statement);
            }
            steps::grow(&mut grown, operation);
        }
        grown.mutants
    }
}

/// A step of an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) operation: usize,
    pub(crate) step: usize,
}

/// The correct plan, and the mutants made from it.
pub(crate) struct Grown {
    pub(crate) right: Plan,
    mutants: Vec<Mutant>,
}

impl Grown {
    /// Adds a mutant, unless the change has no effect here.
    pub(crate) fn plan(
        &mut self,
        operation: &'static str,
        place: impl Into<String>,
        operator: &'static str,
        change: impl FnOnce(&mut Plan),
    ) {
        let mut plan = self.right.clone();
        change(&mut plan);
        if plan != self.right {
            self.mutants.push(Mutant { operation, place: place.into(), operator, plan });
        }
    }

    pub(crate) fn operation(
        &mut self,
        operation: usize,
        place: impl Into<String>,
        operator: &'static str,
        change: impl FnOnce(&mut Operation),
    ) {
        let name = self.right.operations[operation].name;
        self.plan(name, place, operator, |plan| change(&mut plan.operations[operation]));
    }

    /// Changes a step; the place is its name, with a part of it if `part` is not empty.
    pub(crate) fn step(
        &mut self,
        at: At,
        part: &str,
        operator: &'static str,
        change: impl FnOnce(&mut Step),
    ) {
        let step = self.right.operations[at.operation].steps[at.step].name;
        let place = if part.is_empty() { step.to_owned() } else { format!("{step}.{part}") };
        self.operation(at.operation, place, operator, |operation| change(&mut operation.steps[at.step]));
    }

    /// Changes the statement of a step.
    pub(crate) fn statement(
        &mut self,
        at: At,
        part: &str,
        operator: &'static str,
        change: impl FnOnce(&mut Statement),
    ) {
        self.step(at, part, operator, |step| {
            if let Does::Statement(statement) = &mut step.does {
                change(statement);
            }
        });
    }

    /// Mutants that concern no single operation.
    fn of_the_store(&mut self) {
        for (table, operator) in [(Table::Records, "records_forgotten"), (Table::Epochs, "epochs_forgotten")]
        {
            self.plan("store", "restart", operator, |plan| plan.unlogged.push(table));
        }
        for (lens, operator) in [(Lens::AnyCase, "any_case"), (Lens::First(63), "cut_at_63")] {
            self.plan("store", "namespace", operator, |plan| plan.namespace = Some(lens));
        }
        for (operation, damaged, operator) in [
            ("find", Damaged::Hidden, "hidden"),
            ("list", Damaged::Hidden, "hidden"),
            ("list", Damaged::Fails, "fails"),
        ] {
            self.plan(operation, "damaged_row", operator, |plan| {
                for changed in &mut plan.operations {
                    if changed.name == operation {
                        changed.damaged = damaged;
                    }
                }
            });
        }
    }
}

/// The name of a column in SQL.
pub(crate) fn name(col: Col) -> String {
    let mut name = String::new();
    for letter in format!("{col:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// Checks that no two mutants have the same name or the same plan.
pub(crate) fn check(mutants: &[Mutant]) -> Result<(), String> {
    let (mut names, mut stores) = (HashSet::new(), HashMap::new());
    for mutant in mutants {
        if !names.insert(mutant.name()) {
            return Err(format!("{} is there twice", mutant.name()));
        }
        if let Some(other) = stores.insert(format!("{:?}", mutant.plan), mutant.name()) {
            return Err(format!("{other} and {} are one store", mutant.name()));
        }
    }
    Ok(())
}
