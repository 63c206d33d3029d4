//! What a tape promises, checked on whole tapes; and the tools to read them with.

mod binance;
mod loops;
mod upbit;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::{Plan, Synthetic};

/// The tape that most tests read: two minutes of the default plan.
fn tape() -> &'static Vec<(i64, String)> {
    static TAPE: OnceLock<Vec<(i64, String)>> = OnceLock::new();
    TAPE.get_or_init(|| read(Plan::default()))
}

fn read(plan: Plan) -> Vec<(i64, String)> {
    Synthetic::new(plan).map(|(recv, line)| (recv, String::from_utf8(line).unwrap())).collect()
}

/// A line of the combined stream: symbol, stream without the symbol, payload.
fn stream(line: &str) -> Option<(String, String, Value)> {
    let mut message: Value = serde_json::from_str(line).unwrap();
    let (symbol, stream) = message.get("stream")?.as_str()?.split_once('@')?;
    let (symbol, stream) = (symbol.to_ascii_uppercase(), stream.to_owned());
    assert_eq!(message["data"]["s"], symbol.as_str());
    Some((symbol, stream, message["data"].take()))
}

/// A decimal, in quotes or not and with or without an exponent, in units of 1e-16.
fn decimal(text: &str) -> i128 {
    let text = text.trim_matches('"');
    let (digits, exponent) = text.split_once('E').unwrap_or((text, "0"));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let shift = 16 + exponent.parse::<i32>().unwrap() - part.len() as i32;
    let number: i128 = format!("{whole}{part}").parse().unwrap();
    number * 10_i128.pow(u32::try_from(shift).unwrap())
}

/// A member of a parsed payload that is a decimal in a string.
fn amount(value: &Value, key: &str) -> i128 {
    decimal(value[key].as_str().unwrap())
}

fn number(value: &Value, key: &str) -> i64 {
    value[key].as_i64().unwrap()
}

/// The text of a member of a flat object, quotes included: as it is spelled, not as it is parsed.
fn spelled<'a>(line: &'a str, key: &str) -> &'a str {
    let key = format!("\"{key}\":");
    let at = line.find(&key).unwrap() + key.len();
    let end = line[at..].find([',', '}']).unwrap();
    &line[at..at + end]
}

/// All member names of a line, in order.
fn keys(line: &str) -> Vec<&str> {
    let parts: Vec<&str> = line.split('"').collect();
    (1..parts.len() - 1).step_by(2).filter(|&at| parts[at + 1].starts_with(':')).map(|at| parts[at]).collect()
}

/// FNV-1a over the first 10,000 lines as they would stand in a file.
fn digest(plan: Plan) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (recv, line) in Synthetic::new(plan).take(10_000) {
        for byte in recv.to_string().bytes().chain(*b" ").chain(line).chain(*b"\n") {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[test]
fn a_plan_names_one_tape_for_ever() {
    assert_eq!(digest(Plan::default()), 0x225c_dbd5_cf10_72fd);
    assert_eq!(digest(Plan { seed: 2, ..Plan::default() }), 0x6640_7c6e_d8e4_5754);
}

#[test]
fn another_seed_makes_another_tape() {
    let other = Plan { seed: 2, ..Plan::default() };
    assert_ne!(digest(Plan::default()), digest(other));
}

#[test]
fn the_iterator_and_the_buffer_give_the_same_lines() {
    let mut tape = Synthetic::new(Plan::default());
    let mut line = b"what was there before".to_vec();
    for (recv, expected) in Synthetic::new(Plan::default()).take(3_000) {
        assert_eq!(tape.next_line(&mut line), Some(recv));
        assert_eq!(line, expected);
    }
}

#[test]
fn a_line_is_one_line_of_json() {
    for (_, line) in tape() {
        assert!(!line.contains(['\n', ' ']), "{line}");
        serde_json::from_str::<Value>(line).unwrap();
    }
}

#[test]
fn receive_times_never_fall_and_follow_the_event_by_a_few_milliseconds() {
    let mut last = 0;
    for (recv, line) in tape() {
        assert!(*recv >= last);
        last = *recv;
        let event = stream(line).and_then(|(_, _, data)| data["E"].as_i64());
        let event = event.or_else(|| {
            let told = line.contains("\"ty\":\"trade\"") || line.contains("\"ty\":\"ticker\"");
            told.then(|| spelled(line, "tms").parse().unwrap())
        });
        if let Some(event) = event {
            let path_us = recv / 1_000 - event * 1_000;
            assert!((2_000..40_000).contains(&path_us), "{path_us} us: {line}");
        }
    }
}

#[test]
fn markets_are_as_lively_as_they_should_be() {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (_, line) in tape() {
        if let Some((symbol, stream, _)) = stream(line) {
            *counts.entry((symbol, stream)).or_default() += 1;
        }
    }
    let per_minute = |symbol: &str, stream: &str| {
        let key = (symbol.to_owned(), stream.to_owned());
        counts.get(&key).copied().unwrap_or(0) / 2
    };
    assert!(per_minute("BTCUSDT", "trade") > 2 * 60);
    assert!(per_minute("BTCUSDT", "bookTicker") > 20 * 60);
    assert!((1..60).contains(&per_minute("NEXOUSDT", "trade")));
    let all = tape().len() / 120;
    assert!((200..450).contains(&all), "{all} messages a second");
}

#[test]
fn messages_come_in_bursts() {
    let times: Vec<i64> = tape().iter().map(|(recv, _)| *recv).collect();
    let within_1ms = |at: usize| times[at..].iter().take_while(|&&time| time < times[at] + 1_000_000).count();
    let most = (0..times.len()).map(within_1ms).max().unwrap();
    assert!(most >= 20, "{most} messages within a millisecond");
}
