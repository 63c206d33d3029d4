//! Socket.IO over HTTP: which request is for which session, and what is answered to those that are for none.
//!
//! ```text
//!  GET  ?transport=polling              a new session, on this core
//!  GET  ?transport=polling&sid=…        held until there is something          ┐ on the session's core, whichever core
//!  POST ?transport=polling&sid=…        packets of the client                  │ the connection has come to: its number
//!  GET  ?transport=websocket&sid=…      probed, then the session's only way    ┘ is a part of the id
//!  GET  ?transport=websocket            a new session, on this core
//! ```

mod cors;
pub(crate) mod mailbox;
mod poll;
mod probe;
pub(crate) mod session;

use std::net::IpAddr;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, ORIGIN};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::Instant;

use crate::protocol::engineio::id::Sid;
use crate::protocol::engineio::open::{Query, Refusal, Transport};
use crate::server::core::Core;
use crate::server::desk::Handover;
use crate::server::handshake;
use crate::server::socket::Socket;
use crate::session::socketio::Service;

/// What is answered to a request.
pub(crate) type Answer = Response<Full<Bytes>>;

/// What is served at a path, if anything is.
pub(crate) fn service_at(core: &Core, path: &str) -> Option<Service> {
    let config = &core.shared.config;
    match path {
        _ if !config.socketio.is_enabled => None,
        "/socket.io/" | "/socket.io" if config.is_conformance => Some(Service::Mirror),
        "/socket.io/" | "/socket.io" => Some(Service::Streams),
        "/engine.io/" | "/engine.io" if config.is_conformance => Some(Service::Echo),
        _ => None,
    }
}

/// Where requests for the session that this one is for are left, if it lives on another core.
pub(crate) fn lives_at<'a>(core: &'a Core, request: &Request<Incoming>) -> Option<&'a mpsc::Sender<Handover>> {
    let sid = Query::parse(request.uri().query()).sid?;
    let index = Sid::parse(&sid)?.core();
    core.shared.desks.get(index).filter(|_| index != core.index)
}

/// Answers a request that is for no session of another core.
pub(crate) async fn respond(core: &Rc<Core>, service: Service, request: Request<Incoming>, peer: IpAddr) -> Answer {
    core.shared.metrics.cores[core.index].http_requests.add(1);
    let is_upgrade = fastwebsockets::upgrade::is_upgrade_request(&request);
    let cors = core.shared.config.socketio.cors.as_ref();
    let headers = cors.map(|_| request.headers().clone());
    let is_preflight = cors.is_some() && request.method() == Method::OPTIONS;
    let mut response = if is_preflight {
        empty(StatusCode::NO_CONTENT)
    } else {
        serve(core, service, request, peer).await.unwrap_or_else(|refusal| refuse(refusal, is_upgrade))
    };
    if let (Some(cors), Some(headers)) = (cors, headers) {
        cors::headers(cors, &headers, response.headers_mut());
        if is_preflight {
            cors::preflight_headers(&headers, response.headers_mut());
        }
    }
    response
}

/// The checks of the reference server, in its order.
async fn serve(core: &Rc<Core>, service: Service, request: Request<Incoming>, peer: IpAddr) -> Result<Answer, Refusal> {
    let query = Query::parse(request.uri().query());
    let transport = query.transport().ok_or(Refusal::TransportUnknown)?;
    let is_upgrade = fastwebsockets::upgrade::is_upgrade_request(&request);
    if request.headers().get(ORIGIN).is_some_and(|origin| !origin.as_bytes().iter().all(|b| (b' '..=b'~').contains(b)))
    {
        return Err(Refusal::BadRequest);
    }
    if query.sid.is_some() {
        return serve_session(core, request).await;
    }
    if request.method() != Method::GET {
        return Err(Refusal::BadHandshakeMethod);
    }
    if is_upgrade != (transport == Transport::WebSocket) {
        return Err(Refusal::BadRequest);
    }
    if !is_let_in(core, &request) {
        return Err(Refusal::Forbidden);
    }
    if !query.is_version_4() {
        return Err(Refusal::UnsupportedVersion);
    }
    match transport {
        Transport::Polling => {
            let packet = session::open_polling(core, service, peer);
            Ok(answer(StatusCode::OK, "text/plain; charset=UTF-8", packet))
        }
        Transport::WebSocket => upgrade(core, request, async move |core, upgraded| {
            if let Some((socket, leftover)) = Socket::take(upgraded) {
                session::open_on_websocket(&core, service, socket, &leftover, peer);
            }
        }),
    }
}

/// Whether a new session is wanted: there is room for it, and it is not from a page that is to be kept out.
fn is_let_in(core: &Core, request: &Request<Incoming>) -> bool {
    let config = &core.shared.config.socketio;
    let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let is_kept_out =
        config.cors_only && origin.is_some_and(|origin| config.cors.as_ref().is_some_and(|cors| !cors.allows(origin)));
    let is_full = core.fanout.borrow().sessions() >= core.shared.config.connections_max;
    !is_kept_out && !is_full && !core.is_stopping.get()
}

/// Answers a request for a session of this core.
async fn serve_session(core: &Rc<Core>, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let query = Query::parse(request.uri().query());
    let transport = query.transport().ok_or(Refusal::TransportUnknown)?;
    let sid = query.sid.as_deref().and_then(Sid::parse).ok_or(Refusal::SessionUnknown)?;
    let session = core.engine.borrow().get(&sid).cloned().ok_or(Refusal::SessionUnknown)?;
    if !session.lives(core) {
        return Err(Refusal::SessionUnknown);
    }
    let is_upgrade = fastwebsockets::upgrade::is_upgrade_request(&request);
    if (!is_upgrade && session.transport.get() != transport) || !query.is_version_4() {
        return Err(Refusal::BadRequest);
    }
    match (request.method(), &session.mailbox) {
        _ if is_upgrade && transport == Transport::WebSocket => {
            let asked_at = Instant::now();
            upgrade(core, request, async move |core, upgraded| {
                if let Some((socket, leftover)) = Socket::take(upgraded) {
                    probe::probe(&core, &session, socket, &leftover, asked_at).await;
                }
            })
        }
        _ if is_upgrade || transport == Transport::WebSocket => Err(Refusal::BadRequest),
        (&Method::GET, Some(mailbox)) => poll::get(core, &session, mailbox).await,
        (&Method::POST, Some(mailbox)) => poll::post(core, &session, mailbox, request).await,
        _ => Err(Refusal::BadRequest),
    }
}

/// Answers a handshake, and goes on with the connection once the client has the answer.
fn upgrade(
    core: &Rc<Core>,
    mut request: Request<Incoming>,
    run: impl AsyncFnOnce(Rc<Core>, Upgraded) + 'static,
) -> Result<Answer, Refusal> {
    handshake::check(&request).map_err(|_| Refusal::BadRequest)?;
    let (response, upgraded) = fastwebsockets::upgrade::upgrade(&mut request).map_err(|_| Refusal::BadRequest)?;
    let core = Rc::clone(core);
    spawn_local(async move {
        let Ok(websocket) = upgraded.await else { return };
        run(core, websocket.into_inner().into_inner()).await;
    });
    Ok(response.map(|_| Full::default()))
}

/// The answer to a request that is not served: one that asked for a WebSocket is told in plain text, and its connection
/// is closed.
fn refuse(refusal: Refusal, is_upgrade: bool) -> Answer {
    if is_upgrade {
        let mut response = answer(StatusCode::BAD_REQUEST, "text/html", refusal.message());
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    answer(status, "application/json", refusal.body())
}

/// An answer with a body.
fn answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer without one.
fn empty(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
