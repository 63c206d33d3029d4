//! Binance's REST market data from outside; numbers are those of the checklist of the venue's conformance. Names
//! begin with `binance`, so that they run with the rest of that venue.

use std::collections::BTreeMap;

use crate::support::{Client, Server, recordings};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn get(server: &Server, path: &str) -> Value {
    let (status, head, body) = server.get(path);
    assert_eq!(status, 200, "{path}: {head} {body}");
    assert!(head.to_ascii_lowercase().contains("x-mbx-used-weight-1m: "), "{head}");
    json(&body)
}

/// Status and error code.
fn refusal(server: &Server, path: &str) -> (u16, i64) {
    let (status, _, body) = server.get(path);
    (status, json(&body)["code"].as_i64().expect("a code"))
}

#[test]
fn binance_item_75_depth_shares_ids_with_the_stream() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/ws/btcusdt@depth@100ms");
    let first = json(client.next_event().text());
    let snapshot = get(&server, "/api/v3/depth?symbol=BTCUSDT");
    assert_eq!(snapshot.as_object().unwrap().keys().collect::<Vec<_>>(), ["asks", "bids", "lastUpdateId"]);
    assert_eq!(snapshot["bids"].as_array().unwrap().len(), 100);
    let id = snapshot["lastUpdateId"].as_i64().unwrap();
    assert!(id >= first["U"].as_i64().unwrap());
    let mut event = first;
    while event["u"].as_i64().unwrap() <= id {
        event = json(client.next_event().text());
    }
    assert!(event["U"].as_i64().unwrap() <= id + 1, "{id}, then {event}");
    for (limit, most) in [("5", 5), ("100000", 5_000)] {
        let depth = get(&server, &format!("/api/v3/depth?symbol=BTCUSDT&limit={limit}"));
        assert!(depth["bids"].as_array().unwrap().len() <= most);
    }
}

#[test]
fn binance_item_76_tickers_are_an_object_for_one_symbol_and_an_array_for_several() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/ws/btcusdt@ticker/ethusdt@ticker/btcusdt@bookTicker/ethusdt@bookTicker");
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 4 {
        let event = json(client.next_event().text());
        seen.insert((event["s"].as_str().unwrap().to_owned(), event.get("e").is_some()));
    }
    for endpoint in ["ticker/24hr", "ticker/price", "ticker/bookTicker"] {
        let path = |rest: &str| format!("/api/v3/{endpoint}{rest}");
        assert_eq!(get(&server, &path("?symbol=BTCUSDT"))["symbol"], "BTCUSDT");
        let several = get(&server, &path("?symbols=[%22BTCUSDT%22,%22ETHUSDT%22]"));
        let names: Vec<_> = several.as_array().unwrap().iter().map(|ticker| ticker["symbol"].clone()).collect();
        assert_eq!(names, ["BTCUSDT", "ETHUSDT"]);
        assert!(get(&server, &path("")).as_array().unwrap().len() >= 2);
    }
}

#[test]
fn binance_item_77_klines_are_arrays_of_twelve() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/ws/btcusdt@kline_1m");
    client.next_event();
    let klines = get(&server, "/api/v3/klines?symbol=BTCUSDT&interval=1m");
    let kline = klines[0].as_array().expect("a candle");
    assert_eq!(kline.len(), 12);
    assert_eq!(kline[6].as_i64().unwrap() - kline[0].as_i64().unwrap(), 59_999);
    let number = |index: usize| kline[index].as_str().unwrap().parse::<f64>().unwrap();
    assert!(number(2) >= number(1) && number(3) <= number(4), "open, high, low, close: {kline:?}");
    assert_eq!(kline[11], "0");
}

#[test]
fn binance_item_78_errors_have_their_codes() {
    let server = Server::start(&[]);
    for (path, status, code) in [
        ("/api/v3/depth?symbol=NOSUCH", 400, -1121),
        ("/api/v3/depth", 400, -1102),
        ("/api/v3/depth?symbol=", 400, -1105),
        ("/api/v3/depth?symbol=btcusdt", 400, -1100),
        ("/api/v3/klines?symbol=BTCUSDT&interval=2m", 400, -1120),
        ("/api/v3/ticker/24hr?symbol=BTCUSDT&type=X", 400, -1139),
        ("/api/v3/ticker/price?symbols=[%22BTCUSDT%22,%22BTCUSDT%22]", 400, -1151),
        ("/api/v3/ticker/price?symbols=oops", 400, -1135),
        ("/api/v3/depth?symbol=BTCUSDT&symbolStatus=HALT", 400, -1220),
        ("/api/v3/nosuch", 404, -1020),
    ] {
        assert_eq!(refusal(&server, path), (status, code), "{path}");
    }
    let server = Server::start(&["--weight-max", "10"]);
    get(&server, "/api/v3/depth?symbol=BTCUSDT");
    get(&server, "/api/v3/depth?symbol=BTCUSDT");
    let (status, head, body) = server.get("/api/v3/ping");
    assert_eq!((status, json(&body)["code"].as_i64()), (429, Some(-1003)));
    assert!(head.to_ascii_lowercase().contains("retry-after: "), "{head}");
}

