//! Pings from the server, and the deadline for their answers.
//!
//! Source: Binance's stream documentation. A ping goes out every 20 s whether or not data flows; a pong with the
//! payload of any ping that is still unanswered resets the deadline of 60 s; any other pong is allowed and means
//! nothing.

/// How often to ping and how long to wait.
#[derive(Clone, Copy, Debug)]
pub struct HeartbeatLimits {
    /// Milliseconds from one ping to the next; 0 for no pings at all.
    pub ping_interval_ms: u64,
    /// Milliseconds without a matching pong after which the client is given up; 0 for never.
    pub pong_timeout_ms: u64,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing.
    Nothing,
    /// Send a ping; its payload is this number in decimal.
    Ping(u64),
    /// The client has not answered in time.
    Lost,
}

/// The most pings remembered as unanswered; older ones no longer count as answered by their pong.
const UNANSWERED_MAX: usize = 8;

/// The pings of one connection.
#[derive(Debug)]
pub struct Heartbeat {
    limits: HeartbeatLimits,
    next_ping_ms: u64,
    alive_ms: u64,
    /// Oldest first.
    unanswered: Vec<u64>,
}

impl Heartbeat {
    /// The heart of a connection made now.
    pub fn new(limits: HeartbeatLimits, now_ms: u64) -> Heartbeat {
        let next_ping_ms = now_ms + limits.ping_interval_ms;
        Heartbeat { limits, next_ping_ms, alive_ms: now_ms, unanswered: Vec::new() }
    }

    /// Looks at the clocks: `now_ms` for deadlines, `unix_ms` for a ping's payload.
    pub fn on_time(&mut self, now_ms: u64, unix_ms: u64) -> Beat {
        let HeartbeatLimits { ping_interval_ms, pong_timeout_ms } = self.limits;
        if pong_timeout_ms > 0 && now_ms >= self.alive_ms + pong_timeout_ms && !self.unanswered.is_empty() {
            return Beat::Lost;
        }
        if ping_interval_ms == 0 || now_ms < self.next_ping_ms {
            return Beat::Nothing;
        }
        self.next_ping_ms += ping_interval_ms;
        if self.unanswered.len() == UNANSWERED_MAX {
            self.unanswered.remove(0);
        }
        self.unanswered.push(unix_ms);
        Beat::Ping(unix_ms)
    }

    /// A pong has come.
    pub fn on_pong(&mut self, payload: &[u8], now_ms: u64) {
        let number = std::str::from_utf8(payload).ok().and_then(|text| text.parse().ok());
        if let Some(place) = self.unanswered.iter().position(|ping| Some(*ping) == number) {
            self.unanswered.drain(..=place);
            if self.unanswered.is_empty() {
                // Most of the time nothing is, on very many connections.
                self.unanswered = Vec::new();
            }
            self.alive_ms = now_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeartbeatLimits = HeartbeatLimits { ping_interval_ms: 20_000, pong_timeout_ms: 60_000 };

    fn run(answers: impl Fn(u64) -> Vec<Vec<u8>>) -> (Vec<u64>, Option<u64>) {
        let mut heart = Heartbeat::new(LIMITS, 0);
        let mut pings = Vec::new();
        for now_ms in (0..300_000).step_by(500) {
            match heart.on_time(now_ms, 1_000_000 + now_ms) {
                Beat::Ping(payload) => {
                    pings.push(now_ms);
                    for pong in answers(payload) {
                        heart.on_pong(&pong, now_ms);
                    }
                }
                Beat::Lost => return (pings, Some(now_ms)),
                Beat::Nothing => {}
            }
        }
        (pings, None)
    }

    #[test]
    fn a_client_that_answers_is_pinged_every_20_s_and_kept() {
        let (pings, lost) = run(|ping| vec![ping.to_string().into_bytes(), vec![]]);
        assert_eq!(pings, (1..15).map(|n| n * 20_000).collect::<Vec<_>>());
        assert_eq!(lost, None);
    }

    #[test]
    fn a_client_that_answers_nothing_or_nonsense_is_lost_after_60_s() {
        assert_eq!(run(|_| vec![]).1, Some(60_000));
        assert_eq!(run(|_| vec![vec![], b"x".to_vec(), b"1".to_vec()]).1, Some(60_000));
    }
}
