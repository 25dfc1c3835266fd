//! Listeners on TCP addresses and Unix sockets, which are bound here or passed by systemd.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use listenfd::ListenFd;
use rustix::net::sockopt::set_socket_send_buffer_size;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

use super::listen_address::ListenAddress;

/// The address that clients of a Unix socket count as.
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The socket's send buffer in bytes. The default may be megabytes on the loopback device, which would hide how slow a
/// client is.
const SEND_BUFFER: usize = 128 * 1024;

/// An accepted connection.
pub type ClientStream = Either<TcpStream, UnixStream>;

/// Where listeners come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketSource {
    /// Addresses to bind.
    Addresses(Vec<ListenAddress>),
    /// Sockets that systemd passes.
    Systemd,
}

/// A listener cannot be created.
#[derive(Debug, Error)]
pub enum ListenError {
    /// An address cannot be bound.
    #[error(
        "cannot serve on `{address}`; choose another address with --web.listen-address: {reason}"
    )]
    Address {
        /// The address.
        address: ListenAddress,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// systemd passed no socket.
    #[error(
        "--web.systemd-socket: no socket was passed; the service needs a socket unit that is started with it"
    )]
    NothingPassed,
    /// A socket that systemd passed cannot be used.
    #[error(
        "--web.systemd-socket: socket {number} of those that were passed cannot be used: {reason}"
    )]
    Passed {
        /// Its number, counted from 1.
        number: usize,
        /// The error of the operating system.
        reason: io::Error,
    },
}

/// A socket that accepts connections.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    address: String,
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The sockets that systemd passed.
pub struct SystemdSockets(ListenFd);

impl SystemdSockets {
    /// Takes the sockets from the environment, which this changes: call it before any thread is started.
    #[must_use]
    pub fn take() -> Self {
        Self(ListenFd::from_env())
    }

    fn listeners(mut self) -> Result<Vec<Listener>, ListenError> {
        let listeners: Vec<_> = (0..self.0.len())
            .map(|index| {
                let number = index + 1;
                self.listener(index)
                    .map_err(|reason| ListenError::Passed { number, reason })
            })
            .collect::<Result<_, _>>()?;
        if listeners.is_empty() {
            return Err(ListenError::NothingPassed);
        }
        Ok(listeners)
    }

    fn listener(&mut self, index: usize) -> io::Result<Listener> {
        if let Ok(Some(listener)) = self.0.take_tcp_listener(index) {
            listener.set_nonblocking(true)?;
            return Listener::tcp(TcpListener::from_std(listener)?);
        }
        let listener = self.0.take_unix_listener(index)?;
        let listener = listener.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        listener.set_nonblocking(true)?;
        // systemd owns its file.
        Ok(Listener::unix(UnixListener::from_std(listener)?, None))
    }
}

impl Listener {
    /// Creates all listeners.
    ///
    /// # Errors
    /// When an address cannot be bound, or systemd passed no socket that can be used.
    pub async fn all(
        origin: &SocketSource,
        passed: SystemdSockets,
    ) -> Result<Vec<Self>, ListenError> {
        let addresses = match origin {
            SocketSource::Systemd => return passed.listeners(),
            SocketSource::Addresses(addresses) => addresses,
        };
        let mut listeners = Vec::new();
        for address in addresses {
            let listener = Self::bind(address).await;
            listeners.push(listener.map_err(|reason| ListenError::Address {
                address: address.clone(),
                reason,
            })?);
        }
        Ok(listeners)
    }

    async fn bind(address: &ListenAddress) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => Self::tcp(TcpListener::bind(address).await?),
            ListenAddress::Unix(path) => {
                remove_stale(path)?;
                let listener = UnixListener::bind(path)?;
                Ok(Self::unix(listener, SocketFile::at(path)))
            }
        }
    }

    fn tcp(listener: TcpListener) -> io::Result<Self> {
        Ok(Self {
            address: listener.local_addr()?.to_string(),
            socket: Socket::Tcp(listener),
            _file: None,
        })
    }

    fn unix(listener: UnixListener, file: Option<SocketFile>) -> Self {
        let address = listener.local_addr().ok();
        let path = address.as_ref().and_then(|address| address.as_pathname());
        let path = path.map_or_else(String::new, |path| path.display().to_string());
        Self {
            socket: Socket::Unix(listener),
            address: format!("unix:{path}"),
            _file: file,
        }
    }

    /// Accepts a connection; returns it with the client's address.
    ///
    /// # Errors
    /// When the operating system fails to accept one, which may be temporary.
    pub async fn accept(&self) -> io::Result<(ClientStream, IpAddr)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, caller): (_, SocketAddr) = listener.accept().await?;
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(reason = %error, "cannot set TCP_NODELAY");
                }
                if let Err(error) = set_socket_send_buffer_size(&stream, SEND_BUFFER) {
                    tracing::debug!(reason = %error, "cannot set the socket's send buffer");
                }
                Ok((Either::Left(stream), caller.ip()))
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Either::Right(stream), LOCAL))
            }
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.address)
    }
}

/// The file of a Unix socket, removed on drop unless another socket replaced it.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl SocketFile {
    fn at(path: &Path) -> Option<Self> {
        let inode = fs::symlink_metadata(path).ok()?.ino();
        let path = path.to_owned();
        Some(Self { path, inode })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_own = fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode);
        if is_own && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), reason = %error, "cannot remove the socket's file");
        }
    }
}

/// Removes the file of a Unix socket that no process listens on. Any other file stays.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // `bind` reports that the address is in use.
        _ => Ok(()),
    }
}
