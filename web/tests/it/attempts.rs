//! What counts as an attempt, and what does not.

use hallpass_core::Timestamp;
use hallpass_web::{AttemptBy, AttemptLimit, MemoryLimit};

#[tokio::test]
async fn a_right_password_between_wrong_codes_gives_no_more_codes() {
    let limit = MemoryLimit::new();
    let by = AttemptBy::new("alice", "192.0.2.1".parse().ok(), Timestamp::from_millis(1_800_000_000_000));
    let mut codes = 0;
    for _ in 0..50 {
        let Ok(refused) = limit.take(by).await;
        if refused.is_some() {
            break;
        }
        let Ok(()) = limit.forgive(by).await;
        let Ok(refused) = limit.take(by).await;
        codes += usize::from(refused.is_none());
    }
    assert_eq!(codes, 10, "the limit of a client on an account");
}
