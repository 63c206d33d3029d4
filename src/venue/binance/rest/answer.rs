//! Answers about books, trades and candles: compact, members in the documented order, prices and sizes as strings.
//!
//! Each function appends one body, or one part of it. Lists come as iterators, so that they may be parts of whatever
//! the server keeps them in.

use crate::market::book::Book;
use crate::market::decimal::Decimal;
use crate::market::tick::{AggTrade, BlockTrade, Kline, Level, ReferencePrice, Taker, Trade};
use crate::venue::binance::TimeUnit;
use crate::venue::json::Json;

/// What a ping is answered with.
pub const PING: &str = "{}";

/// Appends a list: each item by `write`, between brackets and commas.
pub fn write_list<T>(items: impl IntoIterator<Item = T>, out: &mut Vec<u8>, mut write: impl FnMut(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// Appends the time, `now` in nanoseconds since the epoch.
pub fn write_time(now: i64, unit: TimeUnit, out: &mut Vec<u8>) {
    Json(out).text("{\"serverTime\":").int(unit.of(now)).text("}");
}

/// Appends the best `limit` levels of both sides of a book, best first.
pub fn write_depth(book: &Book, limit: usize, out: &mut Vec<u8>) {
    Json(out).text("{\"lastUpdateId\":").int(book.last_update_id()).text(",\"bids\":");
    write_list(book.bids().take(limit), out, write_level);
    Json(out).text(",\"asks\":");
    write_list(book.asks().take(limit), out, write_level);
    Json(out).text("}");
}

fn write_level(level: Level, out: &mut Vec<u8>) {
    Json(out).text("[").quoted(level.price).text(",").quoted(level.size).text("]");
}

/// Appends trades, oldest first; recent and historical ones look alike.
pub fn write_trades<'t>(trades: impl IntoIterator<Item = &'t Trade>, unit: TimeUnit, out: &mut Vec<u8>) {
    write_list(trades, out, |trade, out| {
        write_trade(trade, unit, out);
        Json(out).text(",\"isBestMatch\":true}");
    });
}

/// Appends block trades, oldest first.
pub fn write_block_trades<'t>(trades: impl IntoIterator<Item = &'t BlockTrade>, unit: TimeUnit, out: &mut Vec<u8>) {
    write_list(trades, out, |block, out| {
        let BlockTrade { id, price, size, ts_trade, taker } = *block;
        write_trade(&Trade { id, price, size, ts_trade, taker, day: None, best: None }, unit, out);
        Json(out).text("}");
    });
}

/// What all trades have in common; the object is left open.
fn write_trade(trade: &Trade, unit: TimeUnit, out: &mut Vec<u8>) {
    let mut json = Json(out);
    json.text("{\"id\":").int(trade.id);
    json.text(",\"price\":").quoted(trade.price).text(",\"qty\":").quoted(trade.size);
    json.text(",\"quoteQty\":").quoted(quote_size(trade.price, trade.size));
    json.text(",\"time\":").int(unit.of(trade.ts_trade));
    json.text(",\"isBuyerMaker\":").bool(trade.taker == Taker::Seller);
}

/// Appends a symbol's reference price, which may be none, and since when it is that.
pub fn write_reference_price(symbol: &str, reference: &ReferencePrice, unit: TimeUnit, out: &mut Vec<u8>) {
    let mut json = Json(out);
    json.text("{\"symbol\":\"").text(symbol).text("\",\"referencePrice\":");
    match reference.price {
        Some(price) => json.quoted(price),
        None => json.text("null"),
    };
    json.text(",\"timestamp\":").int(unit.of(reference.ts_valid)).text("}");
}

/// Appends the execution rules of symbols of which none are known.
pub fn write_execution_rules<'s>(symbols: impl IntoIterator<Item = &'s str>, out: &mut Vec<u8>) {
    Json(out).text("{\"symbolRules\":");
    write_list(symbols, out, |symbol, out| {
        Json(out).text("{\"symbol\":\"").text(symbol).text("\",\"rules\":[]}");
    });
    Json(out).text("}");
}

