//! How a run is to be done.

use std::time::Duration;

use crate::case::Level;

/// How a run is to be done.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much is run.
    pub level: Level,
    /// Repeats the random choices of a run that printed this; another every time if `None`.
    pub seed: Option<u64>,
    /// How long one case may take before it is given up as hanging.
    pub limit: Duration,
    /// Only cases whose id contains this.
    pub only: Option<String>,
    /// The arguments with which this very binary, run again, calls
    /// [`serve_crash_child`](crate::serve_crash_child). `None` leaves crashes untested.
    pub child: Option<Vec<String>>,
    /// Whether an inconclusive case is as bad as a broken promise.
    pub strict: bool,
}

impl Default for Options {
    /// Everything but what waits for real time, and two minutes a case.
    fn default() -> Self {
        Self {
            level: Level::Full,
            seed: None,
            limit: Duration::from_secs(120),
            only: None,
            child: None,
            strict: false,
        }
    }
}

impl Options {
    /// What the suite's own command line adds to that of `libtest`.
    pub(crate) const HELP: &'static str = "\
Of the suite itself, also taken from the environment variable HALLPASS_CONFORMANCE:
  --level quick|full|real-time   how much is run (full)
  --seed NUMBER                  repeat the random choices of an earlier run
  --limit SECONDS                how long one case may take (120)
  --strict                       an inconclusive case is a failure, for CI

Exit status: 0 every declared promise was kept, 1 one was broken, 2 the harness failed or nothing ran.
";

    /// Takes the suite's own arguments out of `arguments` and leaves those of `libtest`.
    ///
    /// # Errors
    /// A text that says which argument makes no sense.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<(Self, Vec<String>), String> {
        let mut options = Self::default();
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
                _ => rest.push(argument),
            }
        }
        Ok((options, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<(Options, Vec<String>), String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_suites_own_arguments_are_taken_out() {
        let (options, rest) = parse("delete --level quick --exact --seed=7 --strict --limit 9").unwrap();
        assert_eq!((options.level, options.seed, options.strict), (Level::Quick, Some(7), true));
        assert_eq!(options.limit, Duration::from_secs(9));
        assert_eq!(rest, ["delete", "--exact"]);
    }

    #[test]
    fn nonsense_is_told() {
        for line in ["--level", "--level fast", "--seed x", "--limit 0"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
