//! The market engine: one tick in, all ticks out, on the feed's clock.
//!
//! One [`Engine`] runs on the ingest thread. What it is given it passes on, and adds the streams that follow from it,
//! for every symbol and whichever venue's they are, so that clients of each venue can be served what only the other
//! one's feed is there for:
//!
//! ```text
//!  trades, or aggregate trades ──▶ klines of 16 lengths in 2 zones, tickers of 24 hours, of windows, average price
//!                             ╰──▶ the day's ticker, candles that grow of 9 units
//!  trades ───────────────────────▶ aggregate trades
//!  windows of a book ──────╮
//!                          ├─ ▶ depth every 100 ms ──▶ depth every second
//!  depth and snapshots ────┴▶ book ─▶ best bid and ask, partial depth of 5, 10, 20 levels every 100 ms and every second
//!                                ╰──▶ windows of thirty levels every 100 ms
//! ```
//!
//! The upper row of what trades and books become is Binance's, the lower one Upbit's. A book is made of depth and a
//! snapshot, or of the windows Upbit tells ([`books`](crate::market::book::books)); it is as deep as these. Depth every 100 ms
//! cannot be made of depth every second, nor single trades of aggregate ones. A trade whose feed does not say how it
//! compares with yesterday, or what the best levels were, is passed on with both as far as they are known, unless
//! nothing is to be derived.
//!
//! Ids are those of the feed. Upbit's are no counters: a kline or an aggregate trade of its trades has the first and
//! last of them, and how many there were is counted, not computed. What has no id is counted by one from 1: aggregate
//! trades that are derived, and changes that follow from windows.
//!
//! # When
//!
//! A message first moves the market clock ([`MarketClock`]). If that reaches a boundary, what is timed is told, as it
//! was before this message. Then comes the tick itself, then what it has caused. All of them carry its sequence.
//! Timed ticks carry their boundary as event time, and each stream has at most one for a boundary, only where
//! something has changed. Upbit's carry the time of what has changed last instead: a candle that of its last trade, a
//! window that of the book's last change. After the timed ticks of a whole second comes [`Kind::Second`].
//!
//! # What is published
//!
//! [`Derive`] says which streams are derived, [`Interest`] which of them somebody wants. With [`Derive::Auto`] a
//! channel that a feed carries itself for a symbol is never derived after its first native tick. Nor is it before
//! [`NATIVE_GRACE_NS`] have passed since the symbol's first tick of the kind it would be derived from: time for the
//! native stream to show itself, for the slowest speak every two seconds. A channel that the symbol's venue does not
//! have cannot show itself and is not waited for. A symbol that was not announced counts as Binance's.
//!
//! All state is kept as if everything were wanted, so the same messages give the same ticks whenever a stream is
//! asked for. What is costly is left until it is asked for: levels are sorted, windows summed up only to be told.
//!
//! On a clock message, streams of channels that have snapshots and are newly wanted tell their state once, marked as
//! [`Tick::restated`] ([`restating`]): those that are derived what follows from the feed so
//! far, others the newest native tick. That changes nothing of what is told otherwise.
//!
//! # Limits
//!
//! A symbol's trades cost at most 15 MiB for its windows after a week and 20 MiB after a year
//! ([`window`](crate::market::trading::window)), 9 KiB for its candles and its day, 110 KiB for its last aggregate trades, 2 KiB
//! for ids that have no order; nothing before its first trade. Its changes of a second are bounded by
//! [`merged_depth::LEVELS_MAX`](crate::market::book::merged_depth::LEVELS_MAX), its waiting ones as [`Books`] says. Beside the
//! book there are 2 KiB for the window that was told last, where one is wanted, and at most 8 KiB for native ticks that
//! may be told again. There are at most [`Symbols::COUNT_MAX`](crate::market::symbol::Symbols::COUNT_MAX) symbols.
//!
//! Known limitation: windows, days and the first candle hold what the feed has told; of trades before its beginning
//! nothing is known.

pub mod clock;
pub mod derivation;
pub mod instrument;
pub mod restating;
pub mod seam;
pub mod wire;

use std::sync::Arc;

use crate::market::book::Book;
use crate::market::book::books::{BookCounts, Books};
use crate::market::book::snapshot::Snapshot;
use crate::market::channel::{Channel, Pace, Stream};
use crate::market::civil::NS_PER_SECOND;
use crate::market::decimal::Decimal;
use crate::market::engine::clock::{Crossed, MarketClock, is_believable};
use crate::market::engine::derivation::Source;
pub use crate::market::engine::derivation::{Derive, NATIVE_GRACE_NS};
use crate::market::engine::instrument::{Instrument, Taken};
use crate::market::engine::wire::{Out, Wire};
use crate::market::interest::{Change, Interest, Wants};
use crate::market::symbol::SymbolId;
use crate::market::tick::{Kind, Level, Tick};
use crate::market::trading::day::{ToldClose, day_of};

