//! A tape can be played again and again.

use super::{read, tape};
use crate::feed::synthetic::{Plan, Synthetic};

#[test]
fn rounds_join_without_overlap() {
    for minutes in [1, 3] {
        let plan = Plan { seed: 7, minutes, ..Plan::default() };
        let tape = read(plan);
        let (first, last) = (tape[0].0, tape[tape.len() - 1].0);
        assert!(first >= plan.start_ns + 100_000_000);
        assert!(last < plan.start_ns + plan.period_ns() + 100_000_000);
        assert!(first + plan.period_ns() > last);
    }
}

#[test]
fn the_start_is_cut_to_a_whole_minute_and_no_minutes_are_one() {
    let plan = Plan { start_ns: Plan::default().start_ns + 59_999_999_999, ..Plan::default() };
    let mut line = Vec::new();
    assert_eq!(Synthetic::new(plan).next_line(&mut line), Some(tape()[0].0));
    assert_eq!(line, tape()[0].1.as_bytes());
    let none = Plan { minutes: 0, ..plan };
    assert_eq!(none.period_ns(), 60_000_000_000);
}

#[test]
fn prices_are_home_before_the_books_are_restored() {
    for seed in 1..6 {
        let tape = read(Plan { seed, minutes: 1, ..Plan::default() });
        let best_bid = |line: &str| {
            let at = line.find("\"b\":\"").unwrap() + 5;
            line[at..].split('"').next().unwrap().replace('.', "").parse::<i64>().unwrap()
        };
        for symbol in ["btcusdt", "ethusdt", "xrpusdt"] {
            let head = format!("{{\"stream\":\"{symbol}@bookTicker\"");
            let quotes = tape.iter().filter(|(_, line)| line.starts_with(&head));
            let bids: Vec<i64> = quotes.map(|(_, line)| best_bid(line)).collect();
            let [.., live, restored] = bids[..] else { panic!("{symbol} is silent") };
            // 0.05 %: a few ticks at most.
            assert!((live - restored).abs() * 2_000 < restored, "{symbol}: {live} {restored}");
        }
    }
}

#[test]
fn upbit_books_end_as_they_began() {
    let books = tape().iter().filter(|(_, line)| line.starts_with("{\"ty\":\"orderbook\""));
    let mut ends = std::collections::BTreeMap::new();
    for (_, line) in books {
        let market = super::spelled(line, "cd");
        let units = &line[line.find("\"tas\"").unwrap()..];
        ends.entry(market).or_insert((units, units)).1 = units;
    }
    for (market, (first, last)) in ends {
        assert_eq!(first, last, "{market}");
    }
}

#[test]
fn a_long_tape_stays_sane() {
    let plan = Plan { seed: 3, minutes: 30, ..Plan::default() };
    let mut tape = Synthetic::new(plan);
    let mut line = Vec::new();
    let (mut lines, mut longest) = (0_usize, 0);
    let stop = plan.start_ns + plan.period_ns() - 60_000_000_000;
    while tape.next_line(&mut line).is_some_and(|recv| recv < stop) {
        lines += 1;
        longest = longest.max(line.len());
    }
    let per_second = lines / 1_740;
    assert!((200..450).contains(&per_second), "{per_second} messages a second");
    assert!(longest < 64_000, "{longest} bytes");
    for pair in &mut tape.binance {
        let book = pair.market().book();
        for count in [book.bids.len(), book.asks.len()] {
            assert!((60..=240).contains(&count), "{count} levels");
        }
    }
}
