//! Requests for market data: read here, answered by the thread that holds the market, sent from here.

pub(crate) mod upbit;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::oneshot;

use crate::protocol::websocket::Opcode;
use crate::server::client::Client;
use crate::server::core::Core;
use crate::server::faults;
use crate::server::weights::Verdict;
use crate::session::Effects;
use crate::venue::binance::api::{ApiRequest, Budget, CONNECTION_WEIGHT};
use crate::venue::binance::rest::error::RestError;
use crate::venue::binance::rest::query::{Options, Query};
use crate::venue::binance::rest::reply::State;
use crate::venue::binance::rest::weight_told;

const NOT_FOUND: &str = "<html><body><h2>404 Not found</h2></body></html>\n";

/// Answers a request below `/api/`.
pub(crate) async fn respond(core: &Rc<Core>, request: &Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = answered(405, RestError::unknown_path().to_json().into());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let unit = request.headers().get("x-mbx-time-unit").and_then(|unit| unit.to_str().ok());
    let parsed = Query::parse(request.uri().path(), request.uri().query(), unit);
    let weight = parsed.as_ref().map_or(1, |(query, _)| query.weight());
    let (used, verdict) = core.shared.weights.add(peer, weight);
    let answer = match (refusal(core, verdict), parsed) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(error),
        (None, Ok((query, options))) => ask(core, query, options).await,
    };
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    let mut response = match answer {
        Ok(body) => answered(200, Bytes::from(body)),
        Err(RestError { status: 404, .. }) if accept.contains("text/html") => {
            let mut response = answered(404, Bytes::from_static(NOT_FOUND.as_bytes()));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            response
        }
        Err(error) => answered(error.status, Bytes::from(error.to_json())),
    };
    let headers = response.headers_mut();
    headers.insert("x-mbx-used-weight", HeaderValue::from(used));
    headers.insert("x-mbx-used-weight-1m", HeaderValue::from(used));
    if let Some(seconds) = verdict.wait() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn answered(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Counts a connection to the WebSocket API; the answer to one that has to wait.
pub(crate) fn refuse_connection(core: &Core, peer: IpAddr) -> Option<Response<Full<Bytes>>> {
    let (_, verdict) = core.shared.weights.add(peer, CONNECTION_WEIGHT);
    let error = refusal(core, verdict)?;
    let mut response = answered(error.status, Bytes::from(error.to_json()));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(verdict.wait().unwrap_or(0)));
    Some(response)
}

/// Answers a request that came over the WebSocket API; the answer goes the way of all frames.
pub(crate) async fn answer(core: Rc<Core>, client: Rc<Client>, request: ApiRequest) {
    let weight = request.query.as_ref().map_or(1, Query::weight);
    let (used, verdict) = core.shared.weights.add(client.peer, weight);
    let verdict = faults::verdict(&core, client.peer, verdict);
    let result = match (refusal(&core, verdict), request.query.clone()) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(error),
        (None, Ok(query)) => ask(&core, query, request.options).await,
    };
    let now_ms = unix_ms();
    let retry_ms = verdict.wait().map(|seconds| (now_ms, now_ms + seconds as i64 * 1_000));
    let budget = Budget { used, limit: weight_told(core.shared.config.binance.weight_max), retry_ms };
    let mut effects = Effects::default();
    effects.send(Opcode::Text, &request.answer(&result, budget));
    core.send_if_there(&client, effects);
}

/// Why a request is not answered.
fn refusal(core: &Core, verdict: Verdict) -> Option<RestError> {
    match verdict {
        Verdict::Served => None,
        Verdict::TooMuchWeight(_) => {
            Some(RestError::too_much_weight(weight_told(core.shared.config.binance.weight_max)))
        }
        Verdict::TooManyRequests(_) => Some(RestError::too_many_requests()),
        Verdict::Banned(seconds) => Some(RestError::banned(unix_ms() + seconds as i64 * 1_000)),
    }
}

fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}

/// Has the market answer a question.
async fn ask(core: &Core, query: Query, options: Options) -> Result<Vec<u8>, RestError> {
    let (send, receive) = oneshot::channel();
    let shared = Arc::clone(&core.shared);
    let asked = core.shared.control.ask(move |market| {
        let state = State {
            symbols: market.symbols,
            engine: market.engine,
            recent: market.recent,
            catalog: shared.catalog.as_deref(),
            weight_max: shared.config.binance.weight_max,
            now: market.now,
        };
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
