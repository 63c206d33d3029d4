//! What the engine keeps of one symbol beside its book, and what follows from it.

use crate::market::aggregate::Aggregation;
use crate::market::book::Book;
use crate::market::channel::{Channel, Interval, Levels, Pace, Window, Zone};
use crate::market::civil::NS_PER_SECOND;
use crate::market::decimal::Decimal;
use crate::market::merged_depth::MergedDepth;
use crate::market::summary::Execution;
use crate::market::tick::{AggTrade, Best, BookTicker, Depth, Kind, Level, PartialDepth, Trade};
use crate::market::trading::Trading;
use crate::market::wire::Wire;

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

/// How long a stream that a feed may carry itself is waited for, in nanoseconds of the market clock.
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
}

impl Source {
    const ALL: [Source; 4] = [Source::Trades, Source::Executions, Source::Changes, Source::Book];

    /// The channels that are derived from it, each its [`Channel::bit`].
    const fn channels(self) -> u64 {
        match self {
            Source::Trades => Channel::AggTrade.bit(),
            Source::Executions => EXECUTION_CHANNELS,
            Source::Changes => Channel::Depth(Pace::Ms1000).bit(),
            Source::Book => BOOK_CHANNELS,
        }
    }
}

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
    bits
};

const BOOK_CHANNELS: u64 = {
    let mut bits = Channel::BookTicker.bit();
    let mut n = 0;
    while n < Levels::ALL.len() {
        bits |= Channel::PartialDepth(Levels::ALL[n], Pace::Ms100).bit();
        bits |= Channel::PartialDepth(Levels::ALL[n], Pace::Ms1000).bit();
        n += 1;
    }
    bits
};

/// What became of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// So many trades were added.
    Added(u64),
    /// Its id had come before.
    Repeated,
    /// Its numbers cannot be summed.
    Refused,
    /// An aggregate trade of a symbol whose single trades are known.
    Unneeded,
}

/// One symbol.
#[derive(Debug, Default)]
pub struct Instrument {
    /// Channels of which a native tick has come.
    native: u64,
    /// When each source showed itself first.
    since: [Option<i64>; Source::ALL.len()],
    last_trade_id: Option<i64>,
    aggregation: Aggregation,
    trading: Option<Box<Trading>>,
    merged: MergedDepth,
    best: Option<Best>,
    is_best_changed: bool,
    book_id: Option<i64>,
    /// Whether the book has changed since the last boundary of each pace.
    is_book_changed: [bool; 2],
}

impl Instrument {
    /// The channels that are derived at the time `now`, each its [`Channel::bit`].
    #[inline]
    pub fn derived(&self, derive: Derive, now: i64) -> u64 {
        let of_sources = |grace: i64| {
            let known = Source::ALL.into_iter().zip(self.since);
            let ready = known.filter(|(_, since)| since.is_some_and(|since| now - since >= grace));
            ready.fold(0, |bits, (source, _)| bits | source.channels())
        };
        match derive {
            Derive::Never => 0,
            Derive::Always => of_sources(0),
            Derive::Auto => of_sources(NATIVE_GRACE_NS) & !self.native,
        }
    }

    /// A native tick of this channel has come.
    pub fn note_native(&mut self, channel: Channel) {
        self.native |= channel.bit();
    }

    /// A source has shown itself.
    pub fn note_source(&mut self, source: Source, now: i64) {
        self.since[source as usize].get_or_insert(now);
    }

    fn has(&self, source: Source) -> bool {
        self.since[source as usize].is_some()
    }

    /// Takes in a trade. `now` is the market clock's time, not before the trade's.
    pub fn on_trade(&mut self, trade: &Trade, ts_event: i64, now: i64, wire: &mut Wire) -> Taken {
        let taken = self.on_execution(trade.id, Execution::of_trade(trade), now);
        if matches!(taken, Taken::Added(_))
            && let Some(group) = self.aggregation.add(trade, ts_event, now)
        {
            wire.send(Channel::AggTrade, group.ts_event, Kind::AggTrade(group.trade), &[]);
        }
        taken
    }

    /// Takes in an aggregate trade; it counts where no single trades are known.
    pub fn on_agg_trade(&mut self, trade: &AggTrade, now: i64) -> Taken {
        if self.has(Source::Trades) {
            return Taken::Unneeded;
        }
        self.on_execution(trade.first_id, Execution::of_agg_trade(trade), now)
    }

    fn on_execution(&mut self, id: i64, execution: Option<Execution>, now: i64) -> Taken {
        if self.last_trade_id.is_some_and(|last| id <= last) {
            return Taken::Repeated;
        }
        let Some(execution) = execution else { return Taken::Refused };
        self.last_trade_id = Some(execution.last_id);
        let next = now / NS_PER_SECOND + 1;
        match &mut self.trading {
            Some(trading) => trading.add(&execution, next),
            empty => *empty = Some(Box::new(Trading::new(&execution, next))),
        }
        Taken::Added(execution.last_id.abs_diff(execution.first_id).saturating_add(1))
    }

    /// Takes in a change every 100 ms.
    pub fn on_change(&mut self, depth: &Depth, levels: &[Level], now: i64, spare: &mut Vec<Level>, wire: &mut Wire) {
        if self.merged.must_leave_before(depth, levels.len()) {
            self.send_merged(now, spare, wire);
        }
        self.merged.add(depth, levels);
    }

    fn send_merged(&mut self, ts_event: i64, spare: &mut Vec<Level>, wire: &mut Wire) {
        let channel = Channel::Depth(Pace::Ms1000);
        if !wire.wants(channel) {
            self.merged.clear();
        } else if let Some(depth) = self.merged.take(spare) {
            wire.send(channel, ts_event, Kind::Depth(depth), spare);
        }
    }

