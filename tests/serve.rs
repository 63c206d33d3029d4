//! The command: what it prints, how it ends, and what it says when it cannot start.

mod support;

use std::process::{Command, Output};

use support::{Client, Server, tape, trade};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tapecast")).args(arguments).output().expect("the binary under test runs")
}

/// Runs it with something wrong; returns the one sentence it says.
fn refusal(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success(), "{arguments:?} is accepted");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked") && !text.contains("backtrace"), "{text}");
    text
}

#[test]
fn what_is_wrong_is_named_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let empty = tape(&folder, "empty.jsonl", &[]);
    let config = folder.path().join("tapecast.toml");
    std::fs::write(&config, "listen = \"127.0.0.1:0\"\nspeeed = \"1x\"\n").unwrap();
    let config = config.to_str().unwrap();
    for (arguments, words) in [
        (vec!["serve", "--feed", "/nowhere/a.jsonl"], vec!["/nowhere/a.jsonl", "No such file"]),
        (vec!["serve", "--feed", "a.csv"], vec!["a.csv", ".jsonl.zst"]),
        (vec!["serve", "--feed", &empty], vec!["empty.jsonl", "no messages"]),
        (vec!["serve", "--feed", folder.path().to_str().unwrap()], vec![".jsonl"]),
        (vec!["serve", "--speed", "fast"], vec!["--speed", "`fast`", "10x"]),
        (vec!["serve", "--listen", "nowhere"], vec!["--listen", "`nowhere`"]),
        (vec!["serve", "--listen", "192.0.2.1:9400"], vec!["192.0.2.1:9400", "Cannot assign"]),
        (vec!["serve", "--writers", "0"], vec!["--writers", "0"]),
        (vec!["serve", "--log", "tapecast=loud"], vec!["--log", "tapecast=loud"]),
        (vec!["serve", "--stall-limit", "soon"], vec!["--stall-limit", "soon"]),
        (vec!["serve", "--config", "/nowhere.toml"], vec!["/nowhere.toml"]),
        (vec!["serve", "--config", config], vec!["tapecast.toml", "line 2", "speeed"]),
        (vec!["serve", "--sped", "1x"], vec!["--sped", "--speed"]),
        (vec!["sevre"], vec!["sevre", "serve"]),
        (vec!["tape", "synth", "--out", "/tmp/a.csv"], vec!["--out", "a.csv"]),
        (vec!["tape", "synth", "--out", "/nowhere/a.jsonl"], vec!["/nowhere/a.jsonl"]),
    ] {
        let text = refusal(&arguments);
        for word in words {
            assert!(text.contains(word), "{arguments:?} says: {text}");
        }
    }
}

#[test]
fn a_port_that_is_taken_is_named_even_if_another_of_our_own_has_it() {
    let server = Server::start(&[]);
    let address = server.address.to_string();
    let text = refusal(&["serve", "--listen", &address]);
    assert!(text.contains(&address) && text.contains("in use"), "{text}");
}

