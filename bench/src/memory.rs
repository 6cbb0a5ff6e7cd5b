//! The cost of judging a token on one thread.

use std::hint::black_box;

use hallpass_bench_load::Offer;
use hallpass_bench_load::rows::DEVICE;
use hallpass_core::{KeyId, Keyring, Kind, MemoryStore, Tokens};

use crate::maker::subject;
use crate::options::Options;
use crate::report::Report;
use crate::run;

/// The number of logins in the store, all of which the loop visits.
const LOGINS: usize = 1_000;
/// How many operations run between two readings of the clock.
const BATCH: u64 = 100;

pub(crate) fn bench(report: &mut Report, options: &Options) {
    let ring = Keyring::new(KeyId::new(1).unwrap(), &[7; 32]).unwrap();
    let offers = vec![
        verify("hallpass MemoryStore", Tokens::builder(MemoryStore::new()).build().unwrap()),
        verify("hallpass with a keyring", Tokens::builder(MemoryStore::new()).keyring(ring).build().unwrap()),
    ];
    run::area(report, "memory", offers, ("-", LOGINS), options);
}

fn verify(system: &'static str, tokens: Tokens) -> Offer<'static> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sessions = runtime.block_on(async {
        let mut sessions = Vec::new();
        for user in 0..LOGINS {
            let login = tokens.begin_login(&subject(user)).await.unwrap();
            let issued = tokens.issue(&login, Kind::SESSION).device(DEVICE).await.unwrap();
            sessions.push(issued.token.expose().to_owned());
        }
        sessions
    });
    let mut at = 0;
    Offer::counted(system, "verify", BATCH, move || {
        runtime.block_on(async {
            for _ in 0..BATCH {
                at = (at + 1) % sessions.len();
                let verdict = tokens.verify(Kind::SESSION, &sessions[at]).await;
                black_box(verdict).unwrap();
            }
        });
    })
}
