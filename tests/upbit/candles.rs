//! Candles, from the exchange's own trades and from another venue's, against sums made anew of what was traded.

use std::collections::BTreeMap;

use tapecast::market::decimal::Decimal;

use crate::support::Server;
use crate::{START_MS, answers, decimal, int, json, keys, next, number, open, played, stream_type, trade};

const UNITS: [(&str, i64); 9] = [
    ("candle.1s", 1),
    ("candle.1m", 60),
    ("candle.3m", 180),
    ("candle.5m", 300),
    ("candle.10m", 600),
    ("candle.15m", 900),
    ("candle.30m", 1_800),
    ("candle.60m", 3_600),
    ("candle.240m", 14_400),
];

const KEYS: [&str; 2] = [
    "type code candle_date_time_utc candle_date_time_kst opening_price high_price low_price trade_price candle_acc_trade_volume candle_acc_trade_price timestamp stream_type",
    "ty cd cdttmu cdttmk op hp lp tp catv catp tms st",
];

fn types(code: &str) -> String {
    UNITS.map(|(name, _)| format!(r#"{{"type":"{name}","codes":["{code}"]}}"#)).join(",")
}

/// What was traded: milliseconds from the beginning, price, size. Rates from many a second to none for hours, a trade on
/// the first and on the last millisecond of a minute, one at the day's turn in Korea.
fn executions() -> Vec<(i64, String, String)> {
    let mut state = 7_u64;
    let mut chance = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut times = vec![0, 59_999, 60_000, 60_001];
    for (gaps, count) in [(150, 80), (4_000, 60), (200_000, 40), (9_000_000, 12)] {
        for _ in 0..count {
            let last = *times.last().expect("a time");
            times.push(last + 1 + chance(gaps) as i64);
        }
    }
    let execution = |ms| {
        let (price, size) = (41_000_000 + chance(9_000_000), 1 + chance(5_000_000_000));
        let spelled = |units: u64| format!("{}.{:08}", units / 100_000_000, units % 100_000_000);
        (ms, spelled(price * 100), spelled(size))
    };
    times.into_iter().map(execution).collect()
}

/// One thing told: type, start in seconds, open, high, low, close, volume, turnover, last trade's time.
type Told = (String, i64, [Decimal; 6], i64);

/// What there is to tell of a unit: of each second with a trade, the candle as it is then.
fn expected(executions: &[(i64, String, String)], (name, seconds): (&str, i64)) -> Vec<Told> {
    let mut told = Vec::<Told>::new();
    let mut sums = BTreeMap::<i64, [Decimal; 6]>::new();
    let mut last_second = i64::MIN;
    for (ms, price, size) in executions {
        let (time, price, size) = (START_MS + ms, decimal(price), decimal(size));
        let second = time.div_euclid(1_000);
        let open = second - second.rem_euclid(seconds);
        let zero = Decimal::ZERO;
        let sum = sums.entry(open).or_insert([price, price, price, price, zero, zero]);
        sum[1] = sum[1].max(price);
        sum[2] = sum[2].min(price);
        sum[3] = price;
        sum[4] = sum[4].checked_add(size).expect("in range");
        sum[5] = sum[5].checked_add(price.checked_mul(size).expect("in range")).expect("in range");
        if second == last_second {
            told.pop();
        }
        last_second = second;
        told.push((name.to_owned(), open, *sum, time));
    }
    told
}

/// Seconds since the epoch of a date and time without a zone.
fn seconds(text: &str) -> i64 {
    assert!(crate::has_form(text, "9999-99-99T99:99:99"), "{text}");
    let at = |from: usize, to: usize| text[from..to].parse::<i64>().expect("digits");
    let (year, month, day) = (at(0, 4), at(5, 7), at(8, 10));
    let years = if month > 2 { year } else { year - 1 };
    let days = years * 365 + years / 4 - years / 100 + years / 400 + ((month + 9) % 12 * 153 + 2) / 5 + day - 719_469;
    days * 86_400 + at(11, 13) * 3_600 + at(14, 16) * 60 + at(17, 19)
}

fn told(frame: &str) -> Told {
    assert_eq!(keys(frame), KEYS[0]);
    let event = json(frame);
    let start = seconds(event["candle_date_time_utc"].as_str().expect("a time"));
    let korean = seconds(event["candle_date_time_kst"].as_str().expect("a time"));
    assert_eq!(korean, start + 9 * 3_600, "{frame}");
    let numbers = [
        "opening_price",
        "high_price",
        "low_price",
        "trade_price",
        "candle_acc_trade_volume",
        "candle_acc_trade_price",
    ];
    let name = event["type"].as_str().expect("a type").to_owned();
    (name, start, numbers.map(|member| number(frame, member)), int(&event, "timestamp"))
}

fn check(lines: &[(i64, String)], code: &str, flags: &[&str], executions: &[(i64, String, String)]) {
    let frames = answers(lines, flags, &types(code), "DEFAULT");
    let all: Vec<Told> = frames.iter().map(|frame| told(frame)).collect();
    for (name, length) in UNITS {
        let of_unit: Vec<_> = all.iter().zip(&frames).filter(|(told, _)| told.0 == name).collect();
        let expected = expected(executions, (name, length));
        for ((told, frame), expected) in of_unit.iter().zip(&expected) {
            assert_eq!(*told, expected, "{frame}");
            assert_eq!(told.1 % length, 0, "aligned in UTC: {frame}");
        }
        assert_eq!(of_unit.len(), expected.len(), "{name}");
        for (n, (_, frame)) in of_unit.iter().enumerate() {
            assert_eq!(stream_type(&json(frame)), if n == 0 { "SNAPSHOT" } else { "REALTIME" }, "{frame}");
        }
    }
}

#[test]
fn upbit_item_31_32_all_nine_follow_from_the_exchanges_own_trades_once_a_second() {
    let executions = executions();
    let line = |(ms, price, size): &(i64, String, String)| trade("KRW-IQ", START_MS + ms, price, size, "BID");
    let mut lines: Vec<_> = executions.iter().map(line).collect();
    // The clock goes on after the last.
    lines.push(trade("KRW-END", START_MS + executions.last().unwrap().0 + 10_000, "1", "1", "BID"));
    check(&lines, "KRW-IQ", &["--derive", "always"], &executions);
}

#[test]
fn upbit_item_31_32_all_nine_follow_from_another_venues_trades_once_a_second() {
    let executions = executions();
    let line = |(n, (ms, price, size)): (usize, &(i64, String, String))| {
        let time = START_MS + ms;
        let message = format!(
            r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{time},"s":"BTCUSDT","t":{n},"p":"{price}","q":"{size}","T":{time},"m":false,"M":true}}}}"#
        );
        (time * 1_000_000, message)
    };
    let mut lines: Vec<_> = executions.iter().enumerate().map(line).collect();
    lines.push(trade("KRW-END", START_MS + executions.last().unwrap().0 + 10_000, "1", "1", "BID"));
    check(&lines, "USDT-BTC", &[], &executions);
}

