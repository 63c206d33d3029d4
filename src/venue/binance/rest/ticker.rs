//! Answers about tickers: one object for `symbol`, a list of them for `symbols` or none.
//!
//! Each function appends one object; [`write_list`](crate::venue::binance::rest::answer::write_list) makes lists of
//! them.

use crate::market::decimal::Decimal;
use crate::market::tick::{Best, Level, Ticker, WindowTicker};
use crate::venue::binance::TimeUnit;
use crate::venue::binance::rest::value::Form;
use crate::venue::json::Json;

/// Appends a symbol's statistics of 24 hours.
pub fn write_day_ticker(ticker: &Ticker, symbol: &str, form: Form, unit: TimeUnit, out: &mut Vec<u8>) {
    let mut object = Object::begin(symbol, out);
    if form == Form::Full {
        object.change(ticker);
        object.number(",\"prevClosePrice\":", ticker.previous);
        object.number(",\"lastPrice\":", ticker.last.price).number(",\"lastQty\":", ticker.last.size);
        object.best(&ticker.best);
        object.extremes(ticker);
    } else {
        object.extremes(ticker).number(",\"lastPrice\":", ticker.last.price);
    }
    object.end(ticker, unit);
}

/// Appends a symbol's statistics of a trading day or of a rolling window, which tell nothing of what was before it or
/// of best bid and ask.
pub fn write_window_ticker(window: &WindowTicker, symbol: &str, form: Form, unit: TimeUnit, out: &mut Vec<u8>) {
    let WindowTicker { change, change_percent, average, open, high, low, volume, quote_volume, .. } = *window;
    let WindowTicker { ts_open, ts_close, first_id, last_id, trades, .. } = *window;
    let last = Level { price: window.close, size: Decimal::ZERO };
    let (previous, best) = (open, Best::default());
    let ticker = &Ticker {
        change,
        change_percent,
        average,
        previous,
        last,
        best,
        open,
        high,
        low,
        volume,
        quote_volume,
        ts_open,
        ts_close,
        first_id,
        last_id,
        trades,
    };
    let mut object = Object::begin(symbol, out);
    if form == Form::Full {
        object.change(ticker);
    }
    object.extremes(ticker).number(",\"lastPrice\":", ticker.last.price);
    object.end(ticker, unit);
}

/// Appends a symbol's last price.
pub fn write_price(symbol: &str, price: Decimal, out: &mut Vec<u8>) {
    let mut object = Object::begin(symbol, out);
    object.number(",\"price\":", price);
    object.json.text("}");
}

/// Appends a symbol's best bid and ask; there is no update id here.
pub fn write_book_ticker(symbol: &str, best: &Best, out: &mut Vec<u8>) {
    let mut object = Object::begin(symbol, out);
    object.best(best);
    object.json.text("}");
}

/// One object in the making. Each method writes members that follow one another wherever they occur.
struct Object<'a> {
    json: Json<'a>,
}

