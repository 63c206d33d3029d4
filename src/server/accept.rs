//! Connections as they come: accepted, and spoken to in HTTP.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::server::core::Core;
use crate::server::http;
use crate::server::tls::{Tls, handshake};

/// How long a client may take to send the head of a request.
const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest head of a request: 1,024 stream names in an address, and more.
const REQUEST_HEAD_BYTES_MAX: usize = 128 << 10;

/// Accepts connections until the core ends; with `tls`, those that speak it.
pub(crate) async fn accept(core: Rc<Core>, listener: std::net::TcpListener, tls: Option<Arc<Tls>>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("the socket is bound, listening, non-blocking");
    let counts = &core.shared.metrics.cores[core.index];
    while !core.shared.control.has_caught_up() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    loop {
        match listener.accept().await {
            Ok((stream, _)) if core.fanout.borrow().sessions() >= core.shared.config.connections_max => drop(stream),
            Ok((stream, peer)) => {
                counts.connections.add(1);
                // Market data in small frames: waiting to fill a packet would only delay it.
                let _ = stream.set_nodelay(true);
                match &tls {
                    None => spawn_local(serve(Rc::clone(&core), stream, peer.ip())),
                    Some(tls) => spawn_local(serve_tls(Rc::clone(&core), Arc::clone(tls), stream, peer.ip())),
                };
            }
            Err(error) => {
                // Out of descriptors, most likely: accepting again at once would only spin.
                tracing::warn!("cannot accept connections: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Makes the handshake of TLS, and speaks HTTP on what comes of it.
async fn serve_tls(core: Rc<Core>, tls: Arc<Tls>, stream: TcpStream, peer: IpAddr) {
    let stream = handshake(&tls, stream, &core.shared.metrics.cores[core.index]).await;
    if let Some(stream) = stream {
        serve(core, stream, peer).await;
    }
}

/// Speaks HTTP on a new connection; an upgrade takes it out of HTTP's hands.
async fn serve(core: Rc<Core>, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, peer: IpAddr) {
    let service = service_fn(move |request| {
        let core = Rc::clone(&core);
        async move { Ok::<_, std::convert::Infallible>(http::respond(&core, request, peer).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_HEAD_TIMEOUT)
        .max_buf_size(REQUEST_HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!("connection ended: {error}");
    }
}
