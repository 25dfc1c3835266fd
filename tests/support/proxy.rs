//! A TCP proxy that can be slow, and can lose everything: connections stay open, and nothing comes through.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// A proxy before one port of this machine.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    loses: AtomicBool,
    /// Of all that comes through, in each direction, in milliseconds.
    delay: AtomicU64,
}

impl Proxy {
    pub async fn before(target: u16) -> Self {
        Self::losing(target, 0..0).await
    }

    /// A proxy that loses everything of these connections, counted from 0 in the order in which they are opened.
    pub async fn losing(target: u16, connections: Range<usize>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let proxy = Self {
            port,
            state: Arc::default(),
        };
        let state = Arc::clone(&proxy.state);
        tokio::spawn(async move {
            for number in 0.. {
                let Ok((inner, _)) = listener.accept().await else {
                    return;
                };
                let lost = connections.contains(&number);
                let Ok(outer) = TcpStream::connect(("127.0.0.1", target)).await else {
                    continue;
                };
                let (inner_read, inner_write) = inner.into_split();
                let (outer_read, outer_write) = outer.into_split();
                tokio::spawn(forward(inner_read, outer_write, Arc::clone(&state), lost));
                tokio::spawn(forward(outer_read, inner_write, Arc::clone(&state), lost));
            }
        });
        proxy
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on everything is lost, or nothing any more. What was lost is not sent again, as little as the kernel
    /// of a machine that went away would do.
    pub fn lose(&self, everything: bool) {
        self.state.loses.store(everything, Ordering::Relaxed);
    }

    /// From now on what comes through takes so long in each direction.
    pub fn delay(&self, delay: Duration) {
        let milliseconds = u64::try_from(delay.as_millis()).expect("it is short");
        self.state.delay.store(milliseconds, Ordering::Relaxed);
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: Arc<State>,
    mut lost: bool,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        lost |= state.loses.load(Ordering::Relaxed);
        let delay = state.delay.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(delay)).await;
        // A stream with a hole in it is of no use: it stays silent until its end.
        if !lost && to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
    while lost && state.loses.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