/// What the engine has met so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineCounts {
    /// What the books have met.
    pub books: BookCounts,
    /// Derived ticks published.
    pub ticks_derived: u64,
    /// Trades that went into candles and windows, each of an aggregate trade counted. `trades_added` and those of
    /// `trades_repeated` and `trades_refused` are all trades, or all aggregate trades where there are no others.
    pub trades_added: u64,
    /// Trades, or aggregate trades, that had come before, by their ids ([`trade_ids`](crate::market::trading::trade_ids)).
    pub trades_repeated: u64,
    /// Trades, or aggregate trades, that cannot be summed: a price of zero, a number out of range, a time that is not
    /// believed.
    pub trades_refused: u64,
    /// Trades left out of at least one candle because it had closed when they came.
    pub late_trades: u64,
    /// Trades left out of at least one of Upbit's candles, or of the day's ticker, because a newer candle or day had
    /// begun when they came; counted for each of the two.
    pub passed_trades: u64,
    /// States told again.
    pub states_restated: u64,
    /// Native ticks dropped in favour of derived ones.
    pub natives_dropped: u64,
    /// Ticks whose times lie too far from their receive time to be believed.
    pub times_refused: u64,
}

/// Keeps books, candles and windows, and derives.
#[derive(Debug, Default)]
pub struct Engine {
    derive: Derive,
    interest: Arc<Interest>,
    /// What is wanted, as of the present message.
    wants: Wants,
    clock: MarketClock,
    books: Books,
    instruments: Vec<Instrument>,
    /// Symbols with something to tell on the next 100 ms; each once.
    touched: Vec<SymbolId>,
    is_touched: Vec<bool>,
    /// Levels on their way out.
    spare: Vec<Level>,
    /// What two windows of a book differ in.
    changes: Vec<Level>,
    counts: EngineCounts,
}

/// The message that everything is caused by.
#[derive(Clone, Copy)]
struct Cause {
    sequence: u64,
    ts_recv: i64,
}

impl Engine {
    /// An engine that has seen nothing yet.
    pub fn new(derive: Derive) -> Engine {
        Engine { derive, ..Engine::default() }
    }

    /// The table of what is wanted, for the cores to write.
    pub fn interest(&self) -> Arc<Interest> {
        Arc::clone(&self.interest)
    }

    /// Whether the next message brings something newly wanted.
    pub fn is_asked_anew(&self) -> bool {
        self.wants.is_behind(&self.interest)
    }

    /// Something is wanted from here on, whoever wants it: for messages that are gone over again, as they were the first
    /// time ([`Interest::log`]).
    pub fn note_wanted(&mut self, change: Change) {
        self.wants.apply(change);
    }

    /// Takes in a tick with its levels; `out` gets all that is to be published, this tick included where its place is.
    pub fn on_tick(&mut self, tick: &Tick, levels: &[Level], out: &mut impl FnMut(&Tick, &[Level])) {
        let out: Out = out;
        self.wants.look(&self.interest, tick.sequence);
        if matches!(tick.kind, Kind::Second | Kind::End) {
            return out(tick, levels);
        }
        let index = tick.symbol.index();
        if self.instruments.len() <= index {
            self.instruments.resize_with(index + 1, Instrument::default);
            self.is_touched.resize(index + 1, false);
        }
        if let Kind::Announce(symbol) = &tick.kind {
            self.instruments[index].derivation.set_make(symbol.venue.make());
            return out(tick, levels);
        }
        let cause = Cause { sequence: tick.sequence, ts_recv: tick.ts_recv };
        let is_timely = self.on_time(tick, cause, out);
        let (now, derive) = (self.clock.now(), self.derive);
        let instrument = &mut self.instruments[index];
        let derivation = &mut instrument.derivation;
        match &tick.kind {
            Kind::Trade(_) => {
                derivation.note_source(Source::Trades, now);
                derivation.note_source(Source::Executions, now);
            }
            Kind::AggTrade(_) => derivation.note_source(Source::Executions, now),
            Kind::Depth(_) if tick.channel == Channel::Depth(Pace::Ms100) => {
                derivation.note_source(Source::Changes, now);
            }
            _ => {}
        }
        derivation.note_native(tick.channel);
        if derive == Derive::Always && derivation.channels(derive, now) & tick.channel.bit() != 0 {
            self.counts.natives_dropped += 1;
        } else {
            instrument.pass_on(tick, levels, derive, out);
        }
        self.on_news(tick, levels, is_timely, cause, out);
    }

