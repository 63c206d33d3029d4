//! Which channels of a symbol are derived, and since when.

use crate::market::channel::{Channel, Interval, Levels, Pace, Unit, Window, Zone};
use crate::market::civil::NS_PER_SECOND;
use crate::market::symbol::Make;

/// What is derived where a feed may carry a stream itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Derive {
    /// What a feed does not carry.
    #[default]
    Auto,
    /// All that can be: native ticks of a channel that can be derived for their symbol are dropped.
    Always,
    /// Nothing.
    Never,
}

/// How long a stream that a feed may carry itself is waited for, in nanoseconds of the market clock. Those that the
/// symbol's venue does not have are not waited for.
pub const NATIVE_GRACE_NS: i64 = 3 * NS_PER_SECOND;

/// What streams are derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Single trades.
    Trades,
    /// Trades, single or taken together.
    Executions,
    /// Changes of the book every 100 ms.
    Changes,
    /// The whole book.
    Book,
    /// The upper part of the book, again and again: Upbit's order book. Of such a symbol that one is never derived.
    Windows,
}

impl Source {
    const ALL: [Source; 5] = [Source::Trades, Source::Executions, Source::Changes, Source::Book, Source::Windows];

    /// The channels that are derived from it, each its [`Channel::bit`].
    const fn channels(self) -> u64 {
        match self {
            Source::Trades => Channel::AggTrade.bit(),
            Source::Executions => EXECUTION_CHANNELS,
            Source::Changes => Channel::Depth(Pace::Ms1000).bit(),
            Source::Book => BOOK_CHANNELS,
            Source::Windows => Channel::Depth(Pace::Ms100).bit(),
        }
    }
}

const CANDLES: u64 = {
    let (mut bits, mut n) = (0, 0);
    while n < Unit::ALL.len() {
        bits |= Channel::Candle(Unit::ALL[n]).bit();
        n += 1;
    }
    bits
};

const EXECUTION_CHANNELS: u64 = {
    let mut bits = Channel::Ticker.bit() | Channel::MiniTicker.bit() | Channel::AvgPrice.bit();
    let mut n = 0;
    while n < Window::ALL.len() {
        bits |= Channel::WindowTicker(Window::ALL[n]).bit();
        n += 1;
    }
    n = 0;
    while n < Interval::ALL.len() {
        bits |= Channel::Kline(Interval::ALL[n], Zone::Utc).bit() | Channel::Kline(Interval::ALL[n], Zone::Plus8).bit();
        n += 1;
    }
    bits | Channel::DayTicker.bit() | CANDLES
};

const BOOK_CHANNELS: u64 = {
    let mut bits = Channel::BookTicker.bit() | Channel::Orderbook.bit();
    let mut n = 0;
    while n < Levels::ALL.len() {
        bits |= Channel::PartialDepth(Levels::ALL[n], Pace::Ms100).bit();
        bits |= Channel::PartialDepth(Levels::ALL[n], Pace::Ms1000).bit();
        n += 1;
    }
    bits
};

/// The channels of exchanges whose feeds are made of windows. The others have all others, and trades.
const WINDOW_CHANNELS: u64 = Channel::Trade.bit() | Channel::DayTicker.bit() | Channel::Orderbook.bit() | CANDLES;

/// The channels whose state may be told again.
pub const SNAPSHOT_CHANNELS: u64 = WINDOW_CHANNELS;

/// What one symbol's streams are derived from.
#[derive(Debug)]
pub struct Derivation {
    make: Make,
    /// Channels of which a native tick has come.
    native: u64,
    /// When each source showed itself first.
    since: [Option<i64>; Source::ALL.len()],
}

impl Default for Derivation {
    /// Of a symbol nobody has announced; its feed counts as made of changes.
    fn default() -> Self {
        Derivation { make: Make::Changes, native: 0, since: [None; Source::ALL.len()] }
    }
}

impl Derivation {
    /// What its feed is made of.
    pub fn make(&self) -> Make {
        self.make
    }

    /// The symbol's feed is made of this.
    pub fn set_make(&mut self, make: Make) {
        self.make = make;
    }

