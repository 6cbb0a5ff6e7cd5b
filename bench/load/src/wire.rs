//! How two processes of one run talk: a line of JSON each, over the standard input and output.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::turn::Turn;

/// What the process that measures peers says.
#[derive(Debug, Serialize, Deserialize)]
pub enum Said {
    /// It can let `system` do `operation`, from these numbers of tasks; every number if empty.
    Offers {
        /// Who.
        system: String,
        /// What.
        operation: String,
        /// From how many tasks.
        tasks: Vec<usize>,
        /// How often one operation asks for memory, where that was counted.
        allocations: Option<f64>,
    },
    /// It cannot let `system` do anything.
    Lacks {
        /// Who.
        system: String,
        /// Why.
        reason: String,
    },
    /// All offers are made.
    Ready,
    /// What was done.
    Did {
        /// How many operations.
        operations: u64,
        /// In how many nanoseconds.
        nanos: u64,
        /// Latencies in nanoseconds, and how often each was met.
        latencies: Vec<(u64, u64)>,
    },
    /// Why nothing was done.
    Failed(String),
}

/// What it is asked: a turn of its `offer`, counted from 0.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// Which offer.
    pub offer: usize,
    /// From how many tasks.
    pub tasks: usize,
    /// For how many nanoseconds.
    pub nanos: u64,
}

impl From<&Turn> for Said {
    fn from(turn: &Turn) -> Self {
        let nanos = u64::try_from(turn.elapsed.as_nanos()).unwrap_or(u64::MAX);
        Self::Did { operations: turn.operations, nanos, latencies: turn.latencies().collect() }
    }
}

impl Said {
    /// The turn that was done.
    ///
    /// # Errors
    /// What was said instead.
    pub fn into_turn(self) -> Result<Turn, String> {
        match self {
            Self::Did { operations, nanos, latencies } => {
                let mut turn = Turn::reported(operations, Duration::from_nanos(nanos));
                for (nanos, count) in latencies {
                    turn.record(Duration::from_nanos(nanos), count);
                }
                Ok(turn)
            }
            Self::Failed(reason) => Err(reason),
            other => Err(format!("answered {other:?}")),
        }
    }
}

/// Says one thing.
///
/// # Errors
/// That nobody listens.
pub fn say(to: &mut impl Write, thing: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, thing)?;
    to.write_all(b"\n")?;
    to.flush()
}

/// The next thing that is said, `None` at the end.
///
/// # Errors
/// That it cannot be read or makes no sense.
pub fn hear<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_arrives_as_it_was_done() {
        let mut turn = Turn::reported(3, Duration::from_millis(2));
        turn.record(Duration::from_micros(7), 2);
        turn.record(Duration::from_millis(1), 1);
        let mut line = Vec::new();
        say(&mut line, &Said::from(&turn)).unwrap();
        let heard: Said = hear(&mut line.as_slice()).unwrap().unwrap();
        let arrived = heard.into_turn().unwrap();
        assert_eq!((arrived.operations, arrived.elapsed), (turn.operations, turn.elapsed));
        assert!(arrived.latencies().eq(turn.latencies()));
    }

    #[test]
    fn what_failed_is_no_turn() {
        assert_eq!(Said::Failed("gone".to_owned()).into_turn().unwrap_err(), "gone");
        assert!(Said::Ready.into_turn().is_err());
        assert!(hear::<Said>(&mut &b""[..]).unwrap().is_none());
    }
}
