//! Runs a command with servers that all its processes share: `with-servers postgres redis -- cargo nextest run`.
//! Without a command it prints the URLs and waits.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::{Command, ExitCode};
use std::thread;

use hallpass_test_servers::{postgres, redis};

const USAGE: &str = "usage: with-servers [postgres] [redis] [-- COMMAND [ARGUMENT…]]";

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        _ = writeln!(io::stderr(), "{error}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let mut servers = Vec::new();
    for name in arguments.by_ref().take_while(|name| name != "--") {
        servers.push(match name.to_str() {
            Some("postgres") => ("HALLPASS_POSTGRES_URL", postgres()?),
            Some("redis") => ("HALLPASS_REDIS_URL", redis()?),
            _ => return Err(USAGE.into()),
        });
    }
    let Some(program) = arguments.next() else {
        if servers.is_empty() {
            return Err(USAGE.into());
        }
        for (variable, server) in &servers {
            writeln!(io::stdout(), "export {variable}={}", server.url())?;
        }
        // Until a signal arrives: the servers end with this process, however it ends.
        loop {
            thread::park();
        }
    };
    let urls = servers.iter().map(|(variable, server)| (*variable, server.url()));
    let status = Command::new(program).args(arguments).envs(urls).status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
