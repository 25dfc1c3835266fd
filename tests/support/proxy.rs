//! A TCP proxy that can delay data and drop it while connections stay open.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::listen;

/// A proxy in front of a port of this machine.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    drops: AtomicBool,
    /// Delay in each direction, in milliseconds.
    delay: AtomicU64,
}

impl Proxy {
    pub async fn before(target: u16) -> Self {
        Self::dropping(target, 0..0).await
    }

    /// A proxy that drops all data of these connections, which are numbered from 0 in the order of their opening.
    pub async fn dropping(target: u16, connections: Range<usize>) -> Self {
        let (listener, address) = listen().await;
        let proxy = Self {
            port: address.port(),
            state: Arc::default(),
        };
        let state = Arc::clone(&proxy.state);
        tokio::spawn(async move {
            for number in 0.. {
                let Ok((inner, _)) = listener.accept().await else {
                    return;
                };
                let is_dropped = connections.contains(&number);
                let Ok(outer) = TcpStream::connect(("127.0.0.1", target)).await else {
                    continue;
                };
                let (inner_read, inner_write) = inner.into_split();
                let (outer_read, outer_write) = outer.into_split();
                tokio::spawn(forward(
                    inner_read,
                    outer_write,
                    Arc::clone(&state),
                    is_dropped,
                ));
                tokio::spawn(forward(
                    outer_read,
                    inner_write,
                    Arc::clone(&state),
                    is_dropped,
                ));
            }
        });
        proxy
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts or stops dropping all data. Dropped data are not sent again, as after a crash of the machine.
    pub fn set_dropping(&self, everything: bool) {
        self.state.drops.store(everything, Ordering::Relaxed);
    }

    /// Sets the delay in each direction.
    pub fn set_delay(&self, delay: Duration) {
        let milliseconds = u64::try_from(delay.as_millis()).expect("the delay is short");
        self.state.delay.store(milliseconds, Ordering::Relaxed);
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: Arc<State>,
    mut is_dropped: bool,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        is_dropped |= state.drops.load(Ordering::Relaxed);
        let delay = state.delay.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(delay)).await;
        // A connection that lost data stays silent, because the rest of its stream is useless.
        if !is_dropped && to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
    while is_dropped && state.drops.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
