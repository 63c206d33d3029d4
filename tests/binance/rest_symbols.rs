//! Symbols from a file, the paths that a tape has nothing for, limits, and the WebSocket API's methods; names begin with
//! `binance`, so that they run with the rest of that venue.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::support::{Client, Server, recordings, tape, trade};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Status and body.
fn get(server: &Server, path: &str) -> (u16, Value) {
    let (status, _, body) = server.get(&format!("/api/v3/{path}"));
    (status, json(&body))
}

fn count(server: &Server, query: &str) -> usize {
    let (status, info) = get(server, &format!("exchangeInfo{query}"));
    assert_eq!(status, 200, "{query}: {info}");
    info["symbols"].as_array().unwrap().len()
}

/// A tape of two trades of BTCUSDT, and of one of a symbol that no file lists.
fn small_tape(folder: &tempfile::TempDir) -> String {
    let (time, other) = trade(3, 1_772_661_600_020);
    let other = other.replace("BTCUSDT", "NEWUSDT").replace("btcusdt", "newusdt");
    tape(folder, "a.jsonl", &[trade(1, 1_772_661_600_000), trade(2, 1_772_661_600_010), (time, other)])
}

fn start(feed: &str, info: &str) -> Server {
    let server = Server::start(&["--feed", feed, "--speed", "max", "--exchange-info", info, "--weight-max", "0"]);
    server.wait_for_count("messages_read", 3);
    server
}

