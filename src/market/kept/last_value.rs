//! The newest tick of each stream, kept for those who join later.
//!
//! Each core keeps its own table and updates it as it reads the ring, so that a joiner gets the value at sequence `s`
//! and then every tick after `s`: the same core does both.

use crate::market::channel::Stream;
use crate::market::tick::{Level, Tick};

/// The newest tick of a stream with its levels.
#[derive(Debug)]
pub struct LastValue {
    /// The tick.
    pub tick: Tick,
    /// Its levels, if its kind has any.
    pub levels: Vec<Level>,
}

/// Newest ticks by stream. Worst case in memory: symbols × channels used × (size of a tick + its levels).
#[derive(Debug, Default)]
pub struct LastValues {
    by_stream: Vec<Option<Box<LastValue>>>,
}

impl LastValues {
    /// Makes `tick` the newest of its stream. Allocates on a stream's first tick only, and where its levels grow.
    pub fn update(&mut self, tick: &Tick, levels: &[Level]) {
        let index = tick.stream().index();
        if self.by_stream.len() <= index {
            self.by_stream.resize_with(index + 1, || None);
        }
        match &mut self.by_stream[index] {
            Some(last) => {
                last.tick = *tick;
                last.levels.clear();
                last.levels.extend_from_slice(levels);
            }
            empty => *empty = Some(Box::new(LastValue { tick: *tick, levels: levels.to_vec() })),
        }
    }

    /// The newest tick of a stream; `None` before its first.
    pub fn find(&self, stream: Stream) -> Option<&LastValue> {
        self.by_stream.get(stream.index())?.as_deref()
    }
}
