//! Programs that generate their own load and report only a rate.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::offer::Offer;
use crate::turn::Turn;

/// Runs a program until it exits and returns its output.
///
/// # Errors
/// If it cannot be run, or the last line of its error output.
pub fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program} cannot be run: {error}"))?;
    if !output.status.success() {
        let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
        return Err(format!("{program}: {last}"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Creates a turn of which only the rate is known.
#[must_use]
pub fn reported(per_second: f64) -> Turn {
    Turn::reported(per_second.round() as u64, Duration::from_secs(1))
}

/// Requests `path` with `wrk`, with a connection for each task, for at least a second.
#[must_use]
pub fn wrk(system: &str, operation: &str, address: SocketAddr, path: &str, cookies: &str) -> Offer<'static> {
    let (url, cookies) = (format!("http://{address}{path}"), format!("cookie: {cookies}"));
    Offer::new(system, operation, move |tasks: usize, length: Duration| {
        let (connections, threads) = (tasks.to_string(), tasks.min(2).to_string());
        let seconds = length.as_secs_f64().ceil().max(1.0).to_string();
        let mut command = Command::new("wrk");
        command.args(["-t", &threads, "-c", &connections, "-d", &seconds, "-H", &cookies, &url]);
        let text = run(&mut command)?;
        let line = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name));
        if let Some(errors) = line("Non-2xx or 3xx responses:").or_else(|| line("Socket errors:")) {
            return Err(format!("wrk: errors: {}", errors.trim()));
        }
        let rate = line("Requests/sec:").and_then(|rate| rate.trim().parse().ok());
        Ok(reported(rate.ok_or("wrk reported no rate")?))
    })
}
