//! Who is not let in at present, and who is told that he asks too often.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::feed::fault::parts::{Share, Whom};
use crate::feed::synthetic::chance::Chance;
use crate::server::faults::ledger::FiringId;

/// Most gates that are closed at once; the one that would open first gives way to one more.
const CLOSED_MAX: usize = 64;

/// Who is kept out, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Connections are ended as soon as they are made.
    Refuse,
    /// Requests are answered as one too many; whether with a ban, where the venue has one.
    Limit { bans: bool },
}

/// Something that keeps people out for a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    pub(super) firing: FiringId,
    pub(super) fault: usize,
    pub(super) manner: Manner,
    pub(super) whom: Whom,
    pub(super) from: Instant,
    pub(super) until: Instant,
}

/// All that keeps people out. Asked once per connection and request, never on the way of the data.
#[derive(Debug)]
pub(super) struct Gates {
    closed: Mutex<(Vec<Closed>, Chance)>,
}

impl Gates {
    pub(super) fn new(seed: u64) -> Gates {
        Gates { closed: Mutex::new((Vec::new(), Chance::new(seed, 2))) }
    }

    pub(super) fn close(&self, closed: Closed) {
        let mut gates = self.closed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if gates.0.len() >= CLOSED_MAX
            && let Some(first) = (0..gates.0.len()).min_by_key(|place| gates.0[*place].until)
        {
            gates.0.swap_remove(first);
        }
        gates.0.push(closed);
    }

    /// Whether somebody who comes now connects; what refuses him otherwise.
    pub(super) fn refuses(&self, now: Instant) -> Option<Closed> {
        self.find(now, |closed| closed.manner == Manner::Refuse)
    }

    /// Whether a client of this kind is told to wait now: by what, and how long.
    pub(super) fn limits(&self, kind: &str, now: Instant) -> Option<(Closed, Duration)> {
        let is_meant = |closed: &Closed| {
            matches!(closed.manner, Manner::Limit { .. }) && closed.whom.kind.is_none_or(|whom| whom == kind)
        };
        self.find(now, is_meant).map(|closed| (closed, closed.until - now))
    }

    fn find(&self, now: Instant, is_meant: impl Fn(&Closed) -> bool) -> Option<Closed> {
        let mut gates = self.closed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (closed, chance) = &mut *gates;
        closed.retain(|closed| closed.until > now);
        closed
            .iter()
            .find(|closed| {
                closed.from <= now
                    && is_meant(closed)
                    && (closed.whom.share == Share::ALL || chance.permille(closed.whom.share.0))
            })
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_closed_for_its_time_and_its_people_only() {
        let gates = Gates::new(1);
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let close = |manner, whom: &str, seconds| {
            let whom = Whom::parse(whom).unwrap();
            gates.close(Closed { firing: FiringId(0), fault: 0, manner, whom, from: now, until: at(seconds) });
        };
        close(Manner::Limit { bans: true }, "upbit", 10);
        assert!(gates.refuses(now).is_none() && gates.limits("binance", now).is_none());
        assert_eq!(gates.limits("upbit", at(4)).map(|(_, wait)| wait), Some(Duration::from_secs(6)));
        close(Manner::Refuse, "50%", 5);
        let refused = (0..1_000).filter(|_| gates.refuses(now).is_some()).count();
        assert!((400..600).contains(&refused), "{refused} of 1000");
        assert!(gates.refuses(at(5)).is_none() && gates.limits("upbit", at(10)).is_none());
        (0..1_000).for_each(|seconds| close(Manner::Refuse, "all", seconds));
        assert!(gates.closed.lock().unwrap().0.len() <= CLOSED_MAX);
        assert!(gates.refuses(at(998)).is_some(), "the longest is kept");
    }
}
