//! Lines on their way to the recorder: the path from the exchange, and when each one arrives.
//!
//! Messages keep their order. Each needs a few milliseconds; now and then the path stalls, and what has gathered arrives at once.
//! That is where the bursts of a recording come from: a hundred messages within one millisecond after a silence.

use std::collections::VecDeque;

use super::chance::Chance;
use super::line::Line;

/// Lines that were written and not yet taken. Holds those of one millisecond, so it stays small.
pub(super) struct Outbox {
    chance: Chance,
    text: Vec<u8>,
    /// Receive time of each waiting line, and where it ends in `text`.
    waiting: VecDeque<(i64, usize)>,
    taken: usize,
    last_recv: i64,
    stalled_until: i64,
}

impl Outbox {
    pub(super) fn new(chance: Chance) -> Self {
        Self { chance, text: Vec::new(), waiting: VecDeque::new(), taken: 0, last_recv: 0, stalled_until: 0 }
    }

    /// A new millisecond: the path may stall in it.
    pub(super) fn weather(&mut self, ms: i64) {
        if self.chance.below(STALL_EVERY_MS) == 0 {
            self.stalled_until = (ms + self.chance.between(6, 30)) * NS_PER_MS;
        }
    }

    /// Sends the message that `write` writes, which leaves the exchange at `ms`.
    pub(super) fn post(&mut self, ms: i64, write: impl FnOnce(&mut Line)) {
        write(&mut Line::new(&mut self.text));
        // Event times are cut to milliseconds, so up to one more lies between them and the arrival.
        let path = ms * NS_PER_MS + PATH_NS + self.chance.between(0, 19_000) * 100;
        let queue = self.last_recv + self.chance.between(4, 24) * 100;
        self.last_recv = path.max(queue).max(self.stalled_until);
        self.waiting.push_back((self.last_recv, self.text.len()));
    }

    /// Moves the next line into `line`, replacing what is there, and returns its receive time; `None` when all are taken.
    pub(super) fn take(&mut self, line: &mut Vec<u8>) -> Option<i64> {
        let Some((recv, end)) = self.waiting.pop_front() else {
            self.text.clear();
            self.taken = 0;
            return None;
        };
        line.clear();
        line.extend_from_slice(&self.text[self.taken..end]);
        self.taken = end;
        Some(recv)
    }
}

const NS_PER_MS: i64 = 1_000_000;

/// The shortest way takes so long.
const PATH_NS: i64 = 2_100_000;

/// The mean time between stalls.
const STALL_EVERY_MS: u32 = 2_500;
