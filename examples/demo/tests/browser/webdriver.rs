//! The part of the WebDriver protocol that the tests need: JSON over HTTP to a `chromedriver`.
//!
//! Written by hand, because the existing clients bring two dozen packages of an older generation.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// Runs the driver until standard input ends. Only this process has the other end of the pipe, so the kernel closes
/// it after a return, a panic and SIGKILL alike. Nothing has waited for the driver yet, so its process id cannot
/// have been reused.
const SUPERVISOR: &str =
    "exec 3<&0 </dev/null; \"$@\" 3<&- & exec >/dev/null; read -r _ <&3; kill -KILL $!; wait";

/// A `chromedriver` on a free port of this machine. It ends with its browsers when dropped, or at the latest with
/// this process.
#[derive(Debug)]
pub(crate) struct Driver {
    supervisor: Child,
    port: u16,
}

impl Driver {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "sh", "chromedriver", "--port=0", "--log-level=SEVERE"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let stdout = BufReader::new(supervisor.stdout.take().expect("piped"));
        // From here on a panic ends it.
        let mut driver = Self { supervisor, port: 0 };
        let port = stdout.lines().find_map(|line| {
            let line = line.expect("its output");
            line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        driver.port = port.expect("chromedriver is installed, as scripts/install-servers does, and starts");
        driver
    }

    /// Opens a session with these capabilities. The browser keeps temporary files in `folder`.
    pub(crate) fn open(&self, capabilities: &Value) -> Session {
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let answer = call(self.port, "POST", "/session", &body).expect("Chromium starts");
        let id = answer["sessionId"].as_str().expect("the session's name");
        Session { port: self.port, path: format!("/session/{id}") }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

/// A running browser. It quits when dropped.
#[derive(Debug)]
pub(crate) struct Session {
    port: u16,
    path: String,
}

impl Session {
    /// Sends a command that must succeed.
    pub(crate) fn post(&self, command: &str, body: &Value) -> Value {
        self.send("POST", command, body).unwrap_or_else(|error| panic!("{command} {body}: {error}"))
    }

    /// Reads something that must exist.
    pub(crate) fn get(&self, command: &str) -> Value {
        self.send("GET", command, &Value::Null).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Sends a command. The error is the protocol's error code.
    pub(crate) fn send(&self, method: &str, command: &str, body: &Value) -> Result<Value, String> {
        call(self.port, method, &format!("{}/{command}", self.path), body)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = call(self.port, "DELETE", &self.path, &Value::Null);
    }
}

fn call(port: u16, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let (status, text) = exchange(port, method, path, body).map_err(|error| error.to_string())?;
    let mut answer: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let value = answer["value"].take();
    match status {
        200 => Ok(value),
        _ => Err(format!("{}: {}", value["error"].as_str().unwrap_or("?"), value["message"])),
    }
}

fn exchange(port: u16, method: &str, path: &str, body: &Value) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    stream.write_all(
        format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    )?;
    let mut answer = BufReader::new(stream);
    let (mut status, mut length) = (0, 0);
    for at in 0.. {
        let mut line = String::new();
        answer.read_line(&mut line)?;
        let line = line.trim_end();
        if at == 0 {
            status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        } else if let Some((name, value)) = line.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        } else {
            break;
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body)?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
