//! Events over plain HTTP: `/sse` for browsers, `/ndjson` for scripts.
//!
//! The request is read by the HTTP library; the answer is written by a session like any other, straight to the socket.
//! So a client of either shares cohorts, frames and backlogs with whoever else wants the same.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};

use crate::fanout::backlog::{Batch, Mark};
use crate::fanout::{Dialect, Fanout, History, Lost, Position, Want};
use crate::market::tick::{Level, Tick};
use crate::ring::Reader;
use crate::server::core::Core;
use crate::server::socket::Socket;
use crate::server::writer::read_up_to;
use crate::session::Session;
use crate::session::events::EventSession;
use crate::session::sequence::Teller;

/// The session that a request is the beginning of, or the answer to one that cannot be; `None` for other addresses.
pub(crate) fn open(
    core: &Rc<Core>,
    request: &Request<Incoming>,
    peer: IpAddr,
) -> Option<Result<Session, Response<Full<Bytes>>>> {
    let dialect = match request.uri().path() {
        "/sse" => Dialect::Events,
        "/ndjson" => Dialect::Lines,
        _ => return None,
    };
    core.shared.metrics.cores[core.index].http_requests.add(1);
    let config = &core.shared.config;
    let refuse = |status, reason: String| {
        let mut response = Response::new(Full::new(Bytes::from(reason + "\n")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(Ok(origin)) = config.plain.cors_origin.as_deref().map(HeaderValue::from_str) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        response
    };
    if request.method() != Method::GET {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here".into());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return Some(Err(response));
    }
    if let Err(wait) = core.shared.attempts.count(peer, Instant::now()) {
        let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, "too many connections from this address".into());
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        return Some(Err(response));
    }
    // One that is no text is no id either.
    let last_event_id = request.headers().get("last-event-id").map(|id| id.to_str().unwrap_or("?"));
    let (query, cors_origin) = (request.uri().query(), config.plain.cors_origin.as_deref());
    let session =
        EventSession::new(dialect, query, last_event_id, &config.plain.event_limits, cors_origin, core.now_ms());
    Some(session.map(Session::Events).map_err(|reason| refuse(StatusCode::BAD_REQUEST, reason)))
}

/// The ticks that a core's reader can read again.
struct Readable<'a>(&'a Reader<Tick, Level>);

impl History for Readable<'_> {
    fn is_whole(&self) -> bool {
        self.0.history().start == 0
    }

    fn oldest(&self) -> Option<u64> {
        self.0.look_back(self.0.history().start, |tick| tick.sequence)
    }

    fn each(&self, from: u64, f: &mut dyn FnMut(&Tick, &[Level])) {
        let start = self.0.search_history(|tick| tick.sequence < from);
        let read = self.0.read_history(start, |_, tick, levels| f(tick, levels));
        debug_assert!(read.is_ok(), "a history is as long as it says");
    }
}

/// The longest that a client waits for its core to get as far as the one it was on.
const CATCH_UP_MAX: Duration = Duration::from_secs(10);

/// Waits until this core has read as far as the client has got: it may come from a core that was ahead by a few ticks, and
/// those must not come twice.
pub(crate) async fn catch_up(core: &Rc<Core>, session: &Session) {
    let Some(position) = session.position() else { return };
    let caught_up = async {
        // What the run before this one told is being looked for.
        while core.shared.former.get().is_none() && position.epoch.is_some_and(|epoch| epoch != core.shared.epoch) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // A core whose clients are waited for goes on when they have taken what they are due.
        while !read_up_to(core, position) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    // Whoever waits in vain is told that it is ahead.
    let _ = tokio::time::timeout(CATCH_UP_MAX, caught_up).await;
}

/// Appends what a client missed that comes again.
///
/// # Errors
/// Why that cannot be told.
pub(crate) fn missed(
    core: &Core,
    fanout: &mut Fanout<Socket>,
    position: Position,
    wants: &[Want],
    frames: &mut Batch,
) -> Result<(), Lost> {
    let reader = core.reader.borrow();
    let reader = reader.as_ref().ok_or(Lost::Gone)?;
    fanout.resume(wants, position, &Readable(reader), frames)
}

/// The same behind the news that it goes on.
///
/// # Errors
/// Why that cannot be told; then nothing is appended.
pub(crate) fn resume(
    core: &Core,
    fanout: &mut Fanout<Socket>,
    (teller, position): (Teller, Position),
    wants: &[Want],
    frames: &mut Batch,
) -> Result<(), Lost> {
    let begin = (frames.bytes.len(), frames.marks.len());
    let mut frame = Vec::new();
    teller.write_resumed(position, &mut frame);
    if !frame.is_empty() {
        frames.push(&frame, Mark::KEPT);
    }
    let resumed = missed(core, fanout, position, wants, frames);
    if resumed.is_err() {
        frames.bytes.truncate(begin.0);
        frames.marks.truncate(begin.1);
    }
    resumed
}
