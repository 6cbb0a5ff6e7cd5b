//! Starts the site. The README says what to try.

mod options;
mod stores;

use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use hallpass_core::error_chain;
use hallpass_core::{Purger, Tokens};
use hallpass_demo::{Activity, announced, app};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::Level;

use options::{HELP, Options};

/// How long requests in progress may take after the server is asked to stop.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            let help = HELP.replace("{stores}", &stores::known());
            return io::stdout().write_all(help.as_bytes()).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
        }
        // Its text contains the cause already.
        Err(error) => return fail(error, 2),
    };
    for policy in [&options.session, &options.remember] {
        if let Err(error) = policy.check(options.store.max_skew()) {
            return fail(error, 2);
        }
    }
    tracing_subscriber::fmt().with_max_level(Level::INFO).with_writer(io::stderr).init();
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error_chain(&*error), 1),
    }
}

fn fail(why: impl Display, code: u8) -> ExitCode {
    // If this cannot be written, there is no other place to report it.
    let _ = writeln!(io::stderr(), "hallpass-demo: {why}");
    ExitCode::from(code)
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(&options.listen).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            format!("{} is taken by another program; choose another with --listen", options.listen)
        }
        _ => format!("cannot listen on {}: {error}", options.listen),
    })?;
    let store = options.store.open().await;
    let store = store.map_err(|error| format!("cannot open {}: {}", options.store, error_chain(&*error)))?;
    let activity = Activity::default();
    let tokens = Tokens::builder(store)
        .policy(options.session)
        .policy(options.remember)
        .max_skew(options.store.max_skew())
        .observer(activity.clone())
        .build()?;
    let app = app(tokens.clone(), activity.clone(), options.cookies)?;
    let purger = Purger::new(tokens).spawn();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (stop, mut stopped) = watch::channel(());
    tokio::spawn(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        activity.stop();
        drop(stop);
    });

    announce(&listener)?;
    let mut told = stopped.clone();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move { drop(told.changed().await) });
    tokio::select! {
        ended = server => ended?,
        () = async { drop(stopped.changed().await); sleep(GRACE).await } => {}
    }
    // The purger holds the last handle of the store. Dropping that flushes everything.
    purger.abort();
    drop(purger.await);
    Ok(())
}

/// Prints the first line, which is for programs: `listening on http://ADDRESS`.
fn announce(listener: &TcpListener) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{}", listener.local_addr()?)?;
    for (name, password) in announced() {
        writeln!(out, "account: {name} / {password}")?;
    }
    out.flush()
}
