//! Streams that the tape does not carry, from outside: shapes, cadence, and how they hang together. Numbers are those of
//! Binance's checklist.

mod support;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use support::{Client, Server};

/// A tape of three invented minutes that carries trades, changes of books and snapshots, and nothing else.
fn bare_tape(folder: &tempfile::TempDir) -> String {
    let arguments = ["tape", "synth", "--seed", "11", "--minutes", "3", "--out", "-"];
    let made = Command::new(env!("CARGO_BIN_EXE_tapecast")).args(arguments).output().unwrap().stdout;
    let text = String::from_utf8(made).unwrap();
    let kept = text.lines().filter(|line| {
        line.contains("@trade\"") || line.contains("@depth@100ms\"") || line.contains(" {\"lastUpdateId\"")
    });
    let path = folder.path().join("bare.jsonl");
    std::fs::write(&path, kept.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    path.to_string_lossy().into_owned()
}

/// Plays the tape flat out and sorts the events by stream.
fn collect(flags: &[&str], streams: &[&str]) -> BTreeMap<String, Vec<Value>> {
    let folder = tempfile::tempdir().unwrap();
    let path = bare_tape(&folder);
    let mut all = vec!["--feed", &path, "--wait-for-clients", "1", "--exit-at-end"];
    all.extend(flags);
    if !flags.contains(&"--speed") {
        all.extend(["--speed", "max"]);
    }
    let server = Server::start(&all);
    let mut client = Client::open(&server, &format!("/stream?streams={}", streams.join("/")));
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    loop {
        let frame = client.next_event();
        if frame.opcode == 8 {
            return events;
        }
        let mut event: Value = serde_json::from_str(frame.text()).unwrap();
        events.entry(event["stream"].as_str().unwrap().to_owned()).or_default().push(event["data"].take());
    }
}

fn keys(value: &Value) -> Vec<&str> {
    // The parser sorts; the order of members is tested byte for byte elsewhere.
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn int(value: &Value, key: &str) -> i64 {
    value[key].as_i64().unwrap_or_else(|| panic!("{key} of {value}"))
}

#[test]
fn binance_item_58_to_69_streams_that_follow_from_trades_and_books() {
    let streams = [
        "btcusdt@trade",
        "btcusdt@aggTrade",
        "btcusdt@bookTicker",
        "btcusdt@depth@100ms",
        "btcusdt@depth",
        "btcusdt@depth5@100ms",
        "btcusdt@depth20",
        "btcusdt@kline_1s",
        "btcusdt@kline_1m",
        "btcusdt@kline_1M",
        "btcusdt@kline_1d@+08:00",
        "btcusdt@ticker",
        "btcusdt@miniTicker",
        "btcusdt@ticker_1h",
        "btcusdt@avgPrice",
        "!miniTicker@arr",
        "!ticker@arr",
        "!ticker_4h@arr",
    ];
    let events = collect(&[], &streams);
    for stream in streams {
        assert!(events.contains_key(stream), "{stream} is silent");
    }
    let of = |stream: &str| &events[stream];

    // 58, 59: book tickers and partial books.
    for event in of("btcusdt@bookTicker") {
        assert_eq!(keys(event), ["A", "B", "a", "b", "s", "u"]);
    }
    for (stream, most) in [("btcusdt@depth5@100ms", 5), ("btcusdt@depth20", 20)] {
        for event in of(stream) {
            assert_eq!(keys(event), ["asks", "bids", "lastUpdateId"]);
            let price = |level: &Value| level[0].as_str().unwrap().parse::<f64>().unwrap();
            let (bids, asks) = (event["bids"].as_array().unwrap(), event["asks"].as_array().unwrap());
            assert!(bids.len() <= most && asks.len() <= most);
            assert!(bids.windows(2).all(|pair| price(&pair[0]) > price(&pair[1])));
            assert!(asks.windows(2).all(|pair| price(&pair[0]) < price(&pair[1])));
        }
    }

    // 60, 61, 63: changes at both paces chain, and are no more frequent than they may be.
    for (stream, pace_ms) in [("btcusdt@depth@100ms", 0), ("btcusdt@depth", 1_000)] {
        let changes = of(stream);
        assert!(changes.len() > 100);
        for pair in changes.windows(2) {
            assert_eq!(int(&pair[1], "U"), int(&pair[0], "u") + 1, "{stream}");
            assert!(int(&pair[1], "E") >= int(&pair[0], "E") + pace_ms, "{stream}");
        }
        assert_eq!(keys(&changes[0]), ["E", "U", "a", "b", "e", "s", "u"]);
    }

    // 56: aggregate trades cover the trades.
    let mut next = None;
    for event in of("btcusdt@aggTrade") {
        assert_eq!(keys(event), ["E", "M", "T", "a", "e", "f", "l", "m", "p", "q", "s"]);
        assert!(next.is_none_or(|next| int(event, "f") == next), "{event}");
        next = Some(int(event, "l") + 1);
    }

    // 64: each closed candle once, against the trades.
    let trades = of("btcusdt@trade");
    for (stream, length_ms) in [("btcusdt@kline_1s", 1_000), ("btcusdt@kline_1m", 60_000)] {
        let closed: Vec<&Value> = of(stream).iter().map(|event| &event["k"]).filter(|k| k["x"] == true).collect();
        assert!(closed.windows(2).all(|pair| int(pair[1], "t") == int(pair[0], "t") + length_ms), "{stream}");
        for kline in &closed {
            let inside = trades.iter().filter(|trade| (int(kline, "t")..=int(kline, "T")).contains(&int(trade, "T")));
            assert_eq!(int(kline, "n"), inside.count() as i64, "{stream} at {}", int(kline, "t"));
            assert_eq!(kline["B"], "0");
        }
        assert!(closed.len() >= 2, "{stream}: {} closed", closed.len());
    }
    // 65, 66: a month is no minute, and days of another zone begin at 16:00 UTC.
    assert_eq!(of("btcusdt@kline_1M")[0]["k"]["i"], "1M");
    let day = &of("btcusdt@kline_1d@+08:00")[0]["k"];
    assert_eq!((int(day, "t") % 86_400_000, &day["i"]), (16 * 3_600_000, &"1d".into()));

    // 67, 68: windows.
    for ticker in of("btcusdt@ticker") {
        assert_eq!(int(ticker, "C") - int(ticker, "O"), 86_400_000);
        assert_eq!(int(ticker, "n"), int(ticker, "L") - int(ticker, "F") + 1);
    }
    for ticker in of("btcusdt@ticker_1h") {
        assert_eq!((&ticker["e"], int(ticker, "O") % 60_000), (&"1hTicker".into(), 0));
        assert!(ticker.get("b").is_none() && ticker.get("a").is_none());
    }
    for average in of("btcusdt@avgPrice") {
        assert_eq!(keys(average), ["E", "T", "e", "i", "s", "w"]);
    }

    // 69: one array a second of what has changed, each symbol once.
    for (stream, name) in
        [("!miniTicker@arr", "24hrMiniTicker"), ("!ticker@arr", "24hrTicker"), ("!ticker_4h@arr", "4hTicker")]
    {
        let arrays = of(stream);
        assert!(arrays.len() > 60, "{stream}: {} arrays", arrays.len());
        let mut sizes = std::collections::BTreeSet::new();
        for array in arrays {
            let symbols: Vec<&str> = array.as_array().unwrap().iter().map(|t| t["s"].as_str().unwrap()).collect();
            assert!(array.as_array().unwrap().iter().all(|ticker| ticker["e"] == name));
            assert!(symbols.iter().collect::<std::collections::BTreeSet<_>>().len() == symbols.len(), "{symbols:?}");
            sizes.insert(symbols.len());
        }
        assert!(sizes.len() > 1, "{stream}: only what has changed");
    }
}

#[test]
fn binance_what_is_derived_can_be_turned_off() {
    let events = collect(&["--derive", "never"], &["btcusdt@trade", "btcusdt@kline_1m", "btcusdt@ticker"]);
    assert_eq!(events.keys().collect::<Vec<_>>(), ["btcusdt@trade"]);
}

/// The same tape and the same subscriptions give the same events at every speed.
#[test]
fn binance_derived_streams_are_the_same_at_every_speed() {
    let streams = ["btcusdt@kline_1m", "btcusdt@depth5", "btcusdt@aggTrade", "ethusdt@avgPrice", "!miniTicker@arr"];
    let flat_out = collect(&[], &streams);
    let paced = collect(&["--speed", "60x"], &streams);
    assert_eq!(flat_out.keys().collect::<Vec<_>>(), paced.keys().collect::<Vec<_>>());
    for (stream, events) in flat_out {
        assert!(events == paced[&stream], "{stream} differs");
    }
}

#[test]
fn binance_a_recorded_list_of_all_tickers_comes_out_as_one_array() {
    let Some(folder) = support::recordings() else { return };
    let path = folder.join("universe-binance-ticker24hr-20200415.jsonl.zst");
    let server = Server::start(&["--feed", path.to_str().unwrap(), "--speed", "max", "--wait-for-clients", "1"]);
    let mut client = Client::open(&server, "/stream?streams=!ticker@arr");
    let event: Value = serde_json::from_str(client.next_event().text()).unwrap();
    assert_eq!(event["data"].as_array().unwrap().len(), 786);
    let (status, _, body) = server.get("/api/v3/ticker/24hr");
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap().as_array().unwrap().len()), (200, 786));
}
