//! Lists and windows by REST from a tape that has trades and nothing else, and to which nobody has subscribed: compared
//! with what the trades add up to here. Numbers are those of the checklist of the venue's conformance.

use crate::support::{Client, Server, recordings, tape};
use serde_json::Value;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// 2026-03-04 22:00 UTC.
const BEGIN_MS: i64 = 1_772_661_600_000;

/// A trade every ten minutes for 26 hours.
const TRADES: i64 = 156;

/// An invented trade; prices in hundredths, sizes in thousandths.
#[derive(Clone, Copy)]
struct Trade {
    id: i64,
    ts_ms: i64,
    price: i64,
    size: i64,
    is_buyer_maker: bool,
}

fn trades() -> Vec<Trade> {
    let trade = |n: i64| Trade {
        id: 1_000 + n,
        ts_ms: BEGIN_MS + n * 600_000 + 123,
        price: 10_000 + n * 37 % 500,
        size: 1 + n % 7,
        is_buyer_maker: n % 3 == 0,
    };
    (0..TRADES).map(trade).collect()
}

fn line(trade: &Trade) -> (i64, String) {
    let Trade { id, ts_ms, price, size, is_buyer_maker } = *trade;
    let message = format!(
        r#"{{"e":"trade","E":{ts_ms},"s":"BTCUSDT","t":{id},"p":"{}.{:02}000000","q":"0.{size:03}00000","T":{ts_ms},"m":{is_buyer_maker},"M":true}}"#,
        price / 100,
        price % 100
    );
    (ts_ms * 1_000_000, message)
}

/// A server that has played the whole tape.
fn played(lines: &[(i64, String)], flags: &[&str]) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "trades.jsonl", lines);
    let mut all = vec!["--feed", &path, "--speed", "max", "--weight-max", "0"];
    all.extend(flags);
    let server = Server::start(&all);
    server.wait_for_count("messages_read", lines.len() as u64);
    (server, folder)
}

fn get(server: &Server, path: &str) -> Value {
    let (status, head, body) = server.get(&format!("/api/v3/{path}"));
    assert_eq!(status, 200, "{path}: {head} {body}");
    serde_json::from_str(&body).unwrap()
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no integer: {value}"))
}

/// A decimal string of eight places as so many units of the eighth.
fn units(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_else(|| panic!("no string: {value}"));
    let (whole, places) = text.split_once('.').expect("a point");
    assert_eq!(places.len(), 8, "{text}");
    whole.parse::<i64>().unwrap() * 100_000_000 + places.parse::<i64>().unwrap()
}

/// Open, high, low, close, volume, quote volume, bought volume, bought quote volume in units of the eighth place; count.
fn sums(trades: &[Trade]) -> ([i64; 8], i64) {
    let (price, size) = (|t: &Trade| t.price * 1_000_000, |t: &Trade| t.size * 100_000);
    let quote = |t: &Trade| t.price * t.size * 1_000;
    let bought = || trades.iter().filter(|trade| !trade.is_buyer_maker);
    let all = [
        trades.first().map_or(0, price),
        trades.iter().map(price).max().unwrap_or(0),
        trades.iter().map(price).min().unwrap_or(0),
        trades.last().map_or(0, price),
        trades.iter().map(size).sum(),
        trades.iter().map(quote).sum(),
        bought().map(size).sum(),
        bought().map(quote).sum(),
    ];
    (all, trades.len() as i64)
}

fn between(trades: &[Trade], from_ms: i64, to_ms: i64) -> Vec<Trade> {
    trades.iter().copied().filter(|trade| (from_ms..to_ms).contains(&trade.ts_ms)).collect()
}

