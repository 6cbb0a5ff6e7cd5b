//! The protocol between the two processes of a run: a line of JSON for each message, over standard input and
//! output. The peers' process says once what it offers, and then answers each request for a turn.

use std::io::{self, BufRead, Write};
use std::time::Duration;

pub use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::offer::Offered;

/// The first message of the peers' process.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Opening {
    /// What it can run.
    pub offers: Vec<Offered>,
    /// Each system that cannot run anything, and the reason.
    pub missing: Vec<(String, String)>,
}

/// A request for a turn of an `offer`, counted from 0. The answer is the turn, or the reason why it failed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// The number of the offer.
    pub offer: usize,
    /// The number of tasks.
    pub tasks: usize,
    /// How long to run.
    pub length: Duration,
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
    use crate::turn::Turn;

    #[test]
    fn a_turn_arrives_as_it_was_done() {
        let mut turn = Turn::reported(3, Duration::from_millis(2));
        turn.record(Duration::from_micros(7), 2);
        turn.record(Duration::from_millis(1), 1);
        let mut line = Vec::new();
        say(&mut line, &Ok::<_, String>(turn.clone())).unwrap();
        let heard: Option<Result<Turn, String>> = hear(&mut line.as_slice()).unwrap();
        let arrived = heard.unwrap().unwrap();
        assert_eq!((arrived.operations, arrived.elapsed), (turn.operations, turn.elapsed));
        assert!(arrived.latencies().eq(turn.latencies()));
        assert!(hear::<Opening>(&mut &b""[..]).unwrap().is_none());
    }
}
