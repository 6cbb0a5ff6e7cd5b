//! Ports for servers that must restart on the same port.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::error::Error;

/// Below the range of outgoing connections (from 32768 on Linux): no process takes the port while its server is down,
/// and a client that keeps retrying cannot connect to itself. A Redis Cluster also listens on port + 10000, which is
/// below that range too.
const FIRST: u16 = 11_000;
const COUNT: u16 = 10_000;

/// Finds a port on which no process is listening now.
pub(crate) fn free() -> Result<u16, Error> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Concurrent test processes start searching at different ports.
    let start = process::id().wrapping_mul(2_654_435_761) >> 16;
    for _ in 0..COUNT {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + u16::try_from((start + step) % u32::from(COUNT)).unwrap_or(0);
        let bus_is_free = || TcpListener::bind((Ipv4Addr::LOCALHOST, port + 10_000)).is_ok();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && bus_is_free() {
            return Ok(port);
        }
    }
    Err(Error::Io { action: "find a free port", source: io::ErrorKind::AddrInUse.into() })
}
