//! A tape that is played, in whichever format it is.

use crate::feed::FeedError;
use crate::feed::blocks::Blocks;
use crate::feed::damage::Damage;
use crate::feed::lines::{Bytes, Lines};

/// Yields a tape's messages in order.
pub(super) enum Recording {
    Lines(Lines),
    Blocks(Box<Blocks>),
}

impl Recording {
    /// Opens a tape at its beginning.
    pub(super) fn open(bytes: Bytes) -> Result<Recording, FeedError> {
        match bytes.blocks() {
            Some((path, records)) => Blocks::open(path, records).map(Box::new).map(Recording::Blocks),
            None => Lines::open(bytes).map(Recording::Lines),
        }
    }

    /// Goes back to the beginning. Counts go on.
    pub(super) fn rewind(&mut self) -> Result<(), FeedError> {
        match self {
            Recording::Lines(lines) => lines.rewind(),
            Recording::Blocks(blocks) => blocks.rewind(),
        }
    }

    /// Goes near the first message received at this time or later, if there is an index: not behind it.
    pub(super) fn skip_to(&mut self, ts_recv: i64) {
        if let Recording::Blocks(blocks) = self {
            blocks.skip_to(ts_recv);
        }
    }

    /// Reads the next message into `message` and returns its receive time; `None` at the end.
    pub(super) fn next(&mut self, message: &mut Vec<u8>) -> Option<i64> {
        match self {
            Recording::Lines(lines) => lines.next(message),
            Recording::Blocks(blocks) => blocks.next(message),
        }
    }

    /// The number of the line or record that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        match self {
            Recording::Lines(lines) => lines.line_number(),
            Recording::Blocks(blocks) => blocks.sequence(),
        }
    }

    /// What the numbers count.
    pub(super) fn unit(&self) -> &'static str {
        match self {
            Recording::Lines(_) => "line",
            Recording::Blocks(_) => "record",
        }
    }

    /// The tape's name.
    pub(super) fn name(&self) -> String {
        match self {
            Recording::Lines(lines) => lines.name(),
            Recording::Blocks(blocks) => blocks.name(),
        }
    }

    /// How much was skipped, by [`Damage`].
    pub(super) fn damaged(&self) -> [u64; Damage::COUNT] {
        match self {
            Recording::Lines(lines) => lines.damaged(),
            Recording::Blocks(blocks) => blocks.damaged(),
        }
    }
}
