//! Whoever is cut off at random, again and again, ends with exactly the events of one who is not, and is never told that
//! something is missing: over WebSocket, server-sent events and lines with positions, and by Socket.IO's recovery.
//!
//! The roads to the server break after random numbers of bytes while a recording plays at ten times its pace.

#[path = "../support/mod.rs"]
mod support;

mod listener;
mod recovering;
mod road;

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use support::{Server, lines, recordings, tape, trade};

/// Cuts that each client must have met.
const CUTS_MIN: u64 = 50;

/// What ends each client: a trade of a symbol that the recordings have not.
const LAST: &str = "zzzusdt@trade";

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    WebSocket,
    Events,
    Lines,
    SocketIo,
}

/// What is played to whom.
struct Trial {
    protocol: Protocol,
    clients: u64,
    recording: &'static str,
    seconds: i64,
    streams: &'static [&'static str],
}

/// What a client has got.
#[derive(Debug, Default)]
pub struct Heard {
    /// A hash of each event, in their order: a thousand clients would not fit otherwise.
    events: Vec<u64>,
    /// How often it went on where it was.
    resumed: u64,
    /// Each time it was told that it cannot.
    refused: Vec<String>,
}

impl Heard {
    fn take(&mut self, event: &[u8]) {
        self.events.push(BuildHasherDefault::<DefaultHasher>::default().hash_one(event));
    }
}

fn is_last(event: &[u8]) -> bool {
    memchr::memmem::find(event, b"ZZZUSDT").is_some()
}

impl Trial {
    /// The recording's first seconds with the end behind them, and the bytes that the streams have in it.
    fn tape(&self, folder: &tempfile::TempDir) -> Option<(String, u64)> {
        let mut all = lines(&recordings()?.join(self.recording));
        let begin = all[0].0;
        all.retain(|(time, _)| *time < begin + self.seconds * 1_000_000_000);
        let stream = |message: &str| {
            let name = message.strip_prefix(r#"{"stream":""#).and_then(|rest| rest.split('"').next());
            name.is_some_and(|name| self.streams.contains(&name))
        };
        let bytes = all.iter().filter(|(_, message)| stream(message)).map(|(_, message)| message.len() as u64).sum();
        let end = all.last()?.0 + 500_000_000;
        let last = trade(1, end / 1_000_000).1.replace("btcusdt", "zzzusdt").replace("BTCUSDT", "ZZZUSDT");
        all.push((end, last));
        Some((tape(folder, "beginning.jsonl", &all), bytes))
    }

    fn run(&self) {
        let folder = tempfile::tempdir().unwrap();
        let Some((feed, bytes)) = self.tape(&folder) else { return };
        let waits = (self.clients + 1).to_string();
        let flags = ["--feed", &feed, "--speed", "10x", "--wait-for-clients", &waits, "--writers", "2"];
        let held = ["--ring-ticks", "1048576", "--history-ticks", "524288", "--ring-levels", "8388608"];
        let more = ["--attempts-max", "0", "--socketio-recovery", "120s", "--backlog-bytes-max", "67108864"];
        let server = Server::start(&[&flags[..], &held, &more].concat());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.listen(&server, bytes));
    }

