//! A TCP proxy that misbehaves on demand.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What a [`Proxy`] does with connections and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forwards everything.
    Pass,
    /// Forwards each read after this pause, in both directions.
    Delay(Duration),
    /// Forwards each read after a random pause, drawn anew each time, up to this duration, in both directions: data
    /// sent concurrently over two connections may arrive in any order.
    Jitter(Duration),
    /// Accepts new connections and closes them immediately. Existing connections continue.
    Refuse,
    /// Accepts connections and holds every byte, in both directions, like a partitioned network. A later mode
    /// forwards the held bytes; `cut` discards them.
    BlackHole,
    /// Forwards requests and holds responses: the work is done, but no client hears of it.
    HalfOpen,
    /// Cuts a connection after it has forwarded this many response bytes since the mode was set.
    CutAfter(u64),
}

/// A TCP proxy between clients and a server. Dropping it cuts every connection.
///
/// With one proxy per handle on a store, a test can delay, hold or cut one handle and not the others.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    orders: watch::Sender<Orders>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug)]
struct Orders {
    mode: Mode,
    /// Counts changes of the mode.
    change: u64,
    /// Counts cuts: connections older than the last cut end.
    round: u64,
    /// Counts calls of `black_hole_existing`: connections older than the last one receive nothing more.
    age: u64,
}

impl Orders {
    fn hold(&self, answers: bool, age: u64) -> bool {
        self.age != age || self.mode == Mode::BlackHole || (self.mode == Mode::HalfOpen && answers)
    }
}

impl Proxy {
    /// Listens on its own loopback port and forwards everything to `server`.
    ///
    /// # Errors
    ///
    /// If the proxy cannot listen.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (orders, heard) = watch::channel(Orders { mode: Mode::Pass, change: 0, round: 0, age: 0 });
        Ok(Self { address, orders, accepting: tokio::spawn(accept(listener, server, heard)) })
    }

    /// The address for clients: see [`Server::url_at`](crate::Server::url_at).
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the mode from now on, for existing connections too.
    pub fn set(&self, mode: Mode) {
        self.orders.send_modify(|orders| {
            orders.mode = mode;
            orders.change += 1;
        });
    }

    /// Lets every existing connection stay open, but holds its bytes in both directions, as when a router has forgotten
    /// it. New connections are served.
    pub fn black_hole_existing(&self) {
        self.orders.send_modify(|orders| orders.age += 1);
    }

    /// Cuts every existing connection. The mode stays.
    pub fn cut(&self) {
        self.orders.send_modify(|orders| orders.round += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Heard = watch::Receiver<Orders>;

async fn accept(listener: TcpListener, server: SocketAddr, heard: Heard) {
    while let Ok((client, _)) = listener.accept().await {
        let orders = *heard.borrow();
        if orders.mode != Mode::Refuse {
            tokio::spawn(serve(client, server, heard.clone(), orders));
        }
    }
}

/// Serves one connection until either side ends it, it is cut, or the proxy is dropped.
async fn serve(client: TcpStream, server: SocketAddr, mut heard: Heard, born: Orders) {
    tokio::select! {
        _ = pass(client, server, heard.clone(), born.age) => {}
        _ = heard.wait_for(|orders| orders.round != born.round) => {}
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut heard: Heard, age: u64) -> io::Result<()> {
    heard.wait_for(|orders| !orders.hold(false, age)).await.map_err(io::Error::other)?;
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let requests = copy(&mut from_client, &mut to_server, heard.clone(), false, age);
    tokio::select! { end = requests => end, end = copy(&mut from_server, &mut to_client, heard, true, age) => end }
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut heard: Heard,
    answers: bool,
    age: u64,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    let (mut passed, mut change) = (0, 0);
    // The operating system supplies the seed.
    let random = RandomState::new();
    loop {
        let read = from.read(&mut buffer).await?;
        let orders = *heard.wait_for(|orders| !orders.hold(answers, age)).await.map_err(io::Error::other)?;
        if orders.change != change {
            (passed, change) = (0, orders.change);
        }
        let mut bytes = buffer.get(..read).unwrap_or_default();
        match orders.mode {
            Mode::Delay(pause) => sleep(pause).await,
            Mode::Jitter(most) => {
                let share = f64::from(random.hash_one(passed) as u32) / f64::from(u32::MAX);
                sleep(most.mul_f64(share)).await;
            }
            Mode::CutAfter(limit) if answers => {
                let rest = usize::try_from(limit - passed).unwrap_or(usize::MAX);
                bytes = bytes.get(..rest).unwrap_or(bytes);
            }
            _ => {}
        }
        to.write_all(bytes).await?;
        passed += bytes.len() as u64;
        if read == 0 || matches!(orders.mode, Mode::CutAfter(limit) if answers && passed >= limit) {
            return Ok(());
        }
    }
}
