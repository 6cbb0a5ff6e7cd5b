//! A report for programs: JUnit XML and JSON.

use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::BytesText;
use serde_json::{Value, json};

use crate::case::{Case, Level};
use crate::outcome::{Outcome, Violation};
use crate::report::Report;

impl Report {
    /// Returns the report as JUnit XML, which CI systems display: one suite for the backend, one test case per case.
    ///
    /// A broken promise is a `failure` whose type is the clause. A panic or a failure of the harness is an `error`,
    /// and any other case without a verdict is `skipped`. If `strict`, an [open](Outcome::is_open) outcome is a
    /// `failure` too.
    #[must_use]
    pub fn junit(&self, strict: bool) -> String {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        // Writing to a vector never fails.
        let _ = self.write_junit(&mut writer, strict);
        let text = String::from_utf8_lossy(&writer.into_inner()).into_owned();
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}\n")
    }

    fn write_junit(&self, writer: &mut Writer<Vec<u8>>, strict: bool) -> std::io::Result<()> {
        let results: Vec<_> =
            self.timed().map(|timed| (timed, Junit::of(timed.0, timed.1, strict))).collect();
        let count = |like: &str| {
            results
                .iter()
                .filter(|(_, result)| result.as_ref().is_some_and(|told| told.element == like))
                .count()
        };
        let sums = [
            ("tests", results.len().to_string()),
            ("failures", count("failure").to_string()),
            ("errors", count("error").to_string()),
            ("skipped", count("skipped").to_string()),
            ("time", seconds(self.timed().map(|(.., took)| took).sum())),
        ];
        let attributes = |name: &str| {
            let name = [("name", printable(name))];
            name.into_iter().chain(sums.clone())
        };
        let properties = [
            ("seed", self.seed.to_string()),
            ("level", level(self.level).to_owned()),
            ("durability", self.declared.durability().as_str().to_owned()),
            ("rounds", self.rounds().map_or(1, |rounds| rounds.whole).to_string()),
        ];
        let suites = with(writer.create_element("testsuites"), attributes("hallpass conformance"));
        suites.write_inner_content(|writer| {
            with(writer.create_element("testsuite"), attributes(&self.backend)).write_inner_content(
                |writer| {
                    writer.create_element("properties").write_inner_content(|writer| {
                        for (name, value) in properties {
                            let property = [("name", name.to_owned()), ("value", value)];
                            with(writer.create_element("property"), property).write_empty()?;
                        }
                        Ok(())
                    })?;
                    for ((case, _, took), result) in results {
                        let attributes = [
                            ("classname", format!("conformance.{}", case.chapter())),
                            ("name", case.name.to_owned()),
                            ("time", seconds(took)),
                        ];
                        let element = with(writer.create_element("testcase"), attributes);
                        match result {
                            None => drop(element.write_empty()?),
                            Some(told) => {
                                element.write_inner_content(|writer| told.write(writer))?;
                            }
                        }
                    }
                    Ok(())
                },
            )?;
            Ok(())
        })?;
        Ok(())
    }

    /// Returns the report as JSON: what was run and how, each case with its outcome, and each violation in full.
    #[must_use]
    pub fn json(&self, strict: bool) -> String {
        let of_case = |(case, outcome, took): (&Case, &Outcome, Duration)| {
            json!({
                "id": case.id(),
                "clauses": case.clauses.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "level": level(case.level),
                "outcome": outcome.name(),
                "reason": outcome.reason(),
                "took_ms": millis(took),
                "violation": match outcome {
                    Outcome::Failed(violation) => of_violation(violation),
                    _ => Value::Null,
                },
                "panic": match outcome {
                    Outcome::Panicked { message, history } => json!({ "message": message, "history": history }),
                    _ => Value::Null,
                },
            })
        };
        let unvisited = |(operation, edge, reason): (&str, &str, Option<&str>)| json!({ "operation": operation, "edge": edge, "reason": reason });
        let report = json!({
            "backend": self.backend,
            "durability": self.declared.durability().as_str(),
            "level": level(self.level),
            "seed": self.seed,
            "strict": strict,
            "rounds": self.rounds().map_or(1, |rounds| rounds.whole),
            "exit_code": self.exit_code(strict),
            "summary": self.to_string(),
            "cases": self.timed().map(of_case).collect::<Vec<_>>(),
            "unvisited": self.unvisited().into_iter().map(unvisited).collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

fn of_violation(violation: &Violation) -> Value {
    let clause = violation.clause;
    json!({
        "clause": clause.to_string(),
        "title": clause.title(),
        "text": clause.text(),
        "contract": clause.place(),
        "look_at": violation.look_at(),
        "usual_reasons": clause.reasons(),
        "observed": violation.observed,
        "history": violation.history,
        "seed": violation.seed,
    })
}

/// The fields of a JUnit test case besides its name.
struct Junit {
    element: &'static str,
    kind: Option<String>,
    message: String,
    text: Option<String>,
}

impl Junit {
    fn of(case: &Case, outcome: &Outcome, strict: bool) -> Option<Self> {
        let (element, kind, message, text) = match outcome {
            Outcome::Passed => return None,
            Outcome::Failed(violation) => {
                let first = violation.observed.lines().next().unwrap_or_default();
                let message = format!("{} is broken: {first}", violation.clause);
                ("failure", Some(violation.clause.to_string()), message, Some(violation.to_string()))
            }
            Outcome::Panicked { message, history } => (
                "error",
                Some("panic".to_owned()),
                format!("{} panicked: {message}", case.id()),
                Some(history.clone()),
            ),
            Outcome::HarnessFailed(why) => {
                ("error", Some("harness".to_owned()), format!("harness failure, no verdict: {why}"), None)
            }
            open if strict && open.is_open() => {
                let name = open.name();
                (
                    "failure",
                    Some(name.to_owned()),
                    format!("{name}: {}", open.reason().unwrap_or_default()),
                    None,
                )
            }
            other => {
                ("skipped", None, format!("{}: {}", other.name(), other.reason().unwrap_or_default()), None)
            }
        };
        Some(Self { element, kind, message, text })
    }

    fn write(self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let kind = self.kind.map(|kind| ("type", kind));
        let attributes = [("message", printable(&self.message))].into_iter().chain(kind);
        let element = with(writer.create_element(self.element), attributes);
        match self.text {
            None => drop(element.write_empty()?),
            Some(text) => drop(element.write_text_content(BytesText::new(&printable(&text)))?),
        }
        Ok(())
    }
}

type Element<'a> = quick_xml::writer::ElementWriter<'a, Vec<u8>>;

fn with<'a>(
    element: Element<'a>,
    attributes: impl IntoIterator<Item = (&'static str, String)>,
) -> Element<'a> {
    let add =
        |element: Element<'a>, (name, value): (&str, String)| element.with_attribute((name, value.as_str()));
    attributes.into_iter().fold(element, add)
}

/// Removes the characters that XML 1.0 cannot represent.
fn printable(text: &str) -> String {
    let legal = |letter: char| {
        matches!(letter, '\t' | '\n' | '\r') || letter >= ' ' && !matches!(letter, '\u{fffe}' | '\u{ffff}')
    };
    text.chars().map(|letter| if legal(letter) { letter } else { '\u{fffd}' }).collect()
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Quick => "quick",
        Level::Full => "full",
        Level::RealTime => "real-time",
    }
}
