//! How long a connection may live: while its pings are answered, and until its time is over.

use crate::protocol::websocket::{Close, Opcode};
use crate::session::Effects;
use crate::session::heartbeat::{Beat, Heartbeat, HeartbeatLimits};

/// Pings, and the end of a connection's time.
#[derive(Debug)]
pub struct Liveness {
    heartbeat: Heartbeat,
    /// When it ends; the largest number for never.
    ends_ms: u64,
}

impl Liveness {
    /// Of a connection made now that lives for `lifetime_ms`; 0 for as long as it likes.
    pub fn new(heartbeat: HeartbeatLimits, lifetime_ms: u64, now_ms: u64) -> Liveness {
        let ends_ms = if lifetime_ms > 0 { now_ms + lifetime_ms } else { u64::MAX };
        Liveness { heartbeat: Heartbeat::new(heartbeat, now_ms), ends_ms }
    }

    /// A pong has come.
    pub fn on_pong(&mut self, payload: &[u8], now_ms: u64) {
        self.heartbeat.on_pong(payload, now_ms);
    }

    /// Time has passed: perhaps a ping is due, or the end. `unix_ms` is what a ping says.
    pub fn on_time(&mut self, now_ms: u64, unix_ms: u64, effects: &mut Effects) {
        match self.heartbeat.on_time(now_ms, unix_ms) {
            Beat::Nothing => {}
            Beat::Ping(payload) => effects.send(Opcode::Ping, payload.to_string().as_bytes()),
            Beat::Lost => effects.close(Close::PONG_TIMEOUT),
        }
        if now_ms >= self.ends_ms {
            effects.close(Close::LIFETIME);
        }
    }
}
