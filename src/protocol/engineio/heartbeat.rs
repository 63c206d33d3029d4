//! The server's pings, and the deadline for their answers.
//!
//! Deadlines are absolute, and counted from when a ping was due rather than from when somebody got round to sending it:
//! whoever asks at the very end of the last one is told that the session is gone.

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing before [`Heartbeat::deadline_ms`].
    Nothing,
    /// Send a ping.
    Ping,
    /// The client has not answered in time.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// The time of the next ping.
    Ping,
    /// The answer to the last one.
    Pong {
        /// Whether anything else that came has put the deadline off; it does so once.
        is_extended: bool,
    },
}

/// The pings of one session.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    interval_ms: u64,
    timeout_ms: u64,
    deadline_ms: u64,
    awaited: Awaited,
}

impl Heartbeat {
    /// The heart of a session opened now. The first ping is due after one interval.
    pub fn new(interval_ms: u64, timeout_ms: u64, now_ms: u64) -> Heartbeat {
        Heartbeat { interval_ms, timeout_ms, deadline_ms: now_ms + interval_ms, awaited: Awaited::Ping }
    }

    /// When the time is to be told next.
    pub fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// Looks at the clock.
    pub fn on_time(&mut self, now_ms: u64) -> Beat {
        if now_ms < self.deadline_ms {
            return Beat::Nothing;
        }
        match self.awaited {
            Awaited::Ping => {
                // A server that could not send for long is not to hold it against its clients.
                let is_late = now_ms >= self.deadline_ms + self.timeout_ms / 2;
                self.deadline_ms = if is_late { now_ms } else { self.deadline_ms } + self.timeout_ms;
                self.awaited = Awaited::Pong { is_extended: false };
                Beat::Ping
            }
            Awaited::Pong { .. } => Beat::Lost,
        }
    }

    /// Whether a ping has been sent that was not answered.
    pub fn awaits_pong(&self) -> bool {
        self.awaited != Awaited::Ping
    }

    /// A pong has come, asked for or not.
    pub fn on_pong(&mut self, now_ms: u64) {
        self.deadline_ms = now_ms + self.interval_ms;
        self.awaited = Awaited::Ping;
    }

    /// Anything else has come: the client lives, and has a little longer to answer, but only once per ping.
    pub fn on_packet(&mut self, now_ms: u64) {
        if self.awaited == (Awaited::Pong { is_extended: false }) {
            self.deadline_ms = now_ms + self.timeout_ms;
            self.awaited = Awaited::Pong { is_extended: true };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn socketio_item_34_and_35_pings_come_an_interval_after_the_handshake_and_after_each_pong() {
        let mut heart = Heartbeat::new(25_000, 20_000, 1_000);
        assert_eq!(heart.on_time(25_999), Beat::Nothing);
        assert_eq!(heart.on_time(26_000), Beat::Ping);
        heart.on_pong(30_000);
        assert_eq!(heart.deadline_ms(), 55_000);
        assert_eq!((heart.on_time(54_999), heart.on_time(55_000)), (Beat::Nothing, Beat::Ping));
    }

    #[test]
    fn socketio_item_36_without_a_pong_it_ends_at_interval_and_timeout_however_late_the_ping_was_told() {
        for late_ms in [0, 99] {
            let mut heart = Heartbeat::new(300, 200, 0);
            assert_eq!(heart.on_time(300 + late_ms), Beat::Ping);
            assert_eq!((heart.on_time(499), heart.on_time(500)), (Beat::Nothing, Beat::Lost));
        }
        let mut heart = Heartbeat::new(300, 200, 0);
        assert_eq!((heart.on_time(5_000), heart.on_time(5_199)), (Beat::Ping, Beat::Nothing));
        assert_eq!(heart.on_time(5_200), Beat::Lost);
    }

    #[test]
    fn other_packets_put_the_deadline_off_once() {
        let mut heart = Heartbeat::new(300, 200, 0);
        heart.on_packet(100);
        assert_eq!(heart.on_time(300), Beat::Ping);
        heart.on_packet(450);
        heart.on_packet(600);
        assert_eq!((heart.on_time(649), heart.on_time(650)), (Beat::Nothing, Beat::Lost));
    }

    proptest! {
        /// Whoever answers each ping before its deadline is never lost; whoever falls silent is, and in time.
        #[test]
        fn only_the_silent_are_lost(answers in proptest::collection::vec(0_u64..200, 0..20)) {
            let (mut heart, mut now_ms) = (Heartbeat::new(300, 200, 0), 0);
            for answer_ms in answers {
                now_ms += 300;
                prop_assert_eq!(heart.on_time(now_ms), Beat::Ping);
                now_ms += answer_ms;
                prop_assert_eq!(heart.on_time(now_ms), Beat::Nothing);
                heart.on_pong(now_ms);
            }
            prop_assert_eq!(heart.on_time(now_ms + 300), Beat::Ping);
            prop_assert_eq!(heart.on_time(now_ms + 500), Beat::Lost);
        }
    }
}