    /// Takes note of the best levels that a feed names itself. They count unless only derived ones are to.
    pub fn on_best(&mut self, best: Best, derive: Derive) {
        if derive != Derive::Always || !self.has(Source::Book) {
            self.set_best(best);
        }
    }

    fn set_best(&mut self, best: Best) -> bool {
        let is_same = self.best.is_some_and(|known| known.bid == best.bid && known.ask == best.ask);
        self.best = Some(best);
        self.is_best_changed |= !is_same;
        !is_same
    }

    /// Takes note of the book; whether it has changed.
    pub fn on_book(&mut self, book: &Book, derive: Derive, ts_event: i64, wire: &mut Wire) -> bool {
        let update_id = book.last_update_id();
        if self.book_id == Some(update_id) {
            return false;
        }
        self.book_id = Some(update_id);
        self.is_book_changed = [true; 2];
        let is_native = self.native & Channel::BookTicker.bit() != 0;
        if (!is_native || derive == Derive::Always)
            && let Some(best) = best_of(book)
            && self.set_best(best)
        {
            wire.send(Channel::BookTicker, ts_event, Kind::BookTicker(BookTicker { update_id, best }), &[]);
        }
        true
    }

    /// Tells what there is to tell on a whole 100 ms; whether there may be something on the next one.
    pub fn on_hundred(
        &mut self,
        ts_event: i64,
        now: i64,
        book: Option<&Book>,
        spare: &mut Vec<Level>,
        wire: &mut Wire,
    ) -> bool {
        if let Some(group) = self.aggregation.take_complete(now) {
            wire.send(Channel::AggTrade, group.ts_event, Kind::AggTrade(group.trade), &[]);
        }
        self.send_partial(Pace::Ms100, ts_event, book, spare, wire);
        self.aggregation.is_open()
    }

    /// Tells what there is to tell on the whole second `second`; how many trades were found to have come too late.
    pub fn on_second(&mut self, second: i64, book: Option<&Book>, spare: &mut Vec<Level>, wire: &mut Wire) -> u64 {
        let ts_event = second * NS_PER_SECOND;
        if !self.merged.is_empty() {
            self.send_merged(ts_event, spare, wire);
        }
        self.send_partial(Pace::Ms1000, ts_event, book, spare, wire);
        let is_best_changed = std::mem::take(&mut self.is_best_changed);
        let Some(trading) = &mut self.trading else { return 0 };
        trading.on_second(second, self.best, is_best_changed, wire);
        trading.take_late_trades()
    }

    fn send_partial(
        &mut self,
        pace: Pace,
        ts_event: i64,
        book: Option<&Book>,
        spare: &mut Vec<Level>,
        wire: &mut Wire,
    ) {
        let (true, Some(book)) = (std::mem::take(&mut self.is_book_changed[pace as usize]), book) else { return };
        for levels in Levels::ALL {
            let channel = Channel::PartialDepth(levels, pace);
            if wire.wants(channel) {
                spare.clear();
                spare.extend(book.bids().take(levels.count()));
                let bids = spare.len() as u32;
                spare.extend(book.asks().take(levels.count()));
                let partial = PartialDepth { last_update_id: book.last_update_id(), bids };
                wire.send(channel, ts_event, Kind::PartialDepth(partial), spare);
            }
        }
    }
}

/// The best levels of a book; a side without orders is zeros, spelled like the other. `None` for an empty book.
fn best_of(book: &Book) -> Option<Best> {
    let (bid, ask) = (book.bids().next(), book.asks().next());
    let zero = |like: Decimal| Decimal::new(0, like.scale().max(0) as u8).unwrap_or(Decimal::ZERO);
    let like = bid.or(ask)?;
    let none = Level { price: zero(like.price), size: zero(like.size) };
    Some(Best { ask: ask.unwrap_or(none), bid: bid.unwrap_or(none) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_at_most_one_source() {
        let mut all = 0;
        for source in Source::ALL {
            assert_eq!(all & source.channels(), 0, "{source:?}");
            all |= source.channels();
        }
        assert_eq!(all.count_ones(), 1 + 6 + 32 + 1 + 1 + 6);
        for channel in [Channel::Trade, Channel::Depth(Pace::Ms100), Channel::DayTicker, Channel::Orderbook] {
            assert_eq!(all & channel.bit(), 0, "{channel:?}");
        }
    }

    #[test]
    fn a_native_stream_is_waited_for_and_wins() {
        let (mut instrument, ticker) = (Instrument::default(), Channel::Ticker.bit());
        assert_eq!(instrument.derived(Derive::Always, i64::MAX), 0);
        instrument.note_source(Source::Executions, 100);
        assert_eq!(instrument.derived(Derive::Auto, 99 + NATIVE_GRACE_NS), 0);
        assert_ne!(instrument.derived(Derive::Auto, 100 + NATIVE_GRACE_NS) & ticker, 0);
        assert_ne!(instrument.derived(Derive::Always, 100) & ticker, 0);
        instrument.note_native(Channel::Ticker);
        assert_eq!(instrument.derived(Derive::Auto, i64::MAX) & ticker, 0);
        assert_ne!(instrument.derived(Derive::Auto, i64::MAX) & Channel::MiniTicker.bit(), 0);
        assert_ne!(instrument.derived(Derive::Always, 100) & ticker, 0);
        assert_eq!(instrument.derived(Derive::Never, i64::MAX), 0);
    }
}
