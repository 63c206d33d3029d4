//! Channels: what kind of updates a stream carries. A *stream* is one symbol's channel.

use crate::market::symbol::{Name, SymbolId};

/// The kind of updates a stream carries, in terms of no exchange; each venue has its own names for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// Every execution.
    Trade,
    /// Executions of one taker order at one price, taken together.
    AggTrade,
    /// Best bid and ask, at each change.
    BookTicker,
    /// Changes of the order book, collected over a time.
    Depth(Pace),
    /// One candle in the making, over and over, and once when it closes.
    Kline(Interval, Zone),
    /// Statistics of the last 24 hours.
    Ticker,
    /// The shorter statistics of the last 24 hours.
    MiniTicker,
    /// Statistics of the UTC day with the last trade (Upbit's ticker).
    DayTicker,
    /// The whole upper part of the order book at each change (Upbit's order book).
    Orderbook,
    /// The best levels of both sides, whole, at most once in a time.
    PartialDepth(Levels, Pace),
    /// Statistics of one, four or twenty-four hours, from a whole minute on.
    WindowTicker(Window),
    /// The average price of the last five minutes.
    AvgPrice,
    /// One candle as it grows, told once a second where it has changed; there is no word of its end (Upbit's candle).
    Candle(Unit),
    /// Every execution agreed on outside of the book.
    BlockTrade,
    /// The price the exchange takes the market to be worth, once a second.
    ReferencePrice,
}

/// How long changes are collected before they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pace {
    /// 100 milliseconds.
    Ms100,
    /// One second.
    Ms1000,
}

/// How many levels of each side a partial book shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Levels {
    L5,
    L10,
    L20,
}

impl Levels {
    /// All of them, fewest first.
    pub const ALL: [Levels; 3] = [Levels::L5, Levels::L10, Levels::L20];

    /// The number.
    pub fn count(self) -> usize {
        [5, 10, 20][self as usize]
    }

    /// The number in digits.
    pub fn name(self) -> &'static str {
        ["5", "10", "20"][self as usize]
    }
}

/// The time a window ticker looks back over; it opens on a whole minute, so it may be up to a minute longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Window {
    H1,
    H4,
    D1,
}

impl Window {
    /// All of them, shortest first.
    pub const ALL: [Window; 3] = [Window::H1, Window::H4, Window::D1];

    /// The name Binance gives it.
    pub fn name(self) -> &'static str {
        ["1h", "4h", "1d"][self as usize]
    }

    /// The window of a name, case-sensitive; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Window> {
        Self::ALL.into_iter().find(|window| window.name() == name)
    }

    /// Its length in seconds, without what it may be longer.
    pub fn seconds(self) -> i64 {
        [3_600, 14_400, 86_400][self as usize]
    }
}

/// The length of a [`Channel::Candle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Unit {
    S1,
    M1,
    M3,
    M5,
    M10,
    M15,
    M30,
    M60,
    M240,
}

impl Unit {
    /// All of them, shortest first.
    pub const ALL: [Unit; 9] =
        [Unit::S1, Unit::M1, Unit::M3, Unit::M5, Unit::M10, Unit::M15, Unit::M30, Unit::M60, Unit::M240];

    /// The name Upbit gives it.
    pub fn name(self) -> &'static str {
        ["1s", "1m", "3m", "5m", "10m", "15m", "30m", "60m", "240m"][self as usize]
    }

    /// The unit of a name, case-sensitive; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Unit> {
        Self::ALL.into_iter().find(|unit| unit.name() == name)
    }

    /// Its length in seconds. Units begin on multiples of it since 1970-01-01 UTC.
    pub fn seconds(self) -> i64 {
        [1, 60, 180, 300, 600, 900, 1_800, 3_600, 14_400][self as usize]
    }
}

/// Where days, and with them candles, begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Zone {
    /// At midnight UTC.
    #[default]
    Utc,
    /// At 16:00 UTC, which is midnight eight hours further east.
    Plus8,
}

impl Zone {
    /// Both.
    pub const ALL: [Zone; 2] = [Zone::Utc, Zone::Plus8];

    /// How many seconds its clocks are ahead of UTC.
    pub fn seconds(self) -> i64 {
        [0, 28_800][self as usize]
    }
}

/// What may happen to a frame that a slow client has not taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Every message counts: a session that cannot keep up is disconnected rather than given a hole.
    Never,
    /// Each message replaces the one before: only the newest need survive.
    Superseded,
}

impl Channel {
    /// Upper bound of [`Channel::index`]: the room a table per symbol needs.
    pub const COUNT: usize = 64;

    /// A dense number below [`Channel::COUNT`].
    #[inline]
    pub const fn index(self) -> usize {
        match self {
            Channel::Trade => 0,
            Channel::AggTrade => 1,
            Channel::BookTicker => 2,
            Channel::Depth(Pace::Ms100) => 3,
            Channel::Depth(Pace::Ms1000) => 4,
            Channel::Ticker => 5,
            Channel::MiniTicker => 6,
            Channel::DayTicker => 7,
            Channel::Orderbook => 8,
            Channel::PartialDepth(levels, pace) => 9 + 2 * levels as usize + pace as usize,
            Channel::AvgPrice => 15,
            Channel::Kline(interval, zone) => 16 + 16 * zone as usize + interval as usize,
            Channel::WindowTicker(window) => 48 + window as usize,
            Channel::Candle(unit) => 53 + unit as usize,
            Channel::BlockTrade => 51,
            Channel::ReferencePrice => 52,
        }
    }