    /// The channels that are derived at the time `now`, each its [`Channel::bit`].
    #[inline]
    pub fn channels(&self, derive: Derive, now: i64) -> u64 {
        let (grace, native) = match derive {
            Derive::Never => return 0,
            Derive::Always => (0, 0),
            Derive::Auto => (NATIVE_GRACE_NS, self.native),
        };
        let own = match self.make {
            Make::Changes => !WINDOW_CHANNELS | Channel::Trade.bit(),
            Make::Windows => WINDOW_CHANNELS,
        };
        let mut bits = 0;
        for (source, since) in Source::ALL.into_iter().zip(self.since) {
            if let Some(since) = since {
                bits |= if now - since >= grace { source.channels() } else { source.channels() & !own };
            }
        }
        if self.has(Source::Windows) {
            bits &= !Channel::Orderbook.bit();
        }
        bits & !native
    }

    /// Whether a native tick of this channel has come.
    pub fn is_native(&self, channel: Channel) -> bool {
        self.native & channel.bit() != 0
    }

    /// A native tick of this channel has come.
    pub fn note_native(&mut self, channel: Channel) {
        self.native |= channel.bit();
    }

    /// A source has shown itself.
    pub fn note_source(&mut self, source: Source, now: i64) {
        self.since[source as usize].get_or_insert(now);
    }

    /// Whether a source has shown itself.
    pub fn has(&self, source: Source) -> bool {
        self.since[source as usize].is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_but_the_trade_has_one_source() {
        let mut all = 0;
        for source in Source::ALL {
            assert_eq!(all & source.channels(), 0, "{source:?}");
            all |= source.channels();
        }
        assert_eq!(all.count_ones(), 1 + (6 + 32 + 1 + 9) + 1 + (1 + 6 + 1) + 1);
        assert_eq!(all & Channel::Trade.bit(), 0);
        for n in 0..Channel::COUNT {
            let bit = 1 << n;
            assert!(SNAPSHOT_CHANNELS & bit == 0 || all & bit != 0 || bit == Channel::Trade.bit());
        }
        for channel in [Channel::Trade, Channel::DayTicker, Channel::Orderbook, Channel::Candle(Unit::M5)] {
            assert!(channel.has_snapshot() && SNAPSHOT_CHANNELS & channel.bit() != 0);
        }
        assert!(!Channel::Ticker.has_snapshot() && SNAPSHOT_CHANNELS & Channel::Ticker.bit() == 0);
    }

    #[test]
    fn a_native_stream_is_waited_for_and_wins() {
        let (mut derivation, ticker) = (Derivation::default(), Channel::Ticker.bit());
        assert_eq!(derivation.channels(Derive::Always, i64::MAX), 0);
        derivation.note_source(Source::Executions, 100);
        assert_eq!(derivation.channels(Derive::Auto, 99 + NATIVE_GRACE_NS) & ticker, 0);
        assert_ne!(derivation.channels(Derive::Auto, 100 + NATIVE_GRACE_NS) & ticker, 0);
        assert_ne!(derivation.channels(Derive::Always, 100) & ticker, 0);
        derivation.note_native(Channel::Ticker);
        assert_eq!(derivation.channels(Derive::Auto, i64::MAX) & ticker, 0);
        assert_ne!(derivation.channels(Derive::Auto, i64::MAX) & Channel::MiniTicker.bit(), 0);
        assert_ne!(derivation.channels(Derive::Always, 100) & ticker, 0);
        assert_eq!(derivation.channels(Derive::Never, i64::MAX), 0);
    }

    #[test]
    fn what_a_venue_does_not_have_is_not_waited_for() {
        let (ticker, day) = (Channel::Ticker.bit(), Channel::DayTicker.bit());
        for (make, at_once, later) in [(Make::Changes, day, ticker), (Make::Windows, ticker, day)] {
            let mut derivation = Derivation::default();
            derivation.set_make(make);
            derivation.note_source(Source::Executions, 100);
            let both = |now| derivation.channels(Derive::Auto, now) & (ticker | day);
            assert_eq!((both(100), both(100 + NATIVE_GRACE_NS)), (at_once, at_once | later), "{make:?}");
        }
    }

    #[test]
    fn a_book_made_of_windows_does_not_make_windows() {
        let mut derivation = Derivation::default();
        derivation.note_source(Source::Book, 0);
        assert_ne!(derivation.channels(Derive::Always, 0) & Channel::Orderbook.bit(), 0);
        derivation.note_source(Source::Windows, 0);
        assert_eq!(derivation.channels(Derive::Always, 0) & Channel::Orderbook.bit(), 0);
    }
}
