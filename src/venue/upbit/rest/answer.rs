//! How answers are written: members in the exchange's order, numbers plain.

use crate::market::civil::{KST_NS, day_and_second};
use crate::market::decimal::Decimal;
use crate::market::kept::quotation::BookWindow;
use crate::market::quotient::{plain, quotient};
use crate::market::symbol::Name;
use crate::market::tick::{DayTicker, Direction, Level, Record, Trade};
use crate::market::trading::bar::Bar;
use crate::venue::json::Json;
use crate::venue::upbit::rest::orderbook::{Steps, grouped};
use crate::venue::upbit::rest::query::Length;
use crate::venue::upbit::rest::reply::{Answer, Candle};
use crate::venue::upbit::words;

impl Answer {
    /// The body, an array.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Answer::Markets(markets, is_details) => {
                list(&mut out, markets, |market, out| market.write(*is_details, out))
            }
            Answer::Tickers(tickers) => {
                list(&mut out, tickers, |(code, ticker, ts_event), out| write_ticker(code, ticker, *ts_event, out))
            }
            Answer::Orderbooks { books, level, count } => {
                // A step that a market does not have leaves its book out.
                let merged = books.iter().filter_map(|(code, book)| Some((code, grouped(code, book, *level)?)));
                list(&mut out, merged, |(code, book), out| write_orderbook(code, &book, *level, *count, out));
            }
            Answer::Instruments(books, is_older) => {
                let steps = books.iter().filter_map(|(code, book)| Some((code, Steps::of(code, book)?)));
                list(&mut out, steps, |(code, steps), out| write_steps(code, &steps, *is_older, out));
            }
            Answer::Trades(code, trades) => list(&mut out, trades, |trade, out| write_trade(code, trade, out)),
            Answer::Candles(code, length, candles) => {
                list(&mut out, candles, |candle, out| write_candle(code, *length, candle, out));
            }
        }
        out
    }
}

fn list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, write: impl Fn(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (number, item) in items.into_iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// One object in the making.
struct Object<'a>(Json<'a>);

impl<'a> Object<'a> {
    fn begin(code: &Name, out: &'a mut Vec<u8>) -> Object<'a> {
        let mut json = Json(out);
        json.text("{\"market\":\"").text(code.as_str()).text("\"");
        Object(json)
    }

    fn key(&mut self, key: &str) -> &mut Json<'a> {
        self.0.text(",\"").text(key).text("\":");
        &mut self.0
    }

    fn number(&mut self, key: &str, value: Decimal) -> &mut Self {
        self.key(key).number(plain(value));
        self
    }

    /// `null` where there is none.
    fn optional(&mut self, key: &str, value: Option<Decimal>) -> &mut Self {
        match value {
            Some(value) => self.number(key, value),
            None => {
                self.key(key).text("null");
                self
            }
        }
    }

    fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).text("\"").text(value).text("\"");
        self
    }

    fn milliseconds(&mut self, key: &str, ns: i64) -> &mut Self {
        self.key(key).millis(ns);
        self
    }

    fn date(&mut self, key: &str, ns: i64, dash: &str) -> &mut Self {
        self.key(key).text("\"").date(day_and_second(ns).0, dash).text("\"");
        self
    }

    fn time(&mut self, key: &str, ns: i64, colon: &str) -> &mut Self {
        self.key(key).text("\"").time_of_day(day_and_second(ns).1, colon).text("\"");
        self
    }

    /// `yyyy-MM-ddTHH:mm:ss`.
    fn date_time(&mut self, key: &str, ns: i64) -> &mut Self {
        let (day, second) = day_and_second(ns);
        self.key(key).text("\"").date(day, "-").text("T").time_of_day(second, ":").text("\"");
        self
    }

    fn record(&mut self, price_key: &str, date_key: &str, record: &Record) -> &mut Self {
        self.number(price_key, record.price).key(date_key).text("\"").date(record.day, "-").text("\"");
        self
    }

    fn end(&mut self) {
        self.0.text("}");
    }
}

fn write_ticker(code: &Name, ticker: &DayTicker, ts_event: i64, out: &mut Vec<u8>) {
    let mut object = Object::begin(code, out);
    let (utc, kst) = (ticker.ts_trade, ticker.ts_trade + KST_NS);
    object.date("trade_date", utc, "").time("trade_time", utc, "");
    object.date("trade_date_kst", kst, "").time("trade_time_kst", kst, "").milliseconds("trade_timestamp", utc);
    object.number("opening_price", ticker.open).number("high_price", ticker.high).number("low_price", ticker.low);
    object.number("trade_price", ticker.last.price).number("prev_closing_price", ticker.day.previous_close);
    object.key("change").text(words::direction(ticker.day.direction));
    object.number("change_price", ticker.day.amount).number("change_rate", ticker.change_rate);
    object.number("signed_change_price", ticker.signed_change);
    object.number("signed_change_rate", ticker.signed_change_rate).number("trade_volume", ticker.last.size);
    object.number("acc_trade_price", ticker.turnover).number("acc_trade_price_24h", ticker.turnover_24h);
    object.number("acc_trade_volume", ticker.volume).number("acc_trade_volume_24h", ticker.volume_24h);
    object.record("highest_52_week_price", "highest_52_week_date", &ticker.highest_52w);
    object.record("lowest_52_week_price", "lowest_52_week_date", &ticker.lowest_52w);
    object.milliseconds("timestamp", ts_event).end();
}

