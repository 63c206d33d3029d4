//! Replays that clients ask for, from outside: `/replay/<tape>/…`.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Command;

use serde_json::{Value, json};
use support::{Client, Server, connect, head_of, lines, recordings, tape, trade};

const DAY: &str = "binance-spot-20210404-3sym.jsonl.zst";

/// Ten trades a second, numbered from 0, beginning 2023-11-14T22:13:20Z.
fn trades(folder: &tempfile::TempDir, count: i64) -> String {
    tape(folder, "trades.jsonl", &(0..count).map(|n| trade(n, 1_700_000_000_000 + n * 100)).collect::<Vec<_>>())
}

/// A server that plays something else, and has a folder of tapes.
fn server_of(folder: &tempfile::TempDir, flags: &[&str]) -> Server {
    let path = folder.path().to_string_lossy().into_owned();
    Server::start(&[&["--tapes", &path, "--writers", "2"], flags].concat())
}

/// All texts until the connection ends, and how it does.
fn until_the_end(mut client: Client) -> (Vec<String>, u16) {
    let mut texts = Vec::new();
    while let Some(frame) = client.next() {
        match frame.opcode {
            1 => texts.push(frame.text().to_owned()),
            8 => return (texts, frame.close().0),
            _ => {}
        }
    }
    (texts, 1006)
}

fn number(text: &str) -> i64 {
    let event: Value = serde_json::from_str(text).unwrap();
    let data = if event["data"].is_object() { &event["data"] } else { &event };
    data["t"].as_i64().unwrap_or_else(|| panic!("{text}"))
}

