//! A tape under control: `/control/replay`, where it says what it does and is told what to do. `/control/replay/<key>` is
//! the same for the replay that clients have begun with that key.
//!
//! `GET` answers where the tape is. `POST` and `PUT` take an object all of whose members may be absent: `seek` (a time),
//! `speed` (a factor, `"10x"` or `"max"`), `loop`, `pause`, `step` (a number of messages); they are carried out in this
//! order between two messages, and the answer says where the tape is then. Answers are objects, errors have the member
//! `error`. Times are given twice, as text and, with a name that ends in `_ns`, as nanoseconds since the epoch in a
//! string, for they do not fit what many readers of JSON hold numbers in.
//!
//! Who may ask: with a token whoever shows it (`Authorization: Bearer …`), else whoever is on this machine and knows it
//! by a name of this machine, so that no page can lead a browser here by a name of its own. A page of another origin may
//! not in any case.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, AUTHORIZATION, HOST, HeaderMap, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::config::replay::ControlConfig;
use crate::feed::replay::Speed;
use crate::feed::time;
use crate::ingest::{Command, Where};
use crate::server::core::Core;
use crate::server::http::text;
use crate::server::shared::Shared;

/// Where the server's own tape is controlled.
pub(crate) const PATH: &str = "/control/replay";

/// Where replays with a key are.
pub(crate) const PREFIX: &str = "/control/replay/";

/// Longest request.
const BODY_BYTES_MAX: usize = 4_096;

/// Most messages of one step.
const STEP_MAX: u64 = 1_000_000_000;

/// What a tape is told, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    seek: Option<Value>,
    speed: Option<Value>,
    #[serde(rename = "loop")]
    repeat: Option<bool>,
    pause: Option<bool>,
    step: Option<u64>,
}

/// Why a request is not carried out.
type Refusal = (StatusCode, String);

/// Answers a request.
pub(crate) async fn respond(core: &Rc<Core>, request: Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
    match answer(core, request, peer).await {
        Ok(place) => json_of(StatusCode::OK, &describe(&place)),
        Err((status, reason)) => {
            let mut response = json_of(status, &json!({ "error": reason }));
            match status {
                StatusCode::METHOD_NOT_ALLOWED => {
                    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST, PUT"));
                }
                StatusCode::UNAUTHORIZED => {
                    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                }
                _ => {}
            }
            response
        }
    }
}

async fn answer(core: &Core, request: Request<Incoming>, peer: IpAddr) -> Result<Where, Refusal> {
    let config = core.shared.config.control.as_ref();
    let shared = match request.uri().path().strip_prefix(PREFIX) {
        None => {
            let reason = "the tape is not under control here: start tapecast with --control";
            admit(config.ok_or((StatusCode::NOT_FOUND, reason.into()))?, request.headers(), peer)?;
            Arc::clone(&core.shared)
        }
        // Whoever began a replay, began it to be its master.
        Some(key) => {
            admit(config.unwrap_or(&ControlConfig { token: None }), request.headers(), peer)?;
            let reason = || format!("no replay has the key `{key}`: a client begins one on /replay/<tape>;key={key}/…");
            core.shared.replays.find(key).ok_or_else(|| (StatusCode::NOT_FOUND, reason()))?
        }
    };
    let command = match *request.method() {
        Method::GET => Command::default(),
        Method::POST | Method::PUT => {
            let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
            let body = body.map_err(|_| bad(format!("a request has at most {BODY_BYTES_MAX} bytes")))?.to_bytes();
            let wanted: Wanted = serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
            let first = match wanted.seek {
                Some(_) => tell(&shared, Command::default()).await?.first,
                None => 0,
            };
            wanted.read(first).map_err(bad)?
        }
        _ => return Err((StatusCode::METHOD_NOT_ALLOWED, "only GET, POST and PUT are answered here".into())),
    };
    if command.seek.is_some() && !shared.is_recorded {
        return Err(bad("what is made as it plays has no other place to go to".into()));
    }
    tell(&shared, command).await
}

