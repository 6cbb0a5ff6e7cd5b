//! Load generators that come with the servers, as an upper bound for any client.

use std::process::Command;
use std::time::Duration;

use hallpass_bench_load::Offer;
use hallpass_bench_load::program::{reported, run};

use crate::{Offers, Setting};

/// Rows of pgbench's smallest table.
const ACCOUNTS: usize = 100_000;
/// Where Debian installs the programs of PostgreSQL.
const PROGRAMS: &str = "/usr/lib/postgresql";

/// `pgbench -S -M prepared`: reads one row by its key, over a connection for each task.
pub(crate) fn pgbench(setting: &Setting) -> Offers {
    let program = pgbench_program();
    let scale = setting.rows.div_ceil(ACCOUNTS).to_string();
    run(Command::new(&program).args(["-i", "-q", "-s", &scale, &setting.server]))?;
    let server = setting.server.clone();
    let play = move |tasks: usize, length: Duration| {
        let (clients, threads) = (tasks.to_string(), tasks.min(2).to_string());
        let seconds = length.as_secs_f64().ceil().max(1.0).to_string();
        let mut command = Command::new(&program);
        command.args(["-n", "-S", "-M", "prepared", "-c", &clients, "-j", &threads, "-T", &seconds, &server]);
        let text = run(&mut command)?;
        let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        Ok(reported(rate.ok_or("pgbench told no rate")?))
    };
    Ok(vec![Offer::new("pgbench -S -M prepared", "find", play)])
}

/// `redis-benchmark -t get`: a connection for each task, and once with 16 requests under way on each.
pub(crate) fn redis_benchmark(setting: &Setting) -> Offers {
    let address = setting.server.rsplit('@').next().unwrap_or_default().trim_start_matches("redis://");
    let (host, port) = address.split_once(':').ok_or("its URL names no port")?;
    let port = port.trim_end_matches('/');
    // Three times as many as there are keys, so that only one key in twenty stays empty.
    let (rows, count) = (setting.rows.to_string(), (setting.rows * 3).to_string());
    let mut fill = Command::new("redis-benchmark");
    fill.args([
        "-h", host, "-p", port, "-t", "set", "-r", &rows, "-n", &count, "-d", "322", "-P", "16", "-q",
    ]);
    run(&mut fill)?;
    let offer = |system: &str, pipeline: &'static str| {
        let (host, port, rows) = (host.to_owned(), port.to_owned(), setting.rows.to_string());
        let mut per_second = 20_000.0;
        Offer::new(system, "find", move |tasks: usize, length: Duration| {
            let (clients, count) = (tasks.to_string(), (per_second * length.as_secs_f64()).max(1_000.0));
            let mut command = Command::new("redis-benchmark");
            command.args(["-h", &host, "-p", &port, "-t", "get", "-r", &rows, "-d", "322", "--csv"]);
            command.args(["-c", &clients, "-P", pipeline, "-n", &format!("{count:.0}")]);
            let text = run(&mut command)?;
            // The line is "test","rps", …: take the second field of GET.
            let line = text.lines().find(|line| line.starts_with("\"GET\""));
            let rate = line.and_then(|line| line.split(',').nth(1)?.trim_matches('"').parse().ok());
            per_second = rate.ok_or("redis-benchmark told no rate")?;
            Ok(reported(per_second))
        })
    };
    Ok(vec![offer("redis-benchmark", "1"), offer("redis-benchmark -P 16", "16")])
}

/// Finds the program on the `PATH`, or in Debian's folder.
fn pgbench_program() -> String {
    if run(Command::new("pgbench").arg("--version")).is_ok() {
        return "pgbench".to_owned();
    }
    let versions = std::fs::read_dir(PROGRAMS).into_iter().flatten().flatten();
    let programs = versions.map(|version| version.path().join("bin/pgbench"));
    let found = programs.filter(|program| program.exists()).max();
    found.map_or_else(|| "pgbench".to_owned(), |program| program.to_string_lossy().into_owned())
}
