//! Tests that a touch writes no index: PostgreSQL counts such updates as HOT.

use std::time::Duration;

use hallpass_core::{Kind, ManualClock, Policy, Subject, Tokens};
use std::sync::Arc;

use crate::support::{ask, at, connection, own_server, schema, store, until};

const SESSIONS: usize = 480;
const TOUCHES: usize = 48;
const AT_ONCE: usize = 16;

/// Uses sessions once a minute, through core, which decides what is written: each at its own moment of the
/// minute, as browsers do, and 16 at a time. (If one batch wrote all rows of a page, its free space would not
/// suffice: earlier versions are removed only after they are replaced and committed.)
#[tokio::test(flavor = "multi_thread")]
async fn nearly_every_touch_stays_on_its_page() {
    // Not the shared server: the oldest transaction on a server decides which row versions may be removed.
    let Some(server) = own_server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder).await;
    let clock = Arc::new(ManualClock::new(at(1_700_000_000_000)));
    let tokens = Tokens::builder(store).policy(Policy::session()).clock(Arc::clone(&clock)).build().unwrap();
    let mut texts = Vec::new();
    for user in 0..SESSIONS {
        let login = tokens.begin_login(&Subject::new(format!("user {user}")).unwrap()).await.unwrap();
        texts.push(Arc::new(tokens.issue(&login, Kind::SESSION).await.unwrap().token));
    }
    for _ in 0..TOUCHES {
        clock.advance(Duration::from_secs(61));
        for start in 0..SESSIONS / AT_ONCE {
            // Rows next to each other in the table are used at different moments.
            let batch = (0..AT_ONCE).map(|number| &texts[number * (SESSIONS / AT_ONCE) + start]);
            let touches = batch.map(|text| {
                let (tokens, text) = (tokens.clone(), Arc::clone(text));
                tokio::spawn(async move { tokens.verify(Kind::SESSION, text.expose()).await.map(drop) })
            });
            for touch in touches.collect::<Vec<_>>() {
                touch.await.unwrap().unwrap();
            }
        }
    }
    let mut on = connection(server.url()).await;
    let of =
        format!("from pg_stat_user_tables where schemaname = '{schema}' and relname = 'hallpass_tokens'");
    // Backends report their counts from time to time.
    until("the touches are counted", async || ask(&mut on, format!("select n_tup_upd {of}")).await >= 20_000)
        .await;
    let share = ask(&mut on, format!("select n_tup_hot_upd * 1000 / n_tup_upd {of}")).await;
    assert!(share >= 950, "{share} ‰ of the touches were HOT");
}
