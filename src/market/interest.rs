//! Which streams somebody wants: a table that the cores write and the market engine reads.
//!
//! One bit for each channel of each symbol, and a word for channels that are wanted of every symbol, those that a feed
//! has yet to name included. A bit says only whether a derived tick is published. What the engine keeps in mind never
//! depends on it, so a stream that is wanted from some moment on is from there on the same stream as ever.
//!
//! All accesses are relaxed: a bit orders nothing but itself, and a core that has set one sees its effect with a later
//! tick, never with an earlier one.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::market::channel::{Channel, Stream};
use crate::market::symbol::{SymbolId, Symbols};

/// The table; 8 bytes for each of [`Symbols::COUNT_MAX`] symbols, 512 KiB, touched only where it is used.
#[derive(Debug)]
pub struct Interest {
    by_symbol: Box<[AtomicU64]>,
    everywhere: AtomicU64,
}

impl Default for Interest {
    fn default() -> Self {
        let by_symbol = (0..Symbols::COUNT_MAX).map(|_| AtomicU64::new(0)).collect();
        Interest { by_symbol, everywhere: AtomicU64::new(0) }
    }
}

impl Interest {
    /// Somebody wants this stream. Setting what is set changes nothing.
    pub fn set(&self, stream: Stream) {
        if let Some(word) = self.by_symbol.get(stream.symbol.index()) {
            word.fetch_or(stream.channel.bit(), Ordering::Relaxed);
        }
    }

    /// Nobody wants this stream any more. For the one who knows that of all cores, and that no client may still resume.
    pub fn clear(&self, stream: Stream) {
        if let Some(word) = self.by_symbol.get(stream.symbol.index()) {
            word.fetch_and(!stream.channel.bit(), Ordering::Relaxed);
        }
    }

    /// Somebody wants this channel of every symbol.
    pub fn set_everywhere(&self, channel: Channel) {
        self.everywhere.fetch_or(channel.bit(), Ordering::Relaxed);
    }

    /// Nobody wants this channel of every symbol any more; as for [`Interest::clear`].
    pub fn clear_everywhere(&self, channel: Channel) {
        self.everywhere.fetch_and(!channel.bit(), Ordering::Relaxed);
    }

    /// The channels of a symbol that somebody wants, each its [`Channel::bit`].
    #[inline]
    pub fn of(&self, symbol: SymbolId) -> u64 {
        let own = self.by_symbol.get(symbol.index()).map_or(0, |word| word.load(Ordering::Relaxed));
        own | self.everywhere.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_wanted_alone_or_with_its_channel_everywhere() {
        let interest = Interest::default();
        let stream = Stream { symbol: SymbolId(7), channel: Channel::Ticker };
        interest.set(stream);
        interest.set_everywhere(Channel::MiniTicker);
        assert_eq!(interest.of(SymbolId(7)), Channel::Ticker.bit() | Channel::MiniTicker.bit());
        assert_eq!(interest.of(SymbolId(65_535)), Channel::MiniTicker.bit());
        interest.clear(stream);
        interest.clear_everywhere(Channel::MiniTicker);
        assert_eq!(interest.of(SymbolId(7)), 0);
        interest.set(Stream { symbol: SymbolId(u32::MAX), channel: Channel::Ticker });
    }
}
