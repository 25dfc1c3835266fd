//! Ports for servers: below 32768, because above it the system takes ports for outgoing connections, and a server that
//! wants such a port finds it taken once in a while.

use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;

const LOWEST: u64 = 20_000;
const COUNT: u64 = 12_000;

/// A port that was free a moment ago.
#[must_use]
pub fn random() -> u16 {
    let mut port = candidate();
    // Two tests may still pick the same one; the server then says so, and the caller asks again.
    while TcpListener::bind(("127.0.0.1", port)).is_err() {
        port = candidate();
    }
    port
}

fn candidate() -> u16 {
    // The standard library seeds each hash map differently, which is all the chance needed here.
    let number = RandomState::new().hash_one("port") % COUNT + LOWEST;
    u16::try_from(number).unwrap_or(u16::MAX)
}
