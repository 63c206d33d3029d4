//! HTTP: which address leads where.

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_EXTENSIONS};
use hyper::{Method, Request, Response, StatusCode};
use rustc_hash::FxHashSet;
use serde_json::json;
use tokio::task::spawn_local;

use crate::market::symbol::Venue;
use crate::metrics::CONTENT_TYPE as CONTENT_TYPE_OF_METRICS;
use crate::protocol::deflate;
use crate::server::control;
use crate::server::core::Core;
use crate::server::read::{Connection, begin_session};
use crate::server::rest;
use crate::server::rooms;
use crate::server::socket::Socket;
use crate::server::{events, faults, handshake};
use crate::session::Session;
use crate::session::api::ApiSession;
use crate::session::binance::BinanceSession;
use crate::session::echo::{self, EchoSession};
use crate::session::rooms::plain::PREFIX;
use crate::session::sequence::Asked;
use crate::session::upbit::UpbitSession;
use crate::venue::binance::Encoding;
use crate::venue::binance::address::Address;
use crate::venue::upbit;

const PAGE: &str = include_str!("page.html");

/// Where Prometheus asks.
const METRICS: &str = "/metrics";

/// Where a certificate of the server's own making is had.
pub(crate) const CERTIFICATE: &str = "/certificate.pem";

