//! Quotations by REST: markets, tickers, order books, and what goes wrong.

use std::io::Read;

use serde_json::{Value, json};

use crate::support::{Client, Server, tape};

pub fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The value of a header, if there is one.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}

/// Status, the value of `Remaining-Req`, body.
fn ask(server: &Server, path: &str) -> (u16, Option<String>, Value) {
    let (status, head, body) = server.get(&format!("/v1/{path}"));
    if header(&head, "remaining-req").is_some() {
        assert_eq!(header(&head, "limit-by-ip"), Some("Yes"), "{head}");
    }
    (status, header(&head, "remaining-req").map(str::to_owned), parse(&body))
}

pub fn get(server: &Server, path: &str) -> Value {
    let (status, _, body) = ask(server, path);
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// The keys of a flat object in the order of the text.
pub fn keys(text: &str) -> String {
    let end = text.find('}').expect("an object");
    let parts = text[..end].split("\":").map(|part| part.rsplit('"').next().unwrap());
    let keys: Vec<&str> = parts.collect();
    keys[..keys.len() - 1].join(" ")
}

/// `group=…; min=…; sec=…`, the numbers at their places.
fn is_allowance(text: &str, group: &str) -> bool {
    let Some(rest) = text.strip_prefix(&format!("group={group}; min=")) else { return false };
    rest.split_once("; sec=").is_some_and(|(min, sec)| {
        [min, sec].iter().all(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// Waits until the tape of a server has been read to its end.
pub fn played(flags: &[&str], messages: u64) -> Server {
    let server = Server::start(flags);
    server.wait_for_count("messages_read", messages);
    server
}

/// 2021-04-05 00:00:00 UTC, a Monday, in milliseconds.
pub const DAY_MS: i64 = 1_617_580_800_000;

/// A trade as it was recorded before 2022.
pub fn trade(code: &str, ms: i64, number: i64, price: &str, size: &str, side: &str) -> (i64, String) {
    let (previous, change, amount) = ("43.20000000", "FALL", "2.00000000");
    let message = format!(
        r#"{{"ty":"trade","cd":"{code}","tms":{},"td":"x","ttm":"x","ttms":{ms},"tp":{price},"tv":{size},"ab":"{side}","pcp":{previous},"c":"{change}","cp":{amount},"sid":{},"st":"REALTIME"}}"#,
        ms + 82,
        ms * 1_000 + number
    );
    ((ms + 100) * 1_000_000, message)
}

/// A book of two units, one of them without a bid, in the format DEFAULT.
fn orderbook(code: &str, ms: i64) -> (i64, String) {
    let message = format!(
        r#"{{"type":"orderbook","code":"{code}","timestamp":{ms},"total_ask_size":0.36201177,"total_bid_size":0.12345678,"orderbook_units":[{{"ask_price":9.8765E7,"bid_price":9.8764E7,"ask_size":0.05123457,"bid_size":0.12345678}},{{"ask_price":9.8771E7,"bid_price":0.0,"ask_size":0.31077720,"bid_size":0}}],"stream_type":"REALTIME","level":0}}"#
    );
    (ms * 1_000_000, message)
}

#[test]
fn upbit_item_57_every_answer_tells_what_may_still_be_asked() {
    let server = Server::start(&[]);
    for (path, group, expected) in [
        ("market/all", "market", 200),
        ("ticker?markets=KRW-BTC", "ticker", 200),
        ("ticker/all?quote_currencies=KRW", "ticker", 200),
        ("orderbook?markets=KRW-BTC", "orderbook", 200),
        ("orderbook/instruments?markets=KRW-BTC", "orderbook", 200),
        ("trades/ticks?market=KRW-BTC", "trade", 200),
        ("candles/minutes/1?market=KRW-BTC", "candle", 200),
        ("candles/minutes/2?market=KRW-BTC", "candle", 400),
        ("ticker?markets=KRW-NO", "ticker", 404),
        ("ticker", "ticker", 400),
    ] {
        let (status, remaining, _) = ask(&server, path);
        assert_eq!(status, expected, "{path}");
        assert!(remaining.as_deref().is_some_and(|text| is_allowance(text, group)), "{path}: {remaining:?}");
    }
    // A path that does not exist has no group.
    let (status, remaining, body) = ask(&server, "orders");
    assert_eq!((status, remaining, &body["error"]["name"]), (404, None, &json!("not_found")));
}

#[test]
fn upbit_item_57_allowances_are_of_a_group_and_a_second_where_they_are_counted() {
    let server = Server::start(&["--request-rate", "10"]);
    // A second may end in between, and then all may ask again; most rounds do not see that.
    for _ in 0..20 {
        let mut left = Vec::new();
        for _ in 0..11 {
            let (status, remaining, body) = ask(&server, "ticker?markets=KRW-BTC");
            let remaining = remaining.expect("a header");
            assert!(is_allowance(&remaining, "ticker"), "{remaining}");
            left.push((status, remaining.rsplit('=').next().unwrap().parse::<u32>().unwrap()));
            if status == 429 {
                assert!(body["error"]["name"] == 429 && body["error"]["message"].is_string(), "{body}");
            }
        }
        if left.first() != Some(&(200, 9)) {
            continue;
        }
        let whole: Vec<(u16, u32)> = (0..10).rev().map(|left| (200, left)).chain([(429, 0)]).collect();
        if left == whole {
            assert_eq!(ask(&server, "orderbook?markets=KRW-BTC").0, 200, "a group of its own");
            return;
        }
    }
    panic!("no round of eleven requests fitted a second");
}

#[test]
fn upbit_item_58_market_all_lists_the_tape_and_the_list() {
    let (_tape, server) = crate::played(&crate::synthetic(1), &[]);
    let markets = get(&server, "market/all");
    let first = &markets[0];
    assert_eq!(first, &json!({"market": "KRW-BTC", "korean_name": "BTC", "english_name": "BTC"}));
    // Seven of its own, nine of Binance's, and USDT-BTC is one of both.
    assert_eq!(markets.as_array().unwrap().len(), 15);
    for flag in ["is_details=true", "isDetails=true"] {
        let market = &get(&server, &format!("market/all?{flag}"))[0];
        assert_eq!(market["market_event"]["warning"], false);
        assert_eq!(market["market_event"]["caution"].as_object().unwrap().len(), 5);
    }
    let folder = tempfile::tempdir().unwrap();
    let list = r#"[{"market":"KRW-BTC","korean_name":"비트코인","english_name":"Bitcoin"},{"market":"KRW-QTUM","korean_name":"퀀텀","english_name":"Qtum"}]"#;
    let path = tape(&folder, "markets.jsonl", &[(1_618_678_261_680_079_200, list.into())]);
    let (_tape, server) = crate::played(&crate::synthetic(1), &["--upbit-markets", &path]);
    let markets = get(&server, "market/all");
    assert_eq!(markets.as_array().unwrap().len(), 16);
    assert_eq!(markets[0]["korean_name"], "비트코인");
    assert_eq!((&markets[1]["market"], &markets[2]["market"]), (&json!("KRW-QTUM"), &json!("KRW-ETH")));
    // It exists, and nothing is known of it.
    for path in ["ticker?markets=", "orderbook?markets=", "trades/ticks?market=", "candles/days?market="] {
        assert_eq!(get(&server, &format!("{path}KRW-QTUM")), json!([]), "{path}");
    }
}

#[test]
fn upbit_item_58_the_ticker_is_that_of_the_stream() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/websocket/v1");
    let codes = ["KRW-BTC", "BTC-ETH", "USDT-BTC"];
    client.say(&json!([{"ticket": "a"}, {"type": "ticker", "codes": codes}]).to_string());
    let mut events = std::collections::BTreeMap::new();
    while events.len() < codes.len() {
        let event = parse(client.next_event().text());
        events.insert(event["code"].as_str().unwrap().to_owned(), event);
    }
    let event = &events["KRW-BTC"];
    let (_, _, body) = server.get("/v1/ticker?markets=KRW-BTC");
    assert_eq!(
        keys(&body),
        "market trade_date trade_time trade_date_kst trade_time_kst trade_timestamp opening_price high_price low_price \
         trade_price prev_closing_price change change_price change_rate signed_change_price signed_change_rate \
         trade_volume acc_trade_price acc_trade_price_24h acc_trade_volume acc_trade_volume_24h highest_52_week_price \
         highest_52_week_date lowest_52_week_price lowest_52_week_date timestamp"
    );
    let ticker = &parse(&body)[0];
    for key in ["prev_closing_price", "highest_52_week_price", "lowest_52_week_date"] {
        let same = ticker[key] == event[key] || ticker[key].as_f64() == event[key].as_f64();
        assert!(same, "{key}: {ticker} {event}");
    }
    assert!(ticker["timestamp"].as_i64() >= event["timestamp"].as_i64());
    let (_tape, server) = crate::played(&crate::synthetic(1), &[]);
    let all = get(&server, "ticker/all?quote_currencies=btc,USDT");
    let mut names: Vec<&str> =
        all.as_array().unwrap().iter().map(|ticker| ticker["market"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert!(names.iter().all(|name| name.starts_with("BTC-") || name.starts_with("USDT-")), "{names:?}");
    assert!(["BTC-ETH", "USDT-BTC", "USDT-ETH"].iter().all(|name| names.contains(name)), "{names:?}");
}

#[test]
fn upbit_item_58_a_tape_without_tickers_gets_them_from_its_trades() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        trade("KRW-IQ", DAY_MS - 1_000, 0, "44.0", "1.0", "BID"),
        trade("KRW-IQ", DAY_MS + 65_821_000, 0, "41.0", "2.5", "ASK"),
        trade("KRW-IQ", DAY_MS + 65_822_000, 0, "41.2", "1.0E-7", "BID"),
    ];
    let path = tape(&folder, "upbit.jsonl", &lines);
    let server = played(&["--feed", &path, "--speed", "max"], 3);
    let (_, _, body) = server.get("/v1/ticker?markets=KRW-IQ");
    let expected = concat!(
        r#"[{"market":"KRW-IQ","trade_date":"20210405","trade_time":"181702","trade_date_kst":"20210406","#,
        r#""trade_time_kst":"031702","trade_timestamp":1617646622000,"opening_price":41,"high_price":41.2,"#,
        r#""low_price":41,"trade_price":41.2,"prev_closing_price":43.2,"change":"FALL","change_price":2,"#,
        r#""change_rate":0.0462962963,"signed_change_price":-2,"signed_change_rate":-0.0462962963,"#,
        r#""trade_volume":0.0000001,"acc_trade_price":102.50000412,"acc_trade_price_24h":146.50000412,"#,
        r#""acc_trade_volume":2.5000001,"acc_trade_volume_24h":3.5000001,"highest_52_week_price":44,"#,
        r#""highest_52_week_date":"2021-04-04","lowest_52_week_price":41,"lowest_52_week_date":"2021-04-05","#,
        r#""timestamp":1617646622082}]"#
    );
    assert_eq!(body, expected);
}

#[test]
fn upbit_item_58_order_books_are_whole_plain_and_grouped_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [orderbook("KRW-BTC", DAY_MS), orderbook("BTC-ETH", DAY_MS + 1), orderbook("KRW-ETH", DAY_MS + 2)];
    let path = tape(&folder, "upbit.jsonl", &lines);
    let server = played(&["--feed", &path, "--speed", "max"], 3);
    let (_, _, body) = server.get("/v1/orderbook?markets=KRW-BTC&count=3");
    let expected = concat!(
        r#"[{"market":"KRW-BTC","timestamp":1617580800000,"total_ask_size":0.36201177,"total_bid_size":0.12345678,"#,
        r#""orderbook_units":[{"bid_price":98764000,"bid_size":0.12345678,"ask_price":98765000,"ask_size":0.05123457},"#,
        r#"{"bid_price":0,"bid_size":0,"ask_price":98771000,"ask_size":0.3107772},"#,
        r#"{"bid_price":0,"bid_size":0,"ask_price":0,"ask_size":0}],"level":0}]"#
    );
    assert_eq!(body, expected);
    let units = |path: &str| get(&server, path)[0]["orderbook_units"].as_array().unwrap().len();
    assert_eq!(units("orderbook?markets=KRW-BTC"), 30);
    assert_eq!((units("orderbook?markets=KRW-BTC&count=5"), units("orderbook?markets=KRW-BTC&count=99")), (5, 30));
    let (_, _, body) = server.get("/v1/orderbook?markets=KRW-BTC&count=2&level=10000");
    let expected = concat!(
        r#""orderbook_units":[{"bid_price":98760000,"bid_size":0.12345678,"ask_price":98770000,"ask_size":0.05123457},"#,
        r#"{"bid_price":0,"bid_size":0,"ask_price":98780000,"ask_size":0.3107772}],"level":10000}]"#
    );
    assert!(body.ends_with(expected), "{body}");
    // A step that a market does not have leaves it out.
    assert_eq!(get(&server, "orderbook?markets=BTC-ETH&level=10000"), json!([]));
    assert_eq!(get(&server, "orderbook?markets=KRW-BTC&level=5"), json!([]));
    assert_eq!(get(&server, "orderbook?markets=KRW-BTC,BTC-ETH&level=10000").as_array().unwrap().len(), 1);
    let levels = ["0", "10000", "100000", "1000000", "10000000"];
    assert_eq!(
        get(&server, "orderbook/instruments?markets=KRW-BTC,BTC-ETH"),
        json!([
            {"market": "KRW-BTC", "quote_currency": "KRW", "tick_size": "1000", "supported_levels": levels},
            {"market": "BTC-ETH", "quote_currency": "BTC", "tick_size": "1000", "supported_levels": ["0"]},
        ])
    );
    let older = get(&server, "orderbook/supported_levels?markets=KRW-BTC");
    assert_eq!(older, json!([{"market": "KRW-BTC", "supported_levels": [0, 10_000, 100_000, 1_000_000, 10_000_000]}]));
}

#[test]
fn upbit_item_59_codes_come_in_any_case_and_lists_in_two_forms() {
    let folder = tempfile::tempdir().unwrap();
    let lines =
        [orderbook("KRW-BTC", DAY_MS), orderbook("BTC-ETH", DAY_MS), trade("KRW-BTC", DAY_MS, 0, "1", "1", "BID")];
    let path = tape(&folder, "upbit.jsonl", &lines);
    let server = played(&["--feed", &path, "--speed", "max"], 3);
    let expected = get(&server, "orderbook?markets=KRW-BTC,BTC-ETH");
    assert_eq!(expected.as_array().unwrap().len(), 2);
    for path in [
        "orderbook?markets=KRW-BTC&markets=BTC-ETH",
        "orderbook?markets=krw-btc%2Cbtc-eth",
        "orderbook/?markets=Krw-Btc&markets=BTC-ETH",
    ] {
        assert_eq!(get(&server, path), expected, "{path}");
    }
    let days = get(&server, "candles/days?market=KRW-BTC");
    assert_eq!(days.as_array().unwrap().len(), 1);
    assert_eq!(get(&server, "candles/days/?market=krw-btc"), days);
    assert_eq!(get(&server, "trades/ticks/?market=krw-btc")[0]["market"], "KRW-BTC");
}

#[test]
fn upbit_item_60_one_unknown_market_fails_the_call_and_a_missing_one_has_its_text() {
    let server = Server::start(&[]);
    for path in [
        "ticker?markets=KRW-BTC,KRW-NO",
        "orderbook?markets=KRW-NO&markets=KRW-BTC",
        "orderbook/instruments?markets=KRW-NO",
        "trades/ticks?market=KRW-NO",
        "candles/seconds?market=BTC",
    ] {
        let (status, _, body) = ask(&server, path);
        assert_eq!((status, body), (404, json!({"error": {"name": 404, "message": "Code not found"}})), "{path}");
    }
    let missing = "Missing request parameter error. Check the required parameters!";
    for path in [
        "ticker",
        "ticker?markets=",
        "ticker/all",
        "orderbook",
        "trades/ticks",
        "candles/minutes/1",
        "candles/days?markets=KRW-BTC",
    ] {
        let (status, _, body) = ask(&server, path);
        assert_eq!((status, body), (400, json!({"error": {"name": 400, "message": missing}})), "{path}");
    }
    for path in ["candles/days?market=KRW-BTC&to=soon", "trades/ticks?market=KRW-BTC&count=x"] {
        let (status, _, body) = ask(&server, path);
        assert_eq!((status, &body["error"]["name"]), (400, &json!(400)), "{path}");
    }
}

#[test]
fn upbit_item_56_a_browser_asks_as_often_as_anybody() {
    let server = Server::start(&[]);
    for _ in 0..12 {
        let (status, head, _) = server.get_with("/v1/ticker?markets=KRW-BTC", "Origin: https://example.com\r\n");
        assert_eq!(status, 200, "{head}");
    }
}

#[test]
fn upbit_item_58_answers_are_compressed_where_that_is_asked_for() {
    let server = Server::start(&[]);
    let (_, plain_head, plain) = server.get("/v1/market/all?is_details=true");
    assert_eq!(header(&plain_head, "content-encoding"), None);
    let (head, body) = server.get_bytes("/v1/market/all?is_details=true", "Accept-Encoding: deflate, gzip;q=0.8\r\n");
    assert_eq!(header(&head, "content-encoding"), Some("gzip"), "{head}");
    assert_eq!(header(&head, "vary"), Some("accept-encoding"), "{head}");
    assert!(header(&head, "remaining-req").is_some() && body.len() < plain.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(body.as_slice()).read_to_string(&mut text).expect("gzip");
    assert_eq!(text, plain);
    let (_, head, _) = server.get_with("/v1/market/all?is_details=true", "Accept-Encoding: gzip;q=0\r\n");
    assert_eq!(header(&head, "content-encoding"), None);
    // A few bytes would only grow.
    let (_, head, _) = server.get_with("/v1/nosuch", "Accept-Encoding: gzip\r\n");
    assert_eq!(header(&head, "content-encoding"), None);
}
