//! Tests two processes that use the same tokens.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use hallpass_core::store::TokenStore;
use hallpass_core::{Kind, Policy, Subject, Tokens};
use hallpass_store_postgres::PostgresStore;

use crate::support::fresh;

const CHILD: &str = "HALLPASS_POSTGRES_CHILD";
const NAME: &str = "processes::two_processes_that_race_one_rotation_get_one_successor";

/// A node, which rotates each token that it receives and returns the successor.
struct Node {
    process: Child,
    orders: ChildStdin,
    answers: Receiver<String>,
}

impl Node {
    fn start(url: &str, schema: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([NAME, "--exact", "--nocapture", "--test-threads=1"]);
        command.env(CHILD, format!("{url} {schema}")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let orders = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, answers) = channel();
        // Its own lines begin with a star, because libtest prints others.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, said)) = line.split_once('*') {
                    let _ = sender.send(said.to_owned());
                }
            }
        });
        Self { process, orders, answers }
    }

    fn tell(&mut self, token: &str) {
        writeln!(self.orders, "{token}").unwrap();
    }

    fn hear(&self) -> String {
        self.answers.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn tokens(store: PostgresStore) -> Tokens {
    Tokens::builder(store).policy(Policy::remember()).build().unwrap()
}

#[expect(clippy::print_stdout, reason = "the parent reads its output")]
async fn be_a_node(place: &str) {
    let (url, schema) = place.split_once(' ').unwrap();
    let tokens = tokens(PostgresStore::builder().schema(schema).connect(url).await.unwrap());
    println!("*ready");
    for token in std::io::stdin().lines().map_while(Result::ok) {
        let valid = tokens.verify_and_rotate(Kind::REMEMBER, &token).await.unwrap();
        println!(
            "*{}",
            valid.successor.map_or_else(String::new, |successor| successor.token.expose().to_owned())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_race_one_rotation_get_one_successor() {
    if let Ok(place) = std::env::var(CHILD) {
        return be_a_node(&place).await;
    }
    let Some((server, schema, store)) = fresh().await else { return };
    let tokens = tokens(store.clone());
    let mut nodes = [Node::start(server.url(), &schema), Node::start(server.url(), &schema)];
    assert_eq!(nodes.each_mut().map(|node| node.hear()), ["ready", "ready"]);
    for round in 0..100 {
        let login = tokens.begin_login(&Subject::new(format!("user {round}")).unwrap()).await.unwrap();
        let old = tokens.issue(&login, Kind::REMEMBER).await.unwrap().token;
        nodes.iter_mut().for_each(|node| node.tell(old.expose()));
        let [one, other] = nodes.each_ref().map(Node::hear);
        assert!(!one.is_empty());
        assert_eq!(one, other, "two successors of one token");
        let record = store.find(old.selector()).await.unwrap().unwrap();
        assert_eq!(record.generation, 1);
        tokens.verify(Kind::REMEMBER, &one).await.unwrap();
    }
}