/// Answers one request that is not Socket.IO's.
pub(crate) async fn respond(core: &Rc<Core>, request: Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
    core.shared.metrics.cores[core.index].http_requests.add(1);
    if let Some(refusal) = faults::refuse_request(core, &request, peer) {
        return refusal;
    }
    let path = request.uri().path();
    if path.starts_with("/api/") {
        return rest::respond(core, &request, peer).await;
    }
    if path.starts_with(upbit::rest::PREFIX) {
        return rest::upbit::respond(core, &request, peer).await;
    }
    let asked_at = |venue: &Venue| venue.grammar().socket.as_ref().is_some_and(|socket| socket.path == path);
    if let Some(venue) = Venue::ALL.into_iter().find(asked_at) {
        let head = match core.shared.upbit.count(peer, request.headers()) {
            Ok(head) => head,
            Err(wait) => return too_many_handshakes(wait),
        };
        let deflate = if core.shared.config.upbit.deflate { agree_on_deflate(&request) } else { None };
        let asked = match Asked::of(request.uri().query()) {
            Ok(asked) => asked,
            Err(reason) => {
                let body = json!({ "error": { "name": 400, "message": reason } }).to_string();
                return text(StatusCode::BAD_REQUEST, "application/json", body);
            }
        };
        let session = UpbitSession::new(venue, core.shared.config.upbit.limits, deflate.is_some(), core.now_ms());
        let session = session.sequenced(&asked);
        let mut response = upgrade(core, request, Session::Upbit(Box::new(session)), peer, deflate);
        response.headers_mut().extend(head);
        return response;
    }
    if path == "/ws-api/v3" {
        if fastwebsockets::upgrade::is_upgrade_request(&request) {
            if let Err(wait) = core.shared.attempts.count(peer, Instant::now()) {
                return too_many_attempts(wait);
            }
            if let Some(refusal) = rest::refuse_connection(core, peer) {
                return refusal;
            }
        }
        let limits = &core.shared.config.binance.limits;
        let query = request.uri().query();
        let session = ApiSession::new(query, limits.heartbeat, limits.lifetime_ms, core.now_ms());
        return upgrade(core, request, Session::Api(session), peer, None);
    }
    if path.starts_with(PREFIX) {
        return rooms::respond(core, request, peer);
    }
    if path == control::PATH || path.starts_with(control::PREFIX) {
        return control::respond(core, request, peer).await;
    }
    if path == faults::PATH {
        return faults::respond(core, &request, peer);
    }
    if path == echo::PATH && core.shared.config.is_conformance {
        let offers = request.headers().get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
        let agreement = deflate::agree_on_any_window(offers.filter_map(|offer| offer.to_str().ok()));
        let session = EchoSession::new(agreement.map(|agreement| agreement.window_bits), core.now_ms());
        return upgrade(
            core,
            request,
            Session::Echo(Box::new(session)),
            peer,
            agreement.map(|agreement| agreement.answer),
        );
    }
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    match Address::parse(host, path, request.uri().query()) {
        Some(Ok(address)) => {
            if fastwebsockets::upgrade::is_upgrade_request(&request)
                && let Err(wait) = core.shared.attempts.count(peer, Instant::now())
            {
                return too_many_attempts(wait);
            }
            if address.encoding == Encoding::Sbe
                && let Some(refusal) = check_key(&request)
            {
                return refusal;
            }
            let asked = match Asked::of(request.uri().query()) {
                Ok(asked) if asked.is_sequenced && address.encoding == Encoding::Sbe => {
                    Err("sequence: binary events have no room for positions".to_owned())
                }
                asked => asked,
            };
            let asked = match asked {
                Ok(asked) => asked,
                Err(reason) => {
                    let body = json!({ "code": -1100, "msg": reason }).to_string();
                    return text(StatusCode::BAD_REQUEST, "application/json", body);
                }
            };
            let session = BinanceSession::new(address, Arc::clone(&core.shared.config.binance.limits), core.now_ms());
            return upgrade(core, request, Session::Binance(session.sequenced(&asked)), peer, None);
        }
        Some(Err(error)) => return text(StatusCode::BAD_REQUEST, "application/json", error.to_json()),
        None => {}
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match path {
        "/" | "/status" | METRICS | CERTIFICATE if !is_read => {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET is answered here\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        "/" => text(StatusCode::OK, "text/html; charset=utf-8", PAGE),
        "/status" => text(StatusCode::OK, "application/json", status(core).to_string()),
        METRICS => text(StatusCode::OK, CONTENT_TYPE_OF_METRICS, core.shared.metrics.to_openmetrics()),
        CERTIFICATE if let Some(certificate) = core.shared.tls.as_ref().and_then(|tls| tls.self_signed()) => {
            text(StatusCode::OK, "application/x-pem-file", certificate.to_owned())
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            format!(
                "nothing is served at {path}\n\nWebSocket: /ws/<streams>  /stream?streams=<a>/<b>  /websocket/v1\nHTTP:      /  /status  /metrics  /sse?streams=<a>/<b>  /ndjson?streams=<a>/<b>\nreplay:    /replay/<tape>/<any of these>  /replay\n"
            ),
        ),
    }
}

/// An answer with a body that nobody keeps.
pub(crate) fn text(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Binary streams ask for an API key, though it need not be anybody's here: one of an exchange is 64 letters and digits.
fn check_key(request: &Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    let Some(key) = request.headers().get("x-mbx-apikey") else {
        return Some(text(StatusCode::BAD_REQUEST, "text/plain", "No X-MBX-APIKEY header"));
    };
    let is_key = key.len() == 64 && key.as_bytes().iter().all(u8::is_ascii_alphanumeric);
    (!is_key).then(|| {
        let body = r#"{"code":-2014,"msg":"API-key format invalid."}"#;
        text(StatusCode::UNAUTHORIZED, "application/json", body)
    })
}

/// The answer to one connection too many.
pub(crate) fn too_many_attempts(wait: Duration) -> Response<Full<Bytes>> {
    let body = r#"{"code":-1003,"msg":"Too many connection attempts from this address."}"#;
    let mut response = text(StatusCode::TOO_MANY_REQUESTS, "application/json", body);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    response
}

/// The answer to one handshake of Upbit's too many.
pub(crate) fn too_many_handshakes(wait: Duration) -> Response<Full<Bytes>> {
    let body = r#"{"error":{"name":429,"message":"Too many connections from this address."}}"#;
    let mut response = text(StatusCode::TOO_MANY_REQUESTS, "application/json", body);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    response
}

/// The answer to a client that offers compression in a way that can be kept to.
fn agree_on_deflate(request: &Request<Incoming>) -> Option<&'static str> {
    let offers = request.headers().get_all(SEC_WEBSOCKET_EXTENSIONS);
    deflate::agree(offers.iter().filter_map(|offer| offer.to_str().ok()))
}

/// Answers the handshake, and starts the session once the client has the answer. `deflate` is what compression was
/// agreed on.
pub(crate) fn upgrade(
    core: &Rc<Core>,
    mut request: Request<Incoming>,
    session: Session,
    peer: IpAddr,
    deflate: Option<&'static str>,
) -> Response<Full<Bytes>> {
    if let Err(flaw) = handshake::check(&request) {
        return flaw.answer();
    }
    let (mut response, upgraded) = match fastwebsockets::upgrade::upgrade(&mut request) {
        Ok(upgrade) => upgrade,
        Err(error) => return text(StatusCode::BAD_REQUEST, "text/plain", format!("{error}\n")),
    };
    if let Some(answer) = deflate {
        response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(answer));
    }
    let core = Rc::clone(core);
    spawn_local(async move {
        let Ok(websocket) = upgraded.await else { return };
        let Some((socket, leftover)) = Socket::take(websocket.into_inner().into_inner()) else { return };
        events::catch_up(&core, &session).await;
        let connection = Connection { socket, leftover, session, peer, deflates: deflate.is_some() };
        begin_session(&core, connection);
    });
    response.map(|_| Full::default())
}

/// What `/status` says: what plays, who listens, and all counters.
fn status(core: &Rc<Core>) -> serde_json::Value {
    let fanout = core.fanout.borrow();
    // What the feed's beginning holds, and what has come since: the tape may still be waiting for its clients.
    let names = |venue: Venue| -> Vec<String> {
        let mut names: Vec<String> = core.shared.preview.symbols(venue).into_iter().map(str::to_owned).collect();
        let later = fanout.symbols().iter().filter(|(_, symbol)| symbol.venue == venue);
        let known: FxHashSet<String> = names.iter().cloned().collect();
        names.extend(later.map(|(_, symbol)| symbol.name.as_str().to_owned()).filter(|name| !known.contains(name)));
        names
    };
    let ts_recv = core.shared.metrics.ts_recv.load(std::sync::atomic::Ordering::Relaxed);
    json!({
        "name": "tapecast",
        "version": env!("CARGO_PKG_VERSION"),
        "feed": core.shared.feed_name,
        "speed": core.shared.config.plan.speed.to_string(),
        // Nanoseconds do not fit what many readers of JSON hold numbers in.
        "ts_recv": ts_recv.to_string(),
        "symbols": Venue::ALL.into_iter().map(|venue| (venue.grammar().name, names(venue))).collect::<HashMap<_, _>>(),
        // How many there are; null where nobody talks.
        "rooms": core.shared.rooms.as_ref().map(|rooms| rooms.len()),
        "replays": core.shared.replays.count(),
        "metrics": core.shared.metrics.to_json(),
    })
}
