//! Tests the service on a real folder: the race for one successor, and a login that outlives its process.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use hallpass_core::{Kind, Rejected, Subject, Tokens};
use hallpass_store_sled::SledStore;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

fn tokens(store: SledStore) -> Tokens {
    Tokens::builder(store).build().unwrap()
}

async fn remember(tokens: &Tokens) -> String {
    let login = tokens.begin_login(&Subject::new("alice").unwrap()).await.unwrap();
    let issued = tokens.issue(&login, Kind::REMEMBER).await.unwrap();
    issued.token.expose().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_racing_holders_get_one_identical_successor() {
    let folder = tempfile::tempdir().unwrap();
    let handles = [SledStore::open(folder.path()).unwrap(), SledStore::open(folder.path()).unwrap()];
    let nodes = handles.map(tokens);
    for _ in 0..10 {
        let old = remember(&nodes[0]).await;
        let all_have_read = Arc::new(Barrier::new(20));
        let mut tasks = JoinSet::new();
        for at in 0..20 {
            let (node, old, all_have_read) = (nodes[at % 2].clone(), old.clone(), all_have_read.clone());
            tasks.spawn(async move {
                let candidate = node.look_up(Kind::REMEMBER, &old).await.unwrap();
                all_have_read.wait().await;
                let valid = candidate.verify_and_rotate(None).await.unwrap();
                valid.successor.unwrap().token.expose().to_owned()
            });
        }
        let successors = tasks.join_all().await;
        assert!(successors.iter().all(|successor| *successor == successors[0]), "byte-identical");
        let valid = nodes[1].verify(Kind::REMEMBER, &successors[0]).await.unwrap();
        assert_eq!(valid.generation(), 1, "one step");
    }
}

#[tokio::test]
async fn a_login_and_a_logout_are_still_there_when_the_folder_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    let before = tokens(store.clone());
    let (kept, ended) = (remember(&before).await, remember(&before).await);
    let rotated = before.verify_and_rotate(Kind::REMEMBER, &kept).await.unwrap();
    let rotated = rotated.successor.unwrap().token;
    before.revoke(Kind::REMEMBER, &ended).await.unwrap();
    drop(before);
    store.close().unwrap();

    let after = tokens(SledStore::open(folder.path()).unwrap());
    assert_eq!(after.verify(Kind::REMEMBER, rotated.expose()).await.unwrap().generation(), 1);
    let denied = after.verify(Kind::REMEMBER, &ended).await.unwrap_err();
    assert_eq!(denied.rejection(), Some(Rejected::Invalid));
}