/// Always `count` units; where the book has fewer they are zeros. The totals are those of the whole window.
fn write_orderbook(code: &Name, window: &BookWindow, level: Decimal, count: usize, out: &mut Vec<u8>) {
    let mut object = Object::begin(code, out);
    object.milliseconds("timestamp", window.ts_event);
    object.number("total_ask_size", window.book.total_ask).number("total_bid_size", window.book.total_bid);
    object.key("orderbook_units").text("[");
    let units = window.units().chain(std::iter::repeat((Level::default(), Level::default())));
    for (number, (ask, bid)) in units.take(count).enumerate() {
        let json = &mut object.0;
        json.text(if number == 0 { "{\"bid_price\":" } else { ",{\"bid_price\":" }).number(plain(bid.price));
        json.text(",\"bid_size\":").number(plain(bid.size)).text(",\"ask_price\":").number(plain(ask.price));
        json.text(",\"ask_size\":").number(plain(ask.size)).text("}");
    }
    object.0.text("]");
    object.number("level", level).end();
}

fn write_steps(code: &Name, steps: &Steps, is_older: bool, out: &mut Vec<u8>) {
    let mut object = Object::begin(code, out);
    let mark = if is_older { "" } else { "\"" };
    if !is_older {
        object.text("quote_currency", code.as_str().split_once('-').map_or("", |(quote, _)| quote));
        object.key("tick_size").quoted(plain(steps.tick));
    }
    object.key("supported_levels").text("[");
    for (number, level) in steps.levels.iter().enumerate() {
        object.0.text(if number == 0 { "" } else { "," }).text(mark).number(plain(*level)).text(mark);
    }
    object.0.text("]");
    object.end();
}

fn write_trade(code: &Name, trade: &Trade, out: &mut Vec<u8>) {
    let mut object = Object::begin(code, out);
    object.date("trade_date_utc", trade.ts_trade, "-").time("trade_time_utc", trade.ts_trade, ":");
    object.milliseconds("timestamp", trade.ts_trade);
    object.number("trade_price", trade.price).number("trade_volume", trade.size);
    let change = trade.day.and_then(|day| match day.direction {
        Direction::Fall => Decimal::ZERO.checked_sub(day.amount),
        Direction::Even | Direction::Rise => Some(day.amount),
    });
    object.optional("prev_closing_price", trade.day.map(|day| day.previous_close)).optional("change_price", change);
    object.key("ask_bid").text(words::taker(trade.taker));
    object.key("sequential_id").int(trade.id);
    object.end();
}

fn write_candle(code: &Name, length: Length, candle: &Candle, out: &mut Vec<u8>) {
    let Candle { bar, previous_close, converted } = candle;
    let mut object = Object::begin(code, out);
    object.date_time("candle_date_time_utc", bar.ts_open).date_time("candle_date_time_kst", bar.ts_open + KST_NS);
    object.number("opening_price", bar.open).number("high_price", bar.high).number("low_price", bar.low);
    object.number("trade_price", bar.close).milliseconds("timestamp", bar.ts_update);
    object.number("candle_acc_trade_price", bar.turnover).number("candle_acc_trade_volume", bar.volume);
    match length {
        Length::Second => {}
        Length::Minutes(unit) => {
            object.key("unit").int(unit.into());
        }
        Length::Day => {
            let (change, rate) = day_change(bar, *previous_close);
            object.optional("prev_closing_price", *previous_close).optional("change_price", change);
            object.optional("change_rate", rate);
            if let Some(converted) = converted {
                object.optional("converted_trade_price", *converted);
            }
        }
        Length::Week | Length::Month | Length::Year => {
            object.date("first_day_of_period", bar.ts_open, "-");
        }
    }
    object.end();
}

/// Change and rate against the day before, both with their sign.
fn day_change(bar: &Bar, previous_close: Option<Decimal>) -> (Option<Decimal>, Option<Decimal>) {
    let change = previous_close.and_then(|previous| bar.close.checked_sub(previous));
    let rate = previous_close.zip(change).and_then(|(previous, change)| quotient(change, previous, 10));
    (change, rate)
}
