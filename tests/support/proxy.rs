//! A TCP proxy that can lose everything: connections stay open, and nothing comes through.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// A proxy before one port of this machine.
pub struct Proxy {
    port: u16,
    loses: Arc<AtomicBool>,
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
        let loses = Arc::new(AtomicBool::new(false));
        let state = Arc::clone(&loses);
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
        Self { port, loses }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on everything is lost, or nothing any more. What was lost is not sent again, as little as the kernel
    /// of a machine that went away would do.
    pub fn lose(&self, everything: bool) {
        self.loses.store(everything, Ordering::Relaxed);
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    loses: Arc<AtomicBool>,
    mut lost: bool,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        lost |= loses.load(Ordering::Relaxed);
        // A stream with a hole in it is of no use: it stays silent until its end.
        if !lost && to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
    while lost && loses.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
