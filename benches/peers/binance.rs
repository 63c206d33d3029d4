//! Binance's events, in the wrapper of a combined stream.

#![allow(non_snake_case, reason = "members are named as on the wire, where case tells them apart")]

use serde::Deserialize;
use tapecast::market::channel::{Channel, Interval, Zone};
use tapecast::market::symbol::{Symbols, Venue};
use tapecast::market::tick::{AggTrade, Best, BookTicker, Depth, Kind, Kline, Level, MiniTicker, Tick, Ticker, Trade};
use tapecast::venue::binance::stream;

use super::{Library, decimal, taker};

/// The wrapper of a combined stream.
#[derive(Deserialize)]
struct Wrapper<'a, T> {
    stream: &'a str,
    data: T,
}

pub trait Event<'a>: Deserialize<'a> {
    /// Its symbol, and its time if it has one.
    fn head(&self) -> (&'a str, Option<i64>);

    fn say(&self, stream: &str, levels: &mut Vec<Level>) -> (Channel, Kind);
}

/// Ties an event's type to the lifetime of the message it is read from.
pub trait Family {
    type Of<'a>: Event<'a>;
}

pub fn read<L: Library, F: Family>(
    raw: &[u8],
    ts_recv: i64,
    symbols: &Symbols,
    tick: &mut Tick,
    levels: &mut Vec<Level>,
) {
    let Wrapper::<F::Of<'_>> { stream, data } = L::read(raw);
    let (symbol, time) = data.head();
    tick.ts_event = time.map_or(ts_recv, ns);
    tick.symbol = symbols.find(Venue::Binance, symbol).expect("a symbol that is known");
    (tick.channel, tick.kind) = data.say(stream, levels);
}

/// Milliseconds or microseconds as nanoseconds.
fn ns(time: i64) -> i64 {
    time * if time.abs() >= 100_000_000_000_000 { 1_000 } else { 1_000_000 }
}

fn level(price: &str, size: &str) -> Level {
    Level { price: decimal(price), size: decimal(size) }
}

fn channel(name: &str) -> Channel {
    name.split_once('@').and_then(|(_, kind)| stream::channel(kind)).expect("a stream that is known")
}

macro_rules! families {
    ($($event:ident),*) => {
        $(impl Family for $event<'_> {
            type Of<'a> = $event<'a>;
        })*
    };
}

families!(TradeEvent, AggTradeEvent, BookTickerEvent, DepthEvent, KlineEvent, TickerEvent, MiniTickerEvent);

#[derive(Deserialize)]
pub struct TradeEvent<'a> {
    E: i64,
    s: &'a str,
    t: i64,
    p: &'a str,
    q: &'a str,
    T: i64,
    m: bool,
}

impl<'a> Event<'a> for TradeEvent<'a> {
    fn head(&self) -> (&'a str, Option<i64>) {
        (self.s, Some(self.E))
    }

    fn say(&self, _: &str, _: &mut Vec<Level>) -> (Channel, Kind) {
        let (price, size, ts_trade) = (decimal(self.p), decimal(self.q), ns(self.T));
        let trade = Trade { id: self.t, price, size, ts_trade, taker: taker(self.m), day: None, best: None };
        (Channel::Trade, Kind::Trade(trade))
    }
}

#[derive(Deserialize)]
pub struct AggTradeEvent<'a> {
    E: i64,
    s: &'a str,
    a: i64,
    p: &'a str,
    q: &'a str,
    f: i64,
    l: i64,
    T: i64,
    m: bool,
}

impl<'a> Event<'a> for AggTradeEvent<'a> {
    fn head(&self) -> (&'a str, Option<i64>) {
        (self.s, Some(self.E))
    }

    fn say(&self, _: &str, _: &mut Vec<Level>) -> (Channel, Kind) {
        let (price, size, ts_trade) = (decimal(self.p), decimal(self.q), ns(self.T));
        let (id, first_id, last_id, taker) = (self.a, self.f, self.l, taker(self.m));
        (Channel::AggTrade, Kind::AggTrade(AggTrade { id, price, size, first_id, last_id, ts_trade, taker }))
    }
}

#[derive(Deserialize)]
pub struct BookTickerEvent<'a> {
    u: i64,
    s: &'a str,
    b: &'a str,
    B: &'a str,
    a: &'a str,
    A: &'a str,
}

impl<'a> Event<'a> for BookTickerEvent<'a> {
    fn head(&self) -> (&'a str, Option<i64>) {
        (self.s, None)
    }

    fn say(&self, _: &str, _: &mut Vec<Level>) -> (Channel, Kind) {
        let best = Best { ask: level(self.a, self.A), bid: level(self.b, self.B) };
        (Channel::BookTicker, Kind::BookTicker(BookTicker { update_id: self.u, best }))
    }
}