#[test]
fn binance_item_79_times_are_in_the_unit_of_the_header() {
    let server = Server::start(&[]);
    let time = |headers: &str| {
        let (_, _, body) = server.get_with("/api/v3/time", headers);
        json(&body)["serverTime"].to_string().len()
    };
    assert_eq!((time(""), time("X-MBX-TIME-UNIT: MICROSECOND\r\n")), (13, 16));
    assert_eq!(server.get_with("/api/v3/time", "X-MBX-TIME-UNIT: DAY\r\n").0, 400);
}

#[test]
fn binance_the_rest_of_rest_answers() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/ws/btcusdt@aggTrade");
    client.next_event();
    assert_eq!(get(&server, "/api/v3/ping"), serde_json::json!({}));
    let info = get(&server, "/api/v3/exchangeInfo?symbol=BTCUSDT");
    assert_eq!((&info["symbols"][0]["baseAsset"], &info["symbols"][0]["quoteAsset"]), (&"BTC".into(), &"USDT".into()));
    assert_eq!(info["symbols"][0]["filters"][0]["tickSize"], "0.01000000");
    let trades = get(&server, "/api/v3/trades?symbol=BTCUSDT&limit=5");
    let ids: Vec<i64> = trades.as_array().unwrap().iter().map(|trade| trade["id"].as_i64().unwrap()).collect();
    assert!(!ids.is_empty() && ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");
    let older = get(&server, &format!("/api/v3/historicalTrades?symbol=BTCUSDT&fromId={}&limit=2", ids[0]));
    assert_eq!(older[0]["id"].as_i64(), Some(ids[0]));
    assert!(!get(&server, "/api/v3/aggTrades?symbol=BTCUSDT&limit=3").as_array().unwrap().is_empty());
}

type Side = BTreeMap<String, String>;

/// A local book, kept as the exchange's documentation says.
#[derive(Default)]
struct LocalBook {
    id: i64,
    bids: Side,
    asks: Side,
}

impl LocalBook {
    fn load(snapshot: &Value) -> LocalBook {
        let mut book = LocalBook { id: snapshot["lastUpdateId"].as_i64().unwrap(), ..LocalBook::default() };
        book.set(snapshot, ["bids", "asks"]);
        book
    }

    /// False where events were lost.
    fn apply(&mut self, event: &Value) -> bool {
        let (first, last) = (event["U"].as_i64().unwrap(), event["u"].as_i64().unwrap());
        if last <= self.id {
            return true;
        }
        if first > self.id + 1 {
            return false;
        }
        self.set(event, ["b", "a"]);
        self.id = last;
        true
    }

    fn set(&mut self, value: &Value, keys: [&str; 2]) {
        for (side, key) in [&mut self.bids, &mut self.asks].into_iter().zip(keys) {
            for level in value[key].as_array().unwrap() {
                let (price, size) = (level[0].as_str().unwrap(), level[1].as_str().unwrap());
                // Prices of equal width would sort as texts; here only sameness counts.
                if size.bytes().all(|byte| byte == b'0' || byte == b'.') {
                    side.remove(price);
                } else {
                    side.insert(price.to_owned(), size.to_owned());
                }
            }
        }
    }

    /// The book as `/depth` tells it, where that tells all of it.
    fn is(&self, snapshot: &Value) -> bool {
        let same = |side: &Side, levels: &Value| {
            let levels = levels.as_array().unwrap();
            let of = |index: usize| levels.iter().map(move |level| level[index].as_str().unwrap());
            levels.len() == side.len()
                && of(0).zip(of(1)).all(|(price, size)| side.get(price).is_some_and(|s| s == size))
        };
        same(&self.bids, &snapshot["bids"]) && same(&self.asks, &snapshot["asks"])
    }
}

