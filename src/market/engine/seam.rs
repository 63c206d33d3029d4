//! The seam of a tape that repeats: what must be added to ids and times so that they go on rising.
//!
//! A tape that starts again would send every id and time a second time. So each pass after the first is moved: all
//! times by whole passes, and per symbol the ids of trades, aggregate trades and book updates by the range the tape
//! uses. The book is the one thing that cannot simply go on, for at the tape's end it is another one than at its
//! start; so between two passes each depth stream gets one event that leads from the one to the other and whose ids
//! close the chain. Clients, books and windows see one endless market.
//!
//! ```text
//!  pass 0                          bridge            pass 1
//!  U..u  U..u  …  U..u=1099   │  1100..=1200  │  U=1201..u   (first U of the tape, 101, moved by 1100)
//! ```
//!
//! A pass is moved in time by the tape's span, rounded up to a whole multiple of the longest candle it carries (a
//! millisecond where it carries none), so that candles stay aligned.
//!
//! # Seeking
//!
//! Going back on a tape is a pass that ends early: what the next one is moved by is the part of the tape that was
//! played, in ids and in time, and the bridge leads from the book of that moment to the one at the tape's start. What
//! lies between the start and the place that was sought is then played unheard. Going forward needs no pass. So ids and
//! times rise whatever is done with a tape; a tape that plays now is ahead of the clock after it was taken back.

use crate::market::book::snapshot::Snapshot;
use crate::market::channel::{Channel, Pace};
use crate::market::civil::{NS_PER_MS, NS_PER_SECOND};
use crate::market::engine::Engine;
use crate::market::symbol::SymbolId;
use crate::market::tick::{Depth, Kind, Level, Tick};

/// Watches a tape and moves its passes.
#[derive(Debug, Default)]
pub struct Seam {
    pass: i64,
    /// Added to all times of the present pass.
    shift_ns: i64,
    first_recv: Option<i64>,
    /// Of the present pass, as on the tape.
    last_recv: i64,
    /// The longest candle.
    unit_ns: i64,
    symbols: Vec<SymbolIds>,
}

/// The ids a tape uses for one symbol, and how far a pass moves them.
#[derive(Clone, Debug, Default)]
struct SymbolIds {
    trades: Range,
    candle_trades: Range,
    agg_trades: Range,
    block_trades: Range,
    updates: Range,
    /// First `first_id` of the tape, and last `last_id` of the present pass, of the depth streams at 100 and 1,000 ms, as
    /// on the tape.
    depth: [Option<(i64, i64)>; 2],
    /// Of the tape.
    first_event: Option<i64>,
    /// Of the present pass, as on the tape.
    last_event: i64,
    /// The id of the first snapshot, as on the tape.
    snapshot: Option<i64>,
    shift: Shift,
}

/// What is added to the ids of the present pass.
#[derive(Clone, Copy, Debug, Default)]
struct Shift {
    trades: i64,
    agg_trades: i64,
    block_trades: i64,
    updates: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Range(Option<(i64, i64)>);

impl Range {
    fn include(&mut self, first: i64, last: i64) {
        if first >= 0 {
            self.0 = Some(self.0.map_or((first, last), |(low, high)| (low.min(first), high.max(last))));
        }
    }

    /// How many ids there are, and `spare` more.
    fn step(&self, spare: i64) -> Option<i64> {
        self.0.map(|(first, last)| last - first + 1 + spare)
    }
}

impl SymbolIds {
    fn trade_step(&self) -> i64 {
        self.trades.step(0).or(self.candle_trades.step(0)).unwrap_or(0)
    }

    /// Moves the next pass behind all that was observed.
    fn next_pass(&mut self) {
        self.shift.trades += self.trade_step();
        self.shift.agg_trades += self.agg_trades.step(0).unwrap_or(0);
        self.shift.block_trades += self.block_trades.step(0).unwrap_or(0);
        self.shift.updates += self.update_step();
    }

