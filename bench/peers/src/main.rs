//! The libraries that are in use today, measured for `hallpass-bench`. `hallpass-bench-peers AREA SERVER ROWS`
//! lists its offers, then runs a turn for each line that requests one.

#![expect(clippy::disallowed_methods, reason = "it measures time")]

mod actix;
mod cluster;
mod embedded;
mod external;
mod memory;
mod near;
mod postgres;
mod redis;
mod rows;
mod session_guard;
mod tower;
mod web;

use std::error::Error;
use std::io;
use std::iter;
use std::process::ExitCode;

use hallpass_bench_load::Offer;
use hallpass_bench_load::wire::{Asked, Opening, hear, say};
use tempfile::TempDir;
use tokio::runtime::Handle;

pub(crate) type Offers = Result<Vec<Offer<'static>>, Box<dyn Error + Send + Sync>>;

/// The setting of an area: a server, and the number of rows.
pub(crate) struct Setting {
    pub(crate) runtime: Handle,
    pub(crate) server: String,
    pub(crate) rows: usize,
    offers: Vec<Offer<'static>>,
    missing: Vec<(String, String)>,
    /// A folder that is removed at the end.
    pub(crate) folder: Option<TempDir>,
}

impl Setting {
    /// Adds the offers of a system, or records why it has none.
    pub(crate) fn add(&mut self, system: &str, offers: Offers) {
        match offers {
            Ok(mut offers) => self.offers.append(&mut offers),
            Err(error) => {
                let first: &dyn Error = &*error;
                let chain: Vec<_> =
                    iter::successors(Some(first), |&error| error.source()).map(ToString::to_string).collect();
                let reason = chain.join(": ");
                self.missing.push((system.to_owned(), reason));
            }
        }
    }
}

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hallpass-bench-peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(area), Some(server), Some(rows)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: hallpass-bench-peers AREA SERVER ROWS; hallpass-bench starts it".into());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Some drivers have to be dropped inside a runtime.
    let _context = runtime.enter();
    let (runtime, rows) = (runtime.handle().clone(), rows.parse()?);
    let (offers, missing) = Default::default();
    let mut setting = Setting { runtime, server, rows, offers, missing, folder: None };
    match area.as_str() {
        "memory" => memory::add(&mut setting),
        "sled" => embedded::add(&mut setting)?,
        "postgres" => postgres::add(&mut setting),
        "redis" => redis::add(&mut setting),
        "redis cluster" => cluster::add(&mut setting),
        "near postgres" => near::postgres(&mut setting),
        "near redis" => near::redis(&mut setting),
        "web" => web::add(&mut setting),
        _ => return Err(format!("there is no area '{area}'").into()),
    }
    let (mut from, mut to) = (io::stdin().lock(), io::stdout().lock());
    let offers = setting.offers.iter().map(|offer| offer.of.clone()).collect();
    say(&mut to, &Opening { offers, missing: setting.missing })?;
    while let Some(Asked { offer, tasks, length }) = hear(&mut from)? {
        let offer = setting.offers.get_mut(offer).ok_or("there is no such offer")?;
        say(&mut to, &offer.turn(tasks, length))?;
    }
    Ok(())
}