/// Checks each candle against the trades, and that they follow one another from `first_ms` to `last_ms`.
fn check_klines(klines: &Value, length_ms: i64, first_ms: i64, last_ms: i64) {
    let (klines, all) = (klines.as_array().unwrap(), trades());
    let opens: Vec<i64> = klines.iter().map(|kline| int(&kline[0])).collect();
    let expected: Vec<i64> = (first_ms..=last_ms).step_by(length_ms as usize).collect();
    assert_eq!(opens, expected);
    let mut close = None;
    for kline in klines {
        assert_eq!(kline.as_array().unwrap().len(), 12);
        let (open_ms, close_ms) = (int(&kline[0]), int(&kline[6]));
        assert_eq!((close_ms - open_ms, &kline[11]), (length_ms - 1, &Value::from("0")));
        let (mut numbers, count) = sums(&between(&all, open_ms, close_ms + 1));
        if let (0, Some(close)) = (count, close) {
            numbers[..4].fill(close);
        }
        let told = [1, 2, 3, 4, 5, 7, 9, 10].map(|member: usize| units(&kline[member]));
        if count > 0 || close.is_some() {
            assert_eq!((told, int(&kline[8])), (numbers, count), "{kline}");
        }
        close = Some(told[3]);
    }
}

#[test]
fn binance_item_77_klines_follow_from_trades_that_nobody_has_subscribed_to() {
    let lines: Vec<_> = trades().iter().map(line).collect();
    let last_ms = trades().last().unwrap().ts_ms;
    for derive in ["auto", "never"] {
        let (server, _folder) = played(&lines, &["--derive", derive]);
        for (interval, length_ms) in [("15m", HOUR_MS / 4), ("1h", HOUR_MS), ("4h", 4 * HOUR_MS), ("1d", DAY_MS)] {
            let path = format!("klines?symbol=BTCUSDT&interval={interval}");
            let floor = |ms: i64| ms - ms % length_ms;
            check_klines(&get(&server, &path), length_ms, floor(BEGIN_MS), floor(last_ms));
            assert_eq!(get(&server, &path.replace("klines", "uiKlines")), get(&server, &path));
        }
        // Days of a zone begin at its midnight, hours at its whole hours.
        for (zone, ahead_ms) in
            [("8", 8 * HOUR_MS), ("-1:00", -HOUR_MS), ("05:45", 5 * HOUR_MS + 45 * 60_000), ("0:07", 420_000)]
        {
            for (interval, length_ms) in [("1h", HOUR_MS), ("1d", DAY_MS)] {
                let klines = get(&server, &format!("klines?symbol=BTCUSDT&interval={interval}&timeZone={zone}"));
                let floor = |ms: i64| ms - (ms + ahead_ms).rem_euclid(length_ms);
                check_klines(&klines, length_ms, floor(BEGIN_MS), floor(last_ms));
            }
        }
        let month = get(&server, "klines?symbol=BTCUSDT&interval=1M&timeZone=8");
        assert_eq!((month.as_array().unwrap().len(), int(&month[0][8])), (1, TRADES));
        // From a start the oldest, otherwise the newest; times are UTC and those of opening.
        let part = |rest: &str| get(&server, &format!("klines?symbol=BTCUSDT&interval=1m{rest}"));
        let minute = |ms: i64| ms - ms % 60_000;
        check_klines(&part("&limit=30"), 60_000, minute(last_ms) - 29 * 60_000, minute(last_ms));
        let start = BEGIN_MS + HOUR_MS;
        check_klines(&part(&format!("&startTime={}&limit=3", start - 5)), 60_000, start, start + 120_000);
        check_klines(&part(&format!("&endTime={start}&limit=3")), 60_000, start - 120_000, start);
        check_klines(&part(&format!("&startTime={start}&endTime={start}")), 60_000, start, start);
        check_klines(&part(&format!("&startTime={}&limit=2", start * 1_000)), 60_000, start, start + 60_000);
        assert_eq!(part("&endTime=1"), Value::Array(Vec::new()));
        assert_eq!(part("&startTime=9999999999999"), Value::Array(Vec::new()));
        let seconds = get(&server, "klines?symbol=BTCUSDT&interval=1s&limit=1000");
        check_klines(&seconds, 1_000, last_ms / 1_000 * 1_000 - 999_000, last_ms / 1_000 * 1_000);
    }
}

