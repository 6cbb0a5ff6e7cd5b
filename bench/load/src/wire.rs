//! The protocol between the two processes of a run: a line of JSON for each message, over standard input and
//! output.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::turn::Turn;

/// A message from the process that measures the peers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Said {
    /// `system` can run `operation` from these numbers of tasks; from any number if empty.
    Offers {
        /// The system.
        system: String,
        /// The operation.
        operation: String,
        /// The numbers of tasks.
        tasks: Vec<usize>,
        /// How often one operation allocates memory, if that was counted.
        allocations: Option<f64>,
    },
    /// `system` cannot run anything.
    Lacks {
        /// The system.
        system: String,
        /// The reason.
        reason: String,
    },
    /// All offers are made.
    Ready,
    /// The results of a turn.
    Did {
        /// The number of operations.
        operations: u64,
        /// The time in nanoseconds.
        nanos: u64,
        /// Latencies in nanoseconds, and how often each occurred.
        latencies: Vec<(u64, u64)>,
    },
    /// The reason why a turn failed.
    Failed(String),
}

/// A request for a turn of an `offer`, counted from 0.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// The number of the offer.
    pub offer: usize,
    /// The number of tasks.
    pub tasks: usize,
    /// The length in nanoseconds.
    pub nanos: u64,
}

impl From<&Turn> for Said {
    fn from(turn: &Turn) -> Self {
        let nanos = u64::try_from(turn.elapsed.as_nanos()).unwrap_or(u64::MAX);
        Self::Did { operations: turn.operations, nanos, latencies: turn.latencies().collect() }
    }
}

impl Said {
    /// Returns the turn.
    ///
    /// # Errors
    /// If the message is another one.
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

/// Writes one message.
///
/// # Errors
/// If the other process has closed its end.
pub fn say(to: &mut impl Write, thing: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, thing)?;
    to.write_all(b"\n")?;
    to.flush()
}

/// Reads the next message; `None` at the end.
///
/// # Errors
/// If it cannot be read or parsed.
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
