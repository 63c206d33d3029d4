//! Faults on demand, from outside: each kind does what it says to a client that knows nothing of it, is counted, and
//! stands in the report with what the client did.

#[path = "../support/mod.rs"]
mod support;

mod book;
mod connections;
mod corrupted;
mod doors;
mod every_kind;
#[path = "../tls/peer.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod peer;
#[path = "../clients/program.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod program;
mod reports;
mod shipped;
mod streams;
mod whom;

use std::time::{Duration, Instant};

use serde_json::Value;

use support::{Client, PATIENCE, Server, tape, trade};

/// The first trade's time, at a whole day's beginning, in milliseconds.
const FIRST_MS: i64 = 1_700_006_400_000;

/// What whoever asks for the report must show, and how.
const TOKEN: &str = "of-the-faults";
const SHOWN: &str = "Authorization: Bearer of-the-faults\r\n";

/// From one trade to the next.
const STEP_MS: i64 = 10;

/// A server whose tape has a trade of two symbols every 10 ms for a minute, beginning when the first client has
/// subscribed, with this script.
struct Faulty {
    server: Server,
    _folder: tempfile::TempDir,
}

impl Faulty {
    fn start(script: &str) -> Faulty {
        Faulty::start_with(script, &["--wait-for-clients", "1"])
    }

    fn start_with(script: &str, flags: &[&str]) -> Faulty {
        let folder = tempfile::tempdir().unwrap();
        let of_both = |number: i64| {
            let (time, message) = trade(number, FIRST_MS + number * STEP_MS);
            let other = message.replace("btcusdt", "ethusdt").replace("BTCUSDT", "ETHUSDT");
            [(time, message), (time, other)]
        };
        let trades: Vec<_> = (0..6_000).flat_map(of_both).collect();
        let feed = tape(&folder, "trades.jsonl", &trades);
        let path = folder.path().join("script.toml");
        std::fs::write(&path, script).unwrap();
        let own = [
            "--feed",
            &feed,
            "--faults",
            path.to_str().unwrap(),
            "--control-token",
            TOKEN,
            "--ping-interval",
            "0s",
            "--log",
            "error",
        ];
        Faulty { server: Server::start(&[&own, flags].concat()), _folder: folder }
    }

    fn open(&self) -> Client {
        Client::open(&self.server, "/ws/btcusdt@trade")
    }

    /// What the report says of the script's first fault.
    fn told(&self) -> Value {
        let (status, _, body) = self.server.get_with("/control/faults", SHOWN);
        assert_eq!(status, 200, "{body}");
        let report: Value = serde_json::from_str(&body).unwrap();
        report["faults"][0].clone()
    }

    /// Waits until what the report says of the first fault is as it should be.
    fn wait_until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let told = self.told();
            if is_so(&told) {
                return told;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: {told:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How often a kind has struck, as Prometheus is told.
    fn counted(&self, kind: &str) -> u64 {
        let begin = format!("tapecast_faults_total{{kind=\"{kind}\"}} ");
        let body = self.server.get("/metrics").2;
        body.lines().find_map(|line| line.strip_prefix(&begin)).expect("a counter").parse().unwrap()
    }
}

/// The client of the first firing.
fn client(told: &Value) -> &Value {
    &told["fired"][0]["clients"][0]
}

/// The id of a trade, if the event is one.
fn id(text: &str) -> Option<i64> {
    let event: Value = serde_json::from_str(text).expect("JSON");
    event["t"].as_i64()
}

/// Reads trades to the end: their ids, and the last frame if it is a close frame.
fn read_to_end(client: &mut Client) -> (Vec<i64>, Option<(u16, String)>) {
    let mut ids = Vec::new();
    while let Some(frame) = client.next() {
        if frame.opcode == 8 {
            let (code, reason) = frame.close();
            return (ids, Some((code, reason.to_owned())));
        }
        ids.extend(id(frame.text()));
    }
    (ids, None)
}

/// Whether ids are those from the first one on, each once and in order.
fn are_whole(ids: &[i64]) -> bool {
    !ids.is_empty() && ids.windows(2).all(|pair| pair[1] == pair[0] + 1)
}
