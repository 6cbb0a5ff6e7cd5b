//! A minimal client that a web server accepts: HTTP/1.1 over one connection that is kept open.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use crate::offer::Offer;

/// A connection to a web server.
#[derive(Debug)]
struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// If the server does not accept the connection.
    async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(4_096) })
    }

    /// Sends a whole request and reads the whole answer, whose length the answer states. Returns the status, and the
    /// values of all `set-cookie` headers without attributes, in the form of a `cookie` header.
    ///
    /// # Errors
    /// If the connection breaks, or the answer is not valid HTTP.
    async fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, String)> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let head = loop {
            if let Some(end) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await?;
        };
        let text = String::from_utf8_lossy(&self.received[..head]).to_ascii_lowercase();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        let values = |name: &'static str| text.lines().filter_map(move |line| line.strip_prefix(name));
        let length = values("content-length: ").next().and_then(|length| length.parse::<usize>().ok());
        let length = if status == Some(204) { Some(0) } else { length };
        let (Some(status), Some(length)) = (status, length) else {
            return Err(io::Error::other("the answer is not valid HTTP"));
        };
        // Cookies are case-sensitive.
        let plain = String::from_utf8_lossy(&self.received[..head]);
        let cookies = plain.lines().filter(|line| line.to_ascii_lowercase().starts_with("set-cookie: "));
        let cookies = cookies.filter_map(|line| line[12..].split(';').next()).collect::<Vec<_>>().join("; ");
        while self.received.len() < head + length {
            self.read().await?;
        }
        Ok((status, cookies))
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// A page that is requested with these cookies.
#[must_use]
pub fn get(path: &str, cookies: &str) -> Vec<u8> {
    let cookies = if cookies.is_empty() { String::new() } else { format!("cookie: {cookies}\r\n") };
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{cookies}\r\n").into_bytes()
}

/// Sends a form, as a browser does, and returns the cookies of the answer.
///
/// # Errors
/// If the connection breaks, or the answer is not valid HTTP.
pub async fn log_in(address: SocketAddr, path: &str, fields: &str) -> io::Result<String> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{fields}",
        fields.len()
    );
    Ok(Client::open(address).await?.exchange(request.as_bytes()).await?.1)
}

/// Requests `path` repeatedly, over a connection for each task. If there is a login page, each task logs in first.
///
/// # Panics
/// If an answer is not a page.
#[must_use]
pub fn offer(
    runtime: &Handle,
    system: &str,
    operation: &str,
    address: SocketAddr,
    path: &str,
    login: Option<&'static str>,
) -> Offer<'static> {
    let (connecting, path) = (runtime.clone(), path.to_owned());
    let state = move |_, _| {
        let opened = connecting.block_on(async {
            let cookies = match login {
                Some(login) => log_in(address, login, "").await?,
                None => String::new(),
            };
            io::Result::Ok((Client::open(address).await?, get(&path, &cookies)))
        });
        opened.unwrap()
    };
    let step = |(), (mut client, request): (Client, Vec<u8>)| async move {
        assert_eq!(client.exchange(&request).await.unwrap().0, 200);
        (client, request)
    };
    Offer::steady(runtime, system, operation, state, (), step)
}
