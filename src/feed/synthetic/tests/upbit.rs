//! The Upbit lines agree with each other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{decimal, keys, read, spelled, stream, tape};
use crate::feed::synthetic::Plan;
use crate::feed::synthetic::catalog::UPBIT;

/// All lines of one type, by market.
fn lines(wanted: &str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let head = format!("{{\"ty\":\"{wanted}\",");
    let mut lines: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (_, line) in tape() {
        if line.starts_with(&head) {
            let market = spelled(line, "cd").trim_matches('"');
            lines.entry(market).or_default().push(line);
        }
    }
    assert_eq!(lines.len(), UPBIT.len());
    lines
}

fn value(line: &str, key: &str) -> i128 {
    decimal(spelled(line, key))
}

#[test]
fn members_stand_in_the_documented_order() {
    let trade = "ty cd tms td ttm ttms tp tv ab pcp c cp sid bap bas bbp bbs st";
    let ticker = "ty cd op hp lp tp pcp atp c cp scp cr scr ab tv atv tdt ttm ttms aav abv h52wp h52wdt \
                  l52wp l52wdt ms its dd mw tms atp24h atv24h st";
    for (wanted, expected) in [("trade", trade), ("ticker", ticker)] {
        for line in lines(wanted).values().flatten() {
            assert_eq!(keys(line).join(" "), expected);
            assert_eq!(spelled(line, "st"), "\"REALTIME\"");
        }
    }
    for line in lines("orderbook").values().flatten() {
        let keys = keys(line);
        assert_eq!(keys[..6].join(" "), "ty cd tms tas tbs obu");
        assert_eq!(keys[6..126].chunks(4).filter(|unit| unit == &["ap", "bp", "as", "bs"]).count(), 30);
        assert_eq!(keys[126..].join(" "), "st lv");
    }
}

#[test]
fn a_comparison_with_yesterday_agrees_with_itself() {
    for line in lines("trade").values().chain(lines("ticker").values()).flatten() {
        let change = value(line, "tp") - value(line, "pcp");
        assert_eq!(value(line, "cp"), change.abs());
        let word = match change.signum() {
            1 => "\"RISE\"",
            0 => "\"EVEN\"",
            _ => "\"FALL\"",
        };
        assert_eq!(spelled(line, "c"), word);
        assert!(value(line, "tms") >= value(line, "ttms"));
    }
}

#[test]
fn every_trade_is_followed_by_the_ticker_that_counts_it() {
    for (market, trades) in lines("trade") {
        let tickers = &lines("ticker")[market];
        assert_eq!(trades.len(), tickers.len());
        let mut before: Option<&str> = None;
        for (trade, ticker) in trades.iter().zip(tickers) {
            for key in ["tp", "tv", "ttms", "tms", "ab", "pcp"] {
                if key == "ab" {
                    assert_eq!(spelled(trade, key), spelled(ticker, key));
                } else {
                    assert_eq!(value(trade, key), value(ticker, key), "{key}");
                }
            }
            check_ticker(ticker);
            if let Some(before) = before {
                let grown = |key| value(ticker, key) - value(before, key);
                let size = value(trade, "tv");
                let money = value(trade, "tp") / 100_000_000 * (size / 100_000_000);
                assert_eq!(grown("atv"), size);
                assert_eq!(grown("atv24h"), size);
                assert_eq!(grown("atp"), money);
                assert_eq!(grown("atp24h"), money);
                let taker = if spelled(trade, "ab") == "\"BID\"" { "abv" } else { "aav" };
                assert_eq!(grown(taker), size);
            }
            before = Some(ticker);
        }
    }
}

fn check_ticker(line: &str) {
    assert_eq!(value(line, "aav") + value(line, "abv"), value(line, "atv"));
    let (low, price, high) = (value(line, "lp"), value(line, "tp"), value(line, "hp"));
    assert!(low <= price && price <= high);
    assert!(value(line, "l52wp") <= low && high <= value(line, "h52wp"));
    let change = price - value(line, "pcp");
    assert_eq!(value(line, "scp"), change);
    let rate = value(line, "cr");
    assert_eq!(value(line, "scr"), rate * change.signum());
    let yesterday = value(line, "pcp");
    let off = (rate * yesterday - change.abs() * decimal("1")).abs();
    assert!(off <= yesterday * decimal("0.00000000005"), "{line}");
}

