//! Checks over plain TCP, without a driver, whether a server responds.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Sends one command to a Redis server and returns its reply as text, within about `limit`.
///
/// The arguments are split at spaces. An integer, a status or a bulk string is returned bare, an error with its minus
/// sign, a missing value as `(nil)`, an array as one element per line.
///
/// # Errors
///
/// The error of the connection; `TimedOut` or `WouldBlock` if there is no reply; `InvalidData` if the reply is not
/// the Redis protocol.
pub fn redis_command(address: SocketAddr, command: &str, limit: Duration) -> io::Result<String> {
    let mut stream = connect(address, limit)?;
    let words: Vec<&str> = command.split_whitespace().collect();
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.write_all(request.as_bytes())?;
    read_reply(&mut BufReader::new(stream))
}

/// Checks that a Redis server accepts commands, even if only to require a password.
pub(crate) fn redis(address: SocketAddr, limit: Duration) -> io::Result<()> {
    match redis_command(address, "PING", limit)?.as_str() {
        "PONG" => Ok(()),
        answer if answer.starts_with("-NOAUTH") => Ok(()),
        answer => Err(io::Error::new(ErrorKind::InvalidData, format!("Redis answers {answer:?}"))),
    }
}

/// The version that a Redis or Valkey server reports.
pub(crate) fn redis_version(address: SocketAddr, limit: Duration) -> io::Result<String> {
    let info = redis_command(address, "INFO server", limit)?;
    // Valkey reports both lines: its `redis_version` is the version it is compatible with.
    let names = [("valkey_version:", "Valkey"), ("redis_version:", "Redis")];
    let found = names.iter().find_map(|(key, name)| {
        let version = info.lines().find_map(|line| line.strip_prefix(key))?;
        Some(format!("{name} {}", version.trim()))
    });
    found.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "INFO names no version"))
}

/// Checks that a PostgreSQL server lets `user` begin to log in.
pub(crate) fn postgres(address: SocketAddr, user: &str, limit: Duration) -> io::Result<()> {
    let mut stream = log_in(address, user, limit)?;
    // Any authentication request; 'E' is an error such as "the database system is starting up".
    match read_message(&mut stream)? {
        (b'R', _) => Ok(()),
        (_, text) => Err(unexpected(&text)),
    }
}

/// The version that a PostgreSQL server reports to `user` after a login without a password.
pub(crate) fn postgres_version(address: SocketAddr, user: &str, limit: Duration) -> io::Result<String> {
    let mut stream = log_in(address, user, limit)?;
    loop {
        match read_message(&mut stream)? {
            // The login is accepted, or a parameter is set.
            (b'R', body) if body == [0; 4] => {}
            (b'S', body) => {
                let mut words = body.split(|byte| *byte == 0).map(String::from_utf8_lossy);
                if words.next().as_deref() == Some("server_version") {
                    // Distributions append their own version in parentheses.
                    let version = words.next().unwrap_or_default();
                    return Ok(format!("PostgreSQL {}", version.split(' ').next().unwrap_or_default()));
                }
            }
            (_, body) => return Err(unexpected(&body)),
        }
    }
}

fn log_in(address: SocketAddr, user: &str, limit: Duration) -> io::Result<TcpStream> {
    let mut stream = connect(address, limit)?;
    // Protocol 3.0, then names and values, each terminated by NUL, and a final NUL.
    let mut startup = 196_608_i32.to_be_bytes().to_vec();
    startup.extend_from_slice(format!("user\0{user}\0database\0postgres\0\0").as_bytes());
    let length = i32::try_from(startup.len() + 4).unwrap_or(i32::MAX);
    stream.write_all(&[&length.to_be_bytes(), startup.as_slice()].concat())?;
    Ok(stream)
}

/// Reads a PostgreSQL message: its type and its body.
fn read_message(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let [kind, length @ ..] = head;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    // The messages of a login are short; a longer one is not PostgreSQL.
    let mut body = vec![0; length.saturating_sub(4).min(10_000)];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}

fn unexpected(body: &[u8]) -> io::Error {
    let text = String::from_utf8_lossy(body).replace('\0', " ");
    io::Error::new(ErrorKind::InvalidData, format!("PostgreSQL answers {text:?}"))
}

/// Checks that a connection is accepted.
pub(crate) fn tcp(address: SocketAddr, limit: Duration) -> io::Result<()> {
    connect(address, limit).map(drop)
}

/// Resolves a name to its first address.
pub(crate) fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    (host, port).to_socket_addrs()?.next().ok_or_else(|| ErrorKind::NotFound.into())
}

fn connect(address: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    let started = Instant::now();
    let stream = TcpStream::connect_timeout(&address, limit)?;
    let rest = limit.saturating_sub(started.elapsed()).max(Duration::from_millis(1));
    stream.set_read_timeout(Some(rest))?;
    stream.set_write_timeout(Some(rest))?;
    Ok(stream)
}

fn read_reply(reader: &mut impl BufRead) -> io::Result<String> {
    let garbage = |what: &str| io::Error::new(ErrorKind::InvalidData, format!("not Redis: {what:?}"));
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let count = |rest: &str| rest.parse::<i64>().map_err(|_| garbage(line));
    match line.split_at_checked(1) {
        Some(("+" | ":", rest)) => Ok(rest.to_owned()),
        Some(("-", _)) => Ok(line.to_owned()),
        Some(("$", rest)) => match usize::try_from(count(rest)?) {
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                reader.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            Err(_) => Ok("(nil)".to_owned()),
        },
        Some(("*", rest)) => {
            let elements: io::Result<Vec<_>> = (0..count(rest)?).map(|_| read_reply(reader)).collect();
            Ok(elements?.join("\n"))
        }
        _ => Err(garbage(line)),
    }
}
