//! An address to listen on: parsed from an option, and connected to by the health check.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::{fmt, io};

use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_util::either::Either;

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// A host and a port.
    Tcp(String),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Parses `host:port`, `:port`, `unix:///path` or `unix:/path`.
    ///
    /// # Errors
    /// When the text is none of them.
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

    /// Connects to the server that listens on this address of this machine.
    ///
    /// # Errors
    /// When no server does.
    pub async fn connect(&self) -> io::Result<Either<TcpStream, UnixStream>> {
        let address = match self {
            Self::Unix(path) => return UnixStream::connect(path).await.map(Either::Right),
            Self::Tcp(address) => address,
        };
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in lookup_host(address).await? {
            for address in reachable(address) {
                match TcpStream::connect(address).await {
                    Ok(stream) => return Ok(Either::Left(stream)),
                    Err(error) => failure = error,
                }
            }
        }
        Err(failure)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => formatter.write_str(address),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// The addresses that reach a listener from this machine: for a wildcard address the loopback addresses, of which IPv6 may
/// be missing.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_address_is_tcp_or_unix() {
        let tcp = |text: &str| Ok(ListenAddress::Tcp(text.to_owned()));
        assert_eq!(ListenAddress::parse(":9459"), tcp("[::]:9459"));
        assert_eq!(ListenAddress::parse("[::1]:9459"), tcp("[::1]:9459"));
        assert_eq!(
            ListenAddress::parse("localhost:9459"),
            tcp("localhost:9459")
        );
        let unix = Ok(ListenAddress::Unix("/run/x.sock".into()));
        assert_eq!(ListenAddress::parse("unix:///run/x.sock"), unix);
        assert_eq!(ListenAddress::parse("unix:/run/x.sock"), unix);
        for text in ["", "localhost", ":x", ":70000", "unix:x.sock", "unix://x"] {
            assert!(ListenAddress::parse(text).is_err(), "{text}");
        }
    }
}
