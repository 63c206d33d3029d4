//! Reaching a server: TCP, TLS, a request by HTTP, a WebSocket; and how long to wait before the next try.
//!
//! ```text
//!  Destination ─▶ connect ─▶ Stream ─┬─▶ ask ──▶ answer, get ──▶ body
//!                 (Trust)            └─▶ websocket::open ──▶ Socket
//! ```
//!
//! Both sides that call upon servers stand on it: the live feeds, which write down what they say, and the client, which
//! goes on where it was. What is said once the connection is there is theirs. Nothing here tries again, or waits for a
//! limited time, but for the words of a refusal: whoever calls knows how long it may take.

mod backoff;
mod request;
mod trust;
pub mod websocket;

use std::fmt;
use std::io;
use std::time::Duration;

use hyper::StatusCode;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use backoff::Backoff;
pub use request::{Log, Unlogged, ask, get, refusal, request};
pub use trust::{Trust, TrustError};

/// A connection's two directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Whom to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Name or address, without the brackets of an IPv6 address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether TLS is spoken.
    pub is_tls: bool,
}

impl Destination {
    /// As it stands in the header `Host`: the port is left out where it is the usual one.
    pub fn authority(&self) -> String {
        if self.port == if self.is_tls { 443 } else { 80 } { self.bracketed() } else { self.to_string() }
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.bracketed(), self.port)
    }
}

/// Why nothing came of it.
#[derive(Debug, Error)]
pub enum DialError {
    /// Nobody listens there, the network does not lead there, or who answers is not trusted.
    #[error("cannot connect to {0}: {1}")]
    Connect(Destination, #[source] io::Error),
    /// TLS needs a name to trust.
    #[error("{0} is no name of a server: {1}")]
    Name(String, String),
    /// What would be asked is no request.
    #[error("{0} cannot be asked for: {1}")]
    Path(String, String),
    /// The connection broke off, or what is spoken there is not HTTP.
    #[error("the request failed: {0}")]
    Request(String),
    /// The server says no.
    #[error("the server answered {status}")]
    Refused {
        /// How.
        status: StatusCode,
        /// The first words of its answer.
        text: String,
        /// What it asks to wait.
        retry_after: Option<Duration>,
    },
    /// It is no WebSocket that answers.
    #[error("the server's Sec-WebSocket-Accept does not fit the key")]
    Accept,
    /// The connection broke off behind the answer.
    #[error("the handshake failed: {0}")]
    Handshake(String),
    /// An answer that is not whole, or too long.
    #[error("the answer broke off: {0}")]
    Body(String),
}

impl DialError {
    /// What the server asks to wait before the next try; `None` where it does not.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            DialError::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Connects; with TLS where the destination has it, which needs `trust`.
///
/// # Errors
/// [`DialError::Connect`] and [`DialError::Name`].
pub async fn connect(to: &Destination, trust: Option<&Trust>) -> Result<Box<dyn Stream>, DialError> {
    let failed = |error: io::Error| DialError::Connect(to.clone(), error);
    let tcp = TcpStream::connect((to.host.as_str(), to.port)).await.map_err(failed)?;
    // Requests are short and wait for nothing.
    let _ = tcp.set_nodelay(true);
    if !to.is_tls {
        return Ok(Box::new(tcp));
    }
    let trust = trust.ok_or_else(|| failed(io::Error::other("nobody is trusted")))?;
    let name =
        ServerName::try_from(to.host.clone()).map_err(|error| DialError::Name(to.host.clone(), error.to_string()))?;
    Ok(Box::new(TlsConnector::from(trust.config()).connect(name, tcp).await.map_err(failed)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_port_is_left_out_of_the_header_and_of_nothing_else() {
        let at = |host: &str, port, is_tls| Destination { host: host.to_owned(), port, is_tls };
        for (to, header, name) in [
            (at("h", 443, true), "h", "h:443"),
            (at("h", 443, false), "h:443", "h:443"),
            (at("::1", 80, false), "[::1]", "[::1]:80"),
            (at("::1", 81, false), "[::1]:81", "[::1]:81"),
        ] {
            assert_eq!((to.authority().as_str(), to.to_string().as_str()), (header, name));
        }
    }
}
