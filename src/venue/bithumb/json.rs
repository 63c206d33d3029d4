//! Events as Bithumb writes them: compact, members in the order of the wire, numbers plain.

use crate::market::channel::Channel;
use crate::market::civil::{KST_NS, day_and_second};
use crate::market::decimal::Decimal;
use crate::market::quotient::rounded;
use crate::market::tick::{DayChange, DayTicker, Kind, Level, Orderbook, Record, Taker, Tick, Trade};
use crate::venue::json::Json;
use crate::venue::upbit::json::StreamType;
use crate::venue::upbit::keys::{Keys, LONG, SHORT};
use crate::venue::upbit::words;
use crate::venue::upbit::{Edition, Layout, grouping};

/// Decimal places of rates.
const RATE_PLACES: u8 = 8;

/// Appends the payload of a tick, as [`Write`](crate::venue::grammar::Write) says.
pub(super) fn write_payload(
    tick: &Tick,
    levels: &[Level],
    code: &str,
    layout: &Layout,
    stream_type: StreamType,
    merged: &mut Vec<Level>,
    out: &mut Vec<u8>,
) -> bool {
    let (mut levels, mut level) = (levels, None);
    if let (Channel::Orderbook, Some(grouping)) = (tick.channel, layout.grouping) {
        level = grouping::merge(grouping, code, levels, merged);
        if level.is_none() {
            return false;
        }
        levels = merged;
    }
    if !matches!(tick.kind, Kind::Trade(_) | Kind::DayTicker(_) | Kind::Orderbook(_)) {
        return false;
    }
    let keys = if layout.format.is_short() { &SHORT } else { &LONG };
    let mut event = Event { keys, stream_type, json: Json(out) };
    if layout.format.is_list() {
        event.json.text("[");
    }
    match &tick.kind {
        Kind::Trade(trade) => event.trade(code, trade, tick.ts_event),
        Kind::DayTicker(ticker) => event.ticker(code, ticker, tick.ts_event),
        Kind::Orderbook(book) => {
            let units = match layout.edition {
                Edition::Today => usize::from(layout.units),
                Edition::Recorded => (levels.len() / 2).min(usize::from(layout.units)),
            };
            event.orderbook(code, level.as_ref().unwrap_or(book), levels, units, tick.ts_event);
        }
        _ => {}
    }
    if layout.format.is_list() {
        event.json.text("]");
    }
    true
}

/// One event in the making.
struct Event<'a> {
    keys: &'static Keys,
    stream_type: StreamType,
    json: Json<'a>,
}

impl Event<'_> {
    fn head(&mut self, name: &str, code: &str) -> &mut Self {
        self.json.text(self.keys.ty).text(name).text(self.keys.cd).text(code).text("\"");
        self
    }

    fn number(&mut self, key: &str, value: Decimal) -> &mut Self {
        self.json.text(key);
        value.write_plain(self.json.0);
        self
    }

    fn rate(&mut self, key: &str, value: Decimal) -> &mut Self {
        self.number(key, rounded(value, RATE_PLACES).unwrap_or(value))
    }

    fn time(&mut self, key: &str, ns: i64) -> &mut Self {
        self.json.text(key).millis(ns);
        self
    }

    fn end(&mut self) {
        self.json.text(self.keys.st).text(self.stream_type.as_json()).text("}");
    }

    fn taker(&mut self, taker: Taker) -> &mut Self {
        self.json.text(self.keys.ab).text(words::taker(taker));
        self
    }

    fn change(&mut self, day: &DayChange) -> &mut Self {
        let keys = self.keys;
        self.number(keys.pcp, day.previous_close).json.text(keys.c).text(words::direction(day.direction));
        self.number(keys.cp, day.amount)
    }

    fn date(&mut self, key: &str, day: i32, dash: &str) -> &mut Self {
        self.json.text(key).date(day, dash);
        self
    }

    /// Date and time of the day of an instant, in Korea.
    fn korean(&mut self, key: &str, ns: i64, dash: &str, colon: &str) -> &mut Self {
        let (day, second) = day_and_second(ns + KST_NS);
        let ttm = self.keys.ttm;
        self.date(key, day, dash).json.text(ttm).time_of_day(second, colon);
        self
    }

    fn trade(&mut self, code: &str, trade: &Trade, ts_event: i64) {
        let keys = self.keys;
        self.head("trade", code).number(keys.tp, trade.price).number(keys.tv, trade.size).taker(trade.taker);
        if let Some(day) = &trade.day {
            self.change(day);
        } else {
            for key in [keys.pcp, keys.c, keys.cp] {
                self.json.text(key).text("null");
            }
        }
        self.korean(keys.td, trade.ts_trade, "-", ":").time(keys.ttms, trade.ts_trade);
        self.json.text(keys.sid).int(trade.id);
        self.time(keys.tms, ts_event).end();
    }

    fn orderbook(&mut self, code: &str, book: &Orderbook, levels: &[Level], units: usize, ts_event: i64) {
        let keys = self.keys;
        self.head("orderbook", code).number(keys.tas, book.total_ask).number(keys.tbs, book.total_bid);
        self.json.text(keys.obu);
        for i in 0..units {
            if i > 0 {
                self.json.text(",");
            }
            let (ask, bid) = levels.get(2 * i..2 * i + 2).map_or_else(Default::default, |pair| (pair[0], pair[1]));
            self.number(keys.ap, ask.price).number(keys.bp, bid.price);
            self.number(keys.ask_size, ask.size).number(keys.bs, bid.size).json.text("}");
        }
        let one = Decimal::new(1, 0).unwrap_or(Decimal::ZERO);
        self.json.text("]");
        self.number(keys.lv, book.grouping.filter(|level| !level.is_zero()).unwrap_or(one));
        self.json.text(keys.tms).int(ts_event.div_euclid(1_000));
        self.end();
    }

    fn record(&mut self, price_key: &str, date_key: &str, record: &Record) -> &mut Self {
        self.number(price_key, record.price).date(date_key, record.day, "-")
    }

    fn ticker(&mut self, code: &str, ticker: &DayTicker, ts_event: i64) {
        let keys = self.keys;
        self.head("ticker", code).number(keys.op, ticker.open).number(keys.hp, ticker.high).number(keys.lp, ticker.low);
        self.number(keys.tp, ticker.last.price).change(&ticker.day).number(keys.scp, ticker.signed_change);
        self.rate(keys.cr, ticker.change_rate).rate(keys.scr, ticker.signed_change_rate);
        self.number(keys.tv, ticker.last.size).number(keys.atv, ticker.volume).number(keys.atv24h, ticker.volume_24h);
        self.number(keys.atp, ticker.turnover).number(keys.atp24h, ticker.turnover_24h);
        self.korean(keys.tdt, ticker.ts_trade, "", "").time(keys.ttms, ticker.ts_trade).taker(ticker.taker);
        self.number(keys.aav, ticker.ask_volume).number(keys.abv, ticker.bid_volume);
        self.record(keys.h52wp, keys.h52wdt, &ticker.highest_52w).record(keys.l52wp, keys.l52wdt, &ticker.lowest_52w);
        self.json.text(keys.ms).text(words::state(ticker.state));
        self.json.text(keys.its).bool(ticker.suspended);
        match ticker.delisting_day {
            None => {
                self.json.text(keys.dd).text("\"\"");
            }
            Some(day) => {
                self.json.text(keys.dd);
                self.date("\"", day, "-").json.text("\"");
            }
        }
        self.json.text(keys.mw).text(words::warning(ticker.caution));
        self.time(keys.tms, ts_event).end();
    }
}
