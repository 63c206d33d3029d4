//! One event in the neutral form: each method writes one kind.

use crate::market::channel::{Channel, Unit};
use crate::market::civil::Date;
use crate::market::decimal::Decimal;
use crate::market::symbol::Symbol;
use crate::market::tick::{
    AggTrade, AvgPrice, Best, BlockTrade, BookTicker, Candle, DayTicker, Depth, Kline, Level, MarketState, MiniTicker,
    Orderbook, PartialDepth, Record, ReferencePrice, Taker, Tick, Ticker, Trade, WindowTicker,
};
use crate::venue::json::Json;
use crate::venue::upbit::json::StreamType;

/// Nanoseconds in a microsecond.
const NS_PER_US: i64 = 1_000;

/// One event in the making; the brace behind it is its caller's.
pub(super) struct Event<'a> {
    pub(super) tick: &'a Tick,
    pub(super) symbol: &'a Symbol,
    pub(super) stream_type: StreamType,
    pub(super) json: Json<'a>,
}

/// The prices and volumes that all statistics of a time have.
struct Sums {
    last: Decimal,
    open: Decimal,
    high: Decimal,
    low: Decimal,
    volume: Decimal,
    quote_volume: Decimal,
}

impl Event<'_> {
    /// The members that every event begins with.
    fn head(&mut self, kind: &str) -> &mut Self {
        let Tick { sequence, ts_event, ts_recv, .. } = *self.tick;
        self.json.text("{\"kind\":\"").text(kind);
        self.json.text("\",\"venue\":\"").text(self.symbol.venue.grammar().name);
        self.json.text("\",\"symbol\":\"").text(self.symbol.name.as_str());
        self.json.text("\",\"sequence\":").int(sequence.cast_signed());
        self.time(",\"ts_event\":", ts_event).time(",\"ts_recv\":", ts_recv);
        self.json.text(",\"snapshot\":").bool(self.stream_type == StreamType::Snapshot);
        self
    }

    fn int(&mut self, key: &str, value: i64) -> &mut Self {
        self.json.text(key).int(value);
        self
    }

    fn time(&mut self, key: &str, ns: i64) -> &mut Self {
        self.int(key, ns.div_euclid(NS_PER_US))
    }

    fn number(&mut self, key: &str, value: Decimal) -> &mut Self {
        self.json.text(key).quoted(value);
        self
    }

    fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.json.text(key).text("\"").text(value).text("\"");
        self
    }

    fn null(&mut self, key: &str) -> &mut Self {
        self.json.text(key).text("null");
        self
    }

    fn bool(&mut self, key: &str, value: bool) -> &mut Self {
        self.json.text(key).bool(value);
        self
    }

    /// A trade's id, which is negative where there is no trade.
    fn id(&mut self, key: &str, id: i64) -> &mut Self {
        if id < 0 {
            return self.null(key);
        }
        self.json.text(key).text("\"").int(id).text("\"");
        self
    }

    fn ids(&mut self, first: i64, last: i64) -> &mut Self {
        self.id(",\"first_trade_id\":", first).id(",\"last_trade_id\":", last)
    }

    fn side(&mut self, taker: Taker) -> &mut Self {
        let side = match taker {
            Taker::Buyer => "buy",
            Taker::Seller => "sell",
        };
        self.text(",\"side\":", side)
    }

    fn best(&mut self, Best { bid, ask }: &Best) -> &mut Self {
        self.number(",\"bid_price\":", bid.price).number(",\"bid_size\":", bid.size);
        self.number(",\"ask_price\":", ask.price).number(",\"ask_size\":", ask.size)
    }

    fn levels<'l>(&mut self, key: &str, levels: impl Iterator<Item = &'l Level>) -> &mut Self {
        self.json.text(key);
        let mut before = "[[";
        for level in levels {
            self.json.text(before).quoted(level.price).text(",").quoted(level.size);
            before = "],[";
        }
        self.json.text(if before == "[[" { "[]" } else { "]]" });
        self
    }

    fn sums(&mut self, sums: &Sums) -> &mut Self {
        self.number(",\"last_price\":", sums.last).number(",\"open\":", sums.open);
        self.number(",\"high\":", sums.high).number(",\"low\":", sums.low);
        self.number(",\"volume\":", sums.volume).number(",\"quote_volume\":", sums.quote_volume)
    }

    fn day(&mut self, key: &str, day: i32) -> &mut Self {
        let Date { year, month, day } = Date::from_days(day);
        self.json.text(key).text("\"").padded(year.into(), 4).text("-").padded(month.into(), 2);
        self.json.text("-").padded(day.into(), 2).text("\"");
        self
    }

    fn execution(&mut self, id: i64, (price, size): (Decimal, Decimal), taker: Taker, ts_trade: i64) -> &mut Self {
        self.id(",\"id\":", id).number(",\"price\":", price).number(",\"size\":", size);
        self.side(taker).time(",\"ts_trade\":", ts_trade)
    }

    pub(super) fn trade(&mut self, trade: &Trade) {
        self.head("trade").execution(trade.id, (trade.price, trade.size), trade.taker, trade.ts_trade);
    }

    pub(super) fn agg_trade(&mut self, trade: &AggTrade) {
        self.head("agg_trade").execution(trade.id, (trade.price, trade.size), trade.taker, trade.ts_trade);
        self.ids(trade.first_id, trade.last_id);
    }

    pub(super) fn block_trade(&mut self, trade: &BlockTrade) {
        self.head("block_trade").execution(trade.id, (trade.price, trade.size), trade.taker, trade.ts_trade);
    }

    pub(super) fn reference_price(&mut self, reference: &ReferencePrice) {
        self.head("reference_price");
        match reference.price {
            Some(price) => self.number(",\"price\":", price),
            None => self.null(",\"price\":"),
        };
        self.time(",\"ts_valid\":", reference.ts_valid);
    }

    pub(super) fn avg_price(&mut self, average: &AvgPrice) {
        self.head("avg_price").number(",\"average_price\":", average.average).time(",\"ts_trade\":", average.ts_trade);
    }

    pub(super) fn book_ticker(&mut self, ticker: &BookTicker) {
        self.head("book_ticker").int(",\"update_id\":", ticker.update_id).best(&ticker.best);
    }

    pub(super) fn depth(&mut self, depth: &Depth, levels: &[Level]) {
        let (bids, asks) = levels.split_at(depth.bids as usize);
        self.head("depth").int(",\"first_id\":", depth.first_id).int(",\"last_id\":", depth.last_id);
        self.levels(",\"bids\":", bids.iter()).levels(",\"asks\":", asks.iter());
    }

    pub(super) fn partial_depth(&mut self, depth: &PartialDepth, levels: &[Level]) {
        let (bids, asks) = levels.split_at(depth.bids as usize);
        self.head("partial_depth").int(",\"last_id\":", depth.last_update_id);
        self.levels(",\"bids\":", bids.iter()).levels(",\"asks\":", asks.iter());
    }

    pub(super) fn order_book(&mut self, book: &Orderbook, levels: &[Level], units: usize) {
        self.head("order_book").number(",\"total_bid_size\":", book.total_bid);
        self.number(",\"total_ask_size\":", book.total_ask);
        match book.grouping.filter(|grouping| !grouping.is_zero()) {
            Some(grouping) => self.number(",\"grouping\":", grouping),
            None => self.null(",\"grouping\":"),
        };
        // The annex holds pairs, ask then bid; zeros stand where a side has no more.
        let side = |from: usize| levels.iter().skip(from).step_by(2).take(units).filter(|level| !level.price.is_zero());
        self.levels(",\"bids\":", side(1)).levels(",\"asks\":", side(0));
    }

    pub(super) fn kline(&mut self, kline: &Kline) {
        let (interval, offset_s) = match self.tick.channel {
            Channel::Kline(interval, zone) => (interval.name(), zone.seconds()),
            _ => ("", 0),
        };
        let prices = [kline.open, kline.high, kline.low, kline.close];
        self.head("kline").bar((interval, offset_s), kline.ts_open, prices, (kline.volume, kline.quote_volume));
        self.time(",\"ts_close\":", kline.ts_close)
            .bool(",\"closed\":", kline.closed)
            .int(",\"trades\":", kline.trades);
        self.number(",\"taker_buy_volume\":", kline.taker_volume);
        self.number(",\"taker_buy_quote_volume\":", kline.taker_quote_volume);
        self.ids(kline.first_id, kline.last_id);
    }

    pub(super) fn candle(&mut self, candle: &Candle) {
        let interval = match self.tick.channel {
            Channel::Candle(unit) => interval(unit),
            _ => "",
        };
        let prices = [candle.open, candle.high, candle.low, candle.close];
        self.head("candle").bar((interval, 0), candle.ts_open, prices, (candle.volume, candle.turnover));
    }

    fn bar(
        &mut self,
        (interval, offset_s): (&str, i64),
        ts_open: i64,
        [open, high, low, close]: [Decimal; 4],
        (volume, quote_volume): (Decimal, Decimal),
    ) {
        self.text(",\"interval\":", interval).int(",\"utc_offset_s\":", offset_s).time(",\"ts_open\":", ts_open);
        self.number(",\"open\":", open)
            .number(",\"high\":", high)
            .number(",\"low\":", low)
            .number(",\"close\":", close);
        self.number(",\"volume\":", volume).number(",\"quote_volume\":", quote_volume);
    }

    pub(super) fn mini_ticker(&mut self, ticker: &MiniTicker) {
        let MiniTicker { close: last, open, high, low, volume, quote_volume } = *ticker;
        self.head("mini_ticker").sums(&Sums { last, open, high, low, volume, quote_volume });
    }

    pub(super) fn window_ticker(&mut self, ticker: &WindowTicker) {
        let WindowTicker { close: last, open, high, low, volume, quote_volume, .. } = *ticker;
        let window = match self.tick.channel {
            Channel::WindowTicker(window) => window.name(),
            _ => "",
        };
        self.head("window_ticker").sums(&Sums { last, open, high, low, volume, quote_volume });
        self.text(",\"window\":", window);
        self.change(ticker.change, ticker.change_percent, ticker.average);
        self.time(",\"ts_open\":", ticker.ts_open).time(",\"ts_close\":", ticker.ts_close);
        self.ids(ticker.first_id, ticker.last_id).int(",\"trades\":", ticker.trades);
    }

    pub(super) fn ticker(&mut self, ticker: &Ticker) {
        let Ticker { open, high, low, volume, quote_volume, .. } = *ticker;
        self.head("ticker").sums(&Sums { last: ticker.last.price, open, high, low, volume, quote_volume });
        self.number(",\"last_size\":", ticker.last.size).number(",\"previous_price\":", ticker.previous);
        self.change(ticker.change, ticker.change_percent, ticker.average).best(&ticker.best);
        self.time(",\"ts_open\":", ticker.ts_open).time(",\"ts_close\":", ticker.ts_close);
        self.ids(ticker.first_id, ticker.last_id).int(",\"trades\":", ticker.trades);
    }

    fn change(&mut self, change: Decimal, percent: Decimal, average: Decimal) -> &mut Self {
        self.number(",\"change\":", change).number(",\"change_percent\":", percent);
        self.number(",\"average_price\":", average)
    }

    pub(super) fn day_ticker(&mut self, ticker: &DayTicker) {
        let DayTicker { open, high, low, volume, turnover: quote_volume, .. } = *ticker;
        self.head("day_ticker").sums(&Sums { last: ticker.last.price, open, high, low, volume, quote_volume });
        self.number(",\"last_size\":", ticker.last.size).side(ticker.taker).time(",\"ts_trade\":", ticker.ts_trade);
        self.number(",\"previous_close\":", ticker.day.previous_close);
        self.number(",\"change\":", ticker.signed_change).number(",\"change_rate\":", ticker.signed_change_rate);
        self.number(",\"taker_buy_volume\":", ticker.bid_volume);
        self.number(",\"taker_sell_volume\":", ticker.ask_volume);
        self.number(",\"volume_24h\":", ticker.volume_24h).number(",\"quote_volume_24h\":", ticker.turnover_24h);
        let Record { price, day } = ticker.highest_52w;
        self.number(",\"high_52w\":", price).day(",\"high_52w_date\":", day);
        let Record { price, day } = ticker.lowest_52w;
        self.number(",\"low_52w\":", price).day(",\"low_52w_date\":", day);
        let state = match ticker.state {
            MarketState::Preview => "preview",
            MarketState::Active => "active",
            MarketState::Delisted => "delisted",
        };
        self.text(",\"state\":", state).bool(",\"suspended\":", ticker.suspended).bool(",\"caution\":", ticker.caution);
        match ticker.delisting_day {
            Some(day) => self.day(",\"delisting_date\":", day),
            None => self.null(",\"delisting_date\":"),
        };
    }
}

/// A candle's length in the words that klines have for it: `1h` is what Upbit calls 60 minutes.
fn interval(unit: Unit) -> &'static str {
    match unit {
        Unit::M60 => "1h",
        Unit::M240 => "4h",
        unit => unit.name(),
    }
}
