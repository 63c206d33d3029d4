//! Whose state is to be told again, and what a feed told last.
//!
//! A channel that gives those who join the newest value first ([`Channel::has_snapshot`]) tells its state once to
//! those who were not there when it was news: on the first clock message after somebody began to want it, or, where
//! nothing is known yet, on the first one after that. It counts as wanted anew when nobody wanted it on a clock message
//! in between.

use crate::market::channel::Channel;
use crate::market::engine::derivation::SNAPSHOT_CHANNELS;
use crate::market::tick::{Kind, Level, Tick};

/// The newest native tick of a channel.
#[derive(Debug)]
pub struct Native {
    channel: Channel,
    /// Its event time.
    pub ts_event: i64,
    /// What it said.
    pub kind: Kind,
    /// Its levels.
    pub levels: Vec<Level>,
}

/// What one symbol has to tell again. At most 12 channels: 6 KiB and the levels of one order book, and only of those
/// that a feed carries.
#[derive(Debug, Default)]
pub struct Restating {
    /// The channels that are wanted and whose state was told.
    told: u64,
    natives: Vec<Native>,
}

impl Restating {
    /// The channels whose state is to be told, given those that are wanted.
    #[inline]
    pub fn due(&mut self, wanted: u64) -> u64 {
        self.told &= wanted;
        wanted & SNAPSHOT_CHANNELS & !self.told
    }

    /// The state of a channel has been told.
    pub fn note_told(&mut self, channel: Channel) {
        self.told |= channel.bit();
    }

    /// Keeps a native tick, where its channel may be told again. Allocates for the first of a channel only, and where
    /// levels grow.
    #[inline]
    pub fn keep(&mut self, tick: &Tick, levels: &[Level]) {
        if !tick.channel.has_snapshot() {
            return;
        }
        let Tick { channel, ts_event, kind, .. } = *tick;
        match self.natives.iter_mut().find(|native| native.channel == channel) {
            Some(native) => {
                (native.ts_event, native.kind) = (ts_event, kind);
                native.levels.clear();
                native.levels.extend_from_slice(levels);
            }
            None => self.natives.push(Native { channel, ts_event, kind, levels: levels.to_vec() }),
        }
    }

    /// The newest native tick of a channel; `None` before the first.
    pub fn native(&self, channel: Channel) -> Option<&Native> {
        self.natives.iter().find(|native| native.channel == channel)
    }
}