/// Appends aggregated trades, oldest first.
pub fn write_agg_trades<'t>(trades: impl IntoIterator<Item = &'t AggTrade>, unit: TimeUnit, out: &mut Vec<u8>) {
    write_list(trades, out, |trade, out| {
        let mut json = Json(out);
        json.text("{\"a\":").int(trade.id);
        json.text(",\"p\":").quoted(trade.price).text(",\"q\":").quoted(trade.size);
        json.text(",\"f\":").int(trade.first_id).text(",\"l\":").int(trade.last_id);
        json.text(",\"T\":").int(unit.of(trade.ts_trade));
        json.text(",\"m\":").bool(trade.taker == Taker::Seller).text(",\"M\":true}");
    });
}

/// Appends candles, oldest first: arrays of twelve, open, high, low, close in this order, unlike the stream's.
pub fn write_klines<'k>(klines: impl IntoIterator<Item = &'k Kline>, unit: TimeUnit, out: &mut Vec<u8>) {
    write_list(klines, out, |kline, out| {
        let mut json = Json(out);
        json.text("[").int(unit.of(kline.ts_open));
        for value in [kline.open, kline.high, kline.low, kline.close, kline.volume] {
            json.text(",").quoted(value);
        }
        json.text(",").int(unit.of(kline.ts_close)).text(",").quoted(kline.quote_volume);
        json.text(",").int(kline.trades);
        json.text(",").quoted(kline.taker_volume).text(",").quoted(kline.taker_quote_volume).text(",\"0\"]");
    });
}

/// Appends an average price over five minutes; `ts_close` is the time of the last trade in it.
pub fn write_avg_price(price: Decimal, ts_close: i64, unit: TimeUnit, out: &mut Vec<u8>) {
    Json(out).text("{\"mins\":5,\"price\":").quoted(price).text(",\"closeTime\":").int(unit.of(ts_close)).text("}");
}

