//! Events as Binance writes them: compact, members in the documented order, prices and sizes as strings.

use crate::market::channel::Channel;
use crate::market::decimal::Decimal;
use crate::market::tick::{
    AggTrade, AvgPrice, BlockTrade, BookTicker, Depth, Kind, Kline, Level, MiniTicker, PartialDepth, ReferencePrice,
    Taker, Tick, Ticker, Trade, WindowTicker,
};
use crate::venue::binance::TimeUnit;
use crate::venue::json::Json;

/// Appends the payload of a tick. `symbol` is the exchange's spelling, upper case.
///
/// Appends nothing and returns false for a tick of a channel that Binance does not have.
pub fn write_payload(tick: &Tick, levels: &[Level], symbol: &str, unit: TimeUnit, out: &mut Vec<u8>) -> bool {
    let mut event = Event { tick, symbol, unit, json: Json(out) };
    match &tick.kind {
        Kind::Trade(trade) => event.trade(trade),
        Kind::AggTrade(trade) => event.agg_trade(trade),
        Kind::BookTicker(ticker) => event.book_ticker(ticker),
        Kind::Depth(depth) => event.depth(depth, levels),
        Kind::Kline(kline) => event.kline(kline),
        Kind::Ticker(ticker) => event.ticker(ticker),
        Kind::MiniTicker(ticker) => event.mini_ticker(ticker),
        Kind::PartialDepth(depth) => event.partial_depth(depth, levels),
        Kind::WindowTicker(ticker) => event.window_ticker(ticker),
        Kind::AvgPrice(average) => event.avg_price(average),
        Kind::BlockTrade(trade) => event.block_trade(trade),
        Kind::ReferencePrice(reference) => event.reference_price(reference),
        Kind::DayTicker(_) | Kind::Orderbook(_) | Kind::Candle(_) => return false,
        Kind::Announce(_) | Kind::Second | Kind::End => return false,
    }
    true
}

/// One event in the making. Each method writes one kind, its members in the order of the wire.
struct Event<'a> {
    tick: &'a Tick,
    symbol: &'a str,
    unit: TimeUnit,
    json: Json<'a>,
}

