//! In memory, on one thread: JSON web tokens, which need no store and cannot be revoked, the memory store of
//! tower-sessions, and a bare map.

use std::collections::HashMap;
use std::hint::black_box;

use dashmap::DashMap;
use hallpass_bench_load::Offer;
use hallpass_bench_load::rows::DEVICE;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_memory_store::MemoryStore;

use crate::Setting;
use crate::rows::{VALUE, keys};

/// How many operations run between two readings of the clock.
pub(crate) const BATCH: u64 = 100;

pub(crate) fn add(setting: &mut Setting) {
    let rows = setting.rows;
    for (system, batch) in [
        ("jsonwebtoken HS256", jwt(Algorithm::HS256)),
        ("jsonwebtoken EdDSA", jwt(Algorithm::EdDSA)),
        ("tower-sessions MemoryStore", tower_sessions(rows)),
        ("dashmap", map(rows)),
    ] {
        setting.add(system, Ok(vec![Offer::counted(system, "verify", BATCH, batch)]));
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    iat: u64,
    jti: String,
    scope: String,
}

/// Verifies a token with some 250 bytes of claims, as a session would carry.
pub(crate) fn jwt(algorithm: Algorithm) -> Box<dyn FnMut()> {
    let (private, public) = pair(algorithm);
    let claims = Claims {
        sub: "user-123456".into(),
        exp: jsonwebtoken::get_current_timestamp() + 86_400,
        iat: jsonwebtoken::get_current_timestamp(),
        jti: "4f1c2d8e-6b7a-4c3d-9e8f-0a1b2c3d4e5f".into(),
        scope: "profile email orders:read orders:write ".repeat(4),
    };
    let jwt = encode(&Header::new(algorithm), &claims, &private).unwrap();
    let validation = Validation::new(algorithm);
    Box::new(move || {
        for _ in 0..BATCH {
            assert!(black_box(decode::<Claims>(black_box(&jwt), &public, &validation)).is_ok());
        }
    })
}

fn pair(algorithm: Algorithm) -> (EncodingKey, DecodingKey) {
    if algorithm == Algorithm::HS256 {
        return (EncodingKey::from_secret(&[7; 32]), DecodingKey::from_secret(&[7; 32]));
    }
    // The key pair of RFC 8032, section 7.1, test 1, as PKCS#8 and as the bare public key.
    let mut private = hex("302e020100300506032b657004220420");
    private.extend(hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
    let public = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    (EncodingKey::from_ed_der(&private), DecodingKey::from_ed_der(&public))
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Finds a session by its id, which is stored unprotected.
fn tower_sessions(rows: usize) -> Box<dyn FnMut()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = MemoryStore::default();
    let create = |number: usize| {
        let data = HashMap::from([
            ("user_id".to_owned(), format!("user-{number:08}").into()),
            ("device".to_owned(), DEVICE.into()),
        ]);
        let expiry_date = OffsetDateTime::now_utc() + time::Duration::days(1);
        let mut record = Record { id: Id::default(), data, expiry_date };
        runtime.block_on(store.create(&mut record)).unwrap();
        record.id
    };
    let ids: Vec<_> = (0..rows).map(create).collect();
    let mut at = 0;
    Box::new(move || {
        runtime.block_on(async {
            for _ in 0..BATCH {
                at = (at + 1) % ids.len();
                assert!(black_box(store.load(&ids[at]).await).unwrap().is_some());
            }
        });
    })
}

/// Looks up a value without judging it.
fn map(rows: usize) -> Box<dyn FnMut()> {
    let (map, keys) = (DashMap::new(), keys(rows));
    for key in &keys {
        map.insert(*key, vec![7_u8; VALUE]);
    }
    let mut at = 0;
    Box::new(move || {
        for _ in 0..BATCH {
            at = (at + 1) % keys.len();
            assert!(black_box(map.get(&keys[at])).is_some());
        }
    })
}
