//! Tests that a secret leaves only through [`Token::expose`](hallpass_core::Token::expose): not as text, not as an
//! event, not to the store.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may")]

mod run;
mod search;
mod types;
mod watch;

use base64ct::{Base64UrlUnpadded, Encoding};
use hallpass_core::Kind;
use run::Run;
use search::{Secrets, encodings};
use watch::Lines;

#[test]
fn nothing_that_is_shown_told_traced_or_stored_holds_a_secret() {
    let run = Run::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    tracing::subscriber::with_default(Lines(run.shown.clone()), || runtime.block_on(run.everything()));

    let secrets = run.secrets.lock().unwrap();
    let shown = run.shown.0.lock().unwrap();
    assert!(secrets.count > 40, "only {} secrets", secrets.count);
    for word in ["Reused", "Lapsed", "Rotated", "Consumed", "WriteFailed", "Purged", "hallpass", "corrupt"] {
        assert!(shown.contains(word), "{word} did not happen");
    }
    assert_eq!(secrets.found_in(shown.as_bytes()), None, "in what is shown");
    let stored = run.stored.lock().unwrap();
    assert_eq!(stored.digests.found_in(shown.as_bytes()), None, "digests and data (S18)");
    assert!(stored.bytes.len() > 10_000, "only {} bytes went through the store", stored.bytes.len());
    assert_eq!(secrets.found_in(&stored.bytes), None, "in what is stored");
}

#[test]
fn the_search_finds_a_secret_in_every_encoding() {
    let validator: [u8; 32] = std::array::from_fn(|at| (at * 37 + 11) as u8);
    let mut secrets = Secrets::default();
    secrets.validator(&validator);
    secrets.text("a password typed into the wrong field");
    assert_eq!(secrets.found_in(b"nothing here: 0123456789abcdef, [1, 2, 3, 4, 5, 6, 7, 8]"), None);
    let (r, f) = validator.split_at(16);
    for part in [&validator[..], r, f] {
        for shown in encodings(part) {
            let planted = [b"before ", &shown[..], b" after"].concat();
            assert!(secrets.found_in(&planted).is_some(), "{}", String::from_utf8_lossy(&planted));
            let cut = &shown[shown.len() / 4..][..shown.len() / 2 + 4];
            assert!(secrets.found_in(cut).is_some(), "half of {}", String::from_utf8_lossy(&planted));
        }
    }
    for before in 0..3 {
        let blob = [&[9; 2][..before.min(2)], &validator].concat();
        assert!(secrets.found_in(Base64UrlUnpadded::encode_string(&blob).as_bytes()).is_some());
    }
    assert!(secrets.found_in(b"invalid token: a password typed").is_some());
}

#[test]
fn the_search_finds_a_secret_that_is_shown_reported_or_stored() {
    let run = Run::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    tracing::subscriber::with_default(Lines(run.shown.clone()), || {
        runtime.block_on(async {
            let login = run.tokens.begin_anonymous().unwrap();
            let issued = run.tokens.issue(&login, Kind::SESSION).await.unwrap();
            run.secrets.lock().unwrap().token(&issued.token);
            tracing::trace!(token = issued.token.expose(), "an application's mistake");
            let data = issued.token.expose().as_bytes().to_vec();
            let _ = run.tokens.issue(&login, Kind::SESSION).data(data).await.unwrap();
        });
    });
    let secrets = run.secrets.lock().unwrap();
    assert!(secrets.found_in(run.shown.0.lock().unwrap().as_bytes()).is_some(), "in a trace");
    assert!(secrets.found_in(&run.stored.lock().unwrap().bytes).is_some(), "in the store");
}
