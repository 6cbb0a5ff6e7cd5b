//! Tests the bytes that a login takes.

use hallpass_core::store::TokenStore;
use hallpass_core::{Kind, ManualClock, Policy, Subject, Tokens};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{needed, redis};

use crate::help::{NOW, ask, keys, raw};

/// `MEMORY USAGE` of a rotated record with a stamp, a fingerprint and 100 bytes of device, and of an index
/// with that record alone. Epochs, which live for an hour or two, are not counted.
#[tokio::test]
async fn a_login_takes_640_bytes_at_most() {
    let Some(server) = needed("bytes per login", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).connect().await.unwrap();
    let clock = ManualClock::new(NOW);
    let tokens = Tokens::builder(store.clone()).clock(clock).policy(Policy::remember()).build().unwrap();
    let subject = Subject::new("0198f1a2-user-42").unwrap();
    let device = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0, signed in from Lisbon, 2027.";
    assert_eq!(device.len(), 100);
    let login = tokens.begin_login(&subject).await.unwrap();
    let issued = tokens.issue(&login, Kind::REMEMBER).device(device).await.unwrap();
    let fresh = usage(&server).await;
    let rotated = tokens.verify_and_rotate(Kind::REMEMBER, issued.token.expose()).await.unwrap();
    assert!(rotated.successor.is_some());
    let (record, index) = usage(&server).await;
    let length = store.find(issued.token.selector()).await.unwrap().unwrap().encode().len();
    println!("fresh {fresh:?}, rotated ({record}, {index}) bytes for a record of {length}");
    assert!(record + index <= 640, "{record} + {index} for a record of {length} bytes");
}

/// The bytes that records and indexes take.
async fn usage(server: &hallpass_test_servers::Server) -> (i64, i64) {
    let mut raw = raw(server).await;
    let (mut records, mut indexes) = (0, 0);
    for key in keys(&mut raw).await {
        let bytes: i64 = ask(&mut raw, "MEMORY", b"USAGE", &[&key]).await;
        let name = String::from_utf8_lossy(&key).into_owned();
        records += if name.contains(":t:") { bytes } else { 0 };
        indexes += if name.contains(":s:") { bytes } else { 0 };
    }
    (records, indexes)
}
