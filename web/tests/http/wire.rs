//! One request over a connection of its own, written and read byte by byte.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::jar::SetCookie;

/// The time limit of a response.
const LIMIT: Duration = Duration::from_secs(30);

/// A complete request, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) to: SocketAddr,
    pub(crate) from: Ipv4Addr,
    pub(crate) bytes: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Name in lower case, and value.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Prepared {
    pub(crate) async fn send(&self) -> Answer {
        tokio::time::timeout(LIMIT, self.exchange()).await.expect("an answer in time").unwrap()
    }

    /// Sends the request and closes the connection before a response comes.
    pub(crate) async fn send_and_hang_up(&self) -> tokio::net::TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        let mut stream = socket.connect(self.to).await.unwrap();
        stream.write_all(&self.bytes).await.unwrap();
        stream
    }

    async fn exchange(&self) -> std::io::Result<Answer> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.from, 0).into())?;
        let (mut incoming, mut outgoing) = socket.connect(self.to).await?.into_split();
        // A server that refuses the start of a request responds before it has read the rest.
        let writing = async { outgoing.write_all(&self.bytes).await };
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

    /// Returns what the response does to the cookie of this name.
    pub(crate) fn cookie(&self, name: &str) -> Option<SetCookie> {
        self.set_cookies().into_iter().rfind(|cookie| cookie.name == name)
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location").expect("a redirect")
    }
}