impl Event<'_> {
    /// The members nearly every event begins with.
    fn head(&mut self, name: &str) -> &mut Self {
        let event_time = self.unit.of(self.tick.ts_event);
        self.json.text("{\"e\":\"").text(name).text("\",\"E\":").int(event_time);
        self.json.text(",\"s\":\"").text(self.symbol).text("\"");
        self
    }

    fn int(&mut self, key: &str, value: i64) -> &mut Self {
        self.json.text(key).int(value);
        self
    }

    fn time(&mut self, key: &str, ns: i64) -> &mut Self {
        self.json.text(key).int(self.unit.of(ns));
        self
    }

    fn number(&mut self, key: &str, value: Decimal) -> &mut Self {
        self.json.text(key).quoted(value);
        self
    }

    fn maker(&mut self, taker: Taker) {
        self.json.text(match taker {
            Taker::Seller => ",\"m\":true,\"M\":true}",
            Taker::Buyer => ",\"m\":false,\"M\":true}",
        });
    }

    fn trade(&mut self, trade: &Trade) {
        self.head("trade").int(",\"t\":", trade.id);
        self.number(",\"p\":", trade.price).number(",\"q\":", trade.size);
        self.time(",\"T\":", trade.ts_trade).maker(trade.taker);
    }

    fn agg_trade(&mut self, trade: &AggTrade) {
        self.head("aggTrade").int(",\"a\":", trade.id);
        self.number(",\"p\":", trade.price).number(",\"q\":", trade.size);
        self.int(",\"f\":", trade.first_id).int(",\"l\":", trade.last_id);
        self.time(",\"T\":", trade.ts_trade).maker(trade.taker);
    }

    fn block_trade(&mut self, trade: &BlockTrade) {
        self.head("blockTrade").int(",\"t\":", trade.id);
        self.number(",\"p\":", trade.price).number(",\"q\":", trade.size);
        self.time(",\"T\":", trade.ts_trade).json.text(",\"m\":").bool(trade.taker == Taker::Seller).text("}");
    }

    fn reference_price(&mut self, reference: &ReferencePrice) {
        self.json.text("{\"e\":\"referencePrice\",\"s\":\"").text(self.symbol).text("\"");
        match reference.price {
            Some(price) => self.json.text(",\"r\":").quoted(price),
            None => self.json.text(",\"r\":null"),
        };
        self.time(",\"t\":", reference.ts_valid).json.text("}");
    }

    fn book_ticker(&mut self, ticker: &BookTicker) {
        self.int("{\"u\":", ticker.update_id);
        self.json.text(",\"s\":\"").text(self.symbol).text("\"");
        self.number(",\"b\":", ticker.best.bid.price).number(",\"B\":", ticker.best.bid.size);
        self.number(",\"a\":", ticker.best.ask.price).number(",\"A\":", ticker.best.ask.size);
        self.json.text("}");
    }

    fn depth(&mut self, depth: &Depth, levels: &[Level]) {
        let (bids, asks) = levels.split_at(depth.bids as usize);
        self.head("depthUpdate").int(",\"U\":", depth.first_id).int(",\"u\":", depth.last_id);
        self.json.text(",\"b\":");
        self.levels(bids);
        self.json.text(",\"a\":");
        self.levels(asks);
        self.json.text("}");
    }

    fn levels(&mut self, levels: &[Level]) {
        let mut before = "[[";
        for level in levels {
            self.json.text(before).quoted(level.price).text(",").quoted(level.size);
            before = "],[";
        }
        self.json.text(if levels.is_empty() { "[]" } else { "]]" });
    }

    fn partial_depth(&mut self, depth: &PartialDepth, levels: &[Level]) {
        let (bids, asks) = levels.split_at(depth.bids as usize);
        self.int("{\"lastUpdateId\":", depth.last_update_id);
        self.json.text(",\"bids\":");
        self.levels(bids);
        self.json.text(",\"asks\":");
        self.levels(asks);
        self.json.text("}");
    }

    fn avg_price(&mut self, average: &AvgPrice) {
        self.head("avgPrice");
        self.json.text(",\"i\":\"5m\"");
        self.number(",\"w\":", average.average).time(",\"T\":", average.ts_trade);
        self.json.text("}");
    }

    fn window_ticker(&mut self, ticker: &WindowTicker) {
        let Channel::WindowTicker(window) = self.tick.channel else { return };
        let event_time = self.unit.of(self.tick.ts_event);
        self.json.text("{\"e\":\"").text(window.name()).text("Ticker\",\"E\":").int(event_time);
        self.json.text(",\"s\":\"").text(self.symbol).text("\"");
        self.number(",\"p\":", ticker.change).number(",\"P\":", ticker.change_percent);
        self.number(",\"o\":", ticker.open).number(",\"h\":", ticker.high).number(",\"l\":", ticker.low);
        self.number(",\"c\":", ticker.close).number(",\"w\":", ticker.average);
        self.number(",\"v\":", ticker.volume).number(",\"q\":", ticker.quote_volume);
        self.time(",\"O\":", ticker.ts_open).time(",\"C\":", ticker.ts_close);
        self.int(",\"F\":", ticker.first_id).int(",\"L\":", ticker.last_id).int(",\"n\":", ticker.trades);
        self.json.text("}");
    }

    fn kline(&mut self, kline: &Kline) {
        let Channel::Kline(interval, _) = self.tick.channel else { return };
        self.head("kline");
        self.time(",\"k\":{\"t\":", kline.ts_open).time(",\"T\":", kline.ts_close);
        self.json.text(",\"s\":\"").text(self.symbol).text("\",\"i\":\"").text(interval.name()).text("\"");
        self.int(",\"f\":", kline.first_id).int(",\"L\":", kline.last_id);
        self.number(",\"o\":", kline.open).number(",\"c\":", kline.close);
        self.number(",\"h\":", kline.high).number(",\"l\":", kline.low);
        self.number(",\"v\":", kline.volume).int(",\"n\":", kline.trades);
        self.json.text(",\"x\":").bool(kline.closed);
        self.number(",\"q\":", kline.quote_volume);
        self.number(",\"V\":", kline.taker_volume).number(",\"Q\":", kline.taker_quote_volume);
        self.json.text(",\"B\":\"0\"}}");
    }

    fn ticker(&mut self, ticker: &Ticker) {
        self.head("24hrTicker");
        self.number(",\"p\":", ticker.change).number(",\"P\":", ticker.change_percent);
        self.number(",\"w\":", ticker.average).number(",\"x\":", ticker.previous);
        self.number(",\"c\":", ticker.last.price).number(",\"Q\":", ticker.last.size);
        self.number(",\"b\":", ticker.best.bid.price).number(",\"B\":", ticker.best.bid.size);
        self.number(",\"a\":", ticker.best.ask.price).number(",\"A\":", ticker.best.ask.size);
        self.number(",\"o\":", ticker.open).number(",\"h\":", ticker.high).number(",\"l\":", ticker.low);
        self.number(",\"v\":", ticker.volume).number(",\"q\":", ticker.quote_volume);
        self.time(",\"O\":", ticker.ts_open).time(",\"C\":", ticker.ts_close);
        self.int(",\"F\":", ticker.first_id).int(",\"L\":", ticker.last_id).int(",\"n\":", ticker.trades);
        self.json.text("}");
    }

    fn mini_ticker(&mut self, ticker: &MiniTicker) {
        self.head("24hrMiniTicker");
        self.number(",\"c\":", ticker.close).number(",\"o\":", ticker.open);
        self.number(",\"h\":", ticker.high).number(",\"l\":", ticker.low);
        self.number(",\"v\":", ticker.volume).number(",\"q\":", ticker.quote_volume);
        self.json.text("}");
    }
}