#[test]
fn binance_item_76_windows_and_trading_days_follow_from_the_trades() {
    let (all, last_ms) = (trades(), trades().last().unwrap().ts_ms);
    let lines: Vec<_> = all.iter().map(line).collect();
    let (server, _folder) = played(&lines, &["--derive", "never"]);
    let check = |ticker: &Value, open_ms: i64, close_ms: i64, what: &str| {
        let inside = between(&all, open_ms, close_ms + 1);
        let (numbers, count) = sums(&inside);
        let told = ["openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume"];
        assert_eq!(told.map(|key| units(&ticker[key])), numbers[..6], "{what}: {ticker}");
        let told = ["openTime", "closeTime", "count", "firstId", "lastId"].map(|key| int(&ticker[key]));
        assert_eq!(told, [open_ms, close_ms, count, inside[0].id, inside.last().unwrap().id], "{what}: {ticker}");
    };
    for (window, length_ms) in [
        ("1m", 60_000),
        ("59m", 59 * 60_000),
        ("1h", HOUR_MS),
        ("23h", 23 * HOUR_MS),
        ("1d", DAY_MS),
        ("7d", 7 * DAY_MS),
    ] {
        let ticker = get(&server, &format!("ticker?symbol=BTCUSDT&windowSize={window}"));
        let open_ms = (last_ms - length_ms) / 60_000 * 60_000;
        check(&ticker, open_ms, last_ms, window);
        assert_eq!(ticker.as_object().unwrap().len(), 15);
    }
    assert_eq!(get(&server, "ticker?symbol=BTCUSDT"), get(&server, "ticker?symbol=BTCUSDT&windowSize=1d"));
    for (zone, ahead_ms) in
        [("0", 0), ("8", 8 * HOUR_MS), ("-12:00", -12 * HOUR_MS), ("05:45", 5 * HOUR_MS + 45 * 60_000)]
    {
        let ticker = get(&server, &format!("ticker/tradingDay?symbol=BTCUSDT&timeZone={zone}"));
        let open_ms = last_ms - (last_ms + ahead_ms).rem_euclid(DAY_MS);
        check(&ticker, open_ms, open_ms + DAY_MS - 1, zone);
    }
    for path in ["ticker?", "ticker/tradingDay?"] {
        let several = get(&server, &format!("{path}symbols=[%22BTCUSDT%22]&type=MINI"));
        let several = several.as_array().expect("an array");
        assert_eq!(
            (several.len(), several[0].as_object().unwrap().len(), &several[0]["symbol"]),
            (1, 12, &"BTCUSDT".into())
        );
        let status = |status: &str| server.get(&format!("/api/v3/{path}symbol=BTCUSDT&symbolStatus={status}")).0;
        assert_eq!((status("TRADING"), status("BREAK")), (200, 400));
    }
    let day = get(&server, "ticker/24hr?symbol=BTCUSDT");
    assert_eq!(int(&day["closeTime"]) - int(&day["openTime"]), DAY_MS);
    assert_eq!(int(&day["count"]), between(&all, (last_ms - DAY_MS) / 1_000 * 1_000, last_ms + 1).len() as i64);
    assert_eq!(
        units(&day["prevClosePrice"]),
        all[all.iter().position(|t| t.id == int(&day["firstId"])).unwrap() - 1].price * 1_000_000
    );
    let average = get(&server, "avgPrice?symbol=BTCUSDT");
    assert_eq!(
        (units(&average["price"]), int(&average["closeTime"])),
        (all.last().unwrap().price * 1_000_000, last_ms)
    );
}

