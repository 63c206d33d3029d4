//! Why sessions end, for those who count them.

use crate::metrics::{CoreCounts, Count};
use crate::protocol::websocket::Close;

/// Who or what has ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It did not take what it subscribed to.
    SlowConsumer,
    /// It sent more messages than it may.
    RateLimit,
    /// Its client closed, went away, or was cut off by the network.
    ClientLeft,
    /// It did not answer a ping.
    PongTimeout,
    /// It has lasted as long as one may.
    Lifetime,
    /// Nothing moved for long.
    Idle,
    /// It asked for something against the rules of its venue.
    InvalidRequest,
    /// What it sent is against the protocol.
    ProtocolError,
    /// It sent a message that is too large.
    TooLarge,
    /// Its room had no place for it.
    RoomRefused,
    /// The server stops.
    Shutdown,
    /// A fault on demand.
    Fault,
    /// The server ends with its tape.
    EndOfTape,
}

impl Ending {
    /// What the client is told stands for: its own close frame's answer has no reason, what the server says has.
    pub fn of(close: Close) -> Ending {
        match close {
            Close::SLOW_CONSUMER => Ending::SlowConsumer,
            Close::TOO_MANY_REQUESTS => Ending::RateLimit,
            Close::PONG_TIMEOUT => Ending::PongTimeout,
            Close::LIFETIME => Ending::Lifetime,
            Close::IDLE => Ending::Idle,
            Close::INVALID_REQUEST | Close::UNSERVED_PARSER => Ending::InvalidRequest,
            Close::PROTOCOL_ERROR | Close::NOT_UTF8 | Close::NOT_INFLATED => Ending::ProtocolError,
            Close::TOO_LARGE => Ending::TooLarge,
            Close::GOING_AWAY | Close::SERVICE_RESTART => Ending::Shutdown,
            Close::END_OF_TAPE => Ending::EndOfTape,
            // 1013 says that one may come back later: what rooms say has their own words.
            Close { code: 1013, reason } if !reason.is_empty() => Ending::RoomRefused,
            Close { reason: "", .. } => Ending::ClientLeft,
            Close { .. } => Ending::InvalidRequest,
        }
    }

    /// Where it is counted.
    pub fn count(self, counts: &CoreCounts) -> &Count {
        match self {
            Ending::SlowConsumer => &counts.slow_consumers,
            Ending::RateLimit => &counts.rate_limited,
            Ending::ClientLeft => &counts.clients_left,
            Ending::PongTimeout => &counts.pong_timeouts,
            Ending::Lifetime => &counts.lifetimes_over,
            Ending::Idle => &counts.idle_timeouts,
            Ending::InvalidRequest => &counts.requests_invalid,
            Ending::ProtocolError => &counts.protocol_violations,
            Ending::TooLarge => &counts.messages_too_large,
            Ending::RoomRefused => &counts.rooms_refused,
            Ending::Shutdown => &counts.shutdowns,
            Ending::Fault => &counts.faulted,
            Ending::EndOfTape => &counts.tapes_ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_clients_close_frame_is_its_own_end_and_no_other_is() {
        for payload in [&b""[..], &[0x03, 0xe8], b"\x03\xe9going", b"\x03\xf5come back", &[0x0b, 0xb8]] {
            assert_eq!(Ending::of(Close::answer_to(payload)), Ending::ClientLeft, "{payload:?}");
        }
        assert_eq!(Ending::of(Close::answer_to(&[0x03, 0xec])), Ending::ProtocolError);
        assert_eq!(Ending::of(Close::SLOW_CONSUMER), Ending::SlowConsumer);
        assert_eq!(Ending::of(Close { code: 1013, reason: "The room is full" }), Ending::RoomRefused);
        assert_eq!(Ending::of(Close::END_OF_TAPE), Ending::EndOfTape);
    }
}
