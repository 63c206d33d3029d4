//! `tapecast tail` in a pipe: what it prints, and how it ends.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use support::{Client, Server, tape, trade};

fn tail(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tapecast")).arg("tail").args(arguments).output().expect("it can be run")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn lines_are_what_the_server_sent_and_a_count_ends_them() {
    let folder = tempfile::tempdir().unwrap();
    let feed = tape(&folder, "few.jsonl", &(1..=20).map(|n| trade(n, 1_772_420_400_000 + n)).collect::<Vec<_>>());
    let server = Server::start(&["--feed", &feed, "--speed", "max", "--wait-for-clients", "2", "--derive", "never"]);
    let mut client = Client::open(&server, "/stream?streams=btcusdt@trade");
    let output = tail(&[&format!("ws://{}", server.address), "btcusdt@trade", "--count", "20"]);
    assert!(output.status.success());
    let expected: String = (0..20).map(|_| client.next_event().text().to_owned() + "\n").collect();
    assert_eq!(text(&output.stdout), expected);
    assert_eq!(text(&output.stderr), "20 messages, 0 gaps, 0 reconnects\n");
}

#[test]
fn positions_are_shown_to_whoever_asks_and_go_on_from_there() {
    let server = Server::start(&["--history-ticks", "64", "--control"]);
    server.move_demo();
    let url = format!("http://{}/sse", server.address);
    let lines_url = format!("tcp://{}", server.lines.unwrap());
    let output = tail(&[&lines_url, "btcusdt@trade", "--sequence", "--count", "2"]);
    let position = text(&output.stdout).rsplit_once("\"sequence\":\"").unwrap().1.split('"').next().unwrap().to_owned();
    let before = server.count("ticks_read");
    server.wait_for_count("ticks_read", before + 1_000);
    let output = tail(&[&url, "btcusdt@trade", &format!("--resume={position}"), "--count", "1"]);
    assert!(output.status.success());
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with(&format!("tapecast: gap from {position} to ")), "{stderr}");
    assert!(stderr.ends_with("1 message, 1 gap, 0 reconnects\n"), "{stderr}");
}

#[test]
fn time_signals_and_readers_end_it_well() {
    let server = Server::start(&[]);
    let url = format!("ws://{}", server.address);
    assert!(tail(&[&url, "nosuchusdt@trade", "--for", "200ms"]).status.success());
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapecast"));
        let command = command.args(["tail", &url, "btcusdt@trade"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        reader.read_line(&mut line).unwrap();
        assert!(line.starts_with("{\"stream\""), "{line}");
        (child, reader)
    };
    let (child, reader) = start();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let reads = std::thread::spawn(move || reader.lines().count());
    let output = child.wait_with_output().unwrap();
    reads.join().unwrap();
    assert!(output.status.success() && text(&output.stderr).contains(" gaps, 0 reconnects"), "{output:?}");
    let (child, reader) = start();
    drop(reader);
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn over_tls_it_trusts_whom_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let feed = tape(&folder, "few.jsonl", &(1..=20).map(|n| trade(n, 1_772_420_400_000 + n)).collect::<Vec<_>>());
    let flags = ["--feed", &feed, "--speed", "max", "--wait-for-clients", "3", "--derive", "never"];
    let server = Server::start(&[&flags[..], &["--tls-self-signed", "--tls-listen", "127.0.0.1:0"]].concat());
    let certificate = folder.path().join("certificate.pem");
    std::fs::write(&certificate, server.get("/certificate.pem").2).unwrap();
    let (secure, trusted) = (server.tls_address.unwrap(), certificate.to_str().unwrap());
    let untrusted = tail(&[&format!("wss://{secure}"), "btcusdt@trade", "--count", "1"]);
    assert_eq!(untrusted.status.code(), Some(1));
    assert!(text(&untrusted.stderr).contains("--certificates FILE"), "{untrusted:?}");
    // Each waits for the others, as the tape does.
    let threads =
        [format!("wss://{secure}"), format!("https://{secure}/sse"), format!("ws://{}", server.address)].map(|url| {
            let trusted = trusted.to_owned();
            let arguments = move || tail(&[&url, "btcusdt@trade", "--count", "20", "--certificates", &trusted]);
            std::thread::spawn(arguments)
        });
    let [secure, events, plain] = threads.map(|thread| thread.join().unwrap());
    assert!(plain.status.success() && text(&plain.stdout).lines().count() == 20, "{plain:?}");
    assert_eq!(text(&secure.stdout), text(&plain.stdout));
    assert_eq!(text(&events.stdout), text(&plain.stdout));
    let nobody = tail(&[&format!("wss://{}", server.tls_address.unwrap()), "a@trade", "--certificates", &feed]);
    assert_eq!(text(&nobody.stderr), format!("tapecast: cannot read certificates from {feed}: it has none\n"));
}

#[test]
fn errors_suggest() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = tail(&[&format!("ws://{free}"), "btcusdt@trade"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("tapecast: there is no server at {free}: start one with `tapecast serve`\n");
    assert_eq!(text(&output.stderr), expected);
    let output = tail(&["ws://127.0.0.1:1", "a@trade", "--resume=what?"]);
    assert!(text(&output.stderr).contains("`what?` is no position"), "{output:?}");
    assert_eq!(tail(&["ws://127.0.0.1:1", "--for", "soon"]).status.code(), Some(2));
}
