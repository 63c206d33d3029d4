//! Whom clients connect to, and how they speak.

use std::net::{SocketAddr, ToSocketAddrs};

use thiserror::Error;

/// An address of a server with the protocol that is spoken there.
///
/// | scheme | what |
/// |---|---|
/// | `ws`, `wss` | WebSocket |
/// | `socketio`, `socketios` | Socket.IO over WebSocket; the path is the namespace |
/// | `http`, `https` | a request whose answer does not end: server-sent events, or lines of JSON |
/// | `tcp`, `tls` | lines |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// How messages are told apart.
    pub protocol: Protocol,
    /// Whether over TLS. Certificates are not checked: what is measured here is one's own.
    pub is_tls: bool,
    /// Host and port as they were given.
    pub authority: String,
    /// The same, resolved.
    pub address: SocketAddr,
    /// Path and query; `{streams}` in it stands for a connection's streams. The namespace for Socket.IO.
    pub path: String,
}

/// How messages are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One a WebSocket message.
    WebSocket,
    /// One a Socket.IO event, over WebSocket.
    SocketIo,
    /// One a `data:` line of server-sent events, or a line.
    Http,
    /// One a line.
    Lines,
}

/// An address that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TargetError {
    /// It is none.
    #[error("`{0}` is no address: give for instance ws://127.0.0.1:9400/ws/btcusdt@trade")]
    Shape(String),
    /// Nobody speaks so.
    #[error("`{0}://`: there are ws, wss, socketio, socketios, http, https, tcp and tls")]
    Scheme(String),
    /// The host has no address.
    #[error("the host of {0} has no address")]
    Host(String),
}

impl Target {
    /// Reads an address, and looks its host up.
    ///
    /// # Errors
    /// [`TargetError`] for what is wrong with it.
    pub fn parse(url: &str) -> Result<Target, TargetError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| TargetError::Shape(url.to_owned()))?;
        let (protocol, is_tls) = match scheme {
            "ws" => (Protocol::WebSocket, false),
            "wss" => (Protocol::WebSocket, true),
            "socketio" => (Protocol::SocketIo, false),
            "socketios" => (Protocol::SocketIo, true),
            "http" => (Protocol::Http, false),
            "https" => (Protocol::Http, true),
            "tcp" => (Protocol::Lines, false),
            "tls" => (Protocol::Lines, true),
            _ => return Err(TargetError::Scheme(scheme.to_owned())),
        };
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        if authority.is_empty() {
            return Err(TargetError::Shape(url.to_owned()));
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let port = if is_tls { 443 } else { 80 };
        let with_port = if has_port { authority.to_owned() } else { format!("{authority}:{port}") };
        let address = with_port.to_socket_addrs().ok().and_then(|mut found| found.next());
        let address = address.ok_or_else(|| TargetError::Host(url.to_owned()))?;
        Ok(Target { protocol, is_tls, authority: authority.to_owned(), address, path: path.to_owned() })
    }

    /// What a connection says first.
    pub(super) fn opening(&self, streams: &[String]) -> String {
        let host = &self.authority;
        let path = self.path.replace("{streams}", &streams.join("/"));
        let upgrade = |path: &str| {
            format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
        };
        match self.protocol {
            Protocol::WebSocket => upgrade(&path),
            Protocol::SocketIo => upgrade("/socket.io/?EIO=4&transport=websocket"),
            Protocol::Http => format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n"),
            Protocol::Lines => String::new(),
        }
    }

    /// Host without its port, as certificates have it.
    pub(super) fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_say_how_to_speak() {
        let target = Target::parse("socketios://127.0.0.1:9443/binance").unwrap();
        assert_eq!((target.protocol, target.is_tls), (Protocol::SocketIo, true));
        assert_eq!((target.address.to_string().as_str(), target.path.as_str()), ("127.0.0.1:9443", "/binance"));
        let target = Target::parse("ws://127.0.0.1").unwrap();
        assert_eq!((target.address.port(), target.path.as_str(), target.host()), (80, "/", "127.0.0.1"));
        assert_eq!(Target::parse("tls://[::1]:1/").unwrap().host(), "::1");
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(Target::parse("localhost:1"), Err(TargetError::Shape("localhost:1".into())));
        assert_eq!(Target::parse("ftp://a/"), Err(TargetError::Scheme("ftp".into())));
        assert_eq!(Target::parse("ws:///a"), Err(TargetError::Shape("ws:///a".into())));
    }
}
