//! The client library against a server and a road that is cut again and again: whoever is cut off ends with exactly the
//! events of one who is not, or is told of the gap.

mod support;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use support::{PATIENCE, Server, lines, recordings, tape, trade};
use tapecast::client::{Client, Event, Options};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

/// A recording of trades, books and tickers of several symbols.
const RECORDING: &str = "binance-spot-20210405-10sym.jsonl.zst";

/// What ends each client: a trade of a symbol that the recording has not.
const LAST: &str = "zzzusdt@trade";

fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// A road to a server that is cut after ever other numbers of bytes; never before `least` of them.
async fn cutting_road(server: SocketAddr, seed: u64, (least, most): (u64, u64), cuts: Arc<AtomicU64>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut state = seed;
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let left = least + next_random(&mut state) % (most - least);
            let cuts = Arc::clone(&cuts);
            tokio::spawn(async move {
                let Ok(mut far) = TcpStream::connect(server).await else { return };
                let (mut far_out, mut far_in) = far.split();
                let (mut near_out, mut near_in) = near.split();
                let there = tokio::io::copy(&mut near_out, &mut far_in);
                let mut limited = (&mut far_out).take(left);
                let back = tokio::io::copy(&mut limited, &mut near_in);
                let is_cut = tokio::select! {
                    _ = there => false,
                    copied = back => copied.is_ok_and(|copied| copied == left),
                };
                if is_cut {
                    cuts.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    address
}

fn options() -> Options {
    Options { pause: Duration::from_millis(1), pause_max: Duration::from_millis(50), ..Options::default() }
}

/// Listens until the last stream has said something; gaps are a failure.
async fn listen(url: String, streams: Vec<String>) -> Vec<bytes::Bytes> {
    let streams: Vec<&str> = streams.iter().map(String::as_str).collect();
    let mut client = Client::connect(&url, &streams, options()).await.unwrap_or_else(|error| panic!("{error}"));
    let mut events = Vec::new();
    loop {
        let event = tokio::time::timeout(PATIENCE, client.next()).await.expect("something comes").expect("no end");
        match event {
            Event::Message(message) => {
                let is_last = memchr::memmem::find(&message.bytes, b"ZZZUSDT").is_some();
                events.push(message.bytes);
                if is_last {
                    return events;
                }
            }
            Event::Lost { .. } | Event::Reconnected => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The recording's first seconds, with the end behind them; the streams in it.
fn beginning(folder: &tempfile::TempDir, seconds: i64) -> Option<(String, Vec<String>)> {
    let path = recordings()?.join(RECORDING);
    let mut all = lines(&path);
    let begin = all[0].0;
    all.retain(|(time, _)| *time < begin + seconds * 1_000_000_000);
    let mut streams: HashMap<String, usize> = HashMap::new();
    for (_, message) in &all {
        if let Some(rest) = message.strip_prefix(r#"{"stream":""#) {
            *streams.entry(rest.split('"').next().unwrap().to_owned()).or_default() += 1;
        }
    }
    let end = all.last().unwrap().0 + 500_000_000;
    all.push((end, trade(1, end / 1_000_000).1.replace("btcusdt", "zzzusdt").replace("BTCUSDT", "ZZZUSDT")));
    let mut streams: Vec<(usize, String)> = streams.into_iter().map(|(name, count)| (count, name)).collect();
    streams.sort_unstable_by(|one, other| other.cmp(one));
    let mut names: Vec<String> = streams.into_iter().take(6).map(|(_, name)| name).collect();
    names.push(LAST.into());
    Some((tape(folder, "beginning.jsonl", &all), names))
}

/// Plays a recording to clients of all protocols, all of them cut off again and again but one of each.
fn play_to_crowd(clients: usize, seconds: i64, cut_bytes: (u64, u64), least_cuts: u64) {
    let folder = tempfile::tempdir().unwrap();
    let Some((feed, streams)) = beginning(&folder, seconds) else { return };
    let waits = (clients + 3).to_string();
    let flags =
        ["--feed", &feed, "--speed", "10x", "--wait-for-clients", &waits, "--attempts-max", "0", "--writers", "2"];
    let more = ["--ring-ticks", "1048576", "--history-ticks", "524288", "--request-rate", "0"];
    let server = Server::start(&[&flags[..], &more[..4]].concat());
    let (http, door) = (server.address, server.lines.unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = |kind: usize, address: SocketAddr| match kind {
            0 => format!("ws://{address}/stream"),
            1 => format!("http://{address}/sse"),
            _ => format!("tcp://{address}"),
        };
        let whole: Vec<_> = (0..3)
            .map(|kind| tokio::spawn(listen(url(kind, if kind == 2 { door } else { http }), streams.clone())))
            .collect();
        let cuts = Arc::new(AtomicU64::new(0));
        let mut crowd = Vec::new();
        for number in 0..clients {
            let kind = number % 3;
            let behind = if kind == 2 { door } else { http };
            let road = cutting_road(behind, number as u64, cut_bytes, Arc::clone(&cuts)).await;
            crowd.push(tokio::spawn(listen(url(kind, road), streams.clone())));
        }
        let mut expected = Vec::new();
        for task in whole {
            expected.push(task.await.unwrap());
        }
        assert!(expected[0].len() > 500, "{} events", expected[0].len());
        for (number, task) in crowd.into_iter().enumerate() {
            let events = task.await.unwrap();
            let whole = &expected[number % 3];
            let place = events.iter().zip(whole).position(|(ours, theirs)| ours != theirs);
            assert!(
                place.is_none() && events.len() == whole.len(),
                "client {number}: {place:?}, {} of {}",
                events.len(),
                whole.len()
            );
        }
        let cuts = cuts.load(Ordering::Relaxed);
        println!("{clients} clients, {} events each, {cuts} cuts", expected[0].len());
        assert!(cuts > least_cuts, "{cuts} cuts");
    });
}

#[test]
fn whoever_is_cut_off_again_and_again_has_all_that_the_others_have() {
    play_to_crowd(30, 40, (4_000, 120_000), 60);
}

/// The same with a thousand: `cargo test --release --test client -- --ignored --nocapture`. Takes a minute or two, and
/// needs `ulimit -n 8192`.
#[test]
#[ignore = "takes long"]
fn a_thousand_that_are_cut_off_again_and_again_have_all_that_the_others_have() {
    play_to_crowd(1_000, 120, (20_000, 400_000), 5_000);
}

#[test]
fn a_server_that_is_too_far_on_makes_a_gap() {
    let server = Server::start(&["--history-ticks", "64", "--attempts-max", "0", "--control"]);
    server.wait_for_count("ticks_read", 10);
    // A tape that was moved is no longer what was told of it.
    let url = format!("http://{}", server.address);
    let moved = Command::new(env!("CARGO_BIN_EXE_tapecast")).args(["ctl", &url, "seek", "03:00:05"]).status().unwrap();
    assert!(moved.success());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let urls = [
            (format!("ws://{}/stream", server.address), "btcusdt@trade"),
            (format!("ws://{}", server.address), "trade:KRW-BTC"),
            (format!("http://{}/sse", server.address), "btcusdt@trade"),
            (format!("tcp://{}", server.lines.unwrap()), "btcusdt@trade"),
        ];
        for (url, stream) in urls {
            let mut client = Client::connect(&url, &[stream], options()).await.unwrap();
            let seen = loop {
                match client.next().await.unwrap() {
                    Event::Message(message) if message.position.is_some() => break message.position.unwrap(),
                    Event::Message(_) => {}
                    other => panic!("{other:?}"),
                }
            };
            drop(client);
            let before = server.count("ticks_read");
            server.wait_for_count("ticks_read", before + 1_000);
            let again = Options { resume: Some(seen.clone()), ..options() };
            let mut client = Client::connect(&url, &[stream], again).await.unwrap();
            let Event::Gap(gap) = client.next().await.unwrap() else { panic!("no gap: {url}") };
            assert_eq!((gap.from, &*gap.why), (Some(seen), "what came after the id is no longer held"), "{url}");
            assert!(gap.to.is_some() || url.starts_with("http"), "{url}");
            assert!(matches!(client.next().await, Some(Event::Message(_))), "{url}");
        }
    });
}

#[test]
fn who_asked_for_no_positions_is_told_of_each_gap_and_attempts_end() {
    let server = Server::start(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let road = cutting_road(server.address, 1, (2_000, 4_000), Arc::default()).await;
        let options = Options { sequence: false, attempts_max: 3, ..options() };
        let mut client = Client::connect(&format!("ws://{road}"), &["btcusdt@trade"], options).await.unwrap();
        let mut gaps = 0;
        while gaps < 2 {
            match client.next().await.unwrap() {
                Event::Gap(gap) => {
                    assert_eq!((gap.from, &*gap.why), (None, "positions were not asked for"));
                    gaps += 1;
                }
                Event::Message(message) => assert!(message.position.is_none()),
                Event::Lost { .. } | Event::Reconnected => {}
                other => panic!("{other:?}"),
            }
        }
        drop(server);
        let end = loop {
            if let Event::Ended { why, is_complete } = client.next().await.unwrap() {
                break (why, is_complete);
            }
        };
        assert!(end.0.contains("gave up after 3 attempts") && !end.1, "{end:?}");
        assert_eq!(client.next().await, None);
    });
}

#[test]
fn the_end_of_the_tape_is_an_end_and_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let feed = tape(&folder, "few.jsonl", &(1..=20).map(|n| trade(n, 1_772_420_400_000 + n)).collect::<Vec<_>>());
    let server = Server::start(&["--feed", &feed, "--speed", "max", "--wait-for-clients", "3", "--exit-at-end"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let urls = [
            format!("ws://{}", server.address),
            format!("http://{}", server.address),
            format!("tcp://{}", server.lines.unwrap()),
        ];
        let mut clients = Vec::new();
        for url in &urls {
            clients.push(Client::connect(url, &["btcusdt@trade"], options()).await.unwrap());
        }
        for (client, url) in clients.iter_mut().zip(&urls) {
            for _ in 0..20 {
                assert!(matches!(client.next().await, Some(Event::Message(_))), "{url}");
            }
            let end = client.next().await;
            assert!(matches!(end, Some(Event::Ended { is_complete: true, .. })), "{url}: {end:?}");
        }
    });
}

#[test]
fn errors_say_what_is_wrong() {
    let server = Server::start(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (url, streams, reason) in [
            ("nonsense".to_owned(), vec![], "has no scheme"),
            (format!("http://{}/sse", server.address), vec!["nonsense"], "is no stream of Binance"),
            (format!("ws://{}/nowhere", server.address), vec![], "nothing is served at /nowhere"),
        ] {
            let error = Client::connect(&url, &streams, options()).await.err().unwrap().to_string();
            assert!(error.contains(reason), "{url}: {error}");
        }
        // Upbit says what is wrong, and closes as if all were well.
        let url = format!("ws://{}", server.address);
        let mut client = Client::connect(&url, &["nonsense:KRW-BTC"], options()).await.unwrap();
        assert!(matches!(client.next().await, Some(Event::Refused(_))));
        assert!(matches!(client.next().await, Some(Event::Ended { is_complete: false, .. })));
    });
}
