//! Ports for servers, below 32768: the system uses higher ports for outgoing connections.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

const MIN: u64 = 20_000;
const COUNT: u64 = 12_000;

/// A port that was free a moment ago.
#[must_use]
pub fn random() -> u16 {
    let mut port = candidate();
    // Another process may take the port meanwhile; the caller then tries another one.
    while TcpListener::bind(("127.0.0.1", port)).is_err() {
        port = candidate();
    }
    port
}

/// A loopback address with such a port.
#[must_use]
pub fn random_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, random()).into()
}

fn candidate() -> u16 {
    // The standard library seeds each hasher at random.
    let number = RandomState::new().hash_one("port") % COUNT + MIN;
    u16::try_from(number).unwrap_or(u16::MAX)
}