#[test]
fn binance_aggregate_trades_by_rest_are_those_of_the_stream() {
    // Orders of one to four trades, and a last one that may go on.
    let mut all = Vec::new();
    for order in 0..1_200_i64 {
        for part in 0..=order % 4 {
            let ts_ms = BEGIN_MS + order * 7;
            let id = 1 + all.len() as i64;
            all.push(Trade { id, ts_ms, price: 10_000 + order % 3, size: 1 + part, is_buyer_maker: order % 2 == 0 });
        }
    }
    let lines: Vec<_> = all.iter().map(line).collect();
    let (server, _folder) = played(&lines, &["--derive", "always", "--wait-for-clients", "0"]);
    let list = get(&server, "aggTrades?symbol=BTCUSDT&limit=1000");
    let list = list.as_array().unwrap();
    let ids: Vec<i64> = list.iter().map(|trade| int(&trade["a"])).collect();
    assert_eq!(ids, (200..1_200).collect::<Vec<i64>>(), "the last order is not over");
    for pair in list.windows(2) {
        assert_eq!(int(&pair[1]["f"]), int(&pair[0]["l"]) + 1);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "again.jsonl", &lines);
    let flags = ["--feed", &path, "--speed", "max", "--wait-for-clients", "1", "--derive", "always", "--exit-at-end"];
    let listened = Server::start(&flags);
    let mut client = Client::open(&listened, "/ws/btcusdt@aggTrade");
    for (told, expected) in std::iter::from_fn(|| Some(client.next_event())).skip(199).zip(list) {
        let told: Value = serde_json::from_str(told.text()).unwrap();
        for key in ["a", "p", "q", "f", "l", "T", "m", "M"] {
            assert_eq!(told[key], expected[key]);
        }
    }
    assert_eq!(int(&get(&server, "aggTrades?symbol=BTCUSDT&fromId=700&limit=2")[1]["a"]), 701);
    let trades = get(&server, "trades?symbol=BTCUSDT&limit=1000");
    assert_eq!(int(&trades[999]["id"]), all.len() as i64);
}

#[test]
fn binance_candles_of_the_feed_itself_are_told_where_they_know_more() {
    let Some(folder) = recordings() else { return };
    let path = folder.join("binance-spot-20210404-3sym.jsonl.zst");
    let flags = ["--feed", path.to_str().unwrap(), "--speed", "max", "--weight-max", "0"];
    let server = Server::start(&flags);
    let lines = crate::support::lines(&path);
    server.wait_for_count("messages_read", lines.len() as u64);
    let mut compared = 0;
    for symbol in ["BTCUSDT", "ETHUSDT", "DOTUSDT"] {
        let mut newest = std::collections::BTreeMap::new();
        for (_, message) in &lines {
            let event: Value = serde_json::from_str(message).unwrap();
            let event = if event["data"].is_object() { &event["data"] } else { &event };
            if event["e"] == "kline" && event["s"] == symbol {
                newest.insert(int(&event["k"]["t"]), event["k"].clone());
            }
        }
        let list = get(&server, &format!("klines?symbol={symbol}&interval=1m"));
        for kline in list.as_array().unwrap() {
            let Some(native) = newest.get(&int(&kline[0])) else { continue };
            assert!(int(&kline[8]) >= int(&native["n"]), "{kline}, {native}");
            if kline[8] == native["n"] {
                let told: Vec<&Value> =
                    [1, 2, 3, 4, 5, 7, 9, 10].iter().map(|&member: &usize| &kline[member]).collect();
                let own: Vec<&Value> =
                    ["o", "h", "l", "c", "v", "q", "V", "Q"].iter().map(|&key| &native[key]).collect();
                assert_eq!(told, own);
                compared += 1;
            }
        }
        assert!(newest.keys().all(|open| list.as_array().unwrap().iter().any(|kline| int(&kline[0]) == *open)));
        assert!(!get(&server, &format!("klines?symbol={symbol}&interval=5m")).as_array().unwrap().is_empty());
    }
    assert!(compared >= 3, "{compared}");
}