/// Keeps local books of a recording's symbols and compares them with the server's wherever both stand at one update.
fn follow(file: &str, symbols: &[&str]) {
    let Some(folder) = recordings() else { return };
    let path = folder.join(file);
    let flags = ["--feed", path.to_str().unwrap(), "--speed", "max", "--wait-for-clients", "1", "--weight-max", "0"];
    let server = Server::start(&flags);
    let streams: Vec<String> = symbols.iter().map(|s| format!("{}@depth@100ms", s.to_lowercase())).collect();
    let mut client = Client::open(&server, &format!("/stream?streams={}", streams.join("/")));
    let snapshot = |symbol: &str| {
        let (status, _, body) = server.get(&format!("/api/v3/depth?symbol={symbol}&limit=5000"));
        (status == 200).then(|| json(&body))
    };
    let expected = json(&std::fs::read_to_string(folder.join("expected.json")).unwrap());
    let expected = &expected[file]["final_book"];
    let mut buffered: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut books: BTreeMap<String, LocalBook> = BTreeMap::new();
    let mut ahead: BTreeMap<String, Value> = BTreeMap::new();
    let (mut events, mut compared) = (0, 0);
    let is_over = |books: &BTreeMap<String, LocalBook>| {
        symbols.iter().all(|s| books.get(*s).is_some_and(|b| Some(b.id) == expected[*s]["last_update_id"].as_i64()))
    };
    while !is_over(&books) {
        let event = json(client.next_event().text());
        let symbol = event["data"]["s"].as_str().unwrap().to_owned();
        events += 1;
        if let Some(book) = books.get_mut(&symbol) {
            assert!(book.apply(&event["data"]), "{symbol}: a hole after {}", book.id);
        } else {
            buffered.entry(symbol.clone()).or_default().push(event["data"].clone());
            if let Some(snapshot) = snapshot(&symbol) {
                let mut book = LocalBook::load(&snapshot);
                assert!(buffered[&symbol].iter().all(|event| book.apply(event)), "{symbol}: the snapshot does not fit");
                books.insert(symbol.clone(), book);
            }
        }
        let Some(book) = books.get(&symbol) else { continue };
        // The server is ahead of its client; a snapshot of it waits until the local book stands where it was taken.
        match ahead.get(&symbol) {
            Some(taken) if taken["lastUpdateId"].as_i64() == Some(book.id) => {
                assert!(book.is(taken), "{symbol}: books differ at {}", book.id);
                ahead.remove(&symbol);
                compared += 1;
            }
            Some(_) => {}
            None if events % 50 == 0 => ahead.extend(snapshot(&symbol).map(|taken| (symbol.clone(), taken))),
            None => {}
        }
    }
    for symbol in symbols {
        let taken = snapshot(symbol).expect("a book at the end");
        assert!(books[*symbol].is(&taken), "{symbol}: books differ at the end");
        assert_eq!(taken["bids"][0], expected[*symbol]["best_bid"]);
        assert_eq!(taken["asks"][0], expected[*symbol]["best_ask"]);
        assert_eq!(Some(books[*symbol].bids.len() as u64), expected[*symbol]["bid_levels"].as_u64());
        assert_eq!(Some(books[*symbol].asks.len() as u64), expected[*symbol]["ask_levels"].as_u64());
    }
    println!("{file}: {events} events, books compared {compared} times on the way");
    assert!(compared >= 3, "compared {compared} times only");
}

#[test]
fn binance_item_62_a_local_book_equals_the_servers_btc_eth() {
    follow("binance-spot-20240808-btc-eth.jsonl.zst", &["BTCUSDT", "ETHUSDT"]);
}

#[test]
fn binance_item_62_a_local_book_equals_the_servers_nexo() {
    follow("binance-spot-20240723-nexo.jsonl.zst", &["NEXOUSDT"]);
}

#[test]
fn binance_the_websocket_api_answers_as_rest_does() {
    let server = Server::start(&[]);
    let mut stream = Client::open(&server, "/ws/btcusdt@depth@100ms");
    stream.next_event();
    let mut client = Client::open(&server, "/ws-api/v3");
    client.say(r#"{"id":"q-1","method":"depth","params":{"symbol":"BTCUSDT","limit":5}}"#);
    let answer = json(client.next_event().text());
    assert_eq!((&answer["id"], &answer["status"]), (&"q-1".into(), &200.into()));
    assert_eq!(answer["result"]["bids"].as_array().unwrap().len(), 5);
    assert_eq!(answer["rateLimits"][0]["rateLimitType"], "REQUEST_WEIGHT");
    client.say(r#"{"id":2,"method":"depth","params":{"symbol":"NOSUCH"}}"#);
    let answer = json(client.next_event().text());
    assert_eq!((&answer["id"], &answer["status"], &answer["error"]["code"]), (&2.into(), &400.into(), &(-1121).into()));
    let mut quiet = Client::open(&server, "/ws-api/v3?returnRateLimits=false&timeUnit=MICROSECOND");
    quiet.say(r#"{"id":null,"method":"time"}"#);
    let answer = quiet.next_event().text().to_owned();
    assert!(
        answer.starts_with(r#"{"id":null,"status":200,"result":{"serverTime":"#) && answer.ends_with("}}"),
        "{answer}"
    );
    assert_eq!(json(&answer)["result"]["serverTime"].to_string().len(), 16);
    server.signal("TERM");
    assert!(client.next_event().text().starts_with(r#"{"event":{"e":"serverShutdown","E":"#));
    assert_eq!(client.next_event().close().0, 1001);
}