#[derive(Deserialize)]
pub struct DepthEvent<'a> {
    E: i64,
    s: &'a str,
    U: i64,
    u: i64,
    #[serde(borrow)]
    b: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    a: Vec<(&'a str, &'a str)>,
}

impl<'a> Event<'a> for DepthEvent<'a> {
    fn head(&self) -> (&'a str, Option<i64>) {
        (self.s, Some(self.E))
    }

    fn say(&self, stream: &str, levels: &mut Vec<Level>) -> (Channel, Kind) {
        levels.extend(self.b.iter().chain(&self.a).map(|(price, size)| level(price, size)));
        (channel(stream), Kind::Depth(Depth { first_id: self.U, last_id: self.u, bids: self.b.len() as u32 }))
    }
}

#[derive(Deserialize)]
pub struct KlineEvent<'a> {
    E: i64,
    s: &'a str,
    #[serde(borrow)]
    k: Candle<'a>,
}

#[derive(Deserialize)]
struct Candle<'a> {
    t: i64,
    T: i64,
    i: &'a str,
    f: i64,
    L: i64,
    o: &'a str,
    c: &'a str,
    h: &'a str,
    l: &'a str,
    v: &'a str,
    n: i64,
    x: bool,
    q: &'a str,
    V: &'a str,
    Q: &'a str,
}

impl<'a> Event<'a> for KlineEvent<'a> {
    fn head(&self) -> (&'a str, Option<i64>) {
        (self.s, Some(self.E))
    }

    fn say(&self, _: &str, _: &mut Vec<Level>) -> (Channel, Kind) {
        let k = &self.k;
        let kline = Kline {
            ts_open: ns(k.t),
            ts_close: ns(k.T),
            first_id: k.f,
            last_id: k.L,
            open: decimal(k.o),
            close: decimal(k.c),
            high: decimal(k.h),
            low: decimal(k.l),
            volume: decimal(k.v),
            trades: k.n,
            closed: k.x,
            quote_volume: decimal(k.q),
            taker_volume: decimal(k.V),
            taker_quote_volume: decimal(k.Q),
        };
        (Channel::Kline(Interval::from_name(k.i).expect("an interval"), Zone::Utc), Kind::Kline(kline))
    }
}

#[derive(Deserialize)]
pub struct TickerEvent<'a> {
    E: i64,
    s: &'a str,
    p: &'a str,
    P: &'a str,
    w: &'a str,
    x: &'a str,
    c: &'a str,
    Q: &'a str,
    b: &'a str,
    B: &'a str,
    a: &'a str,
    A: &'a str,
    o: &'a str,
    h: &'a str,
    l: &'a str,
    v: &'a str,
    q: &'a str,
    O: i64,
    C: i64,
    F: i64,
    L: i64,
    n: i64,
}

impl<'a> Event<'a> for TickerEvent<'a> {
    fn head(&self) -> (&'a str, Option<i64>) {
        (self.s, Some(self.E))
    }

    fn say(&self, _: &str, _: &mut Vec<Level>) -> (Channel, Kind) {
        let ticker = Ticker {
            change: decimal(self.p),
            change_percent: decimal(self.P),
            average: decimal(self.w),
            previous: decimal(self.x),
            last: level(self.c, self.Q),
            best: Best { ask: level(self.a, self.A), bid: level(self.b, self.B) },
            open: decimal(self.o),
            high: decimal(self.h),
            low: decimal(self.l),
            volume: decimal(self.v),
            quote_volume: decimal(self.q),
            ts_open: ns(self.O),
            ts_close: ns(self.C),
            first_id: self.F,
            last_id: self.L,
            trades: self.n,
        };
        (Channel::Ticker, Kind::Ticker(ticker))
    }
}

#[derive(Deserialize)]
pub struct MiniTickerEvent<'a> {
    E: i64,
    s: &'a str,
    c: &'a str,
    o: &'a str,
    h: &'a str,
    l: &'a str,
    v: &'a str,
    q: &'a str,
}

impl<'a> Event<'a> for MiniTickerEvent<'a> {
    fn head(&self) -> (&'a str, Option<i64>) {
        (self.s, Some(self.E))
    }

    fn say(&self, _: &str, _: &mut Vec<Level>) -> (Channel, Kind) {
        let ticker = MiniTicker {
            close: decimal(self.c),
            open: decimal(self.o),
            high: decimal(self.h),
            low: decimal(self.l),
            volume: decimal(self.v),
            quote_volume: decimal(self.q),
        };
        (Channel::MiniTicker, Kind::MiniTicker(ticker))
    }
}
