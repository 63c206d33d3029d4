//! What has lately been published, kept for those who ask instead of subscribing.
//!
//! One table on the ingest thread; it sees every tick that goes into the ring, so that an answer and the streams are
//! of the same state. Worst case in memory per symbol: [`TRADES_MAX`] trades and as many aggregate and block trades,
//! and [`KLINES_MAX`] candles of each interval and zone that is published; all of it grows only as it comes. What can be
//! computed from trades when it is asked for is not here but in [`Trading`](crate::market::trading::Trading).

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::market::channel::{Channel, Interval, Zone};
use crate::market::decimal::Decimal;
use crate::market::symbol::SymbolId;
use crate::market::tick::{
    AggTrade, AvgPrice, Best, BlockTrade, Kind, Kline, Level, ReferencePrice, Tick, Ticker, Trade,
};

/// Trades kept per symbol, the most one request may ask for.
pub const TRADES_MAX: usize = 1_000;

/// Candles kept per symbol and interval, the most one request may ask for.
pub const KLINES_MAX: usize = 1_000;

/// Newest ticks of all symbols.
#[derive(Debug, Default)]
pub struct Recent {
    symbols: Vec<RecentOf>,
}

/// Newest ticks of one symbol.
#[derive(Debug, Default)]
pub struct RecentOf {
    /// Oldest first.
    pub trades: VecDeque<Trade>,
    /// Oldest first.
    pub agg_trades: VecDeque<AggTrade>,
    /// Oldest first.
    pub block_trades: VecDeque<BlockTrade>,
    /// Oldest first, each once; the last may still be in the making.
    pub klines: FxHashMap<(Interval, Zone), VecDeque<Kline>>,
    /// Statistics of 24 hours; `None` before the first.
    pub ticker: Option<Ticker>,
    /// Average price of five minutes; `None` before the first.
    pub average: Option<AvgPrice>,
    /// Reference price, which may be that there is none; `None` before the first.
    pub reference: Option<ReferencePrice>,
    /// Best bid and ask; `None` before the first.
    pub best: Option<Best>,
    /// Last price and size traded; `None` before the first trade.
    pub last: Option<Level>,
    /// Most decimal places of a price so far, trailing zeros aside.
    pub price_places: u8,
    /// Most decimal places of a size so far, trailing zeros aside.
    pub size_places: u8,
}

impl Recent {
    /// Takes in a tick that is published.
    pub fn on_tick(&mut self, tick: &Tick) {
        if tick.restated || matches!(tick.kind, Kind::Announce(_) | Kind::Second | Kind::End) {
            return;
        }
        let index = tick.symbol.index();
        if self.symbols.len() <= index {
            self.symbols.resize_with(index + 1, RecentOf::default);
        }
        let symbol = &mut self.symbols[index];
        match &tick.kind {
            Kind::Trade(trade) => {
                symbol.traded(Level { price: trade.price, size: trade.size });
                push(&mut symbol.trades, *trade, TRADES_MAX);
            }
            Kind::AggTrade(trade) => {
                symbol.traded(Level { price: trade.price, size: trade.size });
                push(&mut symbol.agg_trades, *trade, TRADES_MAX);
            }
            // A trade agreed on outside of the book says nothing about the last price.
            Kind::BlockTrade(trade) => push(&mut symbol.block_trades, *trade, TRADES_MAX),
            Kind::AvgPrice(average) => symbol.average = Some(*average),
            Kind::ReferencePrice(reference) => symbol.reference = Some(*reference),
            Kind::BookTicker(ticker) => symbol.best = Some(ticker.best),
            Kind::Ticker(ticker) => {
                symbol.traded(ticker.last);
                symbol.best.get_or_insert(ticker.best);
                symbol.ticker = Some(*ticker);
            }
            Kind::Kline(kline) => {
                if let Channel::Kline(interval, zone) = tick.channel {
                    symbol.on_kline((interval, zone), kline);
                }
            }
            _ => {}
        }
    }

    /// What is known of a symbol; `None` before its first tick.
    pub fn of(&self, symbol: SymbolId) -> Option<&RecentOf> {
        self.symbols.get(symbol.index())
    }
}

impl RecentOf {
    fn traded(&mut self, last: Level) {
        // A trade at the precision known already costs one remainder each.
        self.price_places = self.price_places.max(last.price.places_needed());
        self.size_places = self.size_places.max(last.size.places_needed());
        self.last = Some(last);
    }

    fn on_kline(&mut self, series: (Interval, Zone), kline: &Kline) {
        let klines = self.klines.entry(series).or_default();
        match klines.back_mut() {
            Some(last) if last.ts_open == kline.ts_open => *last = *kline,
            _ => push(klines, *kline, KLINES_MAX),
        }
    }

    /// The last price; `None` before the first trade.
    pub fn price(&self) -> Option<Decimal> {
        self.last.map(|last| last.price)
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T, most: usize) {
    if list.len() == most {
        list.pop_front();
    }
    list.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::tick::Taker;

    #[test]
    fn lists_are_bounded_and_hold_the_newest() {
        let mut recent = Recent::default();
        let number = |text: &str| Decimal::parse(text.as_bytes()).unwrap();
        for id in 0..2_500 {
            let (price, size) = (number("1.50000000"), number("0.00100000"));
            let trade = Trade { id, price, size, ts_trade: id, taker: Taker::Buyer, day: None, best: None };
            recent.on_tick(&Tick { kind: Kind::Trade(trade), ..Tick::default() });
        }
        let symbol = recent.of(SymbolId(0)).unwrap();
        assert_eq!((symbol.trades.len(), symbol.trades[0].id), (1_000, 1_500));
        assert_eq!((symbol.price_places, symbol.size_places), (1, 3));
        assert_eq!(symbol.price().unwrap().to_string(), "1.50000000");
    }

    #[test]
    fn block_trades_and_reference_prices_leave_the_last_price_alone() {
        let mut recent = Recent::default();
        let (price, taker) = (Decimal::parse(b"3120.55").unwrap(), Taker::Seller);
        for id in 0..1_010 {
            let trade = BlockTrade { id, price, size: price, ts_trade: id, taker };
            recent.on_tick(&Tick { kind: Kind::BlockTrade(trade), ..Tick::default() });
        }
        assert!(recent.of(SymbolId(0)).unwrap().reference.is_none());
        for price in [Some(price), None] {
            let reference = ReferencePrice { price, ts_valid: 7 };
            recent.on_tick(&Tick { kind: Kind::ReferencePrice(reference), ..Tick::default() });
        }
        let symbol = recent.of(SymbolId(0)).unwrap();
        assert_eq!((symbol.block_trades.len(), symbol.block_trades[0].id), (1_000, 10));
        assert!(matches!(symbol.reference, Some(ReferencePrice { price: None, ts_valid: 7 })));
        assert!(symbol.trades.is_empty() && symbol.price().is_none() && symbol.price_places == 0);
    }
}
