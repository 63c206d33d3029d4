//! Two that count independently: what the instrument has read is what the server says it has sent.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::exposition::Exposition;
use crate::support::{Client, Server};
use crate::wait_for;

const CLIENTS: u64 = 8;
const SYMBOLS: u64 = 3;
const MESSAGES: u64 = 1_500;

/// What the server says of what it has sent so far: frames, bytes, sessions begun.
fn sent(found: &Exposition) -> [u64; 3] {
    ["tapecast_frames_delivered_total", "tapecast_written_bytes_total", "tapecast_sessions_opened_total"]
        .map(|name| found.sum(name, &[]) as u64)
}

#[test]
fn what_clients_read_is_what_the_server_says_it_has_sent() {
    let feed = format!("bench:symbols={SYMBOLS},rate=1000000,burst=true,messages={MESSAGES}");
    let nobody_else = (CLIENTS + 1).to_string();
    for (way, expected) in
        [("ws", "/ws/{streams}?timeUnit=MICROSECOND"), ("http", "/sse?timeUnit=MICROSECOND&streams={streams}")]
    {
        let flags = ["--feed", &feed, "--writers", "2", "--wait-for-clients", &nobody_else, "--ping-interval", "0s"];
        let server = Server::start(&flags);
        let url = format!("{way}://{}{expected}", server.address);
        let mut bench = Command::new(env!("CARGO_BIN_EXE_tapecast"))
            .args(["bench", &url, "--feed", &feed, "--json", "--spin", "false"])
            .args(["-c", &CLIENTS.to_string(), "--settle", "10ms", "--hold", "5s"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be run");
        // It counts from here on, and one more client is waited for.
        let mut said = BufReader::new(bench.stderr.take().unwrap()).lines().map_while(Result::ok);
        let is_measuring = said.by_ref().any(|line| line.ends_with(": measuring"));
        assert!(is_measuring, "it does not begin to measure");
        let before = sent(&Exposition::of(&server));
        let ninth = Client::open(&server, "/ws/nobody@ticker");
        let output = bench.wait_with_output().expect("it ends");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let seen = &report["rows"][0]["rounds"][0];
        let count = |name: &str| seen[name].as_u64().unwrap_or_else(|| panic!("{name}: {seen}"));
        assert_eq!((count("events"), count("missing"), count("connections")), (CLIENTS * MESSAGES, 0, CLIENTS));
        drop(ninth);
        let found = wait_for(&server, "everybody's leaving", |found| found.sum("tapecast_sessions", &[]) == 0.0);
        let after = sent(&found);
        let [frames, bytes, sessions] = [0, 1, 2].map(|n| after[n] - before[n]);
        assert_eq!((frames, sessions), (count("events"), 1), "{way}");
        assert_eq!(bytes, count("bytes"), "{way}");
        assert_eq!(after[2], CLIENTS + 1, "{way}");
        assert_eq!(found.sum("tapecast_disconnects_total", &[]), (CLIENTS + 1) as f64, "{way}");
    }
}
