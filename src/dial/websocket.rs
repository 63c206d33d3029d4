//! Opening a WebSocket (RFC 6455, section 4.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastwebsockets::{Role, WebSocket};
use hyper::StatusCode;
use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use crate::dial::request::{Log, ask, refusal, request};
use crate::dial::{Destination, DialError, Trust, connect};

/// What a key is extended by before it is hashed (section 1.3).
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// An open WebSocket. Its pings are handed out and not answered: they are signs of life, which somebody waits for.
pub type Socket = WebSocket<TokioIo<Upgraded>>;

/// Opens one. `path` is path and query; a message of more than `message_bytes_max` bytes will end it.
///
/// # Errors
/// [`DialError`].
pub async fn open(
    to: &Destination,
    path: &str,
    trust: Option<&Trust>,
    message_bytes_max: usize,
    log: &impl Log,
) -> Result<Socket, DialError> {
    let stream = connect(to, trust).await?;
    let key = fastwebsockets::handshake::generate_key();
    let upgrade = request(to, path)?
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "Upgrade")
        .header("sec-websocket-key", &key)
        .header("sec-websocket-version", "13");
    let mut response = ask(stream, upgrade, log).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal(response).await);
    }
    let hash = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{KEY_SUFFIX}").as_bytes());
    let accept = response.headers().get(SEC_WEBSOCKET_ACCEPT);
    if accept.is_none_or(|value| value != STANDARD.encode(hash).as_str()) {
        return Err(DialError::Accept);
    }
    let upgraded = hyper::upgrade::on(&mut response).await;
    let upgraded = upgraded.map_err(|error| DialError::Handshake(error.to_string()))?;
    let mut socket = WebSocket::after_handshake(TokioIo::new(upgraded), Role::Client);
    socket.set_auto_pong(false);
    socket.set_max_message_size(message_bytes_max);
    Ok(socket)
}