#[test]
fn trades_are_made_at_the_best_price_and_their_ids_are_unique() {
    for trades in lines("trade").values() {
        let mut ids = BTreeSet::new();
        let mut last_ms = 0;
        for line in trades {
            let id: i64 = spelled(line, "sid").parse().unwrap();
            let trade_ms: i64 = spelled(line, "ttms").parse().unwrap();
            assert_eq!(id / 10_000, trade_ms);
            assert!(ids.insert(id));
            assert!(trade_ms >= last_ms);
            last_ms = trade_ms;
            assert!(value(line, "bbp") < value(line, "bap"));
            assert!(value(line, "bbs") > 0 && value(line, "bas") > 0);
        }
    }
}

#[test]
fn books_are_whole_and_sorted_and_add_up() {
    let mut padded = 0;
    for (market, books) in lines("orderbook") {
        let mut last = "";
        for line in &books {
            let units = &line[line.find("\"obu\"").unwrap()..];
            assert_ne!(units, last, "unchanged");
            last = units;
            let message: Value = serde_json::from_str(line).unwrap();
            assert_eq!(message["obu"].as_array().unwrap().len(), 30);
            for (price, size, total, sign) in [("ap", "as", "tas", 1), ("bp", "bs", "tbs", -1)] {
                let column = |key: &str| -> Vec<i128> {
                    let key = format!("\"{key}\":");
                    let cells = units.split(&key).skip(1);
                    cells.map(|cell| decimal(&cell[..cell.find([',', '}']).unwrap()])).collect()
                };
                let (prices, sizes) = (column(price), column(size));
                assert_eq!(sizes.iter().sum::<i128>(), value(line, total));
                let levels = prices.iter().take_while(|&&price| price > 0).count();
                assert!(prices[levels..].iter().chain(&sizes[levels..]).all(|&empty| empty == 0));
                assert!(sizes[..levels].iter().all(|&size| size > 0));
                assert!(prices[..levels].is_sorted_by(|one, next| one * sign < next * sign));
                padded += usize::from(levels < 30);
            }
            assert!(value(line, "bp") < value(line, "ap"));
        }
        assert!(books.len() > 20, "{market}");
    }
    assert!(padded > 0);
}

#[test]
fn books_come_ten_times_a_second_at_most_and_later_than_their_change() {
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for (recv, line) in tape() {
        if !line.starts_with("{\"ty\":\"orderbook\"") {
            continue;
        }
        let changed_ns = spelled(line, "tms").parse::<i64>().unwrap() * 1_000_000;
        assert!((2_000_000..240_000_000).contains(&(recv - changed_ns)));
        if let Some(last) = last.insert(spelled(line, "cd"), *recv) {
            // A stalled path brings the one before closer.
            assert!(recv - last > 60_000_000, "{line}");
        }
    }
}

#[test]
fn prices_stand_on_the_ticks_of_their_band() {
    for (market, tick) in
        [("KRW-BTC", "1000"), ("KRW-ETH", "1000"), ("KRW-SOL", "50"), ("KRW-XRP", "1"), ("KRW-DOGE", "0.1")]
    {
        for line in &lines("trade")[market] {
            assert_eq!(value(line, "tp") % decimal(tick), 0);
        }
    }
}

#[test]
fn both_venues_follow_the_same_price() {
    let mut dollars = 0;
    let mut checked = 0;
    for (_, line) in tape() {
        if let Some((symbol, name, data)) = stream(line) {
            if symbol == "BTCUSDT" && name == "bookTicker" {
                dollars = super::amount(&data, "b");
            }
        } else if line.starts_with("{\"ty\":\"trade\",\"cd\":\"KRW-BTC\"") && dollars > 0 {
            // 0.3 % of 1390 won.
            let off = value(line, "tp") - dollars * 1_390;
            assert!(off.abs() < dollars * 4, "{line}");
            checked += 1;
        }
    }
    assert!(checked > 50);
}

#[test]
fn a_new_day_of_utc_starts_new_sums() {
    let tape = read(Plan { start_ns: 1_772_409_540_000_000_000, minutes: 2, ..Plan::default() });
    let tickers = tape.iter().map(|(_, line)| line.as_str());
    let tickers = tickers.filter(|line| line.starts_with("{\"ty\":\"ticker\",\"cd\":\"KRW-BTC\""));
    let (before, after): (Vec<&str>, Vec<&str>) = tickers.partition(|line| spelled(line, "tdt") == "\"20260301\"");
    let (last, first) = (before.last().unwrap(), after[0]);
    assert_eq!(spelled(first, "tdt"), "\"20260302\"");
    assert!(spelled(first, "ttm").starts_with("\"0000"));
    assert_eq!(value(first, "pcp"), value(last, "tp"));
    assert_eq!(value(first, "op"), value(first, "tp"));
    assert_eq!(value(first, "atv"), value(first, "tv"));
    assert!(value(first, "atv24h") > value(last, "atv24h"));
    for line in after {
        check_ticker(line);
    }
}