#[test]
fn help_teaches() {
    let output = run(&["serve", "--help"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for flag in [
        "--feed",
        "--listen",
        "--speed",
        "--repeat",
        "--wait-for-clients",
        "--exit-at-end",
        "--writers",
        "--config",
        "--log",
        "--stall-limit",
        "--backlog-bytes-max",
    ] {
        assert!(text.contains(flag), "{flag} is missing");
    }
    assert!(run(&["--version"]).status.success());
}

#[test]
fn signals_close_every_client_with_a_close_frame_and_exit_with_0() {
    for signal in ["INT", "TERM"] {
        let mut server = Server::start(&["--writers", "2"]);
        let mut clients: Vec<Client> = (0..8).map(|_| Client::open(&server, "/ws/btcusdt@bookTicker")).collect();
        for client in &mut clients {
            client.next_event();
        }
        let mut upbit = Client::open(&server, "/websocket/v1");
        upbit.say(r#"[{"ticket":"a"},{"type":"ticker","codes":["KRW-BTC"]}]"#);
        upbit.next_event();
        // One that neither reads nor answers must not keep it from ending.
        let _silent = Client::open(&server, "/ws/btcusdt@trade");
        server.signal(signal);
        for client in &mut clients {
            let close = std::iter::from_fn(|| client.next()).find(|frame| frame.opcode == 8);
            assert_eq!(close.expect("a close frame").close(), (1001, "Server shutdown"));
            client.send(8, &1001_u16.to_be_bytes());
            assert_eq!(client.next(), None, "the connection ends after the close frames");
        }
        let close = std::iter::from_fn(|| upbit.next()).find(|frame| frame.opcode == 8);
        assert_eq!(close.expect("a close frame").close(), (1012, "Server shutdown"));
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn the_tape_waits_until_enough_clients_have_each_subscribed_to_something() {
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "trades.jsonl", &(0..50).map(|n| trade(n, 1_700_000_000_000)).collect::<Vec<_>>());
    let mut server = Server::start(&["--feed", &path, "--wait-for-clients", "2", "--exit-at-end", "--writers", "2"]);
    let mut early = Client::open(&server, "/ws/btcusdt@trade");
    // A connection without subscriptions does not count, nor does a second subscription of the first.
    let mut late = Client::open(&server, "/stream");
    assert_eq!(early.ask(r#"{"method":"SUBSCRIBE","params":["ethusdt@trade"],"id":1}"#), r#"{"result":null,"id":1}"#);
    assert_eq!(server.count("messages_read"), 0);
    let status: serde_json::Value = serde_json::from_str(&server.get("/status").2).unwrap();
    assert_eq!(status["symbols"]["binance"][0], "BTCUSDT", "what comes is known before it plays");
    assert_eq!(late.ask(r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#), r#"{"result":null,"id":1}"#);
    for client in [&mut early, &mut late] {
        for number in 0..50 {
            assert!(client.next_event().text().contains(&format!("\"t\":{number},")));
        }
        assert_eq!(client.next_event().close(), (1000, "End of tape"));
        client.send(8, &1000_u16.to_be_bytes());
    }
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn without_exit_at_end_the_server_stays_when_its_tape_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "trades.jsonl", &[trade(1, 1_700_000_000_000)]);
    let server = Server::start(&["--feed", &path]);
    server.wait_for_count("ticks_published", 3);
    let mut client = Client::open(&server, "/ws");
    assert_eq!(client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#), r#"{"result":[],"id":1}"#);
    server.signal("TERM");
    assert!(client.next_event().text().contains("serverShutdown"));
    assert_eq!(client.next_event().close().0, 1001);
}

#[test]
fn http_answers_what_it_should() {
    let server = Server::start(&[]);
    let (status, head, body) = server.get("/");
    assert_eq!(status, 200);
    assert!(head.contains("text/html") && body.contains("/stream"), "{head}");
    let status: serde_json::Value = serde_json::from_str(&server.get("/status").2).unwrap();
    assert_eq!(status["feed"], "demo (built in)");
    assert_eq!(server.get("/foo").0, 404);
    assert_eq!(server.get("/stream/nonsense").0, 404);
    let (status, head, _) = server.get("/ws/btcusdt@trade");
    assert_eq!(status, 426);
    assert!(head.to_ascii_lowercase().contains("upgrade: websocket"), "{head}");
    assert_eq!(server.get("/ws/@@@x").0, 400);
    assert_eq!(server.get("/stream?timeUnit=SECOND").0, 400);
}

#[test]
fn a_configuration_file_says_what_flags_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "trades.jsonl", &[trade(7, 1_700_000_000_000)]);
    let config = folder.path().join("tapecast.toml");
    let text = format!("feed = [{path:?}]\nspeed = \"max\"\nwait-for-clients = 1\nexit-at-end = true\n");
    std::fs::write(&config, text).unwrap();
    let mut server = Server::start(&["--config", config.to_str().unwrap()]);
    let mut client = Client::open(&server, "/ws/btcusdt@trade");
    assert!(client.next_event().text().contains("\"t\":7,"));
    assert_eq!(client.next_event().close(), (1000, "End of tape"));
    client.send(8, &[]);
    assert_eq!(server.wait().code(), Some(0));
}