async fn tell(shared: &Shared, command: Command) -> Result<Where, Refusal> {
    let unavailable = |reason: &str| (StatusCode::SERVICE_UNAVAILABLE, reason.to_owned());
    let (send, receive) = oneshot::channel();
    let reply = move |place| {
        // Whoever asked may have gone.
        let _ = send.send(place);
    };
    shared.control.command(command, reply).map_err(|_| unavailable("too many commands wait already"))?;
    receive.await.map_err(|_| unavailable("the tape has ended for good"))
}

impl Wanted {
    fn read(self, first: i64) -> Result<Command, String> {
        let seek = match self.seek {
            None => None,
            Some(Value::String(text)) => {
                Some(time::parse(&text, (first, first)).map_err(|error| format!("seek: {error}"))?)
            }
            Some(Value::Number(number)) => Some(number.as_i64().ok_or("seek: give whole nanoseconds since the epoch")?),
            Some(_) => return Err("seek: give a time in a string, or nanoseconds since the epoch".into()),
        };
        let speed = match self.speed {
            None => None,
            Some(Value::String(text)) => Some(text.parse::<Speed>().map_err(|error| format!("speed: {error}"))?),
            Some(Value::Number(number)) => Some(number.to_string().parse().map_err(|error| format!("speed: {error}"))?),
            Some(_) => return Err("speed: give a factor, or \"max\"".into()),
        };
        if let Some(step) = self.step.filter(|step| !(1..=STEP_MAX).contains(step)) {
            return Err(format!("step: {step} is not between 1 and {STEP_MAX}"));
        }
        if self.step.is_some() && self.pause == Some(false) {
            return Err("step: the tape is paused behind its steps; leave out pause".into());
        }
        Ok(Command { seek, speed, repeat: self.repeat, pause: self.pause, step: self.step })
    }
}

/// Whether this one may.
pub(crate) fn admit(config: &ControlConfig, headers: &HeaderMap, peer: IpAddr) -> Result<(), Refusal> {
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = header(HOST).unwrap_or("");
    let is_foreign = headers.contains_key(ORIGIN)
        && header(ORIGIN).and_then(|origin| origin.split_once("://")).is_none_or(|(_, rest)| rest != host);
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if is_foreign || site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return Err((StatusCode::FORBIDDEN, "pages of other origins may not control the tape".into()));
    }
    match &config.token {
        Some(token) => {
            let shown = header(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).unwrap_or("");
            if is_same(shown.as_bytes(), token.as_bytes()) {
                return Ok(());
            }
            Err((StatusCode::UNAUTHORIZED, "show the token: `Authorization: Bearer <token>`".into()))
        }
        None if !peer.to_canonical().is_loopback() => {
            let reason = "only this machine may control the tape; for others start tapecast with --control-token";
            Err((StatusCode::FORBIDDEN, reason.into()))
        }
        None if !is_own_name(host) => {
            let reason = format!("`{host}` is no name of this machine: ask 127.0.0.1 or localhost");
            Err((StatusCode::FORBIDDEN, reason))
        }
        None => Ok(()),
    }
}

fn is_own_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Takes as long wherever they differ.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn bad(reason: String) -> Refusal {
    (StatusCode::BAD_REQUEST, reason)
}

fn json_of(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    text(status, "application/json", format!("{body}\n"))
}

fn describe(place: &Where) -> Value {
    let time = |ns: Option<i64>| ns.map(time::format);
    json!({
        "state": place.state.name(),
        "time": time::format(place.time),
        "time_ns": place.time.to_string(),
        "shift_ns": place.shift_ns.to_string(),
        "position": place.position,
        "played": place.played,
        "pass": place.pass,
        "speed": place.speed.to_string(),
        "loop": place.repeat,
        "first": time::format(place.first),
        "from": time(place.from),
        "to": time(place.to),
    })
}
