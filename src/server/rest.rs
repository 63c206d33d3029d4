//! Requests for market data: read here, answered by the thread that holds the market, sent from here.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use crate::protocol::websocket::Opcode;
use crate::server::client::Client;
use crate::server::core::Core;
use crate::session::Effects;
use crate::venue::binance::api::ApiRequest;
use crate::venue::binance::rest::error::RestError;
use crate::venue::binance::rest::query::{Options, Query};
use crate::venue::binance::rest::reply::State;

/// Addresses whose weight is remembered at the most; beyond it all are forgotten until the minute is over.
const ADDRESSES_MAX: usize = 65_536;

/// What each address has used of its budget in this minute. Shared by all cores; asked once per request.
#[derive(Debug)]
pub(crate) struct Weights {
    per_minute: u32,
    used: Mutex<(u64, FxHashMap<IpAddr, u32>)>,
    started: Instant,
}

impl Weights {
    /// Nobody has asked yet. 0 for no budget.
    pub(crate) fn new(per_minute: u32) -> Weights {
        Weights { per_minute, used: Mutex::default(), started: Instant::now() }
    }

    /// Adds a request's weight; what has been used with it, and the seconds until it is forgotten where that is too
    /// much.
    fn add(&self, address: IpAddr, weight: u32) -> (u32, Option<u64>) {
        let seconds = self.started.elapsed().as_secs();
        let mut used = self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if used.0 != seconds / 60 || used.1.len() >= ADDRESSES_MAX {
            used.0 = seconds / 60;
            used.1.clear();
        }
        let sum = used.1.entry(address).or_default();
        *sum = sum.saturating_add(weight);
        let is_too_much = self.per_minute > 0 && *sum > self.per_minute;
        (*sum, is_too_much.then_some(60 - seconds % 60))
    }
}

/// Answers a request below `/api/`.
pub(crate) async fn respond(core: &Rc<Core>, request: &Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
    let unit = request.headers().get("x-mbx-time-unit").and_then(|unit| unit.to_str().ok());
    let parsed = Query::parse(request.uri().path(), request.uri().query(), unit);
    let weight = parsed.as_ref().map_or(1, |(query, _)| query.weight());
    let (used, wait) = core.shared.weights.add(peer, weight);
    let answer = match (parsed, wait) {
        (_, Some(_)) => Err(RestError::too_much_weight()),
        (Err(error), None) => Err(error),
        (Ok((query, options)), None) => ask(core, query, options).await,
    };
    let (status, body) = match answer {
        Ok(body) => (200, Bytes::from(body)),
        Err(error) => (error.status, Bytes::from(error.to_json())),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-mbx-used-weight", HeaderValue::from(used));
    headers.insert("x-mbx-used-weight-1m", HeaderValue::from(used));
    if let Some(seconds) = wait {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Answers a request that came over the WebSocket API; the answer goes the way of all frames.
pub(crate) async fn answer(core: Rc<Core>, client: Rc<Client>, request: ApiRequest) {
    let weight = request.query.as_ref().map_or(1, Query::weight);
    let (used, wait) = core.shared.weights.add(client.peer, weight);
    let result = match (request.query.clone(), wait) {
        (_, Some(_)) => Err(RestError::too_much_weight()),
        (Err(error), None) => Err(error),
        (Ok(query), None) => ask(&core, query, request.options).await,
    };
    let mut effects = Effects::default();
    effects.send(Opcode::Text, &request.answer(&result, used));
    core.send_if_there(&client, effects);
}

/// Has the market answer a question.
async fn ask(core: &Core, query: Query, options: Options) -> Result<Vec<u8>, RestError> {
    let (send, receive) = oneshot::channel();
    let asked = core.shared.control.ask(move |market| {
        let state = State { symbols: market.symbols, engine: market.engine, recent: market.recent, now: market.now };
        // Whoever asked may have gone.
        let _ = send.send(state.reply(&query, options));
    });
    match (asked, receive.await) {
        (Ok(()), Ok(answer)) => answer,
        _ => Err(unavailable()),
    }
}

fn unavailable() -> RestError {
    RestError { status: 503, code: -1008, message: "Server is currently overloaded with other requests.".into() }
}