#[test]
fn binance_symbols_of_a_recorded_file_are_listed_as_they_are() {
    let Some(recorded) = recordings() else { return };
    let path = recorded.join("universe-binance-exchangeinfo-20211012.jsonl.zst");
    let folder = tempfile::tempdir().unwrap();
    let waiting = small_tape(&folder);
    let flags = ["--feed", &waiting, "--wait-for-clients", "1", "--weight-max", "0", "--exchange-info"];
    let server = Server::start(&[&flags[..], &[path.to_str().unwrap()]].concat());
    assert_eq!(count(&server, ""), 1_695);
    for (query, symbols) in [
        ("?symbolStatus=TRADING", 1_262),
        ("?symbolStatus=BREAK", 433),
        ("?symbolStatus=HALT", 0),
        ("?permissions=LEVERAGED", 40),
        ("?permissions=[%22MARGIN%22,%22LEVERAGED%22]", 418),
        ("?permissions=TRD_GRP_004", 0),
        ("?showPermissionSets=false", 1_695),
        ("?symbol=ETHBTC", 1),
        ("?symbols=[%22ETHBTC%22,%22BTCUPUSDT%22]", 2),
    ] {
        assert_eq!(count(&server, query), symbols, "{query}");
    }
    // Byte for byte, whichever way it is asked for.
    let own = &crate::support::lines(&path)[0].1;
    let from = own.find(r#"{"symbol":"LTCBTC""#).unwrap();
    let symbol = &own[from..own.find(r#",{"symbol":"BNBBTC""#).unwrap()];
    for query in ["", "?symbol=LTCBTC"] {
        assert!(server.get(&format!("/api/v3/exchangeInfo{query}")).2.contains(symbol), "{query}");
    }
    // A tape that has yet to begin stands at its first message.
    assert_eq!(get(&server, "time"), (200, json(r#"{"serverTime":1772661600000}"#)));
    // What the tape has not told is not made up; what is in a state of its own is told apart.
    let code = |path: &str| get(&server, path).1["code"].as_i64();
    assert_eq!(code("exchangeInfo?symbol=NOSUCH"), Some(-1121));
    assert_eq!(get(&server, "klines?symbol=LTCBTC&interval=1h"), (200, Value::Array(Vec::new())));
    assert_eq!(get(&server, "trades?symbol=LTCBTC"), (200, Value::Array(Vec::new())));
    assert_eq!(get(&server, "ticker/price"), (200, Value::Array(Vec::new())));
    assert_eq!(get(&server, "depth?symbol=LTCBTC").0, 503);
    assert_eq!(code("ticker/price?symbol=LTCBTC&symbolStatus=BREAK"), Some(-1220));
}

#[test]
fn binance_symbols_that_a_file_lacks_are_added() {
    let folder = tempfile::tempdir().unwrap();
    let feed = small_tape(&folder);
    let symbol = r#"{"symbol":"BTCUSDT","status":"HALT","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.50"}],"permissions":[],"permissionSets":[["SPOT","X"]]}"#;
    let text = format!(r#"{{"timezone":"UTC","exchangeFilters":[{{"maxNumOrders":9}}],"symbols":[{symbol}]}}"#);
    let plain = folder.path().join("info.json");
    std::fs::write(&plain, &text).unwrap();
    let packed = folder.path().join("info.json.zst");
    std::fs::write(&packed, zstd::encode_all(text.as_bytes(), 3).unwrap()).unwrap();
    for file in [&plain, &packed] {
        let server = start(&feed, file.to_str().unwrap());
        let (_, info) = get(&server, "exchangeInfo");
        let names: Vec<&str> =
            info["symbols"].as_array().unwrap().iter().map(|s| s["symbol"].as_str().unwrap()).collect();
        assert_eq!(names, ["BTCUSDT", "NEWUSDT"]);
        assert_eq!((&info["symbols"][0], &info["exchangeFilters"][0]["maxNumOrders"]), (&json(symbol), &9.into()));
        assert_eq!(info["symbols"][1]["filters"][0]["tickSize"], "0.10000000");
        let hidden = get(&server, "exchangeInfo?symbol=BTCUSDT&showPermissionSets=false").1;
        assert_eq!(hidden["symbols"][0]["permissionSets"], json("[]"));
        assert_eq!((count(&server, "?symbolStatus=TRADING"), count(&server, "?symbolStatus=HALT")), (1, 1));
        // The file's status holds for every path.
        assert_eq!(get(&server, "ticker/price?symbol=BTCUSDT&symbolStatus=TRADING").1["code"], -1220);
        assert_eq!(get(&server, "ticker/price?symbolStatus=TRADING").1.as_array().unwrap().len(), 1);
        assert_eq!(get(&server, "ticker/price").1.as_array().unwrap().len(), 2);
    }
}

#[test]
fn binance_a_file_of_symbols_that_cannot_be_used_ends_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let feed = small_tape(&folder);
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    for (path, reason) in [
        (folder.path().join("nowhere.json").to_string_lossy().into_owned(), "cannot read the exchange info"),
        (write("a.json", b"symbols"), "is no exchange info: expected value at line 1 column 1"),
        (write("b.json", br#"{"symbols":[{"symbol":"A"}]}"#), "is no exchange info: symbol 1: missing field `status`"),
        (write("c.json", b"{\"symbols\":[\xff]}"), "is no exchange info: invalid utf-8"),
        (write("d.zst", b"{}"), "cannot read the exchange info"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_tapecast"))
            .args(["serve", "--listen", "127.0.0.1:0", "--feed", &feed, "--exchange-info", &path])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(reason) && error.contains(&path), "{path}: {error}");
    }
}

#[test]
fn binance_what_a_tape_knows_nothing_of_has_its_own_answers() {
    let folder = tempfile::tempdir().unwrap();
    let feed = small_tape(&folder);
    let server = Server::start(&["--feed", &feed, "--speed", "max"]);
    server.wait_for_count("messages_read", 3);
    for (path, status, code) in [
        ("referencePrice?symbol=BTCUSDT", 400, -2043),
        ("referencePrice?symbol=NOSUCH", 400, -1121),
        ("referencePrice", 400, -1102),
        ("referencePrice/calculation?symbol=BTCUSDT", 400, -2043),
        ("referencePrice/calculation?symbol=BTCUSDT&symbolStatus=BREAK", 400, -1220),
        ("executionRules?symbol=NOSUCH", 400, -1121),
        ("executionRules?symbol=BTCUSDT&symbolStatus=TRADING", 400, -1128),
        ("historicalBlockTrades?symbol=BTCUSDT", 400, -1102),
        ("historicalBlockTrades?symbol=NOSUCH&fromId=1", 400, -1121),
        ("ticker?symbol=BTCUSDT&windowSize=24h", 400, -1130),
        ("ticker/tradingDay", 400, -1102),
        ("klines?symbol=BTCUSDT&interval=1d&timeZone=14:01", 400, -1130),
    ] {
        let (told, body) = get(&server, path);
        assert_eq!((told, body["code"].as_i64()), (status, Some(code)), "{path}");
    }
    assert_eq!(get(&server, "historicalBlockTrades?symbol=BTCUSDT&fromId=1"), (200, json("[]")));
    // The tape is over, and its clock stands where it ended.
    assert_eq!(get(&server, "time"), (200, json(r#"{"serverTime":1772661600020}"#)));
    let rules = |names: &[&str]| {
        let rules: Vec<Value> = names.iter().map(|name| serde_json::json!({"symbol": name, "rules": []})).collect();
        (200, serde_json::json!({ "symbolRules": rules }))
    };
    assert_eq!(get(&server, "executionRules?symbol=BTCUSDT"), rules(&["BTCUSDT"]));
    assert_eq!(get(&server, "executionRules"), rules(&["BTCUSDT", "NEWUSDT"]));
    assert_eq!(get(&server, "executionRules?symbolStatus=BREAK"), rules(&[]));
    let page = server.get_with("/api/v3/nosuch", "Accept: text/html,*/*\r\n");
    assert!(page.0 == 404 && page.1.contains("text/html") && page.2.contains("<html>"), "{page:?}");
    let mut stream = std::net::TcpStream::connect(server.address).unwrap();
    stream.write_all(b"POST /api/v3/ping HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("GET, HEAD"), "{answer}");
    let plain = server.get_with("/api/v3/nosuch", "Accept: */*\r\n");
    assert!(plain.0 == 404 && json(&plain.2)["code"] == -1020, "{plain:?}");
}

#[test]
fn binance_item_78_whoever_goes_on_asking_is_banned() {
    let server = Server::start(&["--weight-max", "10"]);
    let ask = || server.get("/api/v3/depth?symbol=BTCUSDT");
    assert_eq!([ask().0, ask().0, ask().0, ask().0], [200, 200, 429, 429]);
    let (status, head, body) = ask();
    assert_eq!((status, json(&body)["code"].as_i64()), (418, Some(-1003)));
    assert!(body.contains("Way too much request weight used; IP banned until "), "{body}");
    assert!(head.to_ascii_lowercase().contains("retry-after: 120"), "{head}");
    assert!(Client::try_open(server.address, "/ws-api/v3").is_err_and(|head| head.starts_with("HTTP/1.1 418")));
    // Opening a connection weighs 2; the limit that is told is the one that holds.
    let server = Server::start(&["--weight-max", "10"]);
    let mut client = Client::open(&server, "/ws-api/v3");
    let mut ask = |id: u32| {
        client.say(&format!(r#"{{"id":{id},"method":"avgPrice","params":{{"symbol":"NOSUCH"}}}}"#));
        json(client.next_event().text())
    };
    assert_eq!(ask(1)["rateLimits"][0]["count"], 4);
    assert_eq!(ask(2)["rateLimits"][0]["limit"], 10);
    assert_eq!((&ask(3)["status"], &ask(4)["status"]), (&400.into(), &400.into()));
    let refused = ask(5);
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&429.into(), &(-1003).into()));
    let data = &refused["error"]["data"];
    let wait = data["retryAfter"].as_i64().unwrap() - data["serverTime"].as_i64().unwrap();
    assert!((1_000..=60_000).contains(&wait), "{data}");
    assert!(refused["error"]["msg"].as_str().unwrap().contains("current limit is 10 request weight"), "{refused}");
    // Connections to it count as attempts.
    let server = Server::start(&["--attempts-max", "1"]);
    Client::open(&server, "/ws-api/v3");
    assert!(Client::try_open(server.address, "/ws-api/v3").is_err_and(|head| head.starts_with("HTTP/1.1 429")));
}

#[test]
fn binance_every_method_of_the_websocket_api_answers_what_its_path_answers() {
    let folder = tempfile::tempdir().unwrap();
    let feed = small_tape(&folder);
    let server = Server::start(&["--feed", &feed, "--speed", "max"]);
    server.wait_for_count("messages_read", 3);
    let mut client = Client::open(&server, "/ws-api/v3?returnRateLimits=false");
    for (method, path, params) in [
        ("ping", "ping", ""),
        ("time", "time", ""),
        ("exchangeInfo", "exchangeInfo", "symbols=[\"BTCUSDT\"]&showPermissionSets=false"),
        ("executionRules", "executionRules", "symbol=BTCUSDT"),
        ("depth", "depth", "symbol=BTCUSDT&limit=5"),
        ("trades.recent", "trades", "symbol=BTCUSDT"),
        ("trades.historical", "historicalTrades", "symbol=BTCUSDT&fromId=2"),
        ("blockTrades.historical", "historicalBlockTrades", "symbol=BTCUSDT&fromId=2"),
        ("trades.aggregate", "aggTrades", "symbol=BTCUSDT&limit=5"),
        ("klines", "klines", "symbol=BTCUSDT&interval=1d&timeZone=8"),
        ("uiKlines", "uiKlines", "symbol=BTCUSDT&interval=1d&timeZone=-1:00"),
        ("avgPrice", "avgPrice", "symbol=BTCUSDT"),
        ("ticker.24hr", "ticker/24hr", "symbol=BTCUSDT&type=MINI"),
        ("ticker.tradingDay", "ticker/tradingDay", "symbol=BTCUSDT"),
        ("ticker", "ticker", "symbols=[\"BTCUSDT\",\"NEWUSDT\"]&windowSize=1h"),
        ("ticker.price", "ticker/price", "symbol=BTCUSDT"),
        ("ticker.book", "ticker/bookTicker", "symbol=BTCUSDT"),
        ("referencePrice", "referencePrice", "symbol=BTCUSDT"),
        ("referencePrice.calculation", "referencePrice/calculation", "symbol=BTCUSDT"),
    ] {
        let (status, expected) = get(&server, &format!("{path}?{}", params.replace('"', "%22")));
        let mut object = serde_json::Map::new();
        for (name, value) in params.split('&').filter_map(|pair| pair.split_once('=')) {
            object.insert(name.into(), serde_json::from_str(value).unwrap_or_else(|_| value.into()));
        }
        for prefix in ["", "v3/"] {
            let id = format!("{prefix}{}", method.len());
            let id = id.replace('/', "-");
            client.say(
                &serde_json::json!({"id": id, "method": format!("{prefix}{method}"), "params": object}).to_string(),
            );
            let answer = json(client.next_event().text());
            assert_eq!((&answer["id"], &answer["status"]), (&id.into(), &status.into()), "{method}: {answer}");
            let told = if status == 200 { &answer["result"] } else { &answer["error"] };
            assert_eq!(*told, expected, "{method}");
            assert!(answer.get("rateLimits").is_none(), "{answer}");
        }
    }
}
