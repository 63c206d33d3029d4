//! Events as Upbit writes them: compact, members in the order of the wire, numbers bare and spelled as they are there.

use crate::market::channel::{Channel, Unit};
use crate::market::civil::{Date, KST_NS, day_and_second};
use crate::market::decimal::Decimal;
use crate::market::tick::{Candle, DayChange, DayTicker, Kind, Level, Orderbook, Record, Taker, Tick, Trade};
use crate::venue::json::Json;
use crate::venue::upbit::grouping;
use crate::venue::upbit::keys::{Keys, LONG, SHORT};
use crate::venue::upbit::spelling::{Spelling, Spellings, spellings};
use crate::venue::upbit::words;
use crate::venue::upbit::{Edition, Layout};

/// Whether an event is the state a subscription starts from or an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamType {
    /// The newest value at the time of the request.
    Snapshot,
    /// An update.
    Realtime,
}

impl StreamType {
    /// As JSON.
    #[inline]
    pub fn as_json(self) -> &'static str {
        match self {
            StreamType::Snapshot => "\"SNAPSHOT\"",
            StreamType::Realtime => "\"REALTIME\"",
        }
    }
}

/// Appends the payload of a tick. `code` is the exchange's spelling, `KRW-BTC`.
///
/// Appends nothing and returns false for a tick of a kind that Upbit does not have, and for an order book of a market
/// that does not support the grouping asked for. `merged` is scratch. Allocates nothing once both have grown.
pub fn write_payload(
    tick: &Tick,
    levels: &[Level],
    code: &str,
    layout: &Layout,
    stream_type: StreamType,
    merged: &mut Vec<Level>,
    out: &mut Vec<u8>,
) -> bool {
    let Layout { format, units, grouping, mut edition } = *layout;
    let (mut levels, mut grouped) = (levels, None);
    if let (Kind::Orderbook(_), Some(grouping)) = (&tick.kind, grouping) {
        grouped = grouping::merge(grouping, code, levels, merged);
        if grouped.is_none() {
            return false;
        }
        (levels, edition) = (merged.as_slice(), Edition::Today);
    }
    let start = out.len();
    let keys = if format.is_short() { &SHORT } else { &LONG };
    let mut event =
        Event { tick, code, keys, spellings: spellings(edition, format), edition, stream_type, json: Json(out) };
    if format.is_list() {
        event.json.text("[");
    }
    match (&tick.kind, tick.channel) {
        (Kind::Trade(trade), _) => event.trade(trade),
        (Kind::DayTicker(ticker), _) => event.ticker(ticker),
        (Kind::Orderbook(book), _) => event.orderbook(grouped.as_ref().unwrap_or(book), levels, units.into()),
        (Kind::Candle(candle), Channel::Candle(unit)) => event.candle(candle, unit),
        _ => {
            out.truncate(start);
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
    spellings: &'static Spellings,
    edition: Edition,
    stream_type: StreamType,
    json: Json<'a>,
}

impl Event<'_> {
    fn head(&mut self, name: &str) -> &mut Self {
        self.json.text(self.keys.ty).text(name).text(self.keys.cd).text(self.code).text("\"");
        self
    }

    fn number(&mut self, key: &str, value: Decimal, spelling: Spelling) -> &mut Self {
        self.json.text(key);
        spelling.write(value, self.json.0);
        self
    }

    /// Members that nobody knows: null today, as they are always there; left out of what is served as recorded.
    fn unknown(&mut self, keys: &[&str]) {
        if self.edition == Edition::Today {
            for key in keys {
                self.json.text(key).text("null");
            }
        }
    }

    fn time(&mut self, key: &str, ns: i64) -> &mut Self {
        self.json.text(key).millis(ns);
        self
    }

    fn stream_type(&mut self) {
        self.json.text(self.keys.st).text(self.stream_type.as_json());
    }

    fn date(&mut self, key: &str, day: i32, dash: &str) -> &mut Self {
        self.json.text(key).date(day, dash);
        self
    }

    fn taker(&mut self, taker: Taker) -> &mut Self {
        self.json.text(self.keys.ab).text(words::taker(taker));
        self
    }

    fn direction(&mut self, day: &DayChange) -> &mut Self {
        self.json.text(self.keys.c).text(words::direction(day.direction));
        self
    }

    /// A date and a time of the day: `2026-03-18T05:30:00`.
    fn date_time(&mut self, key: &str, ns: i64) -> &mut Self {
        let (day, second) = day_and_second(ns);
        self.date(key, day, "-").json.text("T").time_of_day(second, ":");
        self
    }

    fn trade(&mut self, trade: &Trade) {
        let (keys, spellings, ts_event) = (self.keys, self.spellings, self.tick.ts_event);
        self.head("trade").time(keys.tms, ts_event);
        let (day, second) = day_and_second(trade.ts_trade);
        self.date(keys.td, day, "-").json.text(keys.ttm);
        if self.edition == Edition::Recorded && second % 60 == 0 {
            // Upbit once left out the seconds of a full minute: "18:17", then "18:17:01".
            self.json.padded((second / 3_600).into(), 2).text(":").padded((second / 60 % 60).into(), 2);
        } else {
            self.json.time_of_day(second, ":");
        }
        self.time(keys.ttms, trade.ts_trade);
        self.number(keys.tp, trade.price, spellings.trade_price).number(keys.tv, trade.size, spellings.trade_size);
        self.taker(trade.taker);
        match &trade.day {
            Some(day) => {
                self.number(keys.pcp, day.previous_close, spellings.trade_day).direction(day);
                self.number(keys.cp, day.amount, spellings.trade_day);
            }
            None => self.unknown(&[keys.pcp, keys.c, keys.cp]),
        }
        self.json.text(keys.sid).int(trade.id);
        let (price, size) = (spellings.best_price, spellings.best_size);
        match &trade.best {
            Some(best) => {
                self.number(keys.bap, best.ask.price, price).number(keys.bas, best.ask.size, size);
                self.number(keys.bbp, best.bid.price, price).number(keys.bbs, best.bid.size, size);
            }
            None => self.unknown(&[keys.bap, keys.bas, keys.bbp, keys.bbs]),
        }
        self.stream_type();
        self.json.text("}");
    }

    fn orderbook(&mut self, book: &Orderbook, levels: &[Level], units: usize) {
        let (keys, spellings, ts_event) = (self.keys, self.spellings, self.tick.ts_event);
        self.head("orderbook").time(keys.tms, ts_event);
        self.number(keys.tas, book.total_ask, spellings.book_total);
        self.number(keys.tbs, book.total_bid, spellings.book_total);
        self.json.text(keys.obu);
        let known = levels.len() / 2;
        for i in 0..if self.edition == Edition::Today { units } else { known.min(units) } {
            if i > 0 {
                self.json.text(",");
            }
            let (ask, bid) = if i < known { (levels[2 * i], levels[2 * i + 1]) } else { Default::default() };
            self.number(keys.ap, ask.price, spellings.book_price).number(keys.bp, bid.price, spellings.book_price);
            self.number(keys.ask_size, ask.size, spellings.book_size).number(keys.bs, bid.size, spellings.book_size);
            self.json.text("}");
        }
        self.json.text("]");
        self.stream_type();
        match (book.grouping, self.edition) {
            (Some(grouping), Edition::Recorded) => self.number(keys.lv, grouping, Spelling::Stored),
            (None, Edition::Recorded) => self,
            (grouping, Edition::Today) => self.number(keys.lv, grouping.unwrap_or(Decimal::ZERO), Spelling::Plain),
        }
        .json
        .text("}");
    }

    fn candle(&mut self, candle: &Candle, unit: Unit) {
        let (keys, spellings, ts_event) = (self.keys, self.spellings, self.tick.ts_event);
        self.json.text(keys.ty).text("candle.").text(unit.name()).text(keys.cd).text(self.code);
        self.date_time(keys.cdttmu, candle.ts_open).date_time(keys.cdttmk, candle.ts_open + KST_NS).json.text("\"");
        self.number(keys.op, candle.open, spellings.price).number(keys.hp, candle.high, spellings.price);
        self.number(keys.lp, candle.low, spellings.price).number(keys.tp, candle.close, spellings.price);
        self.number(keys.catv, candle.volume, spellings.size).number(keys.catp, candle.turnover, spellings.turnover);
        self.time(keys.tms, ts_event).stream_type();
        self.json.text("}");
    }

    fn record(&mut self, price_key: &str, date_key: &str, record: &Record) -> &mut Self {
        self.number(price_key, record.price, self.spellings.price).date(date_key, record.day, "-")
    }

    fn ticker(&mut self, ticker: &DayTicker) {
        let keys = self.keys;
        let &Spellings { price, size, rate, turnover, turnover_24h, .. } = self.spellings;
        self.head("ticker").number(keys.op, ticker.open, price).number(keys.hp, ticker.high, price);
        self.number(keys.lp, ticker.low, price).number(keys.tp, ticker.last.price, price);
        self.number(keys.pcp, ticker.day.previous_close, price).number(keys.atp, ticker.turnover, turnover);
        self.direction(&ticker.day);
        self.number(keys.cp, ticker.day.amount, price).number(keys.scp, ticker.signed_change, price);
        self.number(keys.cr, ticker.change_rate, rate).number(keys.scr, ticker.signed_change_rate, rate);
        self.taker(ticker.taker).number(keys.tv, ticker.last.size, size).number(keys.atv, ticker.volume, size);
        let (day, second) = day_and_second(ticker.ts_trade);
        self.date(keys.tdt, day, "").json.text(keys.ttm).time_of_day(second, "");
        self.time(keys.ttms, ticker.ts_trade);
        self.number(keys.aav, ticker.ask_volume, size).number(keys.abv, ticker.bid_volume, size);
        self.record(keys.h52wp, keys.h52wdt, &ticker.highest_52w);
        self.record(keys.l52wp, keys.l52wdt, &ticker.lowest_52w);
        self.json.text(keys.ms).text(words::state(ticker.state));
        self.json.text(keys.its).bool(ticker.suspended);
        match ticker.delisting_day {
            None => self.json.text(keys.dd).text("null"),
            Some(days) => {
                let date = Date::from_days(days);
                self.json.text(keys.dd).text("{\"year\":").int(date.year.into());
                self.json.text(",\"month\":").int(date.month.into()).text(",\"day\":").int(date.day.into()).text("}")
            }
        };
        self.json.text(keys.mw).text(words::warning(ticker.caution));
        self.time(keys.tms, self.tick.ts_event);
        self.number(keys.atp24h, ticker.turnover_24h, turnover_24h).number(keys.atv24h, ticker.volume_24h, size);
        self.stream_type();
        self.json.text("}");
    }
}
