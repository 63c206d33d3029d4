//! Candles, tickers and windows that the server derives from recorded trades, taken from a socket and compared, byte for
//! byte and event for event, with what the raw text of the recording adds up to.

#[path = "../support/mod.rs"]
mod support;
mod tape;
mod twin;

use std::collections::BTreeMap;

use support::{Client, Server, lines, recordings};
use tape::Symbol;

/// Streams of one symbol with all that must come on each.
fn expected(name: &str, symbol: &Symbol) -> BTreeMap<String, Vec<String>> {
    const HOUR: i64 = 3_600;
    let mut streams = vec![
        ("ticker", twin::ticker(name, symbol)),
        ("miniTicker", twin::mini_ticker(name, symbol)),
        ("ticker_1h", twin::window_ticker(name, symbol, "1h", HOUR)),
        ("ticker_4h", twin::window_ticker(name, symbol, "4h", 4 * HOUR)),
        ("avgPrice", twin::average_price(name, symbol)),
    ];
    for (stream, interval, length, shift) in [
        ("kline_1s", "1s", 1, 0),
        ("kline_1m", "1m", 60, 0),
        ("kline_5m", "5m", 300, 0),
        ("kline_1h", "1h", HOUR, 0),
        ("kline_1d", "1d", 24 * HOUR, 0),
        ("kline_1d@+08:00", "1d", 24 * HOUR, 8 * HOUR),
    ] {
        streams.push((stream, twin::klines(name, symbol, interval, length, shift)));
    }
    streams.into_iter().map(|(kind, events)| (format!("{}@{kind}", name.to_lowercase()), events)).collect()
}

/// All frames of these streams up to the end of the tape.
fn play(path: &str, speed: &str, streams: &[&str]) -> Vec<String> {
    let mut flags = vec!["--feed", path, "--speed", speed, "--derive", "always", "--wait-for-clients", "1"];
    // The client answers no pings, and a busy machine may be slow.
    flags.extend(["--exit-at-end", "--ping-interval", "0s"]);
    let server = Server::start(&flags);
    let mut client = Client::open(&server, &format!("/stream?streams={}", streams.join("/")));
    let mut frames = Vec::new();
    loop {
        let frame = client.next_event();
        if frame.opcode == 8 {
            assert_eq!(frame.close(), (1000, "End of tape"));
            return frames;
        }
        frames.push(frame.text().to_owned());
    }
}

/// Compares what came with what had to; how many events there were.
fn compare(lines: &[(i64, String)], frames: &[String]) -> usize {
    let mut came: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for frame in frames {
        let inner = frame.strip_prefix(r#"{"stream":""#).and_then(|rest| rest.strip_suffix('}')).expect("a wrapper");
        let (stream, data) = inner.split_once(r#"","data":"#).expect("data");
        came.entry(stream).or_default().push(data);
    }
    let mut compared = 0;
    for (name, symbol) in tape::read(lines) {
        for (stream, events) in expected(&name, &symbol) {
            let came = came.remove(&*stream).unwrap_or_default();
            for (number, (came, expected)) in came.iter().zip(&events).enumerate() {
                assert_eq!(came, expected, "{stream}, event {number}");
            }
            assert_eq!(came.len(), events.len(), "{stream}");
            assert!(!came.is_empty(), "{stream} is silent");
            compared += came.len();
        }
    }
    assert!(came.is_empty(), "nobody expected {:?}", came.keys());
    compared
}

fn streams_of(lines: &[(i64, String)]) -> Vec<String> {
    tape::read(lines).iter().flat_map(|(name, symbol)| expected(name, symbol).into_keys()).collect()
}

/// A whole recording, flat out.
fn check(file: &str) {
    let Some(folder) = recordings() else { return };
    let path = folder.join(file);
    let lines = lines(&path);
    let streams = streams_of(&lines);
    let frames = play(path.to_str().unwrap(), "max", &streams.iter().map(String::as_str).collect::<Vec<_>>());
    println!("{file}: {} events are what the trades add up to", compare(&lines, &frames));
}

#[test]
fn binance_candles_and_windows_of_a_recording_are_what_its_trades_add_up_to_btc_eth() {
    check("binance-spot-20240808-btc-eth.jsonl.zst");
}

/// A day and a quarter of an hour: trades leave the windows of 24 hours.
#[test]
fn binance_candles_and_windows_of_a_recording_are_what_its_trades_add_up_to_nexo() {
    check("binance-spot-20240723-nexo.jsonl.zst");
}

/// Eight seconds across midnight, where days, hours and minutes end, at their own pace and flat out.
#[test]
fn binance_candles_and_windows_are_the_same_at_1x_and_at_max() {
    let Some(folder) = recordings() else { return };
    let midnight_ns = 1_723_161_600_000_000_000_i64;
    let mut lines = lines(&folder.join("binance-spot-20240808-btc-eth.jsonl.zst"));
    // The recorder's clock stood 1.3 seconds behind the exchange's.
    lines.retain(|(received, _)| (-5_000_000_000..3_000_000_000).contains(&(received - midnight_ns)));
    let folder = tempfile::tempdir().unwrap();
    let path = support::tape(&folder, "midnight.jsonl", &lines);
    let streams = streams_of(&lines);
    let streams: Vec<&str> = streams.iter().map(String::as_str).collect();
    let paced = play(&path, "1x", &streams);
    assert!(paced == play(&path, "max", &streams), "not the same events in the same order");
    println!("{} events are what the trades add up to", compare(&lines, &paced));
    let days = paced.iter().filter(|frame| frame.contains("@kline_1d\"") && frame.contains("\"x\":true"));
    assert_eq!(days.count(), 2, "the days of both symbols end");
}
