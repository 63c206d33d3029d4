//! Upbit's clients are served today's messages from any year's tape, one test for each thing that has changed, and
//! order books with merged prices.

use serde_json::Value;

use crate::open;
use crate::support::{Client, Server, tape};

const MS: i64 = 1_773_811_812_000;

/// A server that plays these messages, a millisecond apart, to the first client that subscribes.
fn serve(messages: &[&str], flags: &[&str]) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let lines: Vec<(i64, String)> =
        (MS..).zip(messages).map(|(ms, message)| (ms * 1_000_000, (*message).to_owned())).collect();
    let path = tape(&folder, "upbit.jsonl", &lines);
    let always = ["--feed", &path, "--speed", "max", "--wait-for-clients", "1", "--exit-at-end", "--derive", "never"];
    (Server::start(&[&always[..], flags].concat()), folder)
}

/// All frames that a client gets who asks for these data types.
fn frames(messages: &[&str], flags: &[&str], types: &str, format: &str) -> Vec<String> {
    let (server, _folder) = serve(messages, flags);
    let mut client = Client::open(&server, "/websocket/v1");
    client.say(&format!(r#"[{{"ticket":"a"}},{types},{{"format":"{format}"}}]"#));
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

const TRADE: &str = r#"{"ty":"trade","cd":"KRW-IQ","tms":1617646621082,"td":"2021-04-05","ttm":"18:17","ttms":1617646620000,"tp":127.0,"tv":1.5,"ab":"ASK","pcp":43.20000000,"c":"RISE","cp":83.80000000,"sid":1617646620000000,"st":"REALTIME"}"#;
const TRADES: &str = r#"{"type":"trade","codes":["KRW-IQ"],"is_only_realtime":true}"#;

const BOOK: &str = r#"{"ty":"orderbook","cd":"KRW-IQ","tms":1617646620673,"tas":6.00000000,"tbs":0.00077720,"obu":[{"ap":1918.0,"bp":1917.0,"as":1.0,"bs":7.772E-4},{"ap":1925.0,"bp":0,"as":5.0,"bs":0.0}],"st":"REALTIME"}"#;
const BOOKS: &str = r#"{"type":"orderbook","codes":["KRW-IQ"],"is_only_realtime":true}"#;

#[test]
fn upbit_item_22_the_time_of_a_full_minute_is_written_whole() {
    for (form, time) in [("today", r#""ttm":"18:17:00""#), ("recorded", r#""ttm":"18:17""#)] {
        let frames = frames(&[TRADE], &["--upbit-form", form], TRADES, "SIMPLE");
        assert!(frames[0].contains(time), "{frames:?}");
    }
}

#[test]
fn upbit_item_22_trades_have_the_best_levels_null_where_nobody_knows_them() {
    let today = &frames(&[TRADE], &[], TRADES, "SIMPLE")[0];
    assert!(today.contains(r#""sid":1617646620000000,"bap":null,"bas":null,"bbp":null,"bbs":null,"st""#), "{today}");
    assert_eq!(serde_json::from_str::<Value>(today).unwrap().as_object().unwrap().len(), 18);
    assert_eq!(frames(&[TRADE], &["--upbit-form", "recorded"], TRADES, "SIMPLE"), [TRADE]);
    let known = TRADE.replace(r#","st""#, r#","bap":128,"bas":5.0E-4,"bbp":127.5,"bbs":1.0,"st""#);
    let frame = &frames(&[&known], &[], TRADES, "DEFAULT")[0];
    let best = r#""best_ask_price":128,"best_ask_size":0.0005,"best_bid_price":127.5,"best_bid_size":1,"stream_type""#;
    assert!(frame.contains(best), "{frame}");
}

#[test]
fn upbit_item_23_25_order_books_are_filled_up_with_empty_units() {
    for (suffix, units) in [("", 30), (".1", 1), (".5", 5), (".15", 15), (".20", 30)] {
        let types = BOOKS.replace("KRW-IQ", &format!("KRW-IQ{suffix}"));
        let frame = &frames(&[BOOK], &[], &types, "SIMPLE")[0];
        assert_eq!(frame.matches("{\"ap\":").count(), units);
        assert_eq!(frame.matches(r#"{"ap":0,"bp":0,"as":0.0,"bs":0.0}"#).count(), units.saturating_sub(2));
        assert!(frame.contains(r#""tas":6.00000000,"tbs":0.00077720"#), "the totals of the whole window: {frame}");
    }
    assert_eq!(frames(&[BOOK], &["--upbit-form", "recorded"], BOOKS, "SIMPLE"), [BOOK]);
}

#[test]
fn upbit_item_28_the_level_comes_last_and_is_0_without_grouping() {
    assert!(frames(&[BOOK], &[], BOOKS, "SIMPLE")[0].ends_with(r#"],"st":"REALTIME","lv":0}"#));
    assert!(frames(&[BOOK], &[], BOOKS, "DEFAULT")[0].ends_with(r#"],"stream_type":"REALTIME","level":0}"#));
    let recorded = BOOK.replace(r#""REALTIME""#, r#""REALTIME","lv":0"#);
    assert_eq!(frames(&[&recorded], &["--upbit-form", "recorded"], BOOKS, "SIMPLE"), [recorded.as_str()]);
}

#[test]
fn upbit_item_19_tickers_have_33_members_whatever_the_tape_had() {
    let ticker = r#"{"ty":"ticker","cd":"KRW-XRP","op":1950.0,"hp":1955,"lp":1.9E3,"tp":1918,"pcp":1924.0,"atp":1236.7,"c":"FALL","cp":6,"scp":-6,"cr":0.003,"scr":-0.003,"ab":"ASK","tv":1.5,"atv":0.6,"tdt":"20210405","ttm":"181700","ttms":1617646620000,"aav":0.6,"abv":0,"h52wp":2500,"h52wdt":"2021-01-01","l52wp":300.5,"l52wdt":"2020-06-30","ts":null,"ms":"ACTIVE","msfi":null,"its":false,"dd":null,"mw":"NONE","tms":1617646621082,"atp24h":1236.7,"atv24h":0.6,"st":"REALTIME"}"#;
    for format in ["SIMPLE", "DEFAULT"] {
        let frames = frames(&[ticker], &[], r#"{"type":"ticker","codes":["KRW-XRP"],"is_only_realtime":true}"#, format);
        assert_eq!(serde_json::from_str::<Value>(&frames[0]).unwrap().as_object().unwrap().len(), 33);
    }
}

#[test]
fn upbit_item_28_29_30_levels_merge_prices_where_the_market_supports_them() {
    let bitcoin = BOOK.replace("KRW-IQ", "BTC-IQ");
    let book = |codes: &str, level: &str| {
        format!(r#"{{"type":"orderbook","codes":[{codes}],"level":{level},"is_only_realtime":true}}"#)
    };
    let types = [
        book(r#""KRW-IQ.1""#, "10"),
        book(r#""KRW-IQ.5""#, r#""1e2""#),
        // Neither a level of any market, nor one of this market, nor a market that has any.
        book(r#""KRW-IQ""#, "3"),
        book(r#""KRW-IQ""#, "10000"),
        book(r#""BTC-IQ""#, "10"),
        book(r#""KRW-IQ.15""#, "0"),
    ];
    let mut frames = frames(&[BOOK, &bitcoin], &[], &types.join(","), "DEFAULT");
    frames.sort();
    let head = r#"{"type":"orderbook","code":"KRW-IQ","timestamp":1617646620673,"total_ask_size":6.00000000,"total_bid_size":0.00077720,"orderbook_units":["#;
    let empty = r#",{"ask_price":0.0,"bid_price":0.0,"ask_size":0,"bid_size":0}"#;
    let tail = r#"],"stream_type":"REALTIME","level":"#;
    let mut expected = [
        format!(
            r#"{head}{{"ask_price":1920.0,"bid_price":1910.0,"ask_size":1.00000000,"bid_size":0.00077720}}{tail}10}}"#
        ),
        format!(
            r#"{head}{{"ask_price":2000.0,"bid_price":1900.0,"ask_size":6.00000000,"bid_size":0.00077720}}{}{tail}100}}"#,
            empty.repeat(4)
        ),
        format!(
            r#"{head}{{"ask_price":1918.0,"bid_price":1917.0,"ask_size":1.00000000,"bid_size":0.00077720}},{{"ask_price":1925.0,"bid_price":0.0,"ask_size":5.00000000,"bid_size":0}}{}{tail}0}}"#,
            empty.repeat(13)
        ),
    ];
    expected.sort();
    assert_eq!(frames, expected);
}

#[test]
fn upbit_item_28_30_snapshots_have_merged_prices_too_and_levels_are_listed_each_for_itself() {
    let server = Server::start(&[]);
    let mut client = open(
        &server,
        r#"[{"ticket":"a"},{"type":"orderbook","codes":["KRW-BTC"],"level":100000},{"type":"orderbook","codes":["KRW-BTC.5","KRW-ETH"]}]"#,
    );
    let mut first = std::collections::BTreeMap::new();
    while first.len() < 3 {
        let event: Value = serde_json::from_str(client.next_event().text()).unwrap();
        let key = (event["code"].as_str().unwrap().to_owned(), event["level"].to_string());
        let asks = event["orderbook_units"][0]["ask_price"].as_f64().unwrap();
        first.entry(key).or_insert((event["stream_type"].as_str().unwrap().to_owned(), asks));
    }
    assert!(first.values().all(|(stream_type, _)| stream_type == "SNAPSHOT"), "{first:?}");
    assert_eq!(first[&("KRW-BTC".to_owned(), "100000".to_owned())].1 % 100_000.0, 0.0);
    client.say(r#"[{"ticket":"q"},{"method":"LIST_SUBSCRIPTIONS"}]"#);
    let answer = loop {
        let text = client.next_event().text().to_owned();
        if text.contains("\"method\"") {
            break text;
        }
    };
    let entries = r#"[{"type":"orderbook","codes":["KRW-BTC"],"level":100000},{"type":"orderbook","codes":["KRW-BTC","KRW-ETH"],"level":0}]"#;
    assert!(answer.contains(entries), "{answer}");
}
