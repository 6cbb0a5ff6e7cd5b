//! One request, handed to the site in process or sent over a connection of its own, byte by byte.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use http::{HeaderName, HeaderValue, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tower::ServiceExt;

use crate::jar::SetCookie;

/// The longest time that an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Where requests go.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// To the site, without a server.
    Process(Router),
    /// To axum's server on this address.
    Server(SocketAddr),
}

impl Target {
    /// `None` for a site in process.
    fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Process(_) => None,
            Self::Server(address) => Some(*address),
        }
    }
}

/// A request with all its headers, ready to send.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) to: Target,
    pub(crate) from: Ipv4Addr,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: String,
}

/// The answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, with values.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Prepared {
    pub(crate) async fn send(&self) -> Answer {
        tokio::time::timeout(LIMIT, self.send_and_wait()).await.expect("an answer in time")
    }

    /// Sends it, and waits for the end of its answer as long as that takes.
    pub(crate) async fn send_and_wait(&self) -> Answer {
        match &self.to {
            Target::Process(site) => self.hand_to(site).await,
            Target::Server(address) => self.exchange(*address).await.unwrap(),
        }
    }

    /// Sends it to a server, and closes the connection before the answer arrives.
    pub(crate) async fn send_and_hang_up(&self) -> TcpStream {
        let address = self.to.address().expect("a request in process has no connection");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&self.bytes()).await.unwrap();
        stream
    }

    async fn hand_to(&self, site: &Router) -> Answer {
        let mut request = Request::builder().method(&*self.method).uri(&*self.path);
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().unwrap();
            request = request.header(name, HeaderValue::from_bytes(value).unwrap());
        }
        let request = request.extension(ConnectInfo(SocketAddr::from((self.from, 4_711))));
        let request = request.body(Body::from(self.body.clone())).unwrap();
        let (head, body) = site.clone().oneshot(request).await.unwrap().into_parts();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let header = |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), text(value.as_bytes()));
        let headers = head.headers.iter().map(header).collect();
        let body = text(&to_bytes(body, usize::MAX).await.unwrap());
        Answer { status: head.status.as_u16(), headers, body }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nConnection: close\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend([b"\r\n", self.body.as_bytes()].concat());
        bytes
    }

    async fn exchange(&self, address: SocketAddr) -> std::io::Result<Answer> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.from, 0).into())?;
        let (mut incoming, mut outgoing) = socket.connect(address).await?.into_split();
        // If a server refuses the first part of a request, it answers before it has read the rest.
        let sent = self.bytes();
        let writing = async { outgoing.write_all(&sent).await };
        let mut bytes = Vec::new();
        let reading = async {
            let mut chunk = [0; 16 * 1024];
            loop {
                match incoming.read(&mut chunk).await {
                    Ok(0) => return Ok(()),
                    Ok(count) => bytes.extend_from_slice(&chunk[..count]),
                    Err(error) if bytes.is_empty() => return Err(error),
                    Err(_) => return Ok(()),
                }
            }
        };
        let (_, read) = tokio::join!(writing, reading);
        read?;
        Ok(Answer::parse(&bytes))
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
        Self { status, headers: lines.map(header).collect(), body }
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| &**value).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub(crate) fn set_cookies(&self) -> Vec<SetCookie> {
        self.all("set-cookie").into_iter().map(SetCookie::parse).collect()
    }

    /// The change that the answer makes to the cookie of this name.
    pub(crate) fn cookie(&self, name: &str) -> Option<SetCookie> {
        self.set_cookies().into_iter().rfind(|cookie| cookie.name == name)
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location").expect("a redirect")
    }
}
