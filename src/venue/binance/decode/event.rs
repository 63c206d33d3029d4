//! Which members an event of each kind has, and what becomes of them.
//!
//! Members are read in the order in which the wire has them, which is what lets a reader that knows the order go
//! through a message once. One that finds members anywhere does not mind.

use crate::market::channel::{Channel, Interval, Pace, Zone};
use crate::market::decimal::Decimal;
use crate::market::tick::{
    AggTrade, Best, BlockTrade, BookTicker, Depth, Kind, Kline, Level, MiniTicker, ReferencePrice, Taker, Tick, Ticker,
    Trade,
};
use crate::venue::Rejected;
use crate::venue::binance::stream;

/// The members of an object, each named by one letter. A name is asked for at most once.
pub(super) trait Members<'t>: Sized {
    /// What the event calls itself; a book ticker, which has no name, is known by its members.
    fn event_name(&mut self) -> Result<&'t str, Rejected>;

    /// A text.
    fn text(&mut self, name: &'static str) -> Result<&'t str, Rejected>;

    /// A decimal number in a string.
    fn number(&mut self, name: &'static str) -> Result<Decimal, Rejected>;

    /// The same, or `null`.
    fn number_or_null(&mut self, name: &'static str) -> Result<Option<Decimal>, Rejected>;

    /// An integer. Ids and times are counted on from, so those at the end of the range are refused.
    fn int(&mut self, name: &'static str) -> Result<i64, Rejected>;

    /// `true` or `false`.
    fn bool(&mut self, name: &'static str) -> Result<bool, Rejected>;

    /// Appends the price levels of a list; how many there were.
    fn levels(&mut self, name: &'static str, levels: &mut Vec<Level>) -> Result<usize, Rejected>;

    /// Reads the members of an object that is a member.
    fn inside<R>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Result<R, Rejected>,
    ) -> Result<R, Rejected>;

    /// Whether there is such a member; where it may be missing, in its place of the order.
    fn has(&mut self, name: &'static str) -> bool;

    /// A member that says nothing to us, and may be missing.
    fn pass_over(&mut self, name: &'static str);

    /// A time in milliseconds or microseconds, told apart by its size, as nanoseconds.
    #[inline(always)]
    fn time(&mut self, name: &'static str) -> Result<i64, Rejected> {
        const MICROSECONDS_FROM: i64 = 100_000_000_000_000;
        let value = self.int(name)?;
        let unit = if value.abs() >= MICROSECONDS_FROM { 1_000 } else { 1_000_000 };
        value.checked_mul(unit).ok_or(Rejected::Member(name))
    }

    /// A price and a size.
    #[inline(always)]
    fn level(&mut self, price: &'static str, size: &'static str) -> Result<Level, Rejected> {
        Ok(Level { price: self.number(price)?, size: self.number(size)? })
    }

    /// Who crossed the spread.
    #[inline(always)]
    fn taker(&mut self) -> Result<Taker, Rejected> {
        Ok(if self.bool("m")? { Taker::Seller } else { Taker::Buyer })
    }
}

/// Events with a head, by their name.
const SERVED: [&str; 8] =
    ["trade", "aggTrade", "depthUpdate", "kline", "24hrTicker", "24hrMiniTicker", "blockTrade", "referencePrice"];

/// Reads an event into `tick`, all but its symbol, and `levels`; returns the symbol. `kind` is what its stream's name
/// says behind the symbol; a bare event has no name. What was written before an error is meaningless.
#[inline]
pub(super) fn read<'t>(
    event: &mut impl Members<'t>,
    kind: Option<&str>,
    ts_recv: i64,
    tick: &mut Tick,
    levels: &mut Vec<Level>,
) -> Result<&'t str, Rejected> {
    let name = event.event_name()?;
    if name == "bookTicker" {
        let update_id = event.int("u")?;
        let symbol = head(event, ts_recv, tick)?;
        // As on the wire: bids first.
        let (bid, ask) = (event.level("b", "B")?, event.level("a", "A")?);
        tick.kind = Kind::BookTicker(BookTicker { update_id, best: Best { ask, bid } });
        tick.channel = Channel::BookTicker;
        return Ok(symbol);
    }
    // Of an event nobody knows nothing is missing.
    let symbol = head(event, ts_recv, tick)
        .map_err(|rejected| if SERVED.contains(&name) { rejected } else { Rejected::Unserved })?;
    (tick.channel, tick.kind) = match name {
        "trade" => (Channel::Trade, trade(event)?),
        "aggTrade" => (Channel::AggTrade, agg_trade(event)?),
        "depthUpdate" => (depth_channel(kind)?, depth(event, levels)?),
        "kline" => kline(event, kind)?,
        "24hrTicker" => (Channel::Ticker, ticker(event)?),
        "24hrMiniTicker" => (Channel::MiniTicker, mini_ticker(event)?),
        "blockTrade" => (Channel::BlockTrade, block_trade(event)?),
        "referencePrice" => (Channel::ReferencePrice, reference_price(event)?),
        _ => return Err(Rejected::Unserved),
    };
    Ok(symbol)
}

/// Time and symbol. Book tickers and reference prices have no time of their own.
#[inline(always)]
fn head<'t>(event: &mut impl Members<'t>, ts_recv: i64, tick: &mut Tick) -> Result<&'t str, Rejected> {
    tick.ts_event = if event.has("E") { event.time("E")? } else { ts_recv };
    event.text("s")
}

#[inline(always)]
fn trade<'t>(event: &mut impl Members<'t>) -> Result<Kind, Rejected> {
    let (id, price, size) = (event.int("t")?, event.number("p")?, event.number("q")?);
    // The ids of both orders, until 2024-06.
    event.pass_over("b");
    event.pass_over("a");
    let trade = Trade { id, price, size, ts_trade: event.time("T")?, taker: event.taker()?, day: None, best: None };
    event.pass_over("M");
    Ok(Kind::Trade(trade))
}

#[inline(always)]
fn agg_trade<'t>(event: &mut impl Members<'t>) -> Result<Kind, Rejected> {
    let trade = AggTrade {
        id: event.int("a")?,
        price: event.number("p")?,
        size: event.number("q")?,
        first_id: event.int("f")?,
        last_id: event.int("l")?,
        ts_trade: event.time("T")?,
        taker: event.taker()?,
    };
    event.pass_over("M");
    Ok(Kind::AggTrade(trade))
}