#[test]
fn upbit_item_31_a_candle_of_a_day_does_not_exist() {
    let server = Server::start(&[]);
    for name in ["candle.1d", "candle.2m", "candle.", "candle", "candle.1S"] {
        let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{{"type":"{name}","codes":["KRW-BTC"]}}]"#));
        assert_eq!(next(&mut client)["error"]["name"], "INVALID_PARAM", "{name}");
        assert_eq!(client.next().expect("a close frame").close().0, 1000);
    }
}

#[test]
fn upbit_item_31_candles_have_12_members_in_their_order() {
    let lines: Vec<_> = (0..5).map(|n| trade("KRW-IQ", START_MS + n * 1_000, "44", "1", "BID")).collect();
    for (format, expected) in [("DEFAULT", KEYS[0]), ("SIMPLE", KEYS[1])] {
        let frames = answers(&lines, &["--derive", "always"], &types("KRW-IQ"), format);
        assert!(frames.len() >= 9 * 4, "{}", frames.len());
        frames.iter().for_each(|frame| assert_eq!(keys(frame), expected));
    }
}

#[test]
fn upbit_item_33_the_snapshot_is_the_newest_candle_even_where_its_time_is_over() {
    let hour = 3_600_000;
    // Others are traded for long after.
    let mut lines =
        vec![trade("KRW-IQ", START_MS, "43", "1", "BID"), trade("KRW-IQ", START_MS + 61_000, "44", "2", "BID")];
    lines.extend((1..20).map(|n| trade("KRW-XRP", START_MS + n * hour, "1900", "1", "ASK")));
    let (_folder, server) = played(&lines, &["--derive", "always"]);
    let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{}]"#, types("KRW-IQ")));
    let mut starts = BTreeMap::new();
    while starts.len() < UNITS.len() {
        let frame = client.next().expect("the connection lasts");
        let event = json(frame.text());
        assert_eq!(stream_type(&event), "SNAPSHOT");
        let (name, start, numbers, _) = told(frame.text());
        assert_eq!(numbers[3], decimal("44"));
        assert!(starts.insert(name.clone(), start).is_none(), "{name} twice");
    }
    let second = START_MS / 1_000 + 61;
    for (name, length) in UNITS {
        assert_eq!(starts[name], second - second.rem_euclid(length), "{name}");
    }
    crate::is_quiet(&mut client);
}
