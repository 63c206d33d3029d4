//! Binance's streams from outside; `cargo test binance` runs all of that venue. Where a name carries a number, it is that
//! of the checklist of the venue's conformance that the tests follow.

mod support;

use serde_json::Value;
use support::{Client, Server, tape, trade};

/// Trades of two symbols that alternate, and what tapes carry beside them.
fn serve(count: i64, flags: &[&str]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let line = |number: i64| {
        let (time, message) = trade(number, 1_790_000_000_000 + number);
        (time, if number % 2 == 0 { message } else { message.replace("BTC", "ETH").replace("btc", "eth") })
    };
    let path = tape(&folder, "trades.jsonl", &(0..count).map(line).collect::<Vec<_>>());
    let mut all = vec!["--feed", &path, "--speed", "max", "--wait-for-clients", "1"];
    all.extend(flags);
    let server = Server::start(&all);
    (folder, server)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn number_of(event: &Value) -> i64 {
    event["t"].as_i64().expect("a trade id")
}

#[test]
fn binance_item_01_02_raw_connections_deliver_payloads_of_one_or_several_streams() {
    let (_folder, server) = serve(10, &[]);
    let mut client = Client::open(&server, "/ws/btcusdt@trade/ethusdt@trade");
    for number in 0..10 {
        let event = json(client.next_event().text());
        assert_eq!(number_of(&event), number);
        assert_eq!(event["s"], if number % 2 == 0 { "BTCUSDT" } else { "ETHUSDT" });
    }
    let (_folder, server) = serve(10, &[]);
    let mut client = Client::open(&server, "/ws/btcusdt@trade");
    for number in [0, 2, 4, 6, 8] {
        assert_eq!(number_of(&json(client.next_event().text())), number);
    }
}

#[test]
fn binance_item_03_04_24_bare_addresses_have_no_streams_until_asked() {
    for target in ["/ws", "/ws/", "/ws/0"] {
        let (_folder, server) = serve(4, &[]);
        let mut client = Client::open(&server, target);
        let list = client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#);
        assert_eq!(list, if target == "/ws/0" { r#"{"result":["0"],"id":1}"# } else { r#"{"result":[],"id":1}"# });
        client.say(r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":2}"#);
        assert_eq!(client.next_event().text(), r#"{"result":null,"id":2}"#, "the answer precedes the first event");
        assert_eq!(json(client.next_event().text())["e"], "trade");
    }
}

#[test]
fn binance_item_05_06_28_combined_connections_wrap_events_in_the_name_subscribed() {
    let (_folder, server) = serve(4, &[]);
    let mut client = Client::open(&server, "/stream?streams=btcusdt@trade/ethusdt@trade");
    for name in ["btcusdt@trade", "ethusdt@trade"] {
        let frame = client.next_event();
        assert!(
            frame.text().starts_with(&format!(r#"{{"stream":"{name}","data":{{"e":"trade","E":"#)),
            "{}",
            frame.text()
        );
    }
    for target in ["/stream", "/stream?streams="] {
        let (_folder, server) = serve(4, &[]);
        let mut client = Client::open(&server, target);
        let answer = client.ask(r#"{"method":"SUBSCRIBE","params":["ethusdt@trade"],"id":-7}"#);
        assert_eq!(answer, r#"{"result":null,"id":-7}"#);
        assert_eq!(json(client.next_event().text())["stream"], "ethusdt@trade");
    }
}

#[test]
fn binance_item_09_10_11_times_are_in_the_unit_of_the_address() {
    for (target, digits) in [
        ("/ws/btcusdt@trade?timeUnit=microsecond", 16),
        ("/ws/btcusdt@trade?timeUnit=MILLISECOND", 13),
        ("/ws/btcusdt@trade", 13),
        ("/stream?timeUnit=MICROSECOND&streams=btcusdt@trade", 16),
        ("/stream?streams=btcusdt@trade?timeUnit=MICROSECOND", 16),
    ] {
        let (_folder, server) = serve(2, &[]);
        let mut client = Client::open(&server, target);
        let event = json(client.next_event().text());
        let event = if target.starts_with("/stream") { &event["data"] } else { &event };
        assert_eq!(event["E"].to_string().len(), digits, "{target}");
        assert_eq!(event["T"].to_string().len(), digits, "{target}");
    }
}

#[test]
fn binance_item_12_other_paths_answer_404() {
    let server = Server::start(&[]);
    for target in ["/stream/nonsense", "/foo"] {
        let head = Client::try_open(server.address, target).err().expect("no upgrade");
        assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    }
}

#[test]
fn binance_item_13_an_address_of_1024_names_upgrades() {
    let (_folder, server) = serve(2, &[]);
    let names: Vec<String> = (0..1_023).map(|n| format!("symbol{n:05}usdt@bookTicker")).collect();
    let mut client = Client::open(&server, &format!("/stream?streams={}/btcusdt@trade", names.join("/")));
    assert_eq!(json(client.next_event().text())["stream"], "btcusdt@trade");
}

#[test]
fn binance_item_14_to_18_answers_carry_the_id_as_it_came() {
    let server = Server::start(&["--message-rate", "0"]);
    for target in ["/ws", "/stream"] {
        let mut client = Client::open(&server, target);
        for id in [
            "1",
            "-1",
            "9223372036854775807",
            "null",
            "\"7f0c3c1e-5d1b-4a57-9d6e-0a2b8f0d1c33\"",
            "\"0123456789abcdef0123456789abcdef\"",
        ] {
            let answer = client.ask(&format!(r#"{{"method":"SUBSCRIBE","params":["nosuch@trade"],"id":{id}}}"#));
            assert_eq!(answer, format!(r#"{{"result":null,"id":{id}}}"#));
        }
        for id in
            [r#","id":1.5"#, r#","id":true"#, r#","id":{}"#, r#","id":"1234567890123456789012345678901234567""#, ""]
        {
            let answer = client.ask(&format!(r#"{{"method":"LIST_SUBSCRIPTIONS"{id}}}"#));
            assert_eq!(
                answer,
                r#"{"error":{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}}"#
            );
        }
    }
}

#[test]
fn binance_item_19_to_23_25_subscriptions_come_and_go() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/stream?streams=btcusdt@bookTicker");
    let subscribe = |names: &str| format!(r#"{{"method":"SUBSCRIBE","params":[{names}],"id":1}}"#);
    for names in
        [r#""nosuch@trade","BTCUSDT@trade""#, r#""btcusdt@bookTicker","btcusdt@depth@100ms""#, r#""nosuch@trade""#]
    {
        assert_eq!(client.ask(&subscribe(names)), r#"{"result":null,"id":1}"#);
    }
    let list = client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#);
    assert_eq!(
        list,
        r#"{"result":["btcusdt@bookTicker","nosuch@trade","BTCUSDT@trade","btcusdt@depth@100ms"],"id":3}"#
    );
    assert_eq!(
        client.ask(r#"{"method":"UNSUBSCRIBE","params":["btcusdt@bookTicker","never@trade"],"id":4}"#),
        r#"{"result":null,"id":4}"#
    );
    let mut updates = Vec::new();
    for _ in 0..20 {
        let event = json(client.next_event().text());
        assert_eq!(event["stream"], "btcusdt@depth@100ms");
        updates.push((event["data"]["U"].as_i64().unwrap(), event["data"]["u"].as_i64().unwrap()));
    }
    assert!(updates.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1), "each event once: {updates:?}");
}

#[test]
fn binance_item_26_27_combined_can_be_changed_at_any_time() {
    let server = Server::start(&[]);
    for (target, combined) in [("/ws/btcusdt@bookTicker", false), ("/stream?streams=btcusdt@bookTicker", true)] {
        let mut client = Client::open(&server, target);
        for combined in [combined, !combined, combined] {
            assert_eq!(
                client.ask(&format!(r#"{{"method":"SET_PROPERTY","params":["combined",{combined}],"id":5}}"#)),
                r#"{"result":null,"id":5}"#
            );
            for _ in 0..3 {
                assert_eq!(json(client.next_event().text()).get("stream").is_some(), combined);
            }
            let answer = client.ask(r#"{"method":"GET_PROPERTY","params":["combined"],"id":6}"#);
            assert_eq!(answer, format!(r#"{{"result":{combined},"id":6}}"#));
        }
    }
}

#[test]
fn binance_item_29_200_names_in_one_request_are_one_message() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/ws");
    let names: Vec<String> = (0..200).map(|n| format!("\"s{n}@trade\"")).collect();
    let answer = client.ask(&format!(r#"{{"method":"SUBSCRIBE","params":[{}],"id":1}}"#, names.join(",")));
    assert_eq!(answer, r#"{"result":null,"id":1}"#);
}

#[test]
fn binance_item_30_to_36_40_errors_have_their_texts_and_leave_the_connection_open() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/stream");
    for (text, answer) in [
        ("abc", r#"{"error":{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}}"#),
        (
            r#"{"method":"FOO","params":[],"id":4}"#,
            r#"{"error":{"code":2,"msg":"Invalid request: unknown variant `FOO`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"},"id":4}"#,
        ),
        (r#"{"params":[],"id":4}"#, r#"{"error":{"code":2,"msg":"Invalid request: missing field `method`"},"id":4}"#),
        (
            r#"{"method":"GET_PROPERTY","params":["x"],"id":4}"#,
            r#"{"error":{"code":0,"msg":"Unknown property"},"id":4}"#,
        ),
        (
            r#"{"method":"SET_PROPERTY","params":["combined","true"],"id":4}"#,
            r#"{"error":{"code":1,"msg":"Invalid value type: expected Boolean"},"id":4}"#,
        ),
        (
            r#"{"method":"GET_PROPERTY","params":[],"id":4}"#,
            r#"{"error":{"code":2,"msg":"Invalid request: property name must be a string"},"id":4}"#,
        ),
        (
            r#"{"method":"GET_PROPERTY","params":["combined",1],"id":4}"#,
            r#"{"error":{"code":2,"msg":"Invalid request: too many parameters"},"id":4}"#,
        ),
    ] {
        assert_eq!(client.ask(text), answer);
    }
    assert_eq!(client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#), r#"{"result":[],"id":1}"#);
}

#[test]
fn binance_item_37_a_malformed_name_is_an_error_and_the_end() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/ws");
    let answer = client.ask(r#"{"method":"SUBSCRIBE","params":["btcusdt@trade","@@@x###"],"id":4}"#);
    assert_eq!(answer, r#"{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":4}"#);
    assert_eq!(client.next_event().close(), (1008, "Invalid request"));
}

#[test]
fn binance_item_38_the_1025th_stream_is_an_error_and_the_end() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/ws");
    let names: Vec<String> = (0..1_024).map(|n| format!("\"s{n}@trade\"")).collect();
    let full = client.ask(&format!(r#"{{"method":"SUBSCRIBE","params":[{}],"id":1}}"#, names.join(",")));
    assert_eq!(full, r#"{"result":null,"id":1}"#);
    assert_eq!(client.ask(r#"{"method":"SUBSCRIBE","params":["s7@trade"],"id":2}"#), r#"{"result":null,"id":2}"#);
    let answer = client.ask(r#"{"method":"SUBSCRIBE","params":["one@more"],"id":3}"#);
    assert_eq!(answer, r#"{"error":{"code":4,"msg":"Too many subscriptions"},"id":3}"#);
    assert_eq!(client.next_event().close(), (1008, "Invalid request"));
}

#[test]
fn binance_item_39_a_binary_frame_ends_the_connection() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/ws");
    client.send(2, br#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#);
    assert_eq!(client.next_event().close(), (1008, "Invalid request"));
}

#[test]
fn binance_item_41_to_44_pings_come_whatever_flows_and_must_be_answered() {
    // A tenth of the documented times: 2 s from ping to ping, 6 s for an answer.
    let server = Server::start(&["--ping-interval", "2s", "--pong-timeout", "6s"]);
    type Answer = fn(&[u8]) -> Vec<Vec<u8>>;
    let answers: [Answer; 3] = [|ping| vec![ping.to_vec(), vec![]], |_| vec![], |_| vec![vec![]]];
    let threads = answers.into_iter().enumerate().map(|(number, answer)| {
        let mut client = Client::open(&server, "/ws/btcusdt@bookTicker");
        std::thread::spawn(move || {
            let begun = std::time::Instant::now();
            let (mut pings, mut events) = (Vec::new(), 0);
            loop {
                let frame = client.next().expect("pings or a close frame come first");
                match frame.opcode {
                    9 => {
                        pings.push(begun.elapsed().as_secs_f64());
                        answer(&frame.payload).iter().for_each(|pong| client.send(10, pong));
                    }
                    8 => {
                        assert_eq!(frame.close(), (1008, "Pong timeout"));
                        let end = begun.elapsed().as_secs_f64();
                        assert!(number > 0 && (5.5..9.0).contains(&end), "client {number} closed after {end} s");
                        return;
                    }
                    _ => events += 1,
                }
                if begun.elapsed().as_secs() >= 10 {
                    assert_eq!(number, 0, "client {number} answers nothing and is still here");
                    assert!(events > 0 && (4..=5).contains(&pings.len()), "{pings:?}");
                    return;
                }
            }
        })
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn binance_item_46_a_clients_ping_is_answered_with_its_payload() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/ws");
    client.send(9, b"are you there");
    let frame = client.next_event();
    assert_eq!((frame.opcode, frame.payload.as_slice()), (10, &b"are you there"[..]));
}

#[test]
fn binance_item_47_48_too_many_messages_end_the_connection() {
    let server = Server::start(&[]);
    let list = r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#;
    let mut client = Client::open(&server, "/ws");
    for _ in 0..14 {
        client.say(list);
    }
    for _ in 0..14 {
        assert_eq!(client.next_event().text(), r#"{"result":[],"id":1}"#);
    }
    let mut client = Client::open(&server, "/ws");
    for number in 0..30 {
        // Pings and pongs count as well.
        client.send([1, 9, 10][number % 3], if number % 3 == 0 { list.as_bytes() } else { b"" });
    }
    let close = std::iter::from_fn(|| client.next()).find(|frame| frame.opcode == 8).expect("a close frame");
    assert_eq!(close.close(), (1008, "Too many requests"));
    let server = Server::start(&["--message-rate", "0"]);
    let mut client = Client::open(&server, "/ws");
    for _ in 0..200 {
        client.ask(list);
    }
}

#[test]
fn binance_item_49_a_connection_ends_when_its_lifetime_is_over() {
    let server = Server::start(&["--connection-lifetime", "1s"]);
    let begun = std::time::Instant::now();
    let mut client = Client::open(&server, "/ws/btcusdt@bookTicker");
    let close = std::iter::from_fn(|| client.next()).find(|frame| frame.opcode == 8).expect("a close frame");
    assert_eq!(close.close(), (1001, "Connection lifetime reached"));
    assert!((0.9..4.0).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
}

#[test]
fn binance_item_50_shutdown_is_announced_in_the_form_of_the_connection() {
    let server = Server::start(&[]);
    let mut clients = [
        Client::open(&server, "/ws/btcusdt@trade"),
        Client::open(&server, "/stream"),
        Client::open(&server, "/ws?timeUnit=MICROSECOND"),
    ];
    for client in &mut clients {
        client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#);
    }
    server.signal("TERM");
    for (client, (head, tail, digits)) in clients.iter_mut().zip([
        (r#"{"e":"serverShutdown","E":"#, "}", 13),
        (r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":"#, "}}", 13),
        (r#"{"e":"serverShutdown","E":"#, "}", 16),
    ]) {
        let notice = std::iter::from_fn(|| client.next()).find(|frame| frame.text().contains("serverShutdown"));
        let notice = notice.expect("a notice").text().to_owned();
        let time =
            notice.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail)).unwrap_or_else(|| panic!("{notice}"));
        assert_eq!(time.len(), digits);
        assert_eq!(client.next_event().close(), (1001, "Server shutdown"));
    }
}

#[test]
fn binance_item_51_one_connection_too_many_is_refused_before_the_upgrade() {
    let server = Server::start(&["--attempts-max", "3", "--writers", "2"]);
    let _clients: Vec<Client> = (0..3).map(|_| Client::open(&server, "/ws")).collect();
    let head = Client::try_open(server.address, "/stream").err().expect("no upgrade");
    assert!(head.starts_with("HTTP/1.1 429") && head.to_ascii_lowercase().contains("retry-after: "), "{head}");
    Client::try_open(server.address, "/websocket/v1").expect("Upbit's clients are not counted");
    let server = Server::start(&["--attempts-max", "0"]);
    let _clients: Vec<Client> = (0..310).map(|_| Client::open(&server, "/ws")).collect();
}

#[test]
fn binance_hostile_frames_end_one_connection_and_nothing_else() {
    let server = Server::start(&["--message-bytes-max", "65536"]);
    let mut witness = Client::open(&server, "/ws/btcusdt@bookTicker");
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let mut client = Client::open(&server, "/ws");
    assert!(client.ask(&deep).starts_with(r#"{"error":{"code":3,"msg":"Invalid JSON: recursion limit exceeded"#));
    for (opcode, payload, code) in
        [(1, vec![0xff, 0xfe], 1007), (1, vec![b'x'; 70_000], 1009), (3, vec![], 1002), (0, vec![], 1002)]
    {
        let mut client = Client::open(&server, "/ws");
        client.send(opcode, &payload);
        assert_eq!(client.next_event().close().0, code, "opcode {opcode}");
    }
    // A message in pieces that never ends.
    let mut client = Client::open(&server, "/ws");
    client.send_fragment(1, &[b'x'; 40_000]);
    client.send_fragment(0, &[b'x'; 40_000]);
    assert_eq!(client.next_event().close().0, 1009);
    assert_eq!(witness.next_event().opcode, 1);
}

/// A key in the form of an exchange's.
#[test]
fn binance_the_retired_stream_of_all_book_tickers_sends_each_event() {
    let folder = tempfile::tempdir().unwrap();
    let line = |number: i64| {
        let symbol = ["BTCUSDT", "ETHUSDT", "XRPUSDT"][number as usize % 3];
        let stream = symbol.to_lowercase();
        let payload = format!(r#"{{"u":{number},"s":"{symbol}","b":"1.0","B":"1.0","a":"2.0","A":"1.0"}}"#);
        (number, format!(r#"{{"stream":"{stream}@bookTicker","data":{payload}}}"#))
    };
    let path = tape(&folder, "quotes.jsonl", &(1..100).map(line).collect::<Vec<_>>());
    let server = Server::start(&["--feed", &path, "--speed", "max", "--wait-for-clients", "1"]);
    let mut client = Client::open(&server, "/stream?streams=!bookTicker");
    for number in 1..100 {
        let event = json(client.next_event().text());
        assert_eq!((event["stream"].as_str(), event["data"]["u"].as_i64()), (Some("!bookTicker"), Some(number)));
    }
}

#[test]
fn binance_item_52_to_55_payloads_are_compact_in_order_and_eight_digits_wide() {
    let server = Server::start(&[]);
    let streams =
        "btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms/btcusdt@ticker/btcusdt@miniTicker/btcusdt@kline_1m";
    let mut client = Client::open(&server, &format!("/stream?streams={streams}"));
    let mut seen = std::collections::BTreeMap::new();
    while seen.len() < 6 {
        let frame = client.next_event();
        let text = frame.text().to_owned();
        assert!(!text.contains(": ") && !text.contains(", "), "compact: {text}");
        let event = json(&text);
        let name = event["stream"].as_str().unwrap().to_owned();
        assert_eq!(event["data"]["s"], "BTCUSDT");
        let is_number = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit() || "-.".contains(c));
        for quoted in text.split('"').filter(is_number) {
            let places = quoted.split_once('.').map_or(0, |(_, places)| places.len());
            assert!(places == 8 || places == 3 || quoted == "0", "{quoted} in {text}");
        }
        seen.insert(name, text);
    }
    for (name, order) in [
        ("btcusdt@trade", "e E s t p q T m M"),
        ("btcusdt@bookTicker", "u s b B a A"),
        ("btcusdt@depth@100ms", "e E s U u b a"),
        ("btcusdt@miniTicker", "e E s c o h l v q"),
        ("btcusdt@ticker", "e E s p P w x c Q b B a A o h l v q O C F L n"),
        ("btcusdt@kline_1m", "e E s k t T s i f L o c h l v n x q V Q B"),
    ] {
        let data = seen[name].split_once("\"data\":").unwrap().1;
        let keys: Vec<&str> = data.split("\":").filter_map(|part| part.rsplit('"').next()).collect();
        assert_eq!(keys[..keys.len() - 1].join(" "), order, "{name}");
    }
}