#[inline(always)]
fn block_trade<'t>(event: &mut impl Members<'t>) -> Result<Kind, Rejected> {
    Ok(Kind::BlockTrade(BlockTrade {
        id: event.int("t")?,
        price: event.number("p")?,
        size: event.number("q")?,
        ts_trade: event.time("T")?,
        taker: event.taker()?,
    }))
}

#[inline(always)]
fn reference_price<'t>(event: &mut impl Members<'t>) -> Result<Kind, Rejected> {
    Ok(Kind::ReferencePrice(ReferencePrice { price: event.number_or_null("r")?, ts_valid: event.time("t")? }))
}

#[inline(always)]
fn depth<'t>(event: &mut impl Members<'t>, levels: &mut Vec<Level>) -> Result<Kind, Rejected> {
    let (first_id, last_id) = (event.int("U")?, event.int("u")?);
    let bids = event.levels("b", levels)?;
    event.levels("a", levels)?;
    Ok(Kind::Depth(Depth { first_id, last_id, bids: bids as u32 }))
}

fn depth_channel(kind: Option<&str>) -> Result<Channel, Rejected> {
    match kind.map(stream::channel) {
        // A bare event does not say how long its changes were collected; the finer pace claims least.
        None => Ok(Channel::Depth(Pace::Ms100)),
        Some(Some(channel @ Channel::Depth(_))) => Ok(channel),
        Some(_) => Err(Rejected::Unserved),
    }
}

#[inline(always)]
fn kline<'t>(event: &mut impl Members<'t>, kind: Option<&str>) -> Result<(Channel, Kind), Rejected> {
    event.inside("k", |kline| {
        let (ts_open, ts_close) = (kline.time("t")?, kline.time("T")?);
        kline.pass_over("s");
        let interval = Interval::from_name(kline.text("i")?).ok_or(Rejected::Member("i"))?;
        let candle = Kline {
            ts_open,
            ts_close,
            first_id: kline.int("f")?,
            last_id: kline.int("L")?,
            open: kline.number("o")?,
            close: kline.number("c")?,
            high: kline.number("h")?,
            low: kline.number("l")?,
            volume: kline.number("v")?,
            trades: kline.int("n")?,
            closed: kline.bool("x")?,
            quote_volume: kline.number("q")?,
            taker_volume: kline.number("V")?,
            taker_quote_volume: kline.number("Q")?,
        };
        kline.pass_over("B");
        Ok((kline_channel(kind, interval)?, Kind::Kline(candle)))
    })
}

/// Candles cut at other hours carry the same interval, so only the stream's name tells them apart. In all else the
/// payload counts: there are stored messages that stand under another stream's name.
fn kline_channel(kind: Option<&str>, interval: Interval) -> Result<Channel, Rejected> {
    match kind.map(stream::channel) {
        Some(Some(Channel::Kline(_, zone))) => Ok(Channel::Kline(interval, zone)),
        Some(None) => Err(Rejected::Unserved),
        None | Some(Some(_)) => Ok(Channel::Kline(interval, Zone::Utc)),
    }
}

#[inline(always)]
fn ticker<'t>(event: &mut impl Members<'t>) -> Result<Kind, Rejected> {
    Ok(Kind::Ticker(Ticker {
        change: event.number("p")?,
        change_percent: event.number("P")?,
        average: event.number("w")?,
        previous: event.number("x")?,
        last: event.level("c", "Q")?,
        best: Best { bid: event.level("b", "B")?, ask: event.level("a", "A")? },
        open: event.number("o")?,
        high: event.number("h")?,
        low: event.number("l")?,
        volume: event.number("v")?,
        quote_volume: event.number("q")?,
        ts_open: event.time("O")?,
        ts_close: event.time("C")?,
        first_id: event.int("F")?,
        last_id: event.int("L")?,
        trades: event.int("n")?,
    }))
}

#[inline(always)]
fn mini_ticker<'t>(event: &mut impl Members<'t>) -> Result<Kind, Rejected> {
    Ok(Kind::MiniTicker(MiniTicker {
        close: event.number("c")?,
        open: event.number("o")?,
        high: event.number("h")?,
        low: event.number("l")?,
        volume: event.number("v")?,
        quote_volume: event.number("q")?,
    }))
}
