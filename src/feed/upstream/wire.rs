//! Connecting: TCP, TLS, and a request by HTTP.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fastwebsockets::{Role, WebSocket};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{CONNECTION, HOST, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, UPGRADE, USER_AGENT};
use hyper::http::request::Parts;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::feed::upstream::address::Address;
use crate::tape::record::MESSAGE_BYTES_MAX;

/// What a key is extended by before it is hashed (RFC 6455, section 1.3).
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A connection's two directions.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open WebSocket.
pub(super) type Socket = WebSocket<TokioIo<Upgraded>>;

/// Why nothing came of a request.
pub(super) struct Failure {
    pub(super) reason: String,
    /// What the server asks to wait.
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    pub(super) fn new(reason: impl Into<String>) -> Failure {
        Failure { reason: reason.into(), retry_after: None }
    }
}

/// What is written down of a request.
pub(super) trait Log {
    /// The head that is sent.
    fn sent(&self, head: &str);
    /// The head that came.
    fn received(&self, head: &str);
}

async fn dial(host: &str, port: u16, tls: Option<&Arc<ClientConfig>>) -> Result<Box<dyn Stream>, Failure> {
    let named = |error: std::io::Error| Failure::new(format!("cannot connect to {host}:{port}: {error}"));
    let tcp = TcpStream::connect((host, port)).await.map_err(named)?;
    // Requests are short and wait for nothing.
    let _ = tcp.set_nodelay(true);
    let Some(tls) = tls else { return Ok(Box::new(tcp)) };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| Failure::new(format!("{host}: {error}")))?;
    Ok(Box::new(tokio_rustls::TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await.map_err(named)?))
}

async fn ask(
    stream: Box<dyn Stream>,
    request: Request<Empty<Bytes>>,
    log: &impl Log,
) -> Result<Response<hyper::body::Incoming>, Failure> {
    let failed = |error: hyper::Error| Failure::new(format!("the request failed: {error}"));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    tokio::task::spawn_local(async move {
        // What goes wrong is told to whoever waits for the answer.
        let _ = connection.with_upgrades().await;
    });
    let (parts, body) = request.into_parts();
    log.sent(&head_of_request(&parts));
    let response = sender.send_request(Request::from_parts(parts, body)).await.map_err(failed)?;
    log.received(&head_of_response(&response));
    Ok(response)
}

/// Opens a WebSocket.
pub(super) async fn open(address: &Address, trust: &Arc<ClientConfig>, log: &impl Log) -> Result<Socket, Failure> {
    let stream = dial(&address.host, address.port, address.is_secure.then_some(trust)).await?;
    let key = fastwebsockets::handshake::generate_key();
    let request = Request::get(&address.path)
        .header(HOST, Address::authority(&address.host, address.port))
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "Upgrade")
        .header("sec-websocket-key", &key)
        .header("sec-websocket-version", "13")
        .header(USER_AGENT, concat!("tapecast/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())
        .map_err(|error| Failure::new(format!("{}: {error}", address.path)))?;
    let mut response = ask(stream, request, log).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal(&response));
    }
    let hash = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{KEY_SUFFIX}").as_bytes());
    let is_right =
        response.headers().get(SEC_WEBSOCKET_ACCEPT).is_some_and(|value| value == STANDARD.encode(hash).as_str());
    if !is_right {
        return Err(Failure::new("the server's Sec-WebSocket-Accept does not fit the key"));
    }
    let upgraded = hyper::upgrade::on(&mut response).await;
    let upgraded = upgraded.map_err(|error| Failure::new(format!("the handshake failed: {error}")))?;
    let mut socket = WebSocket::after_handshake(TokioIo::new(upgraded), Role::Client);
    socket.set_auto_close(false);
    socket.set_auto_pong(false);
    socket.set_max_message_size(MESSAGE_BYTES_MAX);
    Ok(socket)
}

/// Gets a body by HTTP.
pub(super) async fn get(
    (host, port, is_secure): &(String, u16, bool),
    path: &str,
    trust: &Arc<ClientConfig>,
    log: &impl Log,
) -> Result<Bytes, Failure> {
    let stream = dial(host, *port, is_secure.then_some(trust)).await?;
    let request = Request::get(path)
        .header(HOST, Address::authority(host, *port))
        .header(CONNECTION, "close")
        .header(USER_AGENT, concat!("tapecast/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())
        .map_err(|error| Failure::new(format!("{path}: {error}")))?;
    let response = ask(stream, request, log).await?;
    if response.status() != StatusCode::OK {
        return Err(refusal(&response));
    }
    let body = Limited::new(response.into_body(), MESSAGE_BYTES_MAX).collect().await;
    Ok(body.map_err(|error| Failure::new(format!("the answer broke off: {error}")))?.to_bytes())
}

fn refusal<B>(response: &Response<B>) -> Failure {
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Failure {
        reason: format!("the server answered {}", response.status()),
        retry_after: seconds.map(Duration::from_secs),
    }
}

fn head_of_request(parts: &Parts) -> String {
    let mut head = format!("{} {} HTTP/1.1\r\n", parts.method, parts.uri);
    push_headers(&parts.headers, &mut head);
    head
}

fn head_of_response<B>(response: &Response<B>) -> String {
    let mut head = format!("{:?} {}\r\n", response.version(), response.status());
    push_headers(response.headers(), &mut head);
    head
}

fn push_headers(headers: &hyper::HeaderMap, head: &mut String) {
    for (name, value) in headers {
        head.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes())));
    }
    head.push_str("\r\n");
}
