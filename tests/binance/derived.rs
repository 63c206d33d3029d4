//! Streams that follow from trades and changes of books: how often they speak, and of what. Whether their numbers are
//! right is checked elsewhere, against sums made anew from recordings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{Client, Server, recordings, tape};
use crate::{START_MS, bare, int, json, rest, serve, synthetic};

const ALWAYS: [&str; 2] = ["--derive", "always"];
const DAY_MS: i64 = 86_400_000;

/// What comes on each of these streams until the tape ends.
fn collect(lines: &[(i64, String)], flags: &[&str], streams: &[&str]) -> BTreeMap<String, Vec<Value>> {
    let (_folder, server) = serve(lines, flags);
    let mut client = Client::open(&server, &format!("/stream?streams={}", streams.join("/")));
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for frame in rest(&mut client) {
        let mut event = json(frame.text());
        events.entry(event["stream"].as_str().unwrap().to_owned()).or_default().push(event["data"].take());
    }
    events
}

/// A line of a tape: an event of a symbol, so many milliseconds after the tape's beginning.
fn line(symbol: &str, stream: &str, ms: i64, kind: &str, rest: &str) -> (i64, String) {
    let (time, name) = (START_MS + ms, symbol.to_lowercase());
    let data = format!(r#"{{"e":"{kind}","E":{time},"s":"{symbol}",{rest}}}"#);
    (time * 1_000_000, format!(r#"{{"stream":"{name}@{stream}","data":{data}}}"#))
}

fn trade(symbol: &str, id: i64, ms: i64) -> (i64, String) {
    let time = START_MS + ms;
    let rest = format!(r#""t":{id},"p":"100.00000000","q":"1.00000000","T":{time},"m":false,"M":true"#);
    line(symbol, "trade", ms, "trade", &rest)
}

fn change(id: i64, ms: i64, bids: &str, asks: &str) -> (i64, String) {
    let rest = format!(r#""U":{id},"u":{id},"b":[{bids}],"a":[{asks}]"#);
    line("BTCUSDT", "depth@100ms", ms, "depthUpdate", &rest)
}

/// 61: no id is left out between one event and the next, at either pace.
#[test]
fn binance_item_61_changes_chain_at_both_paces() {
    let streams = ["btcusdt@depth", "btcusdt@depth@100ms", "ethusdt@depth", "ethusdt@depth@100ms"];
    let events = collect(&bare(synthetic(3)), &[], &streams);
    for stream in streams {
        let changes = &events[stream];
        assert!(changes.len() > 100, "{stream}");
        for pair in changes.windows(2) {
            assert_eq!(int(&pair[1], "U"), int(&pair[0], "u") + 1, "{stream}");
            assert!(int(&pair[1], "u") >= int(&pair[1], "U"), "{stream}");
        }
    }
    let last = |stream: &str| int(events[stream].last().unwrap(), "u");
    assert!(last("btcusdt@depth") > last("btcusdt@depth@100ms") - 1_000, "both follow the book to the end");
}

/// 63: what is told each second is the sum of what was told before it and after the second before; where nothing was,
/// nothing is. The faster stream tells what the tape has, and no symbol more than ten times a second.
#[test]
fn binance_item_63_changes_are_told_once_or_ten_times_a_second_and_never_without_one() {
    let lines = bare(synthetic(3));
    let events = collect(&lines, &[], &["btcusdt@depth", "btcusdt@depth@100ms", "btcusdt@trade"]);
    let (fast, slow) = (&events["btcusdt@depth@100ms"], &events["btcusdt@depth"]);
    let mut by_second: BTreeMap<i64, Vec<&Value>> = BTreeMap::new();
    for change in fast {
        by_second.entry(int(change, "E") / 1_000 + 1).or_default().push(change);
    }
    // The very last, which leads the book back to where the tape begins, comes out of its turn.
    let regular = &fast[..fast.len() - 1];
    assert!(regular.windows(2).all(|pair| int(&pair[1], "E") - int(&pair[0], "E") >= 100));
    let last = int(regular.last().unwrap(), "E") / 1_000 + 1;
    assert!(by_second.range(..last).all(|(_, changes)| changes.len() <= 10));
    // The tape ends before its last second does; and the first three may bring a stream of its own.
    let told: BTreeMap<i64, &Value> = slow.iter().map(|event| (int(event, "E"), event)).collect();
    assert_eq!(told.len(), slow.len(), "one event a second at most");
    let first = *told.keys().next().unwrap() / 1_000;
    assert!(first - by_second.keys().next().unwrap() <= 4);
    let mut compared = 0;
    for (second, changes) in by_second.range(first..last) {
        let event = told[&(second * 1_000)];
        assert_eq!(int(event, "U"), int(changes[0], "U"));
        assert_eq!(int(event, "u"), int(changes.last().unwrap(), "u"));
        for side in ["b", "a"] {
            let levels = changes.iter().flat_map(|change| change[side].as_array().unwrap());
            let newest: BTreeMap<&str, &Value> = levels.map(|level| (level[0].as_str().unwrap(), level)).collect();
            let told = event[side].as_array().unwrap();
            assert_eq!(told.len(), newest.len());
            assert!(told.iter().all(|level| newest[level[0].as_str().unwrap()] == level), "{event}");
        }
        compared += 1;
    }
    assert!(compared > 150 && told.keys().all(|time| by_second.contains_key(&(time / 1_000))), "{compared}");
}

/// The same where a book is silent for seconds while trades go on.
#[test]
fn binance_item_63_a_silent_book_is_not_told() {
    let mut lines: Vec<_> = (0..120).map(|n| trade("BTCUSDT", n + 1, n * 100)).collect();
    let level = |n: i64| format!(r#"["{n}.00000000","1.00000000"]"#);
    for (id, ms) in [(1, 110), (2, 210), (3, 310), (4, 5_510), (5, 9_010)] {
        lines.push(change(id, ms, &level(id), ""));
    }
    lines.sort_by_key(|(time, _)| *time);
    let events = collect(&lines, &ALWAYS, &["btcusdt@depth", "btcusdt@depth@100ms"]);
    let told = |stream: &str| -> Vec<(i64, i64, i64)> {
        events[stream].iter().map(|e| (int(e, "E") - START_MS, int(e, "U"), int(e, "u"))).collect()
    };
    assert_eq!(told("btcusdt@depth"), [(1_000, 1, 3), (6_000, 4, 4), (10_000, 5, 5)]);
    assert_eq!(told("btcusdt@depth@100ms"), [(110, 1, 1), (210, 2, 2), (310, 3, 3), (5_510, 4, 4), (9_010, 5, 5)]);
}

/// 64: between the first and the last interval each is closed by one event, after its end, and not told again; also
/// those without a trade.
#[test]
fn binance_item_64_each_candle_is_closed_exactly_once() {
    // Trades with holes of several seconds, over five minutes.
    let times = (0..1_500).filter(|n| n % 70 < 40).map(|n| n * 200 + 13);
    let lines: Vec<_> = times.clone().enumerate().map(|(id, ms)| trade("BTCUSDT", id as i64, ms)).collect();
    let lengths = [("1s", 1_000), ("1m", 60_000), ("3m", 180_000)];
    let streams = lengths.map(|(interval, _)| format!("btcusdt@kline_{interval}"));
    let events = collect(&lines, &ALWAYS, &streams.each_ref().map(String::as_str));
    for ((interval, length), stream) in lengths.into_iter().zip(&streams) {
        let period = if interval == "1s" { 1_000 } else { 2_000 };
        let mut closed = Vec::new();
        for event in &events[stream] {
            let (kline, told) = (&event["k"], int(event, "E"));
            let (open, end) = (int(kline, "t"), int(kline, "T"));
            assert!(open % length == 0 && end == open + length - 1 && told % period == 0, "{event}");
            assert!(!closed.contains(&open), "{stream}: told again after it was closed: {event}");
            assert_eq!((&kline["i"], &kline["B"]), (&interval.into(), &"0".into()));
            if kline["x"] == true {
                assert!(told > end, "closed before its end: {event}");
                closed.push(open);
                let inside = times.clone().filter(|ms| (open..=end).contains(&(START_MS + ms))).count() as i64;
                assert_eq!(int(kline, "n"), inside, "{event}");
                let ids = (int(kline, "f"), int(kline, "L"));
                assert!(if inside == 0 { ids == (-1, -1) } else { ids.1 - ids.0 + 1 == inside }, "{event}");
                if inside == 0 {
                    assert!(["v", "q", "V", "Q"].iter().all(|volume| kline[volume] == "0.00000000"), "{event}");
                    assert!(["o", "h", "l", "c"].iter().all(|price| kline[price] == "100.00000000"), "{event}");
                }
            }
        }
        assert!(closed.windows(2).all(|pair| pair[1] == pair[0] + length), "{stream}: {closed:?}");
        assert_eq!(closed[0], START_MS - START_MS % length, "{stream}");
        // The tape ends at 300 s; what ended two seconds before it has been closed.
        let due = (START_MS + 298_000) / length * length - closed[0];
        assert!(closed.len() as i64 >= due / length, "{stream}: {} closed", closed.len());
    }
    assert!(events["btcusdt@kline_1s"].iter().any(|event| event["k"]["n"] == 0), "some seconds have no trade");
}

#[test]
fn binance_item_65_a_minute_is_no_month() {
    let lines: Vec<_> = (0..700).map(|n| trade("BTCUSDT", n, n * 200)).collect();
    let both = collect(&lines, &ALWAYS, &["btcusdt@kline_1m", "btcusdt@kline_1M"]);
    let alone = collect(&lines, &ALWAYS, &["btcusdt@kline_1M"]);
    assert_eq!(alone["btcusdt@kline_1M"], both["btcusdt@kline_1M"]);
    for (stream, interval, span) in [("btcusdt@kline_1m", "1m", 60_000), ("btcusdt@kline_1M", "1M", 30 * DAY_MS)] {
        for event in &both[stream] {
            let kline = &event["k"];
            // The tape plays in a September.
            assert_eq!((&kline["i"], int(kline, "T") - int(kline, "t") + 1), (&interval.into(), span), "{event}");
        }
    }
    let opens = |stream: &str| both[stream].iter().map(|event| int(&event["k"], "t")).collect::<BTreeSet<_>>();
    assert_eq!((opens("btcusdt@kline_1m").len(), opens("btcusdt@kline_1M").len()), (3, 1));
}

/// 66: trades around 16:00 UTC. One day ends there in the east, none does in UTC.
#[test]
fn binance_item_66_days_of_the_east_open_at_16_utc() {
    let boundary = (START_MS / DAY_MS + 1) * DAY_MS + 16 * 3_600_000;
    let lines: Vec<_> = (0..100).map(|n| trade("BTCUSDT", n, boundary - START_MS - 10_000 + n * 200)).collect();
    let events = collect(&lines, &ALWAYS, &["btcusdt@kline_1d@+08:00", "btcusdt@kline_1d"]);
    let mut days = BTreeMap::<i64, Vec<bool>>::new();
    for event in &events["btcusdt@kline_1d@+08:00"] {
        let kline = &event["k"];
        assert_eq!(int(kline, "t") % DAY_MS, 16 * 3_600_000, "16:00:00.000 UTC: {event}");
        assert_eq!((&kline["i"], int(kline, "T")), (&"1d".into(), int(kline, "t") + DAY_MS - 1));
        days.entry(int(kline, "t")).or_default().push(kline["x"] == true);
        if kline["x"] == true {
            assert_eq!((int(kline, "f"), int(kline, "L"), int(kline, "n")), (0, 49, 50), "{event}");
        }
    }
    assert_eq!(days.keys().copied().collect::<Vec<_>>(), [boundary - DAY_MS, boundary]);
    assert!(days[&(boundary - DAY_MS)].iter().filter(|closed| **closed).count() == 1);
    assert!(days[&boundary].iter().all(|closed| !closed));
    for event in &events["btcusdt@kline_1d"] {
        assert_eq!((int(&event["k"], "t") % DAY_MS, &event["k"]["x"]), (0, &false.into()));
    }
}

#[test]
fn binance_item_67_the_day_ticker_spans_24_hours_and_counts_its_trades() {
    // For a day and ten seconds, so that trades leave the window.
    let mut lines: Vec<_> = (0..100).map(|n| trade("BTCUSDT", 500 + n, n * 100)).collect();
    lines.extend((0..100).map(|n| trade("BTCUSDT", 600 + n, DAY_MS + n * 100)));
    let events = collect(&lines, &ALWAYS, &["btcusdt@ticker"]);
    let mut firsts = BTreeSet::new();
    for ticker in &events["btcusdt@ticker"] {
        assert_eq!(int(ticker, "C") - int(ticker, "O"), DAY_MS);
        assert!(int(ticker, "E") >= int(ticker, "C"));
        assert_eq!(int(ticker, "n"), int(ticker, "L") - int(ticker, "F") + 1);
        let times = int(ticker, "O") + 1..=int(ticker, "C");
        let time = |id: i64| START_MS + if id < 600 { (id - 500) * 100 } else { DAY_MS + (id - 600) * 100 };
        let inside: Vec<i64> = (500..700).filter(|id| times.contains(&time(*id))).collect();
        // What comes later is not known yet.
        assert_eq!(inside.first(), Some(&int(ticker, "F")));
        assert_eq!(inside.last(), Some(&int(ticker, "L")));
        firsts.insert(int(ticker, "F"));
    }
    assert_eq!((firsts.first(), firsts.len() > 5), (Some(&500), true), "{firsts:?}");
}

#[test]
fn binance_item_68_a_window_ticker_opens_on_a_whole_minute_and_has_no_best_prices() {
    let lines: Vec<_> = (0..1_000).map(|n| trade("BTCUSDT", n, n * 150)).collect();
    let windows = [("1h", 3_600_000), ("4h", 4 * 3_600_000), ("1d", DAY_MS)];
    let streams = windows.map(|(window, _)| format!("btcusdt@ticker_{window}"));
    let events = collect(&lines, &ALWAYS, &streams.each_ref().map(String::as_str));
    for ((window, length), stream) in windows.into_iter().zip(&streams) {
        assert!(events[stream].len() >= 149);
        for ticker in &events[stream] {
            assert_eq!((&ticker["e"], int(ticker, "O") % 60_000), (&format!("{window}Ticker").into(), 0));
            let longer = int(ticker, "C") - int(ticker, "O") - length;
            assert!((0..60_000).contains(&longer) && int(ticker, "C") < int(ticker, "E"), "{ticker}");
            assert!(["b", "B", "a", "A", "x", "Q"].iter().all(|absent| ticker.get(absent).is_none()), "{ticker}");
        }
    }
}

/// 69: which symbols trade in which second is written down; the arrays must hold them and nobody else.
#[test]
fn binance_item_69_arrays_hold_the_symbols_that_have_changed() {
    let trading: [&[&str]; 8] = [
        &["BTCUSDT", "ETHUSDT", "LTCUSDT"],
        &["ETHUSDT"],
        &[],
        &["BTCUSDT", "LTCUSDT"],
        &[],
        &[],
        &["LTCUSDT"],
        &["BTCUSDT", "ETHUSDT"],
    ];
    let mut lines = Vec::new();
    for (second, symbols) in trading.iter().enumerate() {
        for (n, symbol) in symbols.iter().chain(*symbols).enumerate() {
            lines.push(trade(symbol, second as i64 * 2 + (n / symbols.len()) as i64, second as i64 * 1_000 + n as i64));
        }
    }
    lines.push(trade("XRPUSDT", 1, 8_000));
    let names = [("!miniTicker@arr", "24hrMiniTicker"), ("!ticker@arr", "24hrTicker"), ("!ticker_1h@arr", "1hTicker")];
    let events = collect(&lines, &ALWAYS, &names.map(|(stream, _)| stream));
    for (stream, kind) in names {
        let mut told = BTreeMap::new();
        for array in &events[stream] {
            let tickers = array.as_array().expect("an array");
            assert!(tickers.iter().all(|ticker| ticker["e"] == kind && ticker["E"] == tickers[0]["E"]), "{array}");
            let mut symbols: Vec<&str> = tickers.iter().map(|ticker| ticker["s"].as_str().unwrap()).collect();
            symbols.sort_unstable();
            let before = told.insert((int(&tickers[0], "E") - START_MS) / 1_000 - 1, symbols);
            assert_eq!(before, None, "{stream}: two arrays in a second");
        }
        let changed = trading.iter().enumerate().filter(|(_, symbols)| !symbols.is_empty());
        assert_eq!(told, changed.map(|(second, symbols)| (second as i64, symbols.to_vec())).collect(), "{stream}");
    }
    // On a raw connection the array stands alone.
    let (_folder, server) = serve(&lines, &ALWAYS);
    let frames = rest(&mut Client::open(&server, "/ws/!miniTicker@arr"));
    assert_eq!(frames.len(), 5);
    assert!(frames.iter().all(|frame| frame.text().starts_with(r#"[{"e":"24hrMiniTicker","#)));
}

#[test]
fn binance_what_is_derived_can_be_turned_off() {
    let streams = ["btcusdt@trade", "btcusdt@kline_1m", "btcusdt@ticker"];
    let events = collect(&bare(synthetic(1)), &["--derive", "never"], &streams);
    assert_eq!(events.keys().collect::<Vec<_>>(), ["btcusdt@trade"]);
}

/// The same tape and the same subscriptions give the same events at every speed.
#[test]
fn binance_derived_streams_are_the_same_at_every_speed() {
    let streams = ["btcusdt@kline_1m", "btcusdt@depth5", "btcusdt@aggTrade", "ethusdt@avgPrice", "!miniTicker@arr"];
    let lines = bare(synthetic(3));
    let flat_out = collect(&lines, &[], &streams);
    let paced = collect(&lines, &["--speed", "60x"], &streams);
    assert_eq!(flat_out.keys().collect::<Vec<_>>(), paced.keys().collect::<Vec<_>>());
    for (stream, events) in flat_out {
        assert!(events == paced[&stream], "{stream} differs");
    }
}

#[test]
fn binance_a_recorded_list_of_all_tickers_comes_out_as_one_array() {
    let Some(folder) = recordings() else { return };
    let path = folder.join("universe-binance-ticker24hr-20200415.jsonl.zst");
    let server = Server::start(&["--feed", path.to_str().unwrap(), "--speed", "max", "--wait-for-clients", "1"]);
    let mut client = Client::open(&server, "/stream?streams=!ticker@arr");
    let event: Value = serde_json::from_str(client.next_event().text()).unwrap();
    assert_eq!(event["data"].as_array().unwrap().len(), 786);
    let (status, _, body) = server.get("/api/v3/ticker/24hr");
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap().as_array().unwrap().len()), (200, 786));
}

#[test]
fn binance_the_retired_stream_of_all_book_tickers_sends_each_event() {
    let folder = tempfile::tempdir().unwrap();
    let line = |number: i64| {
        let symbol = ["BTCUSDT", "ETHUSDT", "XRPUSDT"][number as usize % 3];
        let stream = symbol.to_lowercase();
        let payload = format!(r#"{{"u":{number},"s":"{symbol}","b":"1.0","B":"1.0","a":"2.0","A":"1.0"}}"#);
        (number, format!(r#"{{"stream":"{stream}@bookTicker","data":{payload}}}"#))
    };
    let path = tape(&folder, "quotes.jsonl", &(1..100).map(line).collect::<Vec<_>>());
    let server = Server::start(&["--feed", &path, "--speed", "max", "--wait-for-clients", "1"]);
    let mut client = Client::open(&server, "/stream?streams=!bookTicker");
    for number in 1..100 {
        let event = json(client.next_event().text());
        assert_eq!((event["stream"].as_str(), event["data"]["u"].as_i64()), (Some("!bookTicker"), Some(number)));
    }
}
