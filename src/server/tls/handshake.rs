//! From a connection to TLS: the handshake, and what is done about clients that do not make one.

use std::io;
use std::time::Duration;

use rustls::{AlertDescription, Error, HandshakeKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::metrics::CoreCounts;
use crate::server::tls::Tls;

/// How long a client may take for the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client that does not speak TLS is listened to, so that the answer reaches it.
const SEE_OFF_TIMEOUT: Duration = Duration::from_secs(1);

/// The first byte of a TLS connection: a record of a handshake (RFC 8446, section 5.1).
const HANDSHAKE_RECORD: u8 = 22;

const PLAIN_HTTP: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 80\r\nConnection: close\r\n\r\n\
    this port speaks TLS, and this was plain HTTP: connect with https:// or wss://.\n";

/// Makes the handshake; `None` if nothing came of it, which has been counted.
///
/// Cost: a signature on the core's thread, whose clients wait for it: with ECDSA or Ed25519 much less than with RSA, and
/// none where a session is taken up again.
pub(crate) async fn handshake(tls: &Tls, mut stream: TcpStream, counts: &CoreCounts) -> Option<TlsStream<TcpStream>> {
    let made = timeout(HANDSHAKE_TIMEOUT, async {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Methods are in capital letters; no record of TLS begins with one.
        if first[0] != HANDSHAKE_RECORD && first[0].is_ascii_uppercase() {
            counts.tls_plain_http.add(1);
            let _ = timeout(SEE_OFF_TIMEOUT, refuse_plain_http(&mut stream)).await;
            return Ok(None);
        }
        TlsAcceptor::from(tls.config()).accept(stream).await.map(Some)
    });
    match made.await {
        Ok(Ok(Some(stream))) => {
            counts.tls_handshakes.add(1);
            if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                counts.tls_resumed.add(1);
            }
            return Some(stream);
        }
        Ok(Ok(None)) => {}
        Ok(Err(error)) => count_failure(&error, counts),
        Err(_) => counts.tls_timeouts.add(1),
    }
    None
}

fn count_failure(error: &io::Error, counts: &CoreCounts) {
    tracing::debug!("TLS handshake failed: {error}");
    let count = match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::NoApplicationProtocol) => &counts.tls_no_protocol,
        Some(Error::PeerIncompatible(_)) => &counts.tls_incompatible,
        Some(Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA,
        )) => &counts.tls_distrusted,
        _ => &counts.tls_failed,
    };
    count.add(1);
}

/// Answers and waits until the client has gone: closing a socket with bytes unread resets the connection, and a reset
/// may overtake the answer.
async fn refuse_plain_http(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(PLAIN_HTTP.as_bytes()).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 512];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_plain_http_has_the_length_it_says() {
        let (head, body) = PLAIN_HTTP.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