    /// One id is spare: the bridge's.
    fn update_step(&self) -> i64 {
        self.updates.step(1).unwrap_or(0)
    }
}

/// An event that leads a book from the tape's end back to its start.
#[derive(Debug)]
pub struct Bridge {
    /// The depth event.
    pub tick: Tick,
    /// Its levels, bids first.
    pub levels: Vec<Level>,
}

impl Seam {
    /// Moves all times by `ns` from the first pass on; called before anything is placed.
    pub fn begin_at(&mut self, ns: i64) {
        self.shift_ns = ns;
    }

    /// Takes a tick as it is on the tape and moves it to the present pass. `false` where its levels are to be left out:
    /// the book began with a snapshot that is newer, and so it does in each later pass.
    pub fn place(&mut self, tick: &mut Tick) -> bool {
        self.observe(tick);
        let mut has_levels = true;
        if let Kind::Depth(depth) = &mut tick.kind
            && self.pass > 0
        {
            let snapshot = self.symbols[tick.symbol.index()].snapshot;
            has_levels = snapshot.is_none_or(|snapshot| depth.last_id > snapshot);
            if !has_levels {
                depth.bids = 0;
            }
        }
        if self.pass > 0 || self.shift_ns != 0 {
            self.shift(tick);
        }
        has_levels
    }

    /// Moves a receive time of the tape to the present pass.
    pub fn place_time(&mut self, ts_recv: i64) -> i64 {
        self.first_recv.get_or_insert(ts_recv);
        self.last_recv = ts_recv;
        ts_recv + self.shift_ns
    }

    /// What is added to all times of the present pass.
    pub fn shift_ns(&self) -> i64 {
        self.shift_ns
    }

    /// Which pass it is, counted from 0.
    pub fn pass(&self) -> i64 {
        self.pass
    }

    /// A snapshot that has not been met in an earlier pass, with its id moved, once for each symbol that has changes
    /// and no book yet: which one's it is, the change that continues it tells.
    pub fn place_snapshot(&self, snapshot: &Snapshot, engine: &Engine) -> Vec<Snapshot> {
        let symbols = self.symbols.iter().enumerate();
        let lacking = symbols.filter(|(index, _)| engine.first_snapshot(SymbolId(*index as u32)).is_none());
        lacking
            .filter(|(_, ids)| ids.updates.0.is_some())
            .map(|(index, ids)| (SymbolId(index as u32), snapshot.last_update_id + ids.shift.updates))
            .filter(|(symbol, _)| snapshot.symbol.is_none_or(|own| own == *symbol))
            .map(|(symbol, last_update_id)| Snapshot { symbol: Some(symbol), last_update_id, ..snapshot.clone() })
            .collect()
    }

    /// Ends a pass, wherever it is; returns the events that belong between it and the next one, in the order of their
    /// symbols.
    pub fn next_pass(&mut self, engine: &Engine) -> Vec<Bridge> {
        let ts_recv = self.last_recv + self.shift_ns;
        let symbols = 0..self.symbols.len();
        let bridges = symbols.flat_map(|s| self.bridges(SymbolId(s as u32), engine, ts_recv)).collect();
        for (index, ids) in self.symbols.iter_mut().enumerate() {
            if let (None, Some(start)) = (ids.snapshot, engine.first_snapshot(SymbolId(index as u32))) {
                ids.snapshot = Some(start.last_update_id() - ids.shift.updates);
            }
            ids.next_pass();
        }
        let unit = self.unit_ns.max(NS_PER_MS);
        let span = self.last_recv - self.first_recv.unwrap_or(self.last_recv);
        self.shift_ns += (span / unit + 1) * unit;
        self.pass += 1;
        for ids in &mut self.symbols {
            // Where the next pass ends before this symbol's first event, its chain ends with the bridge.
            ids.depth = ids.depth.map(|range| range.map(|(first, _)| (first, first - 1)));
            ids.last_event = ids.first_event.unwrap_or(ids.last_event);
        }
        bridges
    }

