//! The command line.

use std::path::PathBuf;

use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
Usage: hallpass-bench [options]

  --only AREAS    measure only these of memory,sled,postgres,redis,web,near,scale [all but scale]
  --what NAMES    measure only these operations, such as find,rotate,issue,revoke,list,purge [all]
  --seconds N     how long each system runs for each figure [3]
  --rounds N      the number of turns over which that time is spread [5]
  --tasks N,N     the numbers of concurrent tasks [1,16,64]
  --rows N        the number of rows in each store [100000]
  --scale[=N]     also measure growth: 10000 rows, then ten times as many, up to N [1000000]
  --json FILE     also write the figures to this file
  --plots FOLDER  draw the figures into this folder
  --page FILE     write the figures into this page, between its marks
  --help          print this text

Servers come from the environment, local programs or containers; see test-servers/README.md.";

/// All areas.
const AREAS: [&str; 7] = ["memory", "sled", "postgres", "redis", "web", "near", "scale"];

pub(crate) struct Options {
    areas: Vec<String>,
    what: Vec<String>,
    pub(crate) seconds: f64,
    pub(crate) rounds: usize,
    pub(crate) tasks: Vec<usize>,
    pub(crate) rows: usize,
    pub(crate) scale: usize,
    pub(crate) json: Option<PathBuf>,
    pub(crate) plots: Option<PathBuf>,
    pub(crate) page: Option<PathBuf>,
}

impl Options {
    /// Reads the command line. Returns `None` if help is requested.
    pub(crate) fn read() -> Result<Option<Self>, lexopt::Error> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self {
            areas: AREAS[..6].iter().map(ToString::to_string).collect(),
            what: Vec::new(),
            seconds: 3.0,
            rounds: 5,
            tasks: vec![1, 16, 64],
            rows: 100_000,
            scale: 1_000_000,
            json: None,
            plots: None,
            page: None,
        };
        let mut scale = false;
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("only") => options.areas = list(&arguments.value()?.string()?),
                Long("what") => options.what = list(&arguments.value()?.string()?),
                Long("seconds") => options.seconds = arguments.value()?.parse()?,
                Long("rounds") => options.rounds = arguments.value()?.parse()?,
                Long("tasks") => {
                    let numbers = list(&arguments.value()?.string()?);
                    options.tasks = numbers
                        .iter()
                        .map(|number| number.parse().map_err(|_| format!("'{number}' is no number of tasks")))
                        .collect::<Result<_, _>>()?;
                }
                Long("rows") => options.rows = arguments.value()?.parse()?,
                Long("scale") => {
                    scale = true;
                    if let Some(rows) = arguments.optional_value() {
                        options.scale = rows.parse()?;
                    }
                }
                Long("json") => options.json = Some(arguments.value()?.into()),
                Long("plots") => options.plots = Some(arguments.value()?.into()),
                Long("page") => options.page = Some(arguments.value()?.into()),
                Long("help") => return Ok(None),
                _ => return Err(argument.unexpected()),
            }
        }
        if scale && !options.wants("scale") {
            options.areas.push("scale".to_owned());
        }
        options.check()?;
        Ok(Some(options))
    }

    pub(crate) fn wants(&self, area: &str) -> bool {
        self.areas.iter().any(|wanted| wanted == area)
    }

    /// Whether an operation should be measured.
    pub(crate) fn measures(&self, operation: &str) -> bool {
        self.what.is_empty() || self.what.iter().any(|wanted| wanted == operation)
    }

    fn check(&self) -> Result<(), String> {
        if let Some(area) = self.areas.iter().find(|area| !AREAS.contains(&area.as_str())) {
            return Err(format!("unknown area '{area}'; the areas are {}", AREAS.join(", ")));
        }
        let rule = |holds: bool, rule: &str| if holds { Ok(()) } else { Err(rule.to_owned()) };
        rule((0.1..=600.0).contains(&self.seconds), "0.1 to 600 seconds")?;
        rule((1..=1_000).contains(&self.rounds), "1 to 1,000 rounds")?;
        rule((1_000..=10_000_000).contains(&self.rows), "1,000 to 10,000,000 rows")?;
        rule(
            (10_000..=10_000_000).contains(&self.scale),
            "--scale must be between 10,000 and 10,000,000 rows",
        )?;
        let some = !self.tasks.is_empty() && self.tasks.iter().all(|tasks| (1..=512).contains(tasks));
        rule(some, "1 to 512 tasks")
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Options>, String> {
        Options::parse(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn growth_is_measured_only_when_asked_for() {
        assert!(!parse(&[]).unwrap().unwrap().wants("scale"));
        assert!(parse(&["--scale"]).unwrap().unwrap().wants("memory"));
        let grown = parse(&["--only", "scale", "--scale=20000"]).unwrap().unwrap();
        assert!(grown.wants("scale") && !grown.wants("memory"));
        assert_eq!(grown.scale, 20_000);
    }

    #[test]
    fn an_unknown_area_is_named_with_those_there_are() {
        let error = parse(&["--only", "memory,mysql"]).err().unwrap();
        assert!(error.contains("'mysql'") && error.contains("postgres"), "{error}");
    }

    #[test]
    fn one_operation_can_be_measured_alone() {
        assert!(parse(&[]).unwrap().unwrap().measures("find"));
        let alone = parse(&["--what", "issue,revoke"]).unwrap().unwrap();
        assert!(alone.measures("revoke") && !alone.measures("find"));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for wrong in
            [["--seconds", "0"], ["--rounds", "0"], ["--rows", "1"], ["--tasks", "1,x"], ["--tasks", "0"]]
        {
            assert!(parse(&wrong).is_err(), "{wrong:?}");
        }
    }
}