    /// Lets the receive time pass, in silence or not: a clock message of the feed.
    pub fn on_clock(&mut self, ts_recv: i64, sequence: u64, out: &mut impl FnMut(&Tick, &[Level])) {
        self.wants.look(&self.interest, sequence);
        if let Some(crossed) = self.clock.on_silence(ts_recv) {
            self.on_boundary(crossed, Cause { sequence, ts_recv }, out);
        }
        self.restate(Cause { sequence, ts_recv }, out);
    }

    /// Tells the state of streams that somebody has begun to want.
    fn restate(&mut self, cause: Cause, out: Out) {
        let now = self.clock.now();
        for (index, instrument) in self.instruments.iter_mut().enumerate() {
            let symbol = SymbolId(index as u32);
            let due = instrument.restating.due(self.wants.of(symbol));
            if due != 0 {
                let derived = instrument.derivation.channels(self.derive, now);
                let mut wire = wire(symbol, due, cause, &mut self.counts.states_restated, out);
                instrument.restate(due, derived, now, self.books.book(symbol), &mut wire);
            }
        }
    }

    /// Takes in a snapshot; it is used as soon as a change continues it.
    pub fn on_snapshot(&mut self, snapshot: Snapshot) {
        self.books.on_snapshot(snapshot);
    }

    /// The book of a symbol; `None` until its snapshot and the change that continues it have come, and after a gap.
    pub fn book(&self, symbol: SymbolId) -> Option<&Book> {
        self.books.book(symbol)
    }

    /// The book of a symbol as its first snapshot had it.
    pub fn first_snapshot(&self, symbol: SymbolId) -> Option<&Book> {
        self.books.first_snapshot(symbol)
    }

    /// What is kept of a symbol beside its book; `None` before its first tick, and of another venue's.
    pub fn instrument(&self, symbol: SymbolId) -> Option<&Instrument> {
        self.instruments.get(symbol.index())
    }

    /// Whether the feed carries this stream itself, and that is what is published.
    pub fn is_native(&self, stream: Stream) -> bool {
        let (channel, now) = (stream.channel, self.clock.now());
        self.instrument(stream.symbol).is_some_and(|instrument| instrument.is_native(channel, self.derive, now))
    }

    /// The market clock, nanoseconds since the epoch; 0 before the first event.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// What it has met so far.
    pub fn counts(&self) -> EngineCounts {
        EngineCounts { books: self.books.counts(), ..self.counts }
    }

    /// Moves the clock by the exchange's times in a tick, where it has any; whether they are believed.
    fn on_time(&mut self, tick: &Tick, cause: Cause, out: Out) -> bool {
        let (first, last) = match &tick.kind {
            // Their event time is the receive time.
            Kind::BookTicker(_) | Kind::PartialDepth(_) | Kind::ReferencePrice(_) => return true,
            Kind::Trade(trade) => (tick.ts_event.min(trade.ts_trade), tick.ts_event.max(trade.ts_trade)),
            Kind::AggTrade(trade) => (tick.ts_event.min(trade.ts_trade), tick.ts_event.max(trade.ts_trade)),
            _ => (tick.ts_event, tick.ts_event),
        };
        if !is_believable(first, cause.ts_recv) || !is_believable(last, cause.ts_recv) {
            self.counts.times_refused += 1;
            return false;
        }
        if let Some(crossed) = self.clock.on_event(last, cause.ts_recv) {
            self.on_boundary(crossed, cause, out);
        }
        true
    }

    /// Tells what is told at the boundaries that were reached.
    #[cold]
    fn on_boundary(&mut self, crossed: Crossed, cause: Cause, out: Out) {
        let now = self.clock.now();
        if let Some(second) = crossed.second {
            for (index, instrument) in self.instruments.iter_mut().enumerate() {
                let symbol = SymbolId(index as u32);
                let wanted = instrument.derivation.channels(self.derive, now) & self.wants.of(symbol);
                let mut wire = wire(symbol, wanted, cause, &mut self.counts.ticks_derived, out);
                let book = self.books.book(symbol);
                let late = instrument.on_second(second, book, &mut self.spare, &mut wire);
                self.counts.late_trades += late.closed;
                self.counts.passed_trades += late.passed;
            }
        }
        let (instruments, is_touched) = (&mut self.instruments, &mut self.is_touched);
        self.touched.retain(|&symbol| {
            let instrument = &mut instruments[symbol.index()];
            let wanted = instrument.derivation.channels(self.derive, now) & self.wants.of(symbol);
            let mut wire = wire(symbol, wanted, cause, &mut self.counts.ticks_derived, out);
            let book = self.books.book(symbol);
            let is_open = instrument.on_hundred(crossed.hundred, now, book, &mut self.spare, &mut wire);
            is_touched[symbol.index()] = is_open;
            is_open
        });
        if let Some(second) = crossed.second {
            let (ts_event, Cause { sequence, ts_recv }) = (second * NS_PER_SECOND, cause);
            out(&Tick { sequence, ts_recv, ts_event, kind: Kind::Second, ..Tick::default() }, &[]);
        }
    }