    fn bridges(&self, symbol: SymbolId, engine: &Engine, ts_recv: i64) -> Vec<Bridge> {
        let ids = &self.symbols[symbol.index()];
        let (shift, step) = (ids.shift.updates, ids.update_step());
        let (levels, bids) = match (engine.book(symbol), engine.first_snapshot(symbol)) {
            (Some(end), Some(start)) => end.difference(start),
            _ => (Vec::new(), 0),
        };
        [Pace::Ms100, Pace::Ms1000]
            .into_iter()
            .filter_map(|pace| {
                let (first, last) = ids.depth[pace as usize]?;
                let depth = Depth { first_id: last + shift + 1, last_id: first + shift + step - 1, bids };
                let ts_event = ids.last_event + self.shift_ns;
                let (channel, kind) = (Channel::Depth(pace), Kind::Depth(depth));
                let tick = Tick { sequence: 0, ts_recv, ts_event, symbol, channel, restated: false, kind };
                Some(Bridge { tick, levels: levels.clone() })
            })
            .collect()
    }

    fn observe(&mut self, tick: &Tick) {
        if matches!(tick.kind, Kind::Announce(_) | Kind::Second | Kind::End) {
            return;
        }
        if self.symbols.len() <= tick.symbol.index() {
            self.symbols.resize_with(tick.symbol.index() + 1, SymbolIds::default);
        }
        let ids = &mut self.symbols[tick.symbol.index()];
        ids.first_event.get_or_insert(tick.ts_event);
        ids.last_event = ids.last_event.max(tick.ts_event);
        match &tick.kind {
            Kind::Trade(trade) => ids.trades.include(trade.id, trade.id),
            Kind::AggTrade(trade) => {
                ids.agg_trades.include(trade.id, trade.id);
                ids.trades.include(trade.first_id, trade.last_id);
            }
            Kind::Kline(kline) => {
                ids.candle_trades.include(kline.first_id, kline.last_id);
                let length = (kline.ts_close - kline.ts_open) / NS_PER_SECOND + 1;
                self.unit_ns = self.unit_ns.max(length * NS_PER_SECOND);
            }
            Kind::BlockTrade(trade) => ids.block_trades.include(trade.id, trade.id),
            Kind::Candle(_) => {
                if let Channel::Candle(unit) = tick.channel {
                    self.unit_ns = self.unit_ns.max(unit.seconds() * NS_PER_SECOND);
                }
            }
            Kind::BookTicker(ticker) => ids.updates.include(ticker.update_id, ticker.update_id),
            Kind::PartialDepth(book) => ids.updates.include(book.last_update_id, book.last_update_id),
            Kind::Depth(depth) => {
                ids.updates.include(depth.first_id, depth.last_id);
                if let Channel::Depth(pace) = tick.channel {
                    let range = ids.depth[pace as usize].get_or_insert((depth.first_id, depth.last_id));
                    range.1 = depth.last_id;
                }
            }
            _ => {}
        }
    }