    async fn listen(&self, server: &Server, bytes: u64) {
        let behind = if self.protocol == Protocol::Lines { server.lines.unwrap() } else { server.address };
        let begun = Instant::now();
        let streams: Vec<String> = self.streams.iter().chain(&[LAST]).map(|name| (*name).to_owned()).collect();
        let listen = |address, seed| {
            let streams = streams.clone();
            match self.protocol {
                Protocol::WebSocket => tokio::spawn(listener::listen(format!("ws://{address}/stream"), streams)),
                Protocol::Events => tokio::spawn(listener::listen(format!("http://{address}/sse"), streams)),
                Protocol::Lines => tokio::spawn(listener::listen(format!("tcp://{address}"), streams)),
                Protocol::SocketIo => tokio::spawn(recovering::listen(address, streams, seed)),
            }
        };
        let whole = listen(behind, 0);
        let (mut crowd, mut cuts) = (Vec::new(), Vec::new());
        for number in 0..self.clients {
            let count = Arc::new(AtomicU64::new(0));
            // What one connection carries at the most is too little for fewer cuts than these.
            let road = road::cutting(behind, number, bytes / (CUTS_MIN + 2), Arc::clone(&count)).await;
            cuts.push(count);
            crowd.push(listen(road, number));
        }
        let cuts_of = |count: &Arc<AtomicU64>| count.load(Ordering::Relaxed);
        let expected = whole.await.unwrap().events;
        let (played, cuts_while_played) = (begun.elapsed(), cuts.iter().map(cuts_of).sum::<u64>());
        let (mut resumed, mut refused) = (0, Vec::new());
        for (number, task) in crowd.into_iter().enumerate() {
            let heard = task.await.unwrap();
            let place = heard.events.iter().zip(&expected).position(|(ours, theirs)| ours != theirs);
            let (count, of) = (heard.events.len(), expected.len());
            assert!(
                place.is_none() && count == of,
                "client {number} differs at {place:?}, {count} of {of}; refused: {:?}",
                heard.refused
            );
            resumed += heard.resumed;
            refused.extend(heard.refused);
        }
        let (most, least) = (cuts.iter().map(cuts_of).max().unwrap(), cuts.iter().map(cuts_of).min().unwrap());
        println!(
            "{:?}: {} clients, {} events each, {least} to {most} cuts each, {} in all, {cuts_while_played} of them \
             while the tape played, {resumed} resumed, {} refused, {:.1} s of which the tape took {:.1} s",
            self.protocol,
            self.clients,
            expected.len(),
            cuts.iter().map(cuts_of).sum::<u64>(),
            refused.len(),
            begun.elapsed().as_secs_f64(),
            played.as_secs_f64()
        );
        assert!(expected.len() > 500, "{} events", expected.len());
        assert!(refused.is_empty(), "told no: {refused:?}");
        assert!(least >= CUTS_MIN, "one was cut off only {least} times");
        assert!(resumed >= self.clients * CUTS_MIN / 2, "{resumed} resumed");
    }
}

/// Thirty clients and four seconds, at ten times their pace, of ten symbols.
fn a_few(protocol: Protocol) {
    let streams = &["dentusdt@bookTicker", "zilusdt@depth@100ms", "manausdt@depth@100ms", "dentusdt@aggTrade"];
    Trial { protocol, clients: 30, recording: "binance-spot-20210405-10sym.jsonl.zst", seconds: 40, streams }.run();
}

/// A thousand clients and 25 minutes of a quieter symbol: most of the work is coming back.
fn a_thousand(protocol: Protocol) {
    let streams = &["nexousdt@depth@100ms", "nexousdt@trade"];
    Trial { protocol, clients: 1_000, recording: "binance-spot-20240723-nexo.jsonl.zst", seconds: 1_500, streams }
        .run();
}

#[test]
fn websocket_clients_that_are_cut_off_have_all_that_the_others_have() {
    a_few(Protocol::WebSocket);
}

#[test]
fn event_sources_that_are_cut_off_have_all_that_the_others_have() {
    a_few(Protocol::Events);
}

#[test]
fn readers_of_lines_that_are_cut_off_have_all_that_the_others_have() {
    a_few(Protocol::Lines);
}

#[test]
fn socketio_item_64_clients_that_are_cut_off_have_all_that_the_others_have() {
    a_few(Protocol::SocketIo);
}

// The same with a thousand each: `cargo test --release --test cut_off -- --ignored --test-threads 1 --nocapture`, some
// minutes, with `ulimit -n 20000`.

#[test]
#[ignore = "takes minutes"]
fn a_thousand_websocket_clients() {
    a_thousand(Protocol::WebSocket);
}

#[test]
#[ignore = "takes minutes"]
fn a_thousand_event_sources() {
    a_thousand(Protocol::Events);
}

#[test]
#[ignore = "takes minutes"]
fn a_thousand_readers_of_lines() {
    a_thousand(Protocol::Lines);
}

#[test]
#[ignore = "takes minutes"]
fn a_thousand_socketio_clients() {
    a_thousand(Protocol::SocketIo);
}
