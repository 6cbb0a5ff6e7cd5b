//! Redis Cluster and Sentinel: complete when `start` returns, and able to replace a master.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests, which fail by panicking, and measure real time"
)]

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hallpass_test_servers::{Server, needed, redis_cluster, redis_command, redis_sentinel};

const SOON: Duration = Duration::from_secs(5);

fn ask(server: &Server, command: &str) -> String {
    redis_command(server.address(), command, SOON).unwrap()
}

/// Whether the server gives this answer now. Sentinel cuts the connections of a server whose role it changes.
fn says(server: &Server, command: &str, expected: &str) -> bool {
    redis_command(server.address(), command, SOON).is_ok_and(|answer| answer.contains(expected))
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(40), "never: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn all_gone(addresses: &[SocketAddr]) -> bool {
    addresses.iter().all(|address| TcpStream::connect(address).is_err())
}

#[test]
fn a_cluster_serves_every_slot_and_replaces_a_master() {
    let Some(cluster) = needed("a_cluster", redis_cluster()).unwrap() else { return };
    assert_eq!(cluster.urls().len(), 6);
    assert!(cluster.is_healthy());
    let nodes = cluster.nodes();
    for (number, node) in nodes.iter().enumerate() {
        let role = ask(node, "ROLE");
        assert!(role.starts_with(if number < 3 { "master" } else { "slave" }), "{role}");
    }
    // Slots of foo, hello, bar: 12182, 866, 5061.
    for key in ["foo", "hello", "bar"] {
        let answers: Vec<_> = nodes[..3].iter().map(|node| ask(node, &format!("SET {key} 1"))).collect();
        assert_eq!(answers.iter().filter(|answer| *answer == "OK").count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| answer.starts_with("-MOVED")).count(), 2, "{answers:?}");
    }
    nodes[0].freeze().unwrap();
    eventually("the replica of the first master takes over", || says(&nodes[3], "ROLE", "master"));
    eventually("every slot is served again", || cluster.nodes()[1..].iter().all(is_ok));
    nodes[0].thaw().unwrap();
    eventually("the old master follows the new one", || says(&nodes[0], "ROLE", "slave"));
    let addresses: Vec<_> = nodes.iter().map(Server::address).collect();
    drop(cluster);
    assert!(all_gone(&addresses));
}

fn is_ok(node: &Server) -> bool {
    says(node, "CLUSTER INFO", "cluster_state:ok")
}

#[test]
fn sentinels_replace_a_master_that_crashed() {
    let Some(group) = needed("sentinels", redis_sentinel()).unwrap() else { return };
    let [first, second] = group.servers() else { panic!("two servers") };
    assert_eq!(group.master().unwrap().address(), first.address());
    assert_eq!(ask(first, "SET kept yes"), "OK");
    assert_eq!(ask(first, "WAIT 1 5000"), "1");
    first.crash().unwrap();
    eventually("the replica is the master", || {
        group.master().is_ok_and(|master| master.address() == second.address())
    });
    eventually("the new master has what was acknowledged", || says(second, "GET kept", "yes"));
    eventually("the new master takes writes", || says(second, "SET kept still", "OK"));
    first.start().unwrap();
    eventually("the old master follows", || says(first, "ROLE", "slave"));
    let servers = group.servers().iter().chain(group.sentinels());
    let addresses: Vec<_> = servers.map(Server::address).collect();
    assert_eq!((addresses.len(), group.name()), (5, "hallpass"));
    drop(group);
    assert!(all_gone(&addresses));
}
