//! What judging a token costs on one thread, beside the verification of a JWT.

use std::hint::black_box;
use std::time::Duration;

use hallpass_core::{Kind, MemoryStore, Subject, Tokens};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::report;
use crate::rounds::{Contender, Turn, run};

/// How many logins the store holds and the loop goes through.
const LOGINS: usize = 1_000;
/// Operations between two looks at the clock.
const BATCH: u64 = 100;

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    iat: u64,
    jti: String,
    scope: String,
}

pub(crate) fn bench(rounds: usize, length: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tokens = Tokens::builder(MemoryStore::new()).build().unwrap();
    let sessions = runtime.block_on(sessions(&tokens));
    let mut at = 0;
    let verify = |length| {
        Turn::repeat(length, BATCH, || {
            runtime.block_on(async {
                for _ in 0..BATCH {
                    at = (at + 1) % sessions.len();
                    let verdict = tokens.verify(Kind::SESSION, &sessions[at]).await;
                    assert!(black_box(verdict).unwrap().is_ok());
                }
            });
        })
    };
    let (jwt, key) = jwt();
    let validation = Validation::new(Algorithm::HS256);
    let hs256 = |length| {
        Turn::repeat(length, BATCH, || {
            for _ in 0..BATCH {
                assert!(black_box(decode::<Claims>(black_box(&jwt), &key, &validation)).is_ok());
            }
        })
    };
    let contenders = vec![
        Contender { system: "hallpass MemoryStore", operation: "verify", tasks: 1, turn: Box::new(verify) },
        Contender { system: "jsonwebtoken HS256", operation: "verify", tasks: 1, turn: Box::new(hs256) },
    ];
    report::heading("memory: one thread");
    let rows = run(contenders, rounds, length);
    report::table(&rows);
    report::ratio("cost of a verify, in HS256 verifications", &rows[1], &rows[0]);
}

async fn sessions(tokens: &Tokens) -> Vec<String> {
    let mut sessions = Vec::new();
    for user in 0..LOGINS {
        let subject = Subject::new(format!("user-{user}")).unwrap();
        let login = tokens.begin_login(&subject).await.unwrap();
        let issued = tokens.issue(&login, Kind::SESSION).device("Firefox on Linux").await.unwrap().unwrap();
        sessions.push(issued.token.expose().to_owned());
    }
    sessions
}

/// A token of some 250 bytes of claims, as a session would carry.
fn jwt() -> (String, DecodingKey) {
    let secret = [7; 32];
    let claims = Claims {
        sub: "user-123456".into(),
        exp: jsonwebtoken::get_current_timestamp() + 86_400,
        iat: jsonwebtoken::get_current_timestamp(),
        jti: "4f1c2d8e-6b7a-4c3d-9e8f-0a1b2c3d4e5f".into(),
        scope: "profile email orders:read orders:write ".repeat(4),
    };
    let jwt = encode(&Header::default(), &claims, &EncodingKey::from_secret(&secret)).unwrap();
    (jwt, DecodingKey::from_secret(&secret))
}
