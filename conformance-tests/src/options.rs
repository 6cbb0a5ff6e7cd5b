//! The settings of a run.

use std::time::Duration;

use crate::case::Level;

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much is run.
    pub level: Level,
    /// The seed of an earlier run, to repeat its random choices; `None` draws a new one.
    pub seed: Option<u64>,
    /// The time limit for one case; after that it counts as hanging.
    pub limit: Duration,
    /// Run only the cases whose id contains this text.
    pub only: Option<String>,
    /// The arguments with which this binary, run again, calls [`serve_crash_child`](crate::serve_crash_child). `None`
    /// leaves the cases about crashes untested.
    pub child: Option<Vec<String>>,
    /// Treat an [open](crate::Outcome::is_open) outcome as a broken promise.
    pub strict: bool,
    /// How long to repeat the cases that depend on chance, with the next seed each round, until a promise is broken.
    /// Every case runs once in any case.
    pub budget: Option<Duration>,
}

/// The parsed command line.
#[derive(Debug)]
pub(crate) struct CommandLine {
    pub(crate) options: Options,
    /// The files for the report, as JUnit XML and as JSON.
    pub(crate) junit: Option<String>,
    pub(crate) json: Option<String>,
    /// The arguments for `libtest`.
    pub(crate) rest: Vec<String>,
}

impl Default for Options {
    /// Every case but those that wait for real time, with two minutes per case.
    fn default() -> Self {
        Self {
            level: Level::Full,
            seed: None,
            limit: Duration::from_secs(120),
            only: None,
            child: None,
            strict: false,
            budget: None,
        }
    }
}

impl Options {
    /// Describes the arguments that the suite adds to those of `libtest`.
    pub(crate) const HELP: &'static str = "\
Options of the suite, also read from the environment variable HALLPASS_CONFORMANCE:
  --level quick|full|real-time   how much to run (full)
  --seed NUMBER                  repeat the random choices of an earlier run
  --limit SECONDS                how long one case may take (120)
  --budget 5m                    repeat the cases that depend on chance, with other seeds, until the time
                                 is up or a promise is broken; every case runs at least once
  --strict                       for CI: an inconclusive case is a failure; so is declaring Outage with a
                                 harness that has no server
  --junit FILE, --json FILE      also write the report to FILE; {backend} in it is the backend's name

Exit status: 0 every declared promise was kept, 1 one was broken, 2 the harness failed or nothing ran.
";

    /// Separates the suite's own arguments from those of `libtest`.
    ///
    /// # Errors
    /// A text that names the invalid argument.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<CommandLine, String> {
        let (mut options, mut junit, mut json) = (Self::default(), None, None);
        let mut rest = Vec::new();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (name, mut value) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument.clone(), None),
            };
            let mut value =
                || value.take().or_else(|| arguments.next()).ok_or(format!("{name} needs a value"));
            let wrong = |value: &str| format!("{name} cannot be {value}");
            match name.as_str() {
                "--strict" => options.strict = true,
                "--level" => {
                    options.level = match value()?.as_str() {
                        "quick" => Level::Quick,
                        "full" => Level::Full,
                        "real-time" => Level::RealTime,
                        other => return Err(wrong(other)),
                    }
                }
                "--seed" => {
                    let value = value()?;
                    options.seed = Some(value.parse().map_err(|_| wrong(&value))?);
                }
                "--limit" => {
                    let value = value()?;
                    let seconds = value.parse().ok().filter(|seconds| *seconds > 0).ok_or(wrong(&value))?;
                    options.limit = Duration::from_secs(seconds);
                }
                "--budget" => {
                    let value = value()?;
                    options.budget = Some(duration(&value).ok_or(wrong(&value))?);
                }
                "--junit" => junit = Some(value()?),
                "--json" => json = Some(value()?),
                _ => rest.push(argument),
            }
        }
        Ok(CommandLine { options, junit, json, rest })
    }
}

/// Parses `90`, `90s`, `5m` or `2h`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (number, &text[number.len()..]),
        None => (text, "s"),
    };
    let seconds = match unit {
        "m" => 60,
        "h" => 3_600,
        _ => 1,
    };
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<CommandLine, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_suites_own_arguments_are_taken_out() {
        let line = "delete --level quick --exact --seed=7 --strict --limit 9 --junit a.xml --json=b.json";
        let CommandLine { options, junit, json, rest } = parse(line).unwrap();
        assert_eq!((options.level, options.seed, options.strict), (Level::Quick, Some(7), true));
        assert_eq!(options.limit, Duration::from_secs(9));
        assert_eq!((junit.as_deref(), json.as_deref()), (Some("a.xml"), Some("b.json")));
        assert_eq!(rest, ["delete", "--exact"]);
    }

    #[test]
    fn a_budget_has_a_unit() {
        for (line, seconds) in [("90", 90), ("90s", 90), ("5m", 300), ("2h", 7_200)] {
            let parsed = parse(&format!("--budget {line}")).unwrap();
            assert_eq!(parsed.options.budget, Some(Duration::from_secs(seconds)), "{line}");
        }
    }

    #[test]
    fn nonsense_is_told() {
        for line in [
            "--level",
            "--level fast",
            "--seed x",
            "--limit 0",
            "--budget 0",
            "--budget 5d",
            "--budget m",
            "--json",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
