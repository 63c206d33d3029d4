//! Requests for Upbit's quotations: counted by group and address, answered out of the market.

use std::io::Write;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use hyper::{Method, Request, Response, StatusCode};
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use crate::ingest::Market;
use crate::server::attempts::ADDRESSES_MAX;
use crate::server::core::Core;
use crate::venue::upbit::rest::REQUESTS_PER_SECOND;
use crate::venue::upbit::rest::error::{RestError, UNKNOWN_PATH};
use crate::venue::upbit::rest::query::{Group, Query};
use crate::venue::upbit::rest::reply::{Answer, State};

/// What each address has used of its allowances in this second. Shared by all cores; asked once per request.
#[derive(Debug)]
pub(crate) struct Allowances {
    per_second: u32,
    used: Mutex<Used>,
    started: Instant,
}

/// What was used, and in which second.
#[derive(Debug, Default)]
struct Used {
    second: u64,
    counts: FxHashMap<(IpAddr, Group), u32>,
}

impl Allowances {
    /// Nobody has asked yet. 0 for any number of requests.
    pub(crate) fn new(per_second: u32) -> Allowances {
        Allowances { per_second, used: Mutex::default(), started: Instant::now() }
    }

    /// Takes one request from the address's allowance; how many are left in this second. Without a limit they are
    /// always as many as the exchange allows.
    ///
    /// # Errors
    /// For one too many.
    fn take(&self, address: IpAddr, group: Group) -> Result<u32, RestError> {
        if self.per_second == 0 {
            return Ok(REQUESTS_PER_SECOND);
        }
        let second = self.started.elapsed().as_secs();
        let mut used = self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if used.second != second || used.counts.len() >= ADDRESSES_MAX {
            used.second = second;
            used.counts.clear();
        }
        let count = used.counts.entry((address, group)).or_default();
        if *count >= self.per_second {
            return Err(RestError::too_many());
        }
        *count += 1;
        Ok(self.per_second - *count)
    }

    /// `group=ticker; min=600; sec=9`; what it says of a minute has no meaning any more, at the exchange neither.
    fn header(&self, group: Group, left: u32) -> String {
        let per_second = if self.per_second == 0 { REQUESTS_PER_SECOND } else { self.per_second };
        format!("group={}; min={}; sec={left}", group.name(), u64::from(per_second) * 60)
    }
}

/// Answers a request below `/v1/`.
pub(crate) async fn respond(core: &Rc<Core>, request: &Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
    let Some((group, parsed)) = Query::parse(request.uri().path(), request.uri().query()) else {
        return json(StatusCode::NOT_FOUND, UNKNOWN_PATH);
    };
    let taken = core.shared.allowances.take(peer, group);
    let answer = match (&taken, parsed) {
        (Err(error), _) => Err(error.clone()),
        _ if !matches!(*request.method(), Method::GET | Method::HEAD) => Err(RestError::wrong_method()),
        (_, Err(error)) => Err(error),
        (_, Ok(query)) => ask(core, query).await,
    };
    let mut response = match answer {
        Ok(answer) => compressible(request.headers(), answer.write()),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            json(status, error.to_json())
        }
    };
    let remaining = core.shared.allowances.header(group, taken.unwrap_or(0));
    let headers = response.headers_mut();
    if let Ok(remaining) = HeaderValue::try_from(remaining) {
        headers.insert("remaining-req", remaining);
    }
    headers.insert("limit-by-ip", HeaderValue::from_static("Yes"));
    response
}

/// Has the market answer a question.
async fn ask(core: &Core, query: Query) -> Result<Answer, RestError> {
    let (send, receive) = oneshot::channel();
    let shared = Arc::clone(&core.shared);
    let asked = core.shared.control.ask(move |market| {
        let Market { symbols, quotations, engine, .. } = market;
        let state = State { symbols, quotations, engine, listing: &shared.listing };
        // Whoever asked may have gone.
        let _ = send.send(state.reply(&query));
    });
    match (asked, receive.await) {
        (Ok(()), Ok(answer)) => answer,
        _ => Err(RestError::unavailable()),
    }
}

/// The answer to a request with these headers, compressed where they ask for it.
fn compressible(asked: &HeaderMap, body: Vec<u8>) -> Response<Full<Bytes>> {
    if body.len() < COMPRESSED_BYTES_MIN {
        return json(StatusCode::OK, body);
    }
    let compressed = if accepts_gzip(asked) { gzip(&body).ok() } else { None };
    let is_compressed = compressed.is_some();
    let mut response = json(StatusCode::OK, compressed.unwrap_or(body));
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    // A core that compresses sends nothing else, so it is done fast rather than well.
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Whether gzip is named, and not with a weight of zero.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case("gzip") && weight.bytes().any(|b| (b'1'..=b'9').contains(&b))
    })
}

/// The shortest body that is compressed: below it little is saved.
const COMPRESSED_BYTES_MIN: usize = 1_024;

fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_groups_have_allowances_of_their_own() {
        let allowances = Allowances::new(2);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        // A new second may begin in between, so it is tried until none has.
        let second = || allowances.started.elapsed().as_secs();
        loop {
            let begun = second();
            let taken = [
                (one, Group::Ticker),
                (one, Group::Ticker),
                (one, Group::Ticker),
                (other, Group::Ticker),
                (one, Group::Trade),
            ]
            .map(|(address, group)| allowances.take(address, group).map_err(|error| error.status));
            if second() == begun {
                assert_eq!(taken, [Ok(1), Ok(0), Err(429), Ok(1), Ok(1)]);
                break;
            }
        }
        assert_eq!(allowances.header(Group::Ticker, 1), "group=ticker; min=120; sec=1");
        let unlimited = Allowances::new(0);
        assert!((0..99).all(|_| unlimited.take(one, Group::Candle) == Ok(10)));
        assert_eq!(unlimited.header(Group::Candle, 10), "group=candle; min=600; sec=10");
    }
}
