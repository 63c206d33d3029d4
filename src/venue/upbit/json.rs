//! Events as Upbit writes them: compact, members in the order of the wire, numbers bare and as they were spelled.

use crate::market::civil::{Date, NS_PER_MS, day_and_second};
use crate::market::decimal::Decimal;
use crate::market::tick::{
    DayChange, DayTicker, Direction, Kind, Level, MarketState, Orderbook, Record, Taker, Tick, Trade,
};
use crate::venue::json::Json;
use crate::venue::upbit::Format;
use crate::venue::upbit::keys::{Keys, LONG, SHORT};

/// Whether an event is the state a subscription starts from or an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamType {
    /// The newest value at the time of the request.
    Snapshot,
    /// An update.
    Realtime,
}

/// Appends the payload of a tick. `code` is the exchange's spelling, `KRW-BTC`.
///
/// Appends nothing and returns false for a tick of a kind that Upbit does not have.
pub fn write_payload(
    tick: &Tick,
    levels: &[Level],
    code: &str,
    format: Format,
    stream_type: StreamType,
    out: &mut Vec<u8>,
) -> bool {
    let keys = if format.is_short() { &SHORT } else { &LONG };
    let mut event = Event { tick, code, keys, stream_type, json: Json(out) };
    if format.is_list() {
        event.json.text("[");
    }
    match &tick.kind {
        Kind::Trade(trade) => event.trade(trade),
        Kind::DayTicker(ticker) => event.ticker(ticker),
        Kind::Orderbook(book) => event.orderbook(book, levels),
        _ => {
            if format.is_list() {
                out.pop();
            }
            return false;
        }
    }
    if format.is_list() {
        event.json.text("]");
    }
    true
}

/// One event in the making. Each method writes one kind, its members in the order of the wire.
struct Event<'a> {
    tick: &'a Tick,
    code: &'a str,
    keys: &'static Keys,
    stream_type: StreamType,
    json: Json<'a>,
}

