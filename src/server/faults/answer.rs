//! Faults in HTTP: requests and handshakes that are one too many, and `/control/faults`, where the report is.

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use crate::market::symbol::Venue;
use crate::server::control;
use crate::server::core::Core;
use crate::server::faults::gate::Manner;
use crate::server::http::{text, too_many_attempts, too_many_handshakes};
use crate::server::weights::Verdict;
use crate::venue::binance::rest::error::RestError;
use crate::venue::binance::rest::weight_told;
use crate::venue::upbit;

/// Where the report is had.
pub(crate) const PATH: &str = "/control/faults";

/// What a request is, for those who limit its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Rest,
    Handshake,
}

/// The answer to a request that is one too many at present. Also notes who asks for a snapshot of a book, as whoever
/// has seen a hole does.
pub(crate) fn refuse_request(core: &Core, request: &Request<Incoming>, peer: IpAddr) -> Option<Response<Full<Bytes>>> {
    let faults = core.shared.faults.as_ref()?;
    let (kind, asked) = kind_of(request)?;
    let now = Instant::now();
    let Some((closed, wait)) = faults.gates.limits(kind, now) else {
        let mut ledger = faults.ledger();
        ledger.served(peer, now);
        if matches!(request.uri().path(), "/api/v3/depth" | "/v1/orderbook") {
            ledger.asked(peer, now);
        }
        return None;
    };
    faults.ledger().refused(closed.firing, closed.fault, peer, now);
    let bans = closed.manner == Manner::Limit { bans: true };
    Some(match (kind, asked) {
        ("upbit", Asked::Handshake) => too_many_handshakes(wait),
        ("upbit", Asked::Rest) => {
            let error = upbit::rest::error::RestError::too_many();
            answer(error.status, error.to_json().into(), wait)
        }
        (_, Asked::Handshake) if !bans => too_many_attempts(wait),
        _ => {
            let error = match bans {
                true => RestError::banned(unix_ms() + wait.as_millis() as i64),
                false => RestError::too_much_weight(weight_told(core.shared.config.binance.weight_max)),
            };
            answer(error.status, error.to_json().into(), wait)
        }
    })
}

/// The same for a request over Binance's WebSocket API.
pub(crate) fn verdict(core: &Core, peer: IpAddr, verdict: Verdict) -> Verdict {
    let Some(faults) = &core.shared.faults else { return verdict };
    let now = Instant::now();
    let Some((closed, wait)) = faults.gates.limits("binance", now) else { return verdict };
    faults.ledger().refused(closed.firing, closed.fault, peer, now);
    match closed.manner {
        Manner::Limit { bans: true } => Verdict::Banned(whole_seconds(wait)),
        _ => Verdict::TooMuchWeight(whole_seconds(wait)),
    }
}

/// Whose request it is; `None` for one that no exchange would be asked.
fn kind_of(request: &Request<Incoming>) -> Option<(&'static str, Asked)> {
    let path = request.uri().path();
    if path.starts_with("/api/") {
        return Some(("binance", Asked::Rest));
    }
    if path.starts_with(upbit::rest::PREFIX) {
        return Some(("upbit", Asked::Rest));
    }
    if !fastwebsockets::upgrade::is_upgrade_request(request) {
        return None;
    }
    let is_asked_there = |venue: &Venue| venue.grammar().socket.as_ref().is_some_and(|socket| socket.path == path);
    let kind = if Venue::ALL.iter().any(is_asked_there) { "upbit" } else { "binance" };
    Some((kind, Asked::Handshake))
}

fn answer(status: u16, body: Bytes, wait: Duration) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
    let mut response = text(status, "application/json;charset=UTF-8", body);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    response
}

/// Whoever waits so long has waited long enough.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1_000) as u64
}

fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}

/// Answers a request to [`PATH`].
pub(crate) fn respond(core: &Core, request: &Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
    let tell = |status, body: serde_json::Value| text(status, "application/json", format!("{body}\n"));
    let Some(config) = &core.shared.config.control else {
        let reason = "nothing is under control here: start tapecast with --control";
        return tell(StatusCode::NOT_FOUND, json!({ "error": reason }));
    };
    if let Err((status, reason)) = control::admit(config, request.headers(), peer) {
        return tell(status, json!({ "error": reason }));
    }
    if *request.method() != Method::GET {
        let mut response = tell(StatusCode::METHOD_NOT_ALLOWED, json!({ "error": "only GET is answered here" }));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return response;
    }
    match &core.shared.faults {
        Some(faults) => tell(StatusCode::OK, faults.to_json()),
        None => tell(StatusCode::NOT_FOUND, json!({ "error": "nothing is to go wrong: start tapecast with --faults" })),
    }
}