impl<'a> Object<'a> {
    fn begin(symbol: &str, out: &'a mut Vec<u8>) -> Object<'a> {
        let mut json = Json(out);
        json.text("{\"symbol\":\"").text(symbol).text("\"");
        Object { json }
    }

    fn number(&mut self, key: &str, value: Decimal) -> &mut Self {
        self.json.text(key).quoted(value);
        self
    }

    fn int(&mut self, key: &str, value: i64) -> &mut Self {
        self.json.text(key).int(value);
        self
    }

    fn change(&mut self, ticker: &Ticker) -> &mut Self {
        self.number(",\"priceChange\":", ticker.change);
        self.number(",\"priceChangePercent\":", ticker.change_percent);
        self.number(",\"weightedAvgPrice\":", ticker.average)
    }

    fn best(&mut self, best: &Best) -> &mut Self {
        self.number(",\"bidPrice\":", best.bid.price).number(",\"bidQty\":", best.bid.size);
        self.number(",\"askPrice\":", best.ask.price).number(",\"askQty\":", best.ask.size)
    }

    fn extremes(&mut self, ticker: &Ticker) -> &mut Self {
        self.number(",\"openPrice\":", ticker.open);
        self.number(",\"highPrice\":", ticker.high).number(",\"lowPrice\":", ticker.low)
    }

    fn end(&mut self, ticker: &Ticker, unit: TimeUnit) {
        self.number(",\"volume\":", ticker.volume).number(",\"quoteVolume\":", ticker.quote_volume);
        self.int(",\"openTime\":", unit.of(ticker.ts_open)).int(",\"closeTime\":", unit.of(ticker.ts_close));
        self.int(",\"firstId\":", ticker.first_id).int(",\"lastId\":", ticker.last_id);
        self.int(",\"count\":", ticker.trades);
        self.json.text("}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::binance::rest::answer::write_list;
    use serde_json::Value;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    fn level(price: &str, size: &str) -> Level {
        Level { price: decimal(price), size: decimal(size) }
    }

    fn ticker() -> Ticker {
        Ticker {
            change: decimal("-0.00005600"),
            change_percent: decimal("-0.242"),
            average: decimal("0.02319607"),
            previous: decimal("0.02316400"),
            last: level("0.02310400", "5.36300000"),
            best: Best { ask: level("0.02310900", "4.36800000"), bid: level("0.02310400", "18.63700000") },
            open: decimal("0.02316000"),
            high: decimal("0.02339400"),
            low: decimal("0.02285600"),
            volume: decimal("271051.58200000"),
            quote_volume: decimal("6287.33183442"),
            ts_open: 1_586_907_877_969_000_000,
            ts_close: 1_586_994_277_969_000_000,
            first_id: 172_250_401,
            last_id: 172_331_090,
            trades: 80_690,
        }
    }

    fn rolling_window() -> WindowTicker {
        let of = ticker();
        WindowTicker {
            change: of.change,
            change_percent: of.change_percent,
            open: of.open,
            high: of.high,
            low: of.low,
            close: of.last.price,
            average: of.average,
            volume: of.volume,
            quote_volume: of.quote_volume,
            ts_open: of.ts_open,
            ts_close: of.ts_close,
            first_id: of.first_id,
            last_id: of.last_id,
            trades: of.trades,
        }
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// The names of an object's members in the order of the text, which holds no other colons.
    fn members(text: &str) -> Vec<&str> {
        serde_json::from_str::<Value>(text).unwrap();
        text.split("\":").map(|part| part.rsplit('"').next().unwrap()).filter(|name| !name.ends_with('}')).collect()
    }

    const MINI: &str = "symbol openPrice highPrice lowPrice lastPrice volume quoteVolume openTime closeTime firstId \
                        lastId count";

    #[test]
    fn members_stand_in_the_documented_order() {
        let full = "symbol priceChange priceChangePercent weightedAvgPrice prevClosePrice lastPrice lastQty bidPrice \
                    bidQty askPrice askQty openPrice highPrice lowPrice volume quoteVolume openTime closeTime firstId \
                    lastId count";
        let window = "symbol priceChange priceChangePercent weightedAvgPrice openPrice highPrice lowPrice lastPrice \
                      volume quoteVolume openTime closeTime firstId lastId count";
        let unit = TimeUnit::Milliseconds;
        let day = |form| written(|out| write_day_ticker(&ticker(), "ETHBTC", form, unit, out));
        let rolling = |form| written(|out| write_window_ticker(&rolling_window(), "ETHBTC", form, unit, out));
        for (text, expected) in [
            (day(Form::Full), full),
            (day(Form::Mini), MINI),
            (rolling(Form::Full), window),
            (rolling(Form::Mini), MINI),
        ] {
            assert_eq!(members(&text).join(" "), expected);
        }
        assert_eq!(day(Form::Mini), rolling(Form::Mini));
    }

    #[test]
    fn numbers_are_strings_and_ids_and_times_are_not() {
        assert_eq!(
            written(|out| write_day_ticker(&ticker(), "ETHBTC", Form::Mini, TimeUnit::Microseconds, out)),
            concat!(
                r#"{"symbol":"ETHBTC","openPrice":"0.02316000","highPrice":"0.02339400","lowPrice":"0.02285600","#,
                r#""lastPrice":"0.02310400","volume":"271051.58200000","quoteVolume":"6287.33183442","#,
                r#""openTime":1586907877969000,"closeTime":1586994277969000,"firstId":172250401,"lastId":172331090,"#,
                r#""count":80690}"#
            )
        );
    }

    #[test]
    fn several_symbols_make_a_list() {
        let prices = [("ETHBTC", decimal("0.02310400")), ("LTCBTC", decimal("0.00592700"))];
        assert_eq!(
            written(|out| write_list(prices, out, |(symbol, price), out| write_price(symbol, price, out))),
            r#"[{"symbol":"ETHBTC","price":"0.02310400"},{"symbol":"LTCBTC","price":"0.00592700"}]"#
        );
        assert_eq!(
            written(|out| write_book_ticker("ETHBTC", &ticker().best, out)),
            concat!(
                r#"{"symbol":"ETHBTC","bidPrice":"0.02310400","bidQty":"18.63700000","#,
                r#""askPrice":"0.02310900","askQty":"4.36800000"}"#
            )
        );
    }
}