    /// Takes in what a tick says, and tells what it causes.
    fn on_news(&mut self, tick: &Tick, levels: &[Level], is_timely: bool, cause: Cause, out: Out) {
        let (symbol, now, derive) = (tick.symbol, self.clock.now(), self.derive);
        let instrument = &mut self.instruments[symbol.index()];
        let derivation = &mut instrument.derivation;
        let mut change = None;
        let book = match (&tick.kind, tick.channel) {
            (Kind::Depth(depth), Channel::Depth(pace)) => {
                self.books.on_depth(symbol, pace, depth, levels);
                self.books.book(symbol)
            }
            (Kind::Orderbook(window), Channel::Orderbook) if window.grouping.is_none_or(Decimal::is_zero) => {
                change = self.books.on_window(symbol, levels, &mut self.changes);
                derivation.note_source(Source::Windows, now);
                derivation.note_source(Source::Changes, now);
                self.books.book(symbol)
            }
            _ => None,
        };
        if book.is_some() {
            derivation.note_source(Source::Book, now);
        }
        let wanted = derivation.channels(derive, now) & self.wants.of(symbol);
        let mut wire = wire(symbol, wanted, cause, &mut self.counts.ticks_derived, out);
        let mut is_touched = false;
        let taken = match (&tick.kind, tick.channel) {
            (Kind::Trade(_) | Kind::AggTrade(_), _) if !is_timely => Taken::Refused,
            (Kind::Trade(trade), _) => {
                is_touched = true;
                instrument.on_trade(trade, tick.ts_event, now, &mut wire)
            }
            (Kind::AggTrade(trade), _) => instrument.on_agg_trade(trade, tick.ts_event, now, &mut wire),
            (Kind::BookTicker(ticker), _) => {
                instrument.on_best(ticker.best, derive);
                Taken::Unneeded
            }
            (Kind::Ticker(ticker), _) => {
                let (day, price) = (day_of(now), ticker.previous);
                instrument.note_close(ToldClose { day, price, is_exact: false });
                Taken::Unneeded
            }
            (Kind::DayTicker(ticker), _) => {
                let (day, price) = (day_of(ticker.ts_trade), ticker.day.previous_close);
                instrument.note_close(ToldClose { day, price, is_exact: true });
                Taken::Unneeded
            }
            (Kind::Depth(depth), channel) => {
                if channel == Channel::Depth(Pace::Ms100) {
                    instrument.on_change(depth, levels, now, &mut self.spare, &mut wire);
                }
                is_touched = book.is_some_and(|book| instrument.on_book(book, derive, tick.ts_event, &mut wire));
                Taken::Unneeded
            }
            (Kind::Orderbook(_), _) => {
                if let Some(depth) = change {
                    wire.send(Channel::Depth(Pace::Ms100), tick.ts_event, Kind::Depth(depth), &self.changes);
                    instrument.on_change(&depth, &self.changes, now, &mut self.spare, &mut wire);
                }
                is_touched = book.is_some_and(|book| instrument.on_book(book, derive, tick.ts_event, &mut wire));
                Taken::Unneeded
            }
            _ => Taken::Unneeded,
        };
        match taken {
            Taken::Added(trades) => self.counts.trades_added += trades,
            Taken::Repeated => self.counts.trades_repeated += 1,
            Taken::Refused => self.counts.trades_refused += 1,
            Taken::Unneeded => {}
        }
        if is_touched && !std::mem::replace(&mut self.is_touched[symbol.index()], true) {
            self.touched.push(symbol);
        }
    }
}

/// The way out for the ticks of a symbol.
fn wire<'a>(
    symbol: SymbolId,
    wanted: u64,
    cause: Cause,
    sent: &'a mut u64,
    out: &'a mut dyn FnMut(&Tick, &[Level]),
) -> Wire<'a> {
    Wire { symbol, sequence: cause.sequence, ts_recv: cause.ts_recv, wanted, sent, out }
}

#[cfg(test)]
mod tests;
