//! The command line.

use std::ffi::OsString;
use std::time::Duration;

use hallpass_core::{Policy, RetryWindow, Windows};
use hallpass_demo::Cookies;
use lexopt::{Arg, Error, Parser, ValueExt};

use crate::stores::Store;

/// The text of `--help`; `{stores}` is replaced by the stores that this program was built with.
pub(crate) const HELP: &str = "\
A small site with \"remember me\" over hallpass.

Usage: hallpass-demo [OPTIONS]

Options:
  --listen HOST:PORT              the address to listen on [127.0.0.1:8080]; port 0 takes any free port
  --store STORE                   where logins are stored [sled:./hallpass-demo-data]:
                                  {stores}
  --remember-retry SECONDS        how long a browser that lost a response may repeat it
                                  [until-confirmed: until it sends the new cookie]
  --remember-overlap SECONDS      how long a request may be under way when the cookie changes [30]
  --remember-min-interval SECONDS the minimum time between two changes of the cookie [60];
                                  at least twice the overlap
  --near-cache SECONDS            how long a session is kept in memory before it is read again; 0 for
                                  never [60; on systems other than Linux and Android 0]
  --insecure-cookies              plain cookie names and no Secure, for clients that refuse
                                  Secure cookies from http://
  --help                          print this text
";

/// How long a session is kept in memory; not at all where no clock counts the time of a suspension.
const NEAR_CACHE: Duration =
    Duration::from_secs(if cfg!(any(target_os = "linux", target_os = "android")) { 60 } else { 0 });

/// The command-line options.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) listen: String,
    pub(crate) store: Store,
    pub(crate) session: Policy,
    pub(crate) remember: Policy,
    pub(crate) cookies: Cookies,
}

impl Options {
    /// Reads the arguments, without the program's name. Returns `None` if help is requested.
    pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Self>, Error> {
        let mut options = Self {
            listen: "127.0.0.1:8080".into(),
            store: Store::default(),
            session: Policy::session(),
            remember: Policy::remember(),
            cookies: Cookies::Secure,
        };
        let (mut windows, mut near_cache) = (Windows::DEFAULT, NEAR_CACHE);
        let mut parser = Parser::from_args(args);
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Long("listen") => options.listen = parser.value()?.string()?,
                Arg::Long("store") => {
                    // The error does not contain the value, which may hold a password.
                    let store = parser.value()?.string().map_err(|_| "the store is not valid UTF-8")?;
                    options.store = store.parse::<Store>().map_err(Error::from)?;
                }
                Arg::Long("remember-retry") => windows.retry_window = retry(&mut parser)?,
                Arg::Long("remember-overlap") => windows.overlap = seconds(&mut parser)?,
                Arg::Long("remember-min-interval") => windows.min_interval = seconds(&mut parser)?,
                Arg::Long("near-cache") => near_cache = seconds(&mut parser)?,
                Arg::Long("insecure-cookies") => options.cookies = Cookies::Insecure,
                // Not repeated either: it may be a store whose flag was forgotten.
                Arg::Value(_) => return Err("an argument without its flag; see --help".into()),
                other => return Err(other.unexpected()),
            }
        }
        options.remember = options.remember.rotation(Some(windows));
        if !near_cache.is_zero() {
            options.session = options.session.cached_for(near_cache);
        }
        Ok(Some(options))
    }
}

/// Reads the time within which a lost response can be repeated.
fn retry(parser: &mut Parser) -> Result<RetryWindow, Error> {
    let value = parser.value()?;
    if value == "until-confirmed" {
        return Ok(RetryWindow::UntilConfirmed);
    }
    value.parse_with(duration).map(RetryWindow::For)
}

fn seconds(parser: &mut Parser) -> Result<Duration, Error> {
    parser.value()?.parse_with(duration)
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "not a number of seconds")
}