    fn shift(&self, tick: &mut Tick) {
        let Some(ids) = self.symbols.get(tick.symbol.index()) else { return };
        let time = self.shift_ns;
        let Shift { trades, agg_trades, block_trades, updates } = ids.shift;
        tick.ts_recv += time;
        tick.ts_event += time;
        match &mut tick.kind {
            Kind::Trade(trade) => {
                trade.id += trades;
                trade.ts_trade += time;
            }
            Kind::AggTrade(trade) => {
                trade.id += agg_trades;
                trade.first_id += trades;
                trade.last_id += trades;
                trade.ts_trade += time;
            }
            Kind::Kline(kline) => {
                kline.ts_open += time;
                kline.ts_close += time;
                if kline.first_id >= 0 {
                    kline.first_id += trades;
                    kline.last_id += trades;
                }
            }
            Kind::Ticker(ticker) => {
                ticker.ts_open += time;
                ticker.ts_close += time;
                ticker.first_id += trades;
                ticker.last_id += trades;
            }
            Kind::WindowTicker(ticker) => {
                ticker.ts_open += time;
                ticker.ts_close += time;
                if ticker.first_id >= 0 {
                    ticker.first_id += trades;
                    ticker.last_id += trades;
                }
            }
            Kind::BlockTrade(trade) => {
                trade.id += block_trades;
                trade.ts_trade += time;
            }
            Kind::ReferencePrice(reference) => reference.ts_valid += time,
            Kind::AvgPrice(average) => average.ts_trade += time,
            Kind::Candle(candle) => candle.ts_open += time,
            Kind::DayTicker(ticker) => ticker.ts_trade += time,
            Kind::BookTicker(ticker) => ticker.update_id += updates,
            Kind::PartialDepth(book) => book.last_update_id += updates,
            Kind::Depth(depth) => {
                depth.first_id += updates;
                depth.last_id += updates;
            }
            Kind::MiniTicker(_) | Kind::Orderbook(_) | Kind::Announce(_) | Kind::Second | Kind::End => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::decimal::Decimal;
    use crate::market::tick::{Taker, Trade};

    fn level(price: i64, size: i64) -> Level {
        Level { price: Decimal::new(price.into(), 0).unwrap(), size: Decimal::new(size.into(), 0).unwrap() }
    }

    fn tick(ts_recv: i64, channel: Channel, kind: Kind) -> Tick {
        Tick { sequence: 1, ts_recv, ts_event: ts_recv - 5, symbol: SymbolId(0), channel, restated: false, kind }
    }

    fn trade(ts_recv: i64, id: i64) -> Tick {
        let (price, size) = (Decimal::ZERO, Decimal::ZERO);
        let trade = Trade { id, price, size, ts_trade: ts_recv, taker: Taker::Buyer, day: None, best: None };
        tick(ts_recv, Channel::Trade, Kind::Trade(trade))
    }

    fn depth(ts_recv: i64, first_id: i64, last_id: i64, bids: u32) -> Tick {
        tick(ts_recv, Channel::Depth(Pace::Ms100), Kind::Depth(Depth { first_id, last_id, bids }))
    }

    #[test]
    fn ids_and_times_rise_and_the_book_returns_to_its_start() {
        let (mut seam, mut engine) = (Seam::default(), Engine::default());
        engine.on_snapshot(Snapshot {
            symbol: None,
            last_update_id: 10,
            levels: vec![level(50, 1), level(51, 1)],
            bids: 1,
        });
        let tape = [
            (trade(1_000_000, 7), vec![]),
            (depth(2_000_000, 11, 12, 1), vec![level(50, 3)]),
            (trade(3_000_000, 8), vec![]),
            (depth(4_000_000, 13, 15, 1), vec![level(49, 2), level(51, 0)]),
        ];
        let (mut trades, mut chain, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for pass in 0..3 {
            for (tick, levels) in &tape {
                let mut tick = *tick;
                times.push(seam.place_time(tick.ts_recv));
                seam.place(&mut tick);
                assert_eq!(tick.ts_recv, *times.last().unwrap());
                engine.on_tick(&tick, levels, &mut |_, _| {});
                match tick.kind {
                    Kind::Trade(trade) => trades.push(trade.id),
                    Kind::Depth(depth) => chain.push((depth.first_id, depth.last_id)),
                    _ => unreachable!(),
                }
            }
            assert_eq!(engine.book(SymbolId(0)).unwrap().bids().next(), Some(level(50, 3)));
            for bridge in seam.next_pass(&engine) {
                engine.on_tick(&bridge.tick, &bridge.levels, &mut |_, _| {});
                let Kind::Depth(depth) = bridge.tick.kind else { unreachable!() };
                chain.push((depth.first_id, depth.last_id));
            }
            let book = engine.book(SymbolId(0)).unwrap_or_else(|| panic!("a whole book after pass {pass}"));
            assert_eq!(book.bids().collect::<Vec<_>>(), [level(50, 1)]);
            assert_eq!(book.asks().collect::<Vec<_>>(), [level(51, 1)]);
        }
        assert_eq!(trades, [7, 8, 9, 10, 11, 12]);
        assert!(chain.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1 && pair[1].1 >= pair[1].0), "{chain:?}");
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
        assert_eq!(engine.counts().books.gaps, 0);
    }
}