impl Event<'_> {
    fn head(&mut self, name: &str) -> &mut Self {
        self.json.text(self.keys.ty).text(name).text(self.keys.cd).text(self.code).text("\"");
        self
    }

    fn number(&mut self, key: &str, value: Decimal) -> &mut Self {
        self.json.text(key).number(value);
        self
    }

    fn time(&mut self, key: &str, ns: i64) -> &mut Self {
        self.json.text(key).int(ns.div_euclid(NS_PER_MS));
        self
    }

    fn stream_type(&mut self) {
        self.json.text(self.keys.st).text(match self.stream_type {
            StreamType::Snapshot => "\"SNAPSHOT\"",
            StreamType::Realtime => "\"REALTIME\"",
        });
    }

    fn date(&mut self, key: &str, day: i32, dash: &str) -> &mut Self {
        let Date { year, month, day } = Date::from_days(day);
        self.json.text(key).padded(year.into(), 4).text(dash).padded(month.into(), 2).text(dash).padded(day.into(), 2);
        self
    }

    fn taker(&mut self, taker: Taker) -> &mut Self {
        self.json.text(self.keys.ab).text(match taker {
            Taker::Seller => "\"ASK\"",
            Taker::Buyer => "\"BID\"",
        });
        self
    }

    fn direction(&mut self, day: &DayChange) -> &mut Self {
        self.json.text(self.keys.c).text(match day.direction {
            Direction::Rise => "\"RISE\"",
            Direction::Even => "\"EVEN\"",
            Direction::Fall => "\"FALL\"",
        });
        self
    }

    fn trade(&mut self, trade: &Trade) {
        let (keys, ts_event) = (self.keys, self.tick.ts_event);
        self.head("trade").time(keys.tms, ts_event);
        let (day, second) = day_and_second(trade.ts_trade);
        self.date(keys.td, day, "-").json.text(keys.ttm);
        self.json.padded((second / 3_600).into(), 2).text(":").padded((second / 60 % 60).into(), 2);
        // Upbit's trade time leaves out the seconds of a full minute: "18:17", then "18:17:01".
        if second % 60 != 0 {
            self.json.text(":").padded((second % 60).into(), 2);
        }
        self.time(keys.ttms, trade.ts_trade);
        self.number(keys.tp, trade.price).number(keys.tv, trade.size).taker(trade.taker);
        if let Some(day) = &trade.day {
            self.number(keys.pcp, day.previous_close).direction(day).number(keys.cp, day.amount);
        }
        self.json.text(keys.sid).int(trade.id);
        if let Some(best) = &trade.best {
            self.number(keys.bap, best.ask.price).number(keys.bas, best.ask.size);
            self.number(keys.bbp, best.bid.price).number(keys.bbs, best.bid.size);
        }
        self.stream_type();
        self.json.text("}");
    }

    fn orderbook(&mut self, book: &Orderbook, levels: &[Level]) {
        let (keys, ts_event) = (self.keys, self.tick.ts_event);
        self.head("orderbook").time(keys.tms, ts_event);
        self.number(keys.tas, book.total_ask).number(keys.tbs, book.total_bid);
        self.json.text(keys.obu);
        for (i, unit) in levels.chunks_exact(2).enumerate() {
            if i > 0 {
                self.json.text(",");
            }
            let (ask, bid) = (unit[0], unit[1]);
            self.number(keys.ap, ask.price).number(keys.bp, bid.price);
            self.number(keys.ask_size, ask.size).number(keys.bs, bid.size);
            self.json.text("}");
        }
        self.json.text("]");
        self.stream_type();
        if let Some(grouping) = book.grouping {
            self.number(keys.lv, grouping);
        }
        self.json.text("}");
    }

    fn record(&mut self, price_key: &str, date_key: &str, record: &Record) -> &mut Self {
        self.number(price_key, record.price).date(date_key, record.day, "-")
    }

    fn ticker(&mut self, ticker: &DayTicker) {
        let keys = self.keys;
        self.head("ticker").number(keys.op, ticker.open).number(keys.hp, ticker.high).number(keys.lp, ticker.low);
        self.number(keys.tp, ticker.last.price).number(keys.pcp, ticker.day.previous_close);
        self.number(keys.atp, ticker.turnover).direction(&ticker.day);
        self.number(keys.cp, ticker.day.amount).number(keys.scp, ticker.signed_change);
        self.number(keys.cr, ticker.change_rate).number(keys.scr, ticker.signed_change_rate);
        self.taker(ticker.taker).number(keys.tv, ticker.last.size).number(keys.atv, ticker.volume);
        let (day, second) = day_and_second(ticker.ts_trade);
        self.date(keys.tdt, day, "").json.text(keys.ttm);
        self.json
            .padded((second / 3_600).into(), 2)
            .padded((second / 60 % 60).into(), 2)
            .padded((second % 60).into(), 2);
        self.time(keys.ttms, ticker.ts_trade);
        self.number(keys.aav, ticker.ask_volume).number(keys.abv, ticker.bid_volume);
        self.record(keys.h52wp, keys.h52wdt, &ticker.highest_52w);
        self.record(keys.l52wp, keys.l52wdt, &ticker.lowest_52w);
        self.json.text(keys.ms).text(match ticker.state {
            MarketState::Preview => "\"PREVIEW\"",
            MarketState::Active => "\"ACTIVE\"",
            MarketState::Delisted => "\"DELISTED\"",
        });
        self.json.text(keys.its).bool(ticker.suspended);
        match ticker.delisting_day {
            None => self.json.text(keys.dd).text("null"),
            Some(days) => {
                let date = Date::from_days(days);
                self.json.text(keys.dd).text("{\"year\":").int(date.year.into());
                self.json.text(",\"month\":").int(date.month.into()).text(",\"day\":").int(date.day.into()).text("}")
            }
        };
        self.json.text(keys.mw).text(if ticker.caution { "\"CAUTION\"" } else { "\"NONE\"" });
        self.time(keys.tms, self.tick.ts_event);
        self.number(keys.atp24h, ticker.turnover_24h).number(keys.atv24h, ticker.volume_24h);
        self.stream_type();
        self.json.text("}");
    }
}
