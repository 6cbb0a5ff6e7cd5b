//! Each mode of the proxy, observed by a client, in front of a server that echoes and counts.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests, which fail by panicking, and measure real time"
)]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hallpass_test_servers::{Mode, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const SILENCE: Duration = Duration::from_millis(150);
const SOON: Duration = Duration::from_secs(5);

/// A server that sends every byte back.
struct Echo {
    address: SocketAddr,
    heard: Arc<AtomicUsize>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let echo = Self { address: listener.local_addr().unwrap(), heard: Arc::default() };
        let heard = Arc::clone(&echo.heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let heard = Arc::clone(&heard);
                tokio::spawn(async move {
                    let mut buffer = [0; 64];
                    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                        heard.fetch_add(read, Ordering::SeqCst);
                        stream.write_all(&buffer[..read]).await.unwrap();
                    }
                });
            }
        });
        echo
    }

    async fn has_heard(&self, bytes: usize) {
        let deadline = Instant::now() + SOON;
        while self.heard.load(Ordering::SeqCst) < bytes {
            assert!(Instant::now() < deadline, "the server never heard {bytes} bytes");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

struct Client(TcpStream);

impl Client {
    async fn new(proxy: &Proxy) -> Self {
        Self(TcpStream::connect(proxy.address()).await.unwrap())
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads up to `bytes`, and stops after `limit`.
    async fn hear(&mut self, bytes: usize, limit: Duration) -> io::Result<String> {
        let mut heard = vec![0; bytes];
        match timeout(limit, self.0.read_exact(&mut heard)).await {
            Ok(read) => read.map(|_| String::from_utf8(heard).unwrap()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    async fn is_cut(&mut self) -> bool {
        matches!(timeout(SOON, self.0.read(&mut [0; 8])).await, Ok(Ok(0) | Err(_)))
    }

    async fn hears_nothing(&mut self) -> bool {
        self.hear(1, SILENCE).await.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
    }
}

async fn set_up() -> (Echo, Proxy, Client) {
    let echo = Echo::start().await;
    let proxy = Proxy::start(echo.address).await.unwrap();
    let mut client = Client::new(&proxy).await;
    client.send("hello").await;
    assert_eq!(client.hear(5, SOON).await.unwrap(), "hello");
    (echo, proxy, client)
}

#[tokio::test]
async fn delay_holds_back_both_ways() {
    let (_echo, proxy, mut client) = set_up().await;
    proxy.set(Mode::Delay(Duration::from_millis(100)));
    let started = Instant::now();
    client.send("slow").await;
    assert_eq!(client.hear(4, SOON).await.unwrap(), "slow");
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn jitter_loses_and_swaps_nothing_on_a_connection() {
    let (_echo, proxy, mut client) = set_up().await;
    proxy.set(Mode::Jitter(Duration::from_millis(5)));
    let mut sent = String::new();
    for number in 0..20 {
        let word = format!("{number} ");
        client.send(&word).await;
        sent.push_str(&word);
    }
    assert_eq!(client.hear(sent.len(), SOON).await.unwrap(), sent);
}

#[tokio::test]
async fn refuse_spares_connections_that_are_there() {
    let (_echo, proxy, mut client) = set_up().await;
    proxy.set(Mode::Refuse);
    assert!(Client::new(&proxy).await.is_cut().await);
    client.send("still").await;
    assert_eq!(client.hear(5, SOON).await.unwrap(), "still");
    proxy.set(Mode::Pass);
    let mut next = Client::new(&proxy).await;
    next.send("again").await;
    assert_eq!(next.hear(5, SOON).await.unwrap(), "again");
}

#[tokio::test]
async fn a_black_hole_accepts_and_says_nothing() {
    let (echo, proxy, mut client) = set_up().await;
    proxy.set(Mode::BlackHole);
    let mut late = Client::new(&proxy).await;
    for client in [&mut client, &mut late] {
        client.send("lost?").await;
        assert!(client.hears_nothing().await);
    }
    assert_eq!(echo.heard.load(Ordering::SeqCst), 5, "the server heard more than the first hello");
    proxy.set(Mode::Pass);
    for client in [&mut client, &mut late] {
        assert_eq!(client.hear(5, SOON).await.unwrap(), "lost?");
    }
}

#[tokio::test]
async fn half_open_does_the_work_and_keeps_the_answer() {
    let (echo, proxy, mut client) = set_up().await;
    proxy.set(Mode::HalfOpen);
    client.send("done").await;
    echo.has_heard(9).await;
    assert!(client.hears_nothing().await);
    proxy.cut();
    assert!(client.is_cut().await);
}

#[tokio::test]
async fn cut_ends_what_is_there_and_nothing_else() {
    let (_echo, proxy, mut client) = set_up().await;
    proxy.set(Mode::BlackHole);
    let mut held = Client::new(&proxy).await;
    proxy.cut();
    assert!(client.is_cut().await);
    // The connection was accepted before or after the cut: the proxy cuts only connections that it has seen.
    proxy.set(Mode::Pass);
    if held.0.write_all(b"x").await.is_ok() {
        _ = held.hear(1, SILENCE).await;
    }
    let mut next = Client::new(&proxy).await;
    next.send("again").await;
    assert_eq!(next.hear(5, SOON).await.unwrap(), "again");
}

#[tokio::test]
async fn existing_connections_stay_open_and_dead_and_new_ones_live() {
    let (echo, proxy, mut client) = set_up().await;
    proxy.black_hole_existing();
    client.send("lost?").await;
    assert!(client.hears_nothing().await);
    let mut next = Client::new(&proxy).await;
    next.send("alive").await;
    assert_eq!(next.hear(5, SOON).await.unwrap(), "alive");
    assert_eq!(echo.heard.load(Ordering::SeqCst), 10, "the server heard the old one");
    proxy.cut();
    assert!(client.is_cut().await);
}

#[tokio::test]
async fn cut_after_counts_answers_from_the_order_on() {
    let (echo, proxy, mut client) = set_up().await;
    proxy.set(Mode::CutAfter(7));
    client.send("12345").await;
    assert_eq!(client.hear(5, SOON).await.unwrap(), "12345");
    client.send("67890").await;
    assert_eq!(client.hear(2, SOON).await.unwrap(), "67");
    assert!(client.is_cut().await);
    echo.has_heard(15).await;
    // Each connection has its own count.
    let mut next = Client::new(&proxy).await;
    next.send("1234567").await;
    assert_eq!(next.hear(7, SOON).await.unwrap(), "1234567");
    assert!(next.is_cut().await);
}

#[tokio::test]
async fn cut_after_nothing_loses_the_first_answer_of_work_that_was_done() {
    let (echo, proxy, mut client) = set_up().await;
    proxy.set(Mode::CutAfter(0));
    client.send("done").await;
    echo.has_heard(9).await;
    assert!(client.is_cut().await);
}

#[tokio::test]
async fn a_dropped_proxy_cuts_and_listens_no_more() {
    let (_echo, proxy, mut client) = set_up().await;
    let address = proxy.address();
    drop(proxy);
    assert!(client.is_cut().await);
    let deadline = Instant::now() + SOON;
    while TcpStream::connect(address).await.is_ok() {
        assert!(Instant::now() < deadline, "it still listens");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_end_of_a_connection_is_passed_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).await.unwrap();
    let mut client = Client::new(&proxy).await;
    let (upstream, _) = listener.accept().await.unwrap();
    drop(upstream);
    assert!(client.is_cut().await);
    let client = Client::new(&proxy).await;
    let (mut upstream, _) = listener.accept().await.unwrap();
    drop(client);
    assert_eq!(upstream.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_is_reached_through_it() {
    use hallpass_test_servers::{Backend, Launch, Origin, needed, redis_command};
    let found = Launch::new(Backend::Redis).only(Origin::Local).start();
    let Some(server) = needed("a_real_server", found).unwrap() else { return };
    let proxy = Proxy::start(server.address()).await.unwrap();
    assert_eq!(server.url_at(proxy.address()), format!("redis://{}", proxy.address()));
    let ping = |limit| tokio::task::block_in_place(|| redis_command(proxy.address(), "PING", limit));
    assert_eq!(ping(SOON).unwrap(), "PONG");
    proxy.set(Mode::BlackHole);
    assert!(ping(SILENCE).is_err());
}
