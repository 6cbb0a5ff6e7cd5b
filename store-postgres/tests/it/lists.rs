//! Tests lists with rows that the suite cannot create, and lists of some purposes.

use std::num::NonZeroU16;

use hallpass_core::store::{Listed, Page, TokenStore};
use hallpass_core::{Note, Purpose, Purposes, Timestamp};
use hallpass_store_postgres::PostgresStore;
use sqlx::AssertSqlSafe;

use crate::support::{connection, fresh, put, record, say, schema, server, store, stored_many, subject};

async fn list(store: &PostgresStore, page: &Page) -> Vec<Listed> {
    store.list_by_subject(&subject("alice"), page).await.unwrap()
}

#[tokio::test]
async fn a_row_that_is_no_record_is_an_entry_and_hides_no_other() {
    let Some((server, schema, store)) = fresh().await else { return };
    let records = stored_many(&store, 5).await;
    let bad = records[2].selector;
    let mut on = connection(server.url()).await;
    for change in
        ["purpose = 9", "era = -1", "era = 4294967296", "kind = 'NO KIND'", "login = '\\x00'", "revoked = 77"]
    {
        let row = format!("{schema}.hallpass_tokens where selector = '\\x{bad}'");
        say(&mut on, format!("create table {schema}.kept as select * from {row}")).await;
        say(&mut on, format!("update {schema}.hallpass_tokens set {change} where selector = '\\x{bad}'"))
            .await;
        for limit in [1, 2, 5, 9] {
            let mut page = Page::first(NonZeroU16::new(limit).unwrap());
            let mut found = Vec::new();
            loop {
                let listed = list(&store, &page).await;
                page.after = listed.last().map(Listed::place);
                let last = listed.len() < usize::from(limit);
                found.extend(listed);
                if last {
                    break;
                }
            }
            let (mut whole, mut corrupt) = (Vec::new(), Vec::new());
            for entry in found {
                match entry {
                    Listed::Record(record) => whole.push(*record),
                    Listed::Corrupt { selector, created_at, .. } => corrupt.push((created_at, selector)),
                }
            }
            let expected: Vec<_> =
                records.iter().rev().filter(|record| record.selector != bad).cloned().collect();
            assert_eq!(whole, expected, "{change}, pages of {limit}");
            assert_eq!(corrupt, [(records[2].created_at, bad)], "{change}, pages of {limit}");
        }
        say(
            &mut on,
            format!("delete from {row}; insert into {schema}.hallpass_tokens select * from {schema}.kept"),
        )
        .await;
        say(&mut on, format!("drop table {schema}.kept")).await;
    }
    say(&mut on, format!("update {schema}.hallpass_tokens set purpose = 9 where selector = '\\x{bad}'"))
        .await;
    assert!(store.delete(bad, &Note::none()).await.unwrap());
    assert_eq!(list(&store, &Page::first(NonZeroU16::MAX)).await.len(), 4);
}

/// A list shows a damaged row by its place, and the next page begins after that place. So the tables accept
/// no row without a valid place.
#[tokio::test]
async fn a_row_without_a_place_in_a_list_cannot_be_made() {
    let Some((server, schema, store)) = fresh().await else { return };
    let mut latest = record("alice");
    latest.created_at = Timestamp::MAX;
    for record in [&record("alice"), &latest] {
        put(&store, record).await;
    }
    let mut on = connection(server.url()).await;
    for change in [
        "created_at = '1969-12-31 23:59:59.999+00'",
        "created_at = '10000-01-01 00:00:00+00'",
        "created_at = 'infinity'",
        "created_at = '-infinity'",
        "selector = substr(selector, 2)",
        "selector = selector || '\\x00'",
    ] {
        let sql = format!("update {schema}.hallpass_tokens set {change} where created_at < '1970-02-01'");
        let refused = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut on).await;
        let listed = store.list_by_subject(&subject("alice"), &Page::first(NonZeroU16::MAX)).await;
        assert!(listed.is_ok(), "{change}: {listed:?}");
        assert!(refused.is_err_and(|error| error.to_string().contains("hallpass_tokens_place")), "{change}");
    }
}

/// Runs with the original statement, and with one that ignores the purposes.
#[tokio::test]
async fn a_page_of_some_purposes_shows_those() {
    let Some(server) = server() else { return };
    let schema = schema();
    let whole = store(server.url(), &schema, |builder| builder).await;
    let line = "        and ($3::smallint[] is null or purpose = any ($3))\n";
    let forgets = store(server.url(), &schema, |builder| {
        builder.patched(
            "list_by_subject.sql",
            line,
            "        and coalesce(cardinality($3::smallint[]), 0) >= 0\n",
        )
    })
    .await;
    for number in 0..12 {
        let mut record = record("alice");
        record.purpose = Purpose::ALL[number % 3];
        put(&whole, &record).await;
    }
    for purposes in [Purposes::of(&[]), Purpose::Key.into(), Purposes::NOT_KEYS, Purposes::ALL] {
        let page = Page { purposes, ..Page::first(NonZeroU16::new(100).unwrap()) };
        let shown = list(&whole, &page).await.into_iter().filter_map(Listed::record);
        let shown: Vec<_> = shown.map(|record| record.purpose).collect();
        assert!(shown.iter().all(|purpose| purposes.contain(*purpose)));
        assert_eq!(shown.len(), 4 * purposes.iter().count());
        assert_eq!(list(&forgets, &page).await.len(), 12);
    }
}
