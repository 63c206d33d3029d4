//! Connections as they come: accepted, and spoken to in HTTP.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use crate::server::answer::{self, Reply, Taken};
use crate::server::core::Core;
use crate::server::faults;
use crate::server::http::text;
use crate::server::read::{Connection, begin_session};
use crate::server::socket::Socket;
use crate::server::tls::{Tls, handshake};
use crate::session::Session;
use crate::session::lines::LineSession;

/// How long a client may take to send the head of a request.
const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest head of a request: 1,024 stream names in an address, and more.
const REQUEST_HEAD_BYTES_MAX: usize = 128 << 10;

/// What is spoken behind a listener.
#[derive(Clone)]
pub(crate) enum Door {
    /// HTTP, and what it leads to.
    Http,
    /// The same over TLS.
    Https(Arc<Tls>),
    /// Lines, or pieces with their length.
    Lines,
}

/// A core's listeners.
pub(crate) struct Listeners {
    pub(crate) http: std::net::TcpListener,
    pub(crate) https: Option<std::net::TcpListener>,
    pub(crate) lines: Option<std::net::TcpListener>,
}

/// Accepts connections until the core ends.
pub(crate) async fn accept(core: Rc<Core>, listener: std::net::TcpListener, door: Door) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("the socket is bound, listening, non-blocking");
    let counts = &core.shared.metrics.cores[core.index];
    while !core.shared.control.has_caught_up() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    loop {
        match listener.accept().await {
            Ok((stream, _)) if core.fanout.borrow().sessions() >= core.shared.config.connections_max => {
                counts.connections_refused.add(1);
                drop(stream);
            }
            Ok((stream, peer)) if faults::refuses(&core, &stream, peer.ip()) => drop(stream),
            Ok((stream, peer)) => {
                counts.connections.add(1);
                // Market data in small frames: waiting to fill a packet would only delay it.
                let _ = stream.set_nodelay(true);
                match &door {
                    Door::Http => drop(spawn_local(serve(Rc::clone(&core), stream, peer.ip()))),
                    Door::Https(tls) => {
                        drop(spawn_local(serve_tls(Rc::clone(&core), Arc::clone(tls), stream, peer.ip())));
                    }
                    Door::Lines => serve_lines(&core, stream, peer.ip()),
                }
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

/// Speaks HTTP on a new connection; an upgrade takes it out of HTTP's hands, and so does a request whose answer a session
/// writes itself.
async fn serve<S>(core: Rc<Core>, stream: S, peer: IpAddr)
where
    S: AsyncRead + AsyncWrite + TryInto<Socket> + Send + Unpin + 'static,
{
    let taken_over: Rc<RefCell<Option<oneshot::Sender<Taken>>>> = Rc::default();
    let (for_service, to_session) = (Rc::clone(&core), Rc::clone(&taken_over));
    let service = service_fn(move |request: Request<Incoming>| {
        let (reply, answer) = oneshot::channel();
        answer::begin(&for_service, request, peer, reply);
        let taken_over = Rc::clone(&taken_over);
        async move {
            match answer.await {
                Ok(Reply::Answer(response)) => Ok::<_, Infallible>(response),
                Ok(Reply::Takeover(session)) => {
                    *taken_over.borrow_mut() = Some(session);
                    // Nothing is to be written by anybody else.
                    pending().await
                }
                Err(_) => Ok(text(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "the server ends\n")),
            }
        }
    });
    let mut connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_HEAD_TIMEOUT)
        .max_buf_size(REQUEST_HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let served = poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
        Poll::Ready(served) => Poll::Ready(Some(served)),
        Poll::Pending if to_session.borrow().is_some() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    match served.await {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!("connection ended: {error}"),
        None => {
            if let (Some(session), Some(parts)) = (to_session.take(), connection.into_parts()) {
                let (stream, leftover) = (parts.io.into_inner(), parts.read_buf);
                // The session may have ended with its core.
                let _ = session.send(Taken { socket: Box::new(move || stream.try_into().ok()), leftover });
            }
        }
    }
}

/// Starts a session on a new connection on which nothing else is spoken.
fn serve_lines(core: &Rc<Core>, stream: TcpStream, peer: IpAddr) {
    if core.shared.attempts.count(peer, Instant::now()).is_err() {
        let text = b"{\"error\":{\"code\":-1003,\"msg\":\"Too many connections from this address.\"}}\n";
        // What fits no socket that is new is not worth waiting for.
        let _ = stream.try_write(text);
        return;
    }
    let session = Session::Lines(LineSession::new(core.shared.config.plain.line_limits, core.now_ms()));
    let Ok(socket) = stream.try_into() else { return };
    begin_session(core, Connection { socket, leftover: Bytes::new(), session, peer, deflates: false });
}