fn control(server: &Server, key: &str, body: &Value) -> Value {
    let mut stream = connect(server.address);
    let (address, body) = (server.address, body.to_string());
    let length = body.len();
    let head = format!("POST /control/replay/{key} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn a_replay_is_the_bytes_that_the_server_would_send_of_the_tape_at_any_speed() {
    let Some(feeds) = recordings() else { return };
    let folder = tempfile::tempdir().unwrap();
    let all = lines(&feeds.join(DAY));
    let first = all[0].0;
    let cut: Vec<_> = all.into_iter().take_while(|(time, _)| *time < first + 8_000_000_000).collect();
    let path = tape(&folder, "day.jsonl", &cut);
    let kinds = ["depth@100ms", "aggTrade", "kline_1m", "bookTicker", "depth5", "miniTicker", "ticker"];
    let streams: Vec<String> = kinds.iter().map(|kind| format!("btcusdt@{kind}/ethusdt@{kind}")).collect();
    let target = format!("/stream?streams={}", streams.join("/"));
    let own = Server::start(&["--feed", &path, "--speed", "max", "--wait-for-clients", "1", "--exit-at-end"]);
    let (want, code) = until_the_end(Client::open(&own, &target));
    assert_eq!((code, want.len() > 200), (1000, true), "{}", want.len());
    let server = server_of(&folder, &[]);
    for speed in ["max", "40x", "7.5x"] {
        let client = Client::open(&server, &format!("/replay/day.jsonl;speed={speed}{target}"));
        let (got, code) = until_the_end(client);
        assert_eq!(code, 1000);
        assert!(got == want, "{speed} differs: {:?}", got.iter().zip(&want).find(|(a, b)| a != b));
    }
    let query = Client::open(&server, &format!("/replay/day.jsonl{target}&speed=max"));
    assert!(until_the_end(query).0 == want);
}

#[test]
fn each_has_his_own_and_begins_and_ends_where_he_says() {
    let folder = tempfile::tempdir().unwrap();
    trades(&folder, 100);
    let server = server_of(&folder, &[]);
    let target = |settings: &str| format!("/replay/trades.jsonl{settings}/ws/btcusdt@trade");
    // Whoever comes first is no further than whoever comes last.
    let early = Client::open(&server, &target(";speed=20x"));
    let late = Client::open(&server, &target(";speed=max;from=22:13:22.000;to=2023-11-14T22:13:25Z"));
    let numbers = |client| until_the_end(client).0.iter().map(|text| number(text)).collect::<Vec<_>>();
    assert_eq!(numbers(late), (20..50).collect::<Vec<_>>());
    assert_eq!(numbers(early), (0..100).collect::<Vec<_>>());
    // Two tapes are one, in the order of their times.
    tape(&folder, "other.jsonl", &(0..100).map(|n| trade(1_000 + n, 1_700_000_000_050 + n * 100)).collect::<Vec<_>>());
    let both = numbers(Client::open(&server, "/replay/trades.jsonl,other.jsonl/ws/btcusdt@trade?speed=max"));
    assert_eq!(both[..4], [0, 1_000, 1, 1_001]);
    assert_eq!(both.len(), 200);
}

#[test]
fn a_warm_up_is_all_that_the_market_knows() {
    let folder = tempfile::tempdir().unwrap();
    let lines_of = trades(&folder, 100);
    let in_blocks = folder.path().join("blocks.tape");
    let import = ["tape", "import", &lines_of, "--out", in_blocks.to_str().unwrap()];
    assert!(Command::new(env!("CARGO_BIN_EXE_tapecast")).args(import).output().unwrap().status.success());
    let server = server_of(&folder, &[]);
    for name in ["trades.jsonl", "blocks.tape"] {
        for (settings, first) in
            [(";from=22:13:25", 0), (";from=22:13:25;warm-up=1s", 40), (";from=22:13:25;warm-up=1h", 0)]
        {
            let base = format!("/replay/{name};key={name}-{first}-{};end=stay;speed=max{settings}", settings.len());
            let mut client = Client::open(&server, &format!("{base}/ws/btcusdt@trade"));
            for want in 50..100 {
                assert_eq!(number(client.next_event().text()), want);
            }
            let (_, _, body) = server.get(&format!("{base}/api/v3/trades?symbol=BTCUSDT&limit=1000"));
            assert_eq!(serde_json::from_str::<Value>(&body).unwrap()[0]["id"], first, "{name}{settings}");
        }
    }
    let (status, _, body) = server.get("/replay/blocks.tape;warm-up=1s/ws");
    assert!(status == 400 && body.contains("give from as well"), "{status} {body}");
}

#[test]
fn a_key_keeps_connections_of_all_kinds_in_step_and_under_control() {
    let folder = tempfile::tempdir().unwrap();
    trades(&folder, 100);
    let server = server_of(&folder, &[]);
    let base = "/replay/trades.jsonl;key=bot-1";
    let mut first = Client::open(&server, &format!("{base};paused=true;clients=2;end=stay/ws/btcusdt@trade"));
    let mut upbit = Client::open(&server, &format!("{base}/websocket/v1"));
    upbit.say(r#"[{"ticket":"1"},{"type":"trade","codes":["USDT-BTC"],"is_only_realtime":true}]"#);
    let answer = control(&server, "bot-1", &json!({"step": 10}));
    assert_eq!((&answer["state"], &answer["position"]), (&json!("paused"), &json!(10)));
    for want in 0..10 {
        assert_eq!(number(first.next_event().text()), want);
        let event: Value = serde_json::from_slice(&upbit.next_event().payload).unwrap();
        assert_eq!(event["trade_timestamp"], 1_700_000_000_000_i64 + want * 100);
    }
    // REST is of the same moment.
    let (status, _, body) = server.get(&format!("{base}/api/v3/trades?symbol=BTCUSDT&limit=1"));
    assert_eq!(status, 200, "{body}");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()[0]["id"], 9);
    // So are events over plain HTTP, and Socket.IO by polling.
    let mut events = connect(server.address);
    write!(events, "GET {base}/ndjson?streams=btcusdt@trade HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    let mut events = BufReader::new(events);
    let mut line = String::new();
    while !line.ends_with("\r\n\r\n") {
        assert!(events.read_line(&mut line).unwrap() > 0, "{line}");
    }
    let (_, _, open) = server.get(&format!("{base}/socket.io/?EIO=4&transport=polling"));
    let sid = serde_json::from_str::<Value>(&open[1..]).unwrap()["sid"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("{base}/socket.io/?EIO=4&transport=polling&sid=nonsense")).0, 400);
    let answer = control(&server, "bot-1", &json!({"step": 1}));
    assert_eq!(answer["position"], 11);
    line.clear();
    loop {
        events.read_line(&mut line).unwrap();
        // Pieces of an answer whose length is not known have lines of their own.
        if let Some(event) = line.lines().last().filter(|line| line.starts_with('{')) {
            assert_eq!(number(event), 10);
            break;
        }
    }
    assert_eq!(number(first.next_event().text()), 10);
    let mut poll = connect(server.address);
    let body = "40/binance,";
    let head = format!("POST {base}/socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: t\r\n");
    write!(poll, "{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut text = String::new();
    poll.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(server.get(&format!("{base}/socket.io/?EIO=4&transport=polling&sid={sid}")).2.starts_with("40/binance"));
    // Its master may leave its end, and everybody sees it go back.
    let answer = control(&server, "bot-1", &json!({"seek": "22:13:29.500", "step": 100}));
    assert_eq!((&answer["state"], &answer["position"]), (&json!("ended"), &json!(100)));
    control(&server, "bot-1", &json!({"seek": "22:13:20", "speed": "max", "pause": false}));
    let mut last = 10;
    for _ in 0..105 {
        let this = number(first.next_event().text());
        assert!(this > last, "{this} after {last}");
        last = this;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_tapecast"))
        .args(["ctl", &format!("http://{}", server.address), "--key", "bot-1"])
        .output()
        .unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("message 100 of the tape"));
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    trades(&folder, 50);
    std::fs::create_dir(folder.path().join("folder.tape")).unwrap();
    let server = server_of(&folder, &["--replays-max", "2"]);
    for (target, status, part) in [
        ("/replay/none.tape/ws", 404, "there is no tape `none.tape`; there are trades.jsonl, demo"),
        ("/replay/..%2Ftrades.jsonl/ws", 404, "there is no tape `../trades.jsonl`"),
        ("/replay/folder.tape/ws", 404, "there is no tape"),
        ("/replay/trades.jsonl;speed=fast/ws", 400, "speed: `fast` is no speed"),
        ("/replay/trades.jsonl;from=noon/ws", 400, "from: `noon` is no time"),
        ("/replay/trades.jsonl;to=22:13:20/ws", 400, "to: 2023-11-14T22:13:20Z is not after"),
        ("/replay/trades.jsonl;clients=2/ws", 400, "clients: nobody else could come"),
        ("/replay/trades.jsonl;paused=true/ws", 400, "paused: nobody could let it play"),
        ("/replay/trades.jsonl;key=k;end=never/ws", 400, "end: `never` is neither close nor stay"),
        ("/replay/trades.jsonl;quick=1/ws", 400, "`quick` is nothing that a replay can be told"),
        ("/replay/trades.jsonl/api/v3/depth?symbol=BTCUSDT", 400, "give the replay a key"),
    ] {
        let (got, _, body) = server.get(target);
        let error: Value = serde_json::from_str(&body).expect(&body);
        assert_eq!(got, status, "{target}: {body}");
        assert!(error["error"].as_str().unwrap().contains(part), "{target}: {body}");
    }
    assert_eq!(server.get("/replay/trades.jsonl;key=k/ws/btcusdt@nonsense!").0, 400);
    let base = "/replay/trades.jsonl;key=k";
    let first = Client::open(&server, &format!("{base}/ws"));
    let head = |target: &str| head_of(server.address, target, "Upgrade: websocket\r\nConnection: Upgrade\r\n");
    assert!(head(&format!("{base};speed=2x/ws")).starts_with("HTTP/1.1 409"));
    assert!(head("/replay/demo;key=k/ws").starts_with("HTTP/1.1 409"));
    let _second = Client::open(&server, "/replay/demo;key=other/ws");
    assert!(head("/replay/trades.jsonl/ws").starts_with("HTTP/1.1 429"));
    assert_eq!((server.count("replays_begun"), server.count("replays_refused")), (2, 1));
    assert!(server.get("/replay").2.contains(r#"["trades.jsonl","demo"]"#));
    let (status, _, body) = server.get("/control/replay/nobody");
    // The name by which it is asked is none of this machine's.
    assert_eq!(status, 403, "{body}");
    drop(first);
    let none = Server::start(&["--replays-max", "0"]);
    assert_eq!(none.get("/replay/demo/ws").0, 404);
}

#[test]
fn a_replay_goes_with_its_clients_and_its_key_is_free_again() {
    let folder = tempfile::tempdir().unwrap();
    trades(&folder, 20);
    let server = server_of(&folder, &["--replay-linger", "300ms", "--replays-max", "1"]);
    let replays = || serde_json::from_str::<Value>(&server.get("/status").2).unwrap()["replays"].clone();
    let target = "/replay/trades.jsonl;key=k;speed=max/ws/btcusdt@trade";
    for _ in 0..3 {
        // One that has just ended lets nobody in, and is in nobody's way for longer than its clients take to go.
        let mut opened = Client::try_open(server.address, target);
        let begun = std::time::Instant::now();
        while opened.is_err() && begun.elapsed() < support::PATIENCE {
            opened = Client::try_open(server.address, target);
        }
        let (texts, code) = until_the_end(opened.unwrap());
        assert_eq!((texts.len(), code), (20, 1000));
    }
    let wait_for_none = || {
        let begun = std::time::Instant::now();
        while replays() != 0 {
            assert!(begun.elapsed() < support::PATIENCE, "a replay outlives its client");
        }
    };
    wait_for_none();
    let paused = Client::open(&server, "/replay/demo;key=p;paused=true/ws/btcusdt@trade");
    assert_eq!(replays(), 1);
    drop(paused);
    wait_for_none();
    // What is under way when the server ends, ends too.
    let client = Client::open(&server, "/replay/demo;speed=1x/ws/btcusdt@trade");
    server.signal("TERM");
    let (texts, code) = until_the_end(client);
    assert_eq!(code, 1001, "{:?}", texts.last());
}

/// A book kept by the exchange's rules, of a server that is asked as the exchange would be.
#[test]
fn a_local_book_is_kept_by_the_exchanges_own_procedure_at_any_speed() {
    let Some(feeds) = recordings() else { return };
    let folder = tempfile::tempdir().unwrap();
    let all = lines(&feeds.join(DAY));
    let first = all[0].0;
    tape(&folder, "day.jsonl", &all.into_iter().take_while(|(t, _)| *t < first + 20_000_000_000).collect::<Vec<_>>());
    let server = server_of(&folder, &["--weight-max", "0"]);
    let base = "/replay/day.jsonl;key=book;speed=20x;end=stay";
    let mut client = Client::open(&server, &format!("{base}/ws/btcusdt@depth@100ms"));
    let mut events = vec![serde_json::from_str::<Value>(client.next_event().text()).unwrap()];
    let depth = loop {
        let (_, _, body) = server.get(&format!("{base}/api/v3/depth?symbol=BTCUSDT&limit=5000"));
        let depth: Value = serde_json::from_str(&body).unwrap();
        // Until its snapshot has come, there is no book.
        if depth["lastUpdateId"].as_i64() >= events[0]["U"].as_i64() {
            break depth;
        }
        events.push(serde_json::from_str(client.next_event().text()).unwrap());
    };
    let mut sides = [BTreeMap::new(), BTreeMap::new()];
    let set = |sides: &mut [BTreeMap<String, String>; 2], changes: [&Value; 2]| {
        for (side, changes) in sides.iter_mut().zip(changes) {
            for change in changes.as_array().unwrap() {
                let (price, size) = (change[0].as_str().unwrap(), change[1].as_str().unwrap());
                match size.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
                    true => drop(side.remove(price)),
                    false => drop(side.insert(price.to_owned(), size.to_owned())),
                }
            }
        }
    };
    set(&mut sides, [&depth["bids"], &depth["asks"]]);
    let mut last = depth["lastUpdateId"].as_i64().unwrap();
    let (mut queue, mut applied) = (std::collections::VecDeque::from(events), 0);
    let end = loop {
        let place = control(&server, "book", &json!({}));
        if place["state"] == "ended" {
            let (_, _, body) = server.get(&format!("{base}/api/v3/depth?symbol=BTCUSDT&limit=5000"));
            break serde_json::from_str::<Value>(&body).unwrap();
        }
    };
    while last < end["lastUpdateId"].as_i64().unwrap() {
        let event = queue.pop_front().unwrap_or_else(|| serde_json::from_str(client.next_event().text()).unwrap());
        let (from, to) = (event["U"].as_i64().unwrap(), event["u"].as_i64().unwrap());
        if to <= last {
            continue;
        }
        assert!(from <= last + 1, "a gap: {from} after {last}");
        set(&mut sides, [&event["b"], &event["a"]]);
        (last, applied) = (to, applied + 1);
    }
    let mut want = [BTreeMap::new(), BTreeMap::new()];
    set(&mut want, [&end["bids"], &end["asks"]]);
    assert!(applied > 50, "{applied}");
    assert!(sides == want, "after {applied} changes");
}

#[test]
fn the_digest_of_a_rehearsal_is_that_of_what_a_subscriber_gets_at_any_speed() {
    let Some(feeds) = recordings() else { return };
    let folder = tempfile::tempdir().unwrap();
    let all = lines(&feeds.join(DAY));
    let first = all[0].0;
    let cut: Vec<_> = all.into_iter().take_while(|(time, _)| *time < first + 10_000_000_000).collect();
    let lines_of = tape(&folder, "day.jsonl", &cut);
    let in_blocks = folder.path().join("day.tape").to_string_lossy().into_owned();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tapecast")).arg("tape").args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    assert!(run(&["import", &lines_of, "--out", &in_blocks]).0);
    let streams =
        "btcusdt@depth@100ms/ethusdt@aggTrade/btcusdt@kline_1m/ethusdt@ticker/dotusdt@bookTicker/!miniTicker@arr";
    let (is_well, told) = run(&["verify", &in_blocks, "--replay", streams]);
    let line = told.lines().last().unwrap().to_owned();
    assert!(is_well && line.starts_with("  replay: "), "{told}");
    let server = server_of(&folder, &[]);
    for settings in ["day.tape;speed=max", "day.tape;speed=33x", "day.jsonl;speed=max"] {
        let mut stream = connect(server.address);
        write!(stream, "GET /replay/{settings}/ndjson?streams={streams} HTTP/1.0\r\nHost: t\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let mut digester = tapecast::tape::digest::Digester::default();
        let events: Vec<&str> = body.lines().filter(|line| line.starts_with(r#"{"stream""#)).collect();
        events.iter().for_each(|event| digester.update(format!("{event}\n").as_bytes()));
        let bytes: usize = events.iter().map(|event| event.len() + 1).sum();
        let want = format!("  replay: {} events, {bytes} bytes, SHA-256 {}", events.len(), digester.finish());
        assert_eq!(line, want, "{settings}");
        assert!(events.len() > 200, "{}", events.len());
    }
    let (is_well, told) = run(&["verify", &in_blocks, "--replay", "btcusdt@nonsense"]);
    assert!(!is_well && told.contains("nonsense"), "{told}");
}

#[test]
fn a_replay_may_go_wrong_on_demand_for_those_who_asked_alone() {
    let Some(feeds) = recordings() else { return };
    let folder = tempfile::tempdir().unwrap();
    let all = lines(&feeds.join(DAY));
    let first = all[0].0;
    tape(&folder, "day.jsonl", &all.into_iter().take_while(|(t, _)| *t < first + 60_000_000_000).collect::<Vec<_>>());
    let server = server_of(&folder, &[]);
    let holes = |settings: &str| {
        let target = format!("/replay/day.jsonl;speed=max{settings}/ws/btcusdt@depth@100ms");
        let (texts, _) = until_the_end(Client::open(&server, &target));
        let ids: Vec<(i64, i64)> = texts
            .iter()
            .map(|text| serde_json::from_str::<Value>(text).unwrap())
            .map(|event| (event["U"].as_i64().unwrap(), event["u"].as_i64().unwrap()))
            .collect();
        ids.windows(2).filter(|pair| pair[1].0 != pair[0].1 + 1).count()
    };
    assert_eq!(holes(""), 0);
    assert!(holes(";faults=gap-in-depth") > 0);
    // An exchange that restarts is away for a while, and then is back: here at a pace that makes it quick to come.
    let base = "/replay/day.jsonl;key=restart;speed=10x;loop=true;faults=exchange-restart";
    let target = format!("{base}/stream?streams=btcusdt@depth@100ms");
    let (texts, code) = until_the_end(Client::open(&server, &target));
    assert!(code == 1001 && texts.iter().any(|text| text.contains("serverShutdown")), "{code}");
    let begun = std::time::Instant::now();
    let (mut refused, mut again) = (0, Client::try_open(server.address, &target));
    while let Err(head) = again {
        assert!(head.starts_with("HTTP/1.1 503") && begun.elapsed() < support::PATIENCE, "{head}");
        refused += 1;
        again = Client::try_open(server.address, &target);
    }
    assert!(refused > 0 && again.unwrap().next_event().text().contains("depthUpdate"));
    let (status, _, body) = server.get("/replay/day.jsonl;faults=own.toml/ws");
    assert!(status == 400 && body.contains("none of exchange-restart, 24h-cut"), "{status} {body}");
}
