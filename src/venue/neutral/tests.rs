//! Each kind as it is written.

use super::*;
use crate::market::channel::{Channel, Interval, Levels, Pace, Unit, Window, Zone};
use crate::market::decimal::Decimal;
use crate::market::symbol::{Name, Venue};
use crate::market::tick::{
    AggTrade, AvgPrice, Best, BlockTrade, BookTicker, Candle, DayChange, DayTicker, Depth, Direction, Kline,
    MarketState, MiniTicker, Orderbook, PartialDepth, Record, ReferencePrice, Taker, Ticker, Trade, WindowTicker,
};

/// What the event of this tick has behind the members that all have.
fn own_members(venue: Venue, channel: Channel, kind: Kind, levels: &[Level]) -> (String, String) {
    let name = if venue == Venue::Binance { "BTCUSDT" } else { "KRW-BTC" };
    let symbol = Symbol::new(venue, Name::new(name).unwrap());
    let (ts_event, ts_recv) = (1_700_000_000_123_456_789, 1_700_000_000_200_000_000);
    let tick = Tick { sequence: 7, ts_recv, ts_event, channel, kind, ..Tick::default() };
    let mut out = Vec::new();
    assert!(write_payload(&tick, levels, &symbol, 30, StreamType::Realtime, &mut out));
    let text = String::from_utf8(out).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let (kind, rest) = text.strip_prefix("{\"kind\":\"").unwrap().split_once('"').unwrap();
    let head = format!(
        ",\"venue\":\"{}\",\"symbol\":\"{name}\",\"sequence\":7,\
         \"ts_event\":1700000000123456,\"ts_recv\":1700000000200000,\"snapshot\":false,",
        venue.grammar().name
    );
    (kind.to_owned(), rest.strip_prefix(&head).unwrap_or_else(|| panic!("{rest}")).to_owned())
}

fn check(venue: Venue, channel: Channel, kind: Kind, levels: &[Level], name: &str, members: &str) {
    assert_eq!(own_members(venue, channel, kind, levels), (name.to_owned(), format!("{members}}}")));
}

fn number(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).unwrap()
}

fn level(price: &str, size: &str) -> Level {
    Level { price: number(price), size: number(size) }
}

fn best() -> Best {
    Best { ask: level("1.2", "3"), bid: level("1.1", "2.0") }
}

const NS_PER_S: i64 = 1_000_000_000;

#[test]
fn executions() {
    let (price, size, ts_trade) = (number("0.10000000"), number("7.9E-4"), 1_500);
    let trade = Trade { id: 17_694_421_800_000_001, price, size, ts_trade, taker: Taker::Buyer, day: None, best: None };
    let members = r#""id":"17694421800000001","price":"0.10000000","size":"7.9E-4","side":"buy","ts_trade":1"#;
    check(Venue::Upbit, Channel::Trade, Kind::Trade(trade), &[], "trade", members);
    let change = DayChange { previous_close: price, direction: Direction::Rise, amount: price };
    let trade = Trade { day: Some(change), best: Some(best()), ..trade };
    check(Venue::Upbit, Channel::Trade, Kind::Trade(trade), &[], "trade", members);
    let trade = AggTrade { id: 5, price, size, first_id: 8, last_id: 9, ts_trade, taker: Taker::Seller };
    let members = r#""id":"5","price":"0.10000000","size":"7.9E-4","side":"sell","ts_trade":1,"first_trade_id":"8","last_trade_id":"9""#;
    check(Venue::Binance, Channel::AggTrade, Kind::AggTrade(trade), &[], "agg_trade", members);
    let trade = BlockTrade { id: 5, price, size, ts_trade, taker: Taker::Seller };
    let members = r#""id":"5","price":"0.10000000","size":"7.9E-4","side":"sell","ts_trade":1"#;
    check(Venue::Binance, Channel::BlockTrade, Kind::BlockTrade(trade), &[], "block_trade", members);
}

