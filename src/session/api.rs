//! A client of Binance's WebSocket API: it asks, and is answered; nothing is pushed but the notice of a shutdown.

use crate::protocol::websocket::{Close, Opcode};
use crate::session::heartbeat::HeartbeatLimits;
use crate::session::liveness::Liveness;
use crate::session::{Effects, Incoming};
use crate::venue::binance::TimeUnit;
use crate::venue::binance::api::ApiRequest;

/// A client of the WebSocket API.
#[derive(Debug)]
pub struct ApiSession {
    unit: Option<String>,
    shows_limits: bool,
    liveness: Liveness,
}

impl ApiSession {
    /// A connection made now. `query` is its address's.
    pub fn new(query: Option<&str>, heartbeat: HeartbeatLimits, lifetime_ms: u64, now_ms: u64) -> ApiSession {
        let parameter = |name: &str| {
            query?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        ApiSession {
            unit: parameter("timeUnit"),
            shows_limits: parameter("returnRateLimits").as_deref() != Some("false"),
            liveness: Liveness::new(heartbeat, lifetime_ms, now_ms),
        }
    }

    /// Something has come from the client. What is asked stands in the effects, to be answered.
    pub fn on_message(&mut self, message: Incoming<'_>, now_ms: u64, effects: &mut Effects) {
        match message {
            Incoming::Text(text) => {
                effects.question = Some(ApiRequest::parse(text, self.unit.as_deref(), self.shows_limits));
            }
            Incoming::Binary(_) => effects.close(Close::INVALID_REQUEST),
            Incoming::Ping(payload) => effects.send(Opcode::Pong, payload),
            Incoming::Pong(payload) => self.liveness.on_pong(payload, now_ms),
        }
    }

    /// Time has passed.
    pub fn on_time(&mut self, now_ms: u64, unix_ms: u64, effects: &mut Effects) {
        self.liveness.on_time(now_ms, unix_ms, effects);
    }

    /// The server stops.
    pub fn on_shutdown(&mut self, unix_ns: i64, effects: &mut Effects) {
        let time = TimeUnit::Milliseconds.of(unix_ns);
        effects.send(Opcode::Text, format!(r#"{{"event":{{"e":"serverShutdown","E":{time}}}}}"#).as_bytes());
        effects.close(Close::GOING_AWAY);
    }
}
