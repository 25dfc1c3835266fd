//! Where the exporter is reached: TCP addresses and Unix sockets, bound here or passed by systemd.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use listenfd::ListenFd;
use rustix::net::sockopt::set_socket_send_buffer_size;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, lookup_host};
use tokio_util::either::Either;

/// Who sends what comes through a Unix socket, where addresses are counted: somebody on this machine.
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Bytes that the kernel keeps for a client that does not take them. On the loopback device they would be megabytes, and
/// how slow a client is would be seen late.
const SEND_BUFFER: usize = 128 * 1024;

/// A connection.
pub type Stream = Either<TcpStream, UnixStream>;

/// An address to serve on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host and a port.
    Tcp(String),
    /// The file of a Unix socket.
    Unix(PathBuf),
}

/// Where connections come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From addresses that the program binds.
    Addresses(Vec<Address>),
    /// From sockets that systemd has bound.
    Systemd,
}

/// No connection can come from there.
#[derive(Debug, Error)]
pub enum ListenError {
    /// An address cannot be bound.
    #[error(
        "cannot serve on `{address}`; choose another address with --web.listen-address: {reason}"
    )]
    Address {
        /// The address.
        address: Address,
        /// What the system says.
        reason: io::Error,
    },
    /// systemd passed nothing.
    #[error(
        "--web.systemd-socket: no socket was passed; the service needs a socket unit that is started with it"
    )]
    NothingPassed,
    /// What was passed cannot be used.
    #[error(
        "--web.systemd-socket: socket {number} of those that were passed cannot be used: {reason}"
    )]
    Passed {
        /// Which one, counted from 1.
        number: usize,
        /// What the system says.
        reason: io::Error,
    },
}

/// Something that accepts connections.
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

/// The sockets that systemd passed, taken from the environment.
pub struct Passed(ListenFd);

impl Address {
    /// Reads `host:port`, `:port`, `unix:///path` or `unix:/path`.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let advice = "expected an address and a port such as `127.0.0.1:9459`, `[::1]:9459` or `:9459`, or a socket such as `unix:///run/exporter.sock`";
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(advice.to_owned())
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or(advice)?;
        port.parse::<u16>().map_err(|_| advice)?;
        Ok(Self::Tcp(match host {
            "" => format!("[::]:{port}"),
            host => format!("{host}:{port}"),
        }))
    }

    /// Connects to whoever serves there on this machine.
    ///
    /// # Errors
    /// When nobody does.
    pub async fn connect(&self) -> io::Result<Stream> {
        let address = match self {
            Self::Unix(path) => return UnixStream::connect(path).await.map(Either::Right),
            Self::Tcp(address) => address,
        };
        let mut refusal = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in lookup_host(address).await? {
            for address in reachable(address) {
                match TcpStream::connect(address).await {
                    Ok(stream) => return Ok(Either::Left(stream)),
                    Err(error) => refusal = error,
                }
            }
        }
        Err(refusal)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => formatter.write_str(address),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

impl Passed {
    /// Takes what the environment tells of, for this process alone. To be called before there are threads, because it
    /// changes the environment.
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
        // Its file is systemd's.
        Ok(Listener::unix(UnixListener::from_std(listener)?, None))
    }
}

impl Listener {
    /// Everything that accepts connections.
    ///
    /// # Errors
    /// When an address cannot be bound, or systemd passed no socket that can be used.
    pub async fn all(origin: &Origin, passed: Passed) -> Result<Vec<Self>, ListenError> {
        let addresses = match origin {
            Origin::Systemd => return passed.listeners(),
            Origin::Addresses(addresses) => addresses,
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

    async fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => Self::tcp(TcpListener::bind(address).await?),
            Address::Unix(path) => {
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
        let path = address.as_ref().and_then(|it| it.as_pathname());
        let path = path.map_or_else(String::new, |path| path.display().to_string());
        Self {
            socket: Socket::Unix(listener),
            address: format!("unix:{path}"),
            _file: file,
        }
    }

    /// Waits for a connection; tells whom it comes from.
    ///
    /// # Errors
    /// When the system fails to accept one, which may pass.
    pub async fn accept(&self) -> io::Result<(Stream, IpAddr)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, caller): (_, SocketAddr) = listener.accept().await?;
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(reason = %error, "a connection answers with a delay");
                }
                if let Err(error) = set_socket_send_buffer_size(&stream, SEND_BUFFER) {
                    tracing::debug!(reason = %error, "the kernel keeps as much for a client as it likes");
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

/// The file of a socket, removed at the end unless another socket has taken its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    number: u64,
}

impl SocketFile {
    fn at(path: &Path) -> Option<Self> {
        let number = fs::symlink_metadata(path).ok()?.ino();
        let path = path.to_owned();
        Some(Self { path, number })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_own = fs::symlink_metadata(&self.path).is_ok_and(|it| it.ino() == self.number);
        if is_own && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), reason = %error, "the socket's file cannot be removed");
        }
    }
}

/// Where an address is reached from the machine itself. One that stands for every address of the machine is reached on
/// the loopback addresses; the machine may lack the one of version 6.
fn reachable(address: SocketAddr) -> Vec<SocketAddr> {
    let port = address.port();
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![(Ipv4Addr::LOCALHOST, port).into()],
        IpAddr::V6(ip) if ip.is_unspecified() => vec![
            (Ipv4Addr::LOCALHOST, port).into(),
            (Ipv6Addr::LOCALHOST, port).into(),
        ],
        _ => vec![address],
    }
}

/// Removes a socket that a process left behind. One that somebody listens on stays, and so does any other file.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // `bind` then says that the address is in use.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_tcp_or_unix() {
        let tcp = |text: &str| Ok(Address::Tcp(text.to_owned()));
        assert_eq!(Address::parse(":9459"), tcp("[::]:9459"));
        assert_eq!(Address::parse("[::1]:9459"), tcp("[::1]:9459"));
        assert_eq!(Address::parse("localhost:9459"), tcp("localhost:9459"));
        let unix = Ok(Address::Unix("/run/x.sock".into()));
        assert_eq!(Address::parse("unix:///run/x.sock"), unix);
        assert_eq!(Address::parse("unix:/run/x.sock"), unix);
        for text in ["", "localhost", ":x", ":70000", "unix:x.sock", "unix://x"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