#[test]
fn prices() {
    let reference = |price| Kind::ReferencePrice(ReferencePrice { price, ts_valid: 2_000_000 });
    let members = r#""price":"61737.63","ts_valid":2000"#;
    let channel = Channel::ReferencePrice;
    check(Venue::Binance, channel, reference(Some(number("61737.63"))), &[], "reference_price", members);
    check(Venue::Binance, channel, reference(None), &[], "reference_price", r#""price":null,"ts_valid":2000"#);
    let average = Kind::AvgPrice(AvgPrice { average: number("1.50"), ts_trade: 3_000 });
    check(Venue::Binance, Channel::AvgPrice, average, &[], "avg_price", r#""average_price":"1.50","ts_trade":3"#);
}

#[test]
fn books() {
    let ticker = Kind::BookTicker(BookTicker { update_id: 9, best: best() });
    let members = r#""update_id":9,"bid_price":"1.1","bid_size":"2.0","ask_price":"1.2","ask_size":"3""#;
    check(Venue::Binance, Channel::BookTicker, ticker, &[], "book_ticker", members);
    let levels = [level("1.1", "0.0"), level("1.0", "4"), level("1.2", "3")];
    let depth = Kind::Depth(Depth { first_id: 3, last_id: 4, bids: 2 });
    let members = r#""first_id":3,"last_id":4,"bids":[["1.1","0.0"],["1.0","4"]],"asks":[["1.2","3"]]"#;
    check(Venue::Binance, Channel::Depth(Pace::Ms100), depth, &levels, "depth", members);
    let depth = Kind::PartialDepth(PartialDepth { last_update_id: 4, bids: 0 });
    let channel = Channel::PartialDepth(Levels::L5, Pace::Ms100);
    let members = r#""last_id":4,"bids":[],"asks":[["1.1","0.0"],["1.0","4"],["1.2","3"]]"#;
    check(Venue::Binance, channel, depth, &levels, "partial_depth", members);
}

#[test]
fn an_order_book_is_two_sides_without_what_fills_the_shorter_one_up() {
    let levels = [level("12", "1"), level("11", "2"), level("13", "3"), Level::default()];
    let book = |grouping| {
        let (total_ask, total_bid) = (number("4"), number("2.0"));
        Kind::Orderbook(Orderbook { total_ask, total_bid, grouping })
    };
    let totals = r#""total_bid_size":"2.0","total_ask_size":"4""#;
    let sides = r#""bids":[["11","2"]],"asks":[["12","1"],["13","3"]]"#;
    for (grouping, written) in [(None, "null"), (Some(Decimal::ZERO), "null"), (Some(number("1000")), r#""1000""#)] {
        let members = format!(r#"{totals},"grouping":{written},{sides}"#);
        check(Venue::Upbit, Channel::Orderbook, book(grouping), &levels, "order_book", &members);
    }
    let symbol = Symbol::new(Venue::Upbit, Name::new("KRW-BTC").unwrap());
    let (mut out, tick) = (Vec::new(), Tick { kind: book(None), ..Tick::default() });
    assert!(write_payload(&tick, &levels, &symbol, 1, StreamType::Snapshot, &mut out));
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with(r#""bids":[["11","2"]],"asks":[["12","1"]]}"#), "{text}");
    assert!(text.contains(r#""snapshot":true"#), "{text}");
}

#[test]
fn candles_of_all_venues_begin_with_the_same_members() {
    let [open, high, low, close] = ["1.0", "4", "0.5", "2"].map(number);
    let (volume, quote_volume) = (number("10"), number("20.00"));
    let bar = r#""utc_offset_s":0,"ts_open":60000000,"open":"1.0","high":"4","low":"0.5","close":"2","volume":"10","quote_volume":"20.00""#;
    let candle = Candle { ts_open: 60 * NS_PER_S, open, high, low, close, volume, turnover: quote_volume };
    for (unit, name) in [(Unit::M1, "1m"), (Unit::M60, "1h"), (Unit::M240, "4h"), (Unit::S1, "1s")] {
        let members = format!(r#""interval":"{name}",{bar}"#);
        check(Venue::Upbit, Channel::Candle(unit), Kind::Candle(candle), &[], "candle", &members);
    }
    let kline = Kline {
        ts_open: 60 * NS_PER_S,
        ts_close: 120 * NS_PER_S - 1_000_000,
        first_id: -1,
        last_id: 12,
        open,
        close,
        high,
        low,
        volume,
        trades: 3,
        closed: true,
        quote_volume,
        taker_volume: number("6"),
        taker_quote_volume: number("7"),
    };
    let behind = r#""ts_close":119999000,"closed":true,"trades":3,"taker_buy_volume":"6","taker_buy_quote_volume":"7","first_trade_id":null,"last_trade_id":"12""#;
    let members = format!(r#""interval":"1m",{bar},{behind}"#);
    let channel = Channel::Kline(Interval::M1, Zone::Utc);
    check(Venue::Binance, channel, Kind::Kline(kline), &[], "kline", &members);
    let members = members.replace("\"1m\"", "\"1d\"").replace("_s\":0", "_s\":28800");
    check(Venue::Binance, Channel::Kline(Interval::D1, Zone::Plus8), Kind::Kline(kline), &[], "kline", &members);
}

const SUMS: &str = r#""last_price":"2","open":"1.0","high":"4","low":"0.5","volume":"10","quote_volume":"20.00""#;

#[test]
fn statistics_begin_with_the_same_members() {
    let [open, high, low, close] = ["1.0", "4", "0.5", "2"].map(number);
    let (volume, quote_volume) = (number("10"), number("20.00"));
    let mini = MiniTicker { close, open, high, low, volume, quote_volume };
    check(Venue::Binance, Channel::MiniTicker, Kind::MiniTicker(mini), &[], "mini_ticker", SUMS);
    let (change, change_percent, average) = (number("1.0"), number("100.000"), number("2.0"));
    let (ts_open, ts_close) = (60 * NS_PER_S, 120 * NS_PER_S);
    let changes = r#""change":"1.0","change_percent":"100.000","average_price":"2.0""#;
    let times = r#""ts_open":60000000,"ts_close":120000000,"first_trade_id":"3","last_trade_id":"5","trades":3"#;
    let (first_id, last_id, trades) = (3, 5, 3);
    let window = Kind::WindowTicker(WindowTicker {
        change,
        change_percent,
        open,
        high,
        low,
        close,
        average,
        volume,
        quote_volume,
        ts_open,
        ts_close,
        first_id,
        last_id,
        trades,
    });
    let members = format!(r#"{SUMS},"window":"4h",{changes},{times}"#);
    check(Venue::Binance, Channel::WindowTicker(Window::H4), window, &[], "window_ticker", &members);
    let ticker = Kind::Ticker(Ticker {
        change,
        change_percent,
        average,
        previous: number("0.9"),
        last: level("2", "0.25"),
        best: best(),
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
    });
    let best = r#""bid_price":"1.1","bid_size":"2.0","ask_price":"1.2","ask_size":"3""#;
    let members = format!(r#"{SUMS},"last_size":"0.25","previous_price":"0.9",{changes},{best},{times}"#);
    check(Venue::Binance, Channel::Ticker, ticker, &[], "ticker", &members);
}

#[test]
fn statistics_of_a_day() {
    let [open, high, low, volume, turnover] = ["1.0", "4", "0.5", "10", "20.00"].map(number);
    let ticker = DayTicker {
        open,
        high,
        low,
        volume,
        turnover,
        last: level("2", "0.25"),
        day: DayChange { previous_close: number("2.5"), direction: Direction::Fall, amount: number("0.5") },
        signed_change: number("-0.5"),
        change_rate: number("0.2000000000"),
        signed_change_rate: number("-0.2000000000"),
        ask_volume: number("4"),
        bid_volume: number("6"),
        turnover_24h: number("50"),
        volume_24h: number("30"),
        taker: Taker::Seller,
        ts_trade: 5_000_000,
        highest_52w: Record { price: number("9"), day: 19_000 },
        lowest_52w: Record { price: number("0.1"), day: 0 },
        state: MarketState::Active,
        suspended: false,
        caution: true,
        delisting_day: None,
    };
    let members = [
        SUMS,
        r#""last_size":"0.25","side":"sell","ts_trade":5000,"previous_close":"2.5","change":"-0.5""#,
        r#""change_rate":"-0.2000000000","taker_buy_volume":"6","taker_sell_volume":"4","volume_24h":"30""#,
        r#""quote_volume_24h":"50","high_52w":"9","high_52w_date":"2022-01-08","low_52w":"0.1""#,
        r#""low_52w_date":"1970-01-01","state":"active","suspended":false,"caution":true,"delisting_date":null"#,
    ]
    .join(",");
    check(Venue::Upbit, Channel::DayTicker, Kind::DayTicker(ticker), &[], "day_ticker", &members);
    let ticker = DayTicker { state: MarketState::Delisted, delisting_day: Some(19_000), ..ticker };
    let members = members.replace("active", "delisted").replace("e\":null", "e\":\"2022-01-08\"");
    check(Venue::Bithumb, Channel::DayTicker, Kind::DayTicker(ticker), &[], "day_ticker", &members);
}

#[test]
fn what_tells_of_no_market_is_not_written() {
    let symbol = Symbol::new(Venue::Upbit, Name::new("KRW-BTC").unwrap());
    for kind in [Kind::Announce(symbol), Kind::Second, Kind::End] {
        let (mut out, tick) = (Vec::new(), Tick { kind, ..Tick::default() });
        assert!(!write_payload(&tick, &[], &symbol, 30, StreamType::Realtime, &mut out));
        assert!(out.is_empty());
    }
}