/// What a trade cost in the quote currency, in eight places; what lies beyond them is cut off, which is nothing where a
/// symbol's prices and sizes have eight places between them, as the exchange's have.
///
/// Zero for a product of more than 38 digits, which no market has.
fn quote_size(price: Decimal, size: Decimal) -> Decimal {
    const PLACES: u8 = 8;
    let product = price.mantissa().checked_mul(size.mantissa());
    let surplus = price.scale() + size.scale() - i32::from(PLACES);
    let power = 10_i128.checked_pow(surplus.unsigned_abs());
    let mantissa = product.zip(power).and_then(|(product, power)| match surplus {
        0.. => Some(product / power),
        _ => product.checked_mul(power),
    });
    mantissa.and_then(|mantissa| Decimal::new(mantissa, PLACES).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    fn level(price: &str, size: &str) -> Level {
        Level { price: decimal(price), size: decimal(size) }
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_book_is_told_best_first_and_cut_at_the_limit() {
        let bids = [level("9.00", "1.0"), level("10.00", "2.0"), level("8.00", "3.0")];
        let book = Book::from_snapshot(42, &bids, &[level("11.00", "4.0")]);
        assert_eq!(
            written(|out| write_depth(&book, 2, out)),
            r#"{"lastUpdateId":42,"bids":[["10.00","2.0"],["9.00","1.0"]],"asks":[["11.00","4.0"]]}"#
        );
        assert_eq!(written(|out| write_depth(&Book::default(), 5, out)), r#"{"lastUpdateId":0,"bids":[],"asks":[]}"#);
    }

    #[test]
    fn trades_have_the_documented_members_in_either_unit() {
        let trade = |id, taker| Trade {
            id,
            price: decimal("61837.63000000"),
            size: decimal("0.02000000"),
            ts_trade: 1_790_000_000_123_456_789,
            taker,
            day: None,
            best: None,
        };
        let trades = [trade(1, Taker::Seller), trade(2, Taker::Buyer)];
        let text = written(|out| write_trades(&trades, TimeUnit::Milliseconds, out));
        assert_eq!(
            text,
            concat!(
                r#"[{"id":1,"price":"61837.63000000","qty":"0.02000000","quoteQty":"1236.75260000","#,
                r#""time":1790000000123,"isBuyerMaker":true,"isBestMatch":true},"#,
                r#"{"id":2,"price":"61837.63000000","qty":"0.02000000","quoteQty":"1236.75260000","#,
                r#""time":1790000000123,"isBuyerMaker":false,"isBestMatch":true}]"#
            )
        );
        let text = written(|out| write_trades(&trades[..1], TimeUnit::Microseconds, out));
        assert!(text.contains(r#""time":1790000000123456,"#));
        assert_eq!(written(|out| write_trades([], TimeUnit::Milliseconds, out)), "[]");
        let Trade { id, price, size, ts_trade, taker, .. } = trades[0];
        let block = BlockTrade { id, price, size, ts_trade, taker };
        let text = written(|out| write_block_trades([&block], TimeUnit::Milliseconds, out));
        assert!(text.ends_with(r#""time":1790000000123,"isBuyerMaker":true}]"#), "{text}");
    }

    #[test]
    fn aggregated_trades_have_letters() {
        let trade = AggTrade {
            id: 26129,
            price: decimal("0.01633102"),
            size: decimal("4.70443515"),
            first_id: 27781,
            last_id: 27782,
            ts_trade: 1_498_793_709_153_000_000,
            taker: Taker::Seller,
        };
        assert_eq!(
            written(|out| write_agg_trades([&trade], TimeUnit::Milliseconds, out)),
            r#"[{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27782,"T":1498793709153,"m":true,"M":true}]"#
        );
    }

    #[test]
    fn candles_are_arrays_of_twelve_in_the_order_open_high_low_close() {
        let kline = Kline {
            ts_open: 1_790_000_040_000_000_000,
            ts_close: 1_790_000_099_999_000_000,
            first_id: 1,
            last_id: 9,
            open: decimal("1.1"),
            close: decimal("1.4"),
            high: decimal("1.2"),
            low: decimal("1.3"),
            volume: decimal("5.0"),
            trades: 9,
            closed: true,
            quote_volume: decimal("6.0"),
            taker_volume: decimal("7.0"),
            taker_quote_volume: decimal("8.0"),
        };
        assert_eq!(
            written(|out| write_klines([&kline], TimeUnit::Milliseconds, out)),
            r#"[[1790000040000,"1.1","1.2","1.3","1.4","5.0",1790000099999,"6.0",9,"7.0","8.0","0"]]"#
        );
    }

    #[test]
    fn small_answers() {
        assert_eq!(
            written(|out| write_time(1_790_000_000_000_000_000, TimeUnit::Milliseconds, out)),
            r#"{"serverTime":1790000000000}"#
        );
        assert_eq!(
            written(|out| write_avg_price(
                decimal("9.35751834"),
                1_790_000_000_000_000_000,
                TimeUnit::Microseconds,
                out
            )),
            r#"{"mins":5,"price":"9.35751834","closeTime":1790000000000000}"#
        );
    }

    #[test]
    fn reference_prices_may_be_none_and_rules_may_be_unknown() {
        let of = |price| {
            let reference = ReferencePrice { price, ts_valid: 1_790_000_000_123_456_789 };
            written(|out| write_reference_price("A", &reference, TimeUnit::Milliseconds, out))
        };
        assert_eq!(of(None), r#"{"symbol":"A","referencePrice":null,"timestamp":1790000000123}"#);
        assert_eq!(of(Some(decimal("1.50"))), r#"{"symbol":"A","referencePrice":"1.50","timestamp":1790000000123}"#);
        assert_eq!(
            written(|out| write_execution_rules(["A", "B"], out)),
            r#"{"symbolRules":[{"symbol":"A","rules":[]},{"symbol":"B","rules":[]}]}"#
        );
    }

    #[test]
    fn what_a_trade_cost_has_eight_places() {
        for (price, size, cost) in [
            ("61837.63000000", "0.00001000", "0.61837630"),
            ("127.0", "2", "254.00000000"),
            ("0.00000001", "0.5", "0.00000000"),
            ("2.2E-7", "1.0E7", "2.20000000"),
            ("92233720368.54775807", "92233720368.54775807", "8507059173023461584739.69077842"),
        ] {
            assert_eq!(quote_size(decimal(price), decimal(size)).to_string(), cost);
        }
    }

    proptest! {
        #[test]
        fn no_numbers_make_it_panic(
            a in any::<i64>(),
            sa in 0_u8..=31,
            b in -(10_i128.pow(34))..10_i128.pow(34),
            sb in 0_u8..=31,
        ) {
            quote_size(Decimal::new(a.into(), sa).unwrap(), Decimal::new(b, sb).unwrap());
        }
    }
}