    /// All of them.
    pub fn all() -> Vec<Channel> {
        let mut all = vec![
            Channel::Trade,
            Channel::AggTrade,
            Channel::BookTicker,
            Channel::Depth(Pace::Ms100),
            Channel::Depth(Pace::Ms1000),
            Channel::Ticker,
            Channel::MiniTicker,
            Channel::DayTicker,
            Channel::Orderbook,
            Channel::AvgPrice,
            Channel::BlockTrade,
            Channel::ReferencePrice,
        ];
        all.extend(Window::ALL.map(Channel::WindowTicker));
        all.extend(Unit::ALL.map(Channel::Candle));
        for pace in [Pace::Ms100, Pace::Ms1000] {
            all.extend(Levels::ALL.map(|levels| Channel::PartialDepth(levels, pace)));
        }
        for zone in Zone::ALL {
            all.extend(Interval::ALL.map(|interval| Channel::Kline(interval, zone)));
        }
        all
    }

    /// The one with this number; `None` where there is none. Cost: a look through all of them.
    pub fn at(index: usize) -> Option<Channel> {
        Channel::all().into_iter().find(|channel| channel.index() == index)
    }

    /// Its bit in a word that holds one for each channel.
    #[inline]
    pub const fn bit(self) -> u64 {
        1 << self.index()
    }

    /// Whether those who subscribe may be given the newest value first: the channels of venues that do so.
    #[inline]
    pub const fn has_snapshot(self) -> bool {
        matches!(self, Channel::Trade | Channel::DayTicker | Channel::Orderbook | Channel::Candle(_))
    }

    /// Whether a newer message of this channel makes an older one worthless.
    ///
    /// Candles that Upbit tells are whole each time, and the newest of one that has ended can be asked for elsewhere.
    /// Klines count as [`Loss::Never`]: the newest value would do for the candle in the making, but each closing event
    /// comes once.
    #[inline]
    pub fn loss(self) -> Loss {
        match self {
            Channel::Trade | Channel::AggTrade | Channel::BlockTrade | Channel::Depth(_) | Channel::Kline(..) => {
                Loss::Never
            }
            Channel::BookTicker
            | Channel::Ticker
            | Channel::MiniTicker
            | Channel::DayTicker
            | Channel::Orderbook
            | Channel::PartialDepth(..)
            | Channel::WindowTicker(_)
            | Channel::AvgPrice
            | Channel::Candle(_)
            | Channel::ReferencePrice => Loss::Superseded,
        }
    }
}

/// Whose updates of a channel somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One symbol's, by the exchange's spelling: the feed may not have named it yet.
    Symbol(Name),
    /// All symbols' of the venue, each as it comes.
    Each,
    /// All symbols' of the venue, once a second, the newest of each that has one.
    Collected,
}

/// One symbol's channel: what a tick belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream {
    /// Whose updates.
    pub symbol: SymbolId,
    /// Which of them.
    pub channel: Channel,
}

impl Stream {
    /// A dense number: tables of streams are indexed by it.
    #[inline]
    pub fn index(self) -> usize {
        self.symbol.index() * Channel::COUNT + self.channel.index()
    }
}

/// The length of a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Interval {
    S1,
    M1,
    M3,
    M5,
    M15,
    M30,
    H1,
    H2,
    H4,
    H6,
    H8,
    H12,
    D1,
    D3,
    W1,
    Mo1,
}

impl Interval {
    /// All intervals, shortest first.
    pub const ALL: [Interval; 16] = [
        Interval::S1,
        Interval::M1,
        Interval::M3,
        Interval::M5,
        Interval::M15,
        Interval::M30,
        Interval::H1,
        Interval::H2,
        Interval::H4,
        Interval::H6,
        Interval::H8,
        Interval::H12,
        Interval::D1,
        Interval::D3,
        Interval::W1,
        Interval::Mo1,
    ];

    /// The name Binance gives it: `1m` is a minute, `1M` a month.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; 16] =
            ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"];
        NAMES[self as usize]
    }

    /// The interval of a name, case-sensitive; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Interval> {
        Self::ALL.into_iter().find(|interval| interval.name() == name)
    }

    /// Its length in seconds; `None` for the month, which has no fixed one.
    pub fn seconds(self) -> Option<i64> {
        const SECONDS: [i64; 15] =
            [1, 60, 180, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 28_800, 43_200, 86_400, 259_200, 604_800];
        SECONDS.get(self as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_have_numbers_of_their_own_below_the_count() {
        let all = Channel::all();
        let mut numbers: Vec<usize> = all.iter().map(|channel| channel.index()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), all.len());
        assert!(numbers.iter().all(|&n| n < Channel::COUNT));
    }

    #[test]
    fn minute_and_month_differ_by_case_only() {
        assert_eq!(Interval::from_name("1m"), Some(Interval::M1));
        assert_eq!(Interval::from_name("1M"), Some(Interval::Mo1));
        assert_eq!(Interval::from_name("2m"), None);
        for interval in Interval::ALL {
            assert_eq!(Interval::from_name(interval.name()), Some(interval));
        }
    }
}
