//! More than anybody can take: feeds of which everything is due at once, so that the server is offered several times
//! what it sustains, and clients that read fast, slowly or not at all.
//!
//! What is offered beyond what the server sustains waits in the feed, for the ring loses nothing; what a client does not
//! take is kept up to a limit, then conflated where only the newest value counts, and where every event counts the
//! client is cut off. In the end everybody who is still there is up to date, and every frame is accounted for. One
//! client that stalls, and the others' view of it, is in `slow_consumers`.

mod support;

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use support::{Client, PATIENCE, Server, tape, trade};

/// What is kept for each client at most.
const BACKLOG_BYTES_MAX: u64 = 1 << 20;

/// What the server may need beside backlogs: a ring that was not touched before (15 MiB), what sockets are read into,
/// and batches that are cut to size while another grows.
const MARGIN_BYTES: u64 = 40 << 20;

/// These clients answer no pings, and take nothing for as long as the machine needs to play the feed.
fn start(flags: &[&str]) -> Server {
    let limit = BACKLOG_BYTES_MAX.to_string();
    let limits = ["--ping-interval", "0s", "--backlog-age-max", "600s", "--backlog-bytes-max", &limit];
    Server::start(&[flags, &limits].concat())
}

/// How a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// As fast as it can.
    Fast,
    /// With pauses, some 10,000 frames a second at most.
    Slow,
}

impl Pace {
    /// Called for each frame.
    fn pause(self, frames: usize) {
        if self == Pace::Slow && frames.is_multiple_of(500) {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The number behind a key of a message.
fn number(payload: &[u8], key: &str) -> Option<i64> {
    let text = std::str::from_utf8(payload).expect("UTF-8");
    let (_, rest) = text.split_once(key)?;
    rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok())
}

/// Waits until nothing waits for anybody; how many frames were delivered, conflated and dropped.
fn settle(server: &Server) -> [u64; 3] {
    let begun = Instant::now();
    loop {
        let routed = server.count("frames_routed");
        let ends = ["frames_delivered", "frames_conflated", "frames_dropped"].map(|name| server.count(name));
        if routed == ends.iter().sum::<u64>() {
            return ends;
        }
        assert!(begun.elapsed() < PATIENCE, "{routed} frames routed, {ends:?} delivered, conflated and dropped");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The server's memory stayed below what so many stalled clients may take.
fn check_memory(server: &Server, before: u64, stalled: u64) {
    let peak = server.resident_bytes_peak();
    let bound = before + stalled * BACKLOG_BYTES_MAX + MARGIN_BYTES;
    println!("resident: {} KiB before, {} KiB at most, {} KiB allowed", before >> 10, peak >> 10, bound >> 10);
    assert!(peak < bound, "{before} bytes resident before, {peak} at the peak, {bound} allowed");
}

const SYMBOLS: usize = 50;
const UPDATES: i64 = 4_000;

/// Reads tickers until the last update of each symbol has come; how many came. Numbers rise.
fn read_tickers(mut client: Client, pace: Pace) -> usize {
    let (mut newest, mut payload, mut frames) = (BTreeMap::new(), Vec::new(), 0);
    while newest.len() < SYMBOLS || newest.values().any(|&last| last < UPDATES) {
        let opcode = client.next_into(&mut payload).expect("nobody who wants tickers is cut off");
        assert_eq!(opcode, 1, "{}", String::from_utf8_lossy(&payload));
        // `{"stream":"s017usdt@ticker",…`
        let symbol = number(&payload, "\"stream\":\"s").expect("a symbol");
        let update = number(&payload, "\"L\":").expect("a number of the update");
        let before = newest.insert(symbol, update).unwrap_or(0);
        assert!(update > before, "symbol {symbol}: {update} after {before}");
        frames += 1;
        pace.pause(frames);
    }
    frames
}

#[test]
fn tickers_offered_faster_than_anything_goes_conflate_and_end_with_the_newest() {
    const STALLED: usize = 12;
    let messages = SYMBOLS as u64 * UPDATES as u64;
    let feed = format!("bench:symbols={SYMBOLS},rate=1000000,burst=true,messages={messages}");
    let clients = (STALLED + 4).to_string();
    let server = start(&["--feed", &feed, "--wait-for-clients", &clients]);
    let streams: Vec<String> = (0..SYMBOLS).map(|symbol| format!("s{symbol:03}usdt@ticker")).collect();
    let target = format!("/stream?streams={}", streams.join("/"));
    let before = server.resident_bytes();
    let stalled: Vec<Client> = (0..STALLED).map(|_| Client::open(&server, &target)).collect();
    let readers = [Pace::Fast, Pace::Fast, Pace::Slow, Pace::Slow].map(|pace| {
        let client = Client::open(&server, &target);
        thread::spawn(move || read_tickers(client, pace))
    });
    // Those who stall read again only when there will be nothing more.
    server.wait_for_count("ticks_published", messages);
    for reader in readers {
        assert!(reader.join().expect("a reader") <= messages as usize);
    }
    check_memory(&server, before, STALLED as u64 + 4);
    let threads: Vec<_> =
        stalled.into_iter().map(|client| thread::spawn(|| read_tickers(client, Pace::Fast))).collect();
    for thread in threads {
        let frames = thread.join().expect("a reader");
        assert!((SYMBOLS..messages as usize).contains(&frames), "{frames} frames: nothing was left out");
    }
    let [delivered, conflated, dropped] = settle(&server);
    println!("{delivered} frames delivered, {conflated} conflated");
    assert!(conflated > 0);
    assert_eq!((dropped, server.count("slow_consumers")), (0, 0), "nobody is cut off who can be conflated");
    check_memory(&server, before, STALLED as u64 + 4);
}

/// How a client of trades ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It has everything.
    Whole,
    /// It was told that it is too slow.
    Told,
    /// The connection ended without a word, as it does for who does not take the word in time.
    Cut,
}

/// Reads trades up to the last, or the end of the connection. From the first on, none is missing.
fn read_trades(mut client: Client, pace: Pace, last: i64) -> Ending {
    let (mut payload, mut next) = (Vec::new(), 0);
    loop {
        match client.next_into(&mut payload) {
            Some(1) => {
                assert_eq!(number(&payload, "\"t\":"), Some(next), "every trade, in order");
                if next == last {
                    return Ending::Whole;
                }
                next += 1;
                pace.pause(next as usize);
            }
            Some(8) => {
                assert_eq!(u16::from_be_bytes([payload[0], payload[1]]), 1013);
                return Ending::Told;
            }
            Some(opcode) => panic!("a frame with opcode {opcode}"),
            None => return Ending::Cut,
        }
    }
}

#[test]
fn trades_offered_faster_than_anything_goes_are_all_there_or_the_client_is_told() {
    const TRADES: i64 = 100_000;
    const STALLED: usize = 8;
    let folder = tempfile::tempdir().expect("a folder");
    // Ten minutes, played in a hundredth of a second if anybody could. A long frame: what matters is how fast backlogs
    // fill. Every hundredth trade is of a second symbol, numbered by itself.
    let line = |place: i64| {
        let (is_quiet, ts_ms) = (place % 100 == 0, 1_700_000_000_000 + place * 6);
        let number = if is_quiet { place / 100 } else { place - place / 100 - 1 };
        let (time, message) = trade(number, ts_ms);
        let message = message.replace("65000.10000000", &format!("65000.1{:0>27}", 0));
        (time, if is_quiet { message.replace("btcusdt", "ethusdt").replace("BTCUSDT", "ETHUSDT") } else { message })
    };
    let path = tape(&folder, "trades.jsonl", &(0..TRADES).map(line).collect::<Vec<_>>());
    let (busy_last, quiet_last) = (TRADES - TRADES / 100 - 1, TRADES / 100 - 1);
    let clients = (STALLED + 2 + 6).to_string();
    let server = start(&["--feed", &path, "--speed", "100000x", "--wait-for-clients", &clients]);
    let before = server.resident_bytes();
    let open = |stream: &str| Client::open(&server, &format!("/ws/{stream}"));
    let stalled: Vec<Client> = (0..STALLED).map(|_| open("btcusdt@trade")).collect();
    let quiet = [(); 2].map(|()| open("ethusdt@trade"));
    let readers = [Pace::Fast, Pace::Fast, Pace::Fast, Pace::Slow, Pace::Slow, Pace::Slow].map(|pace| {
        let client = open("btcusdt@trade");
        thread::spawn(move || read_trades(client, pace, busy_last))
    });
    server.wait_for_count("slow_consumers", STALLED as u64);
    let read = |client| thread::spawn(move || read_trades(client, Pace::Fast, busy_last));
    let threads: Vec<_> = stalled.into_iter().map(read).collect();
    let stalled: Vec<Ending> = threads.into_iter().map(|thread| thread.join().expect("a reader")).collect();
    let readers = readers.map(|reader| reader.join().expect("a reader"));
    println!("readers: {readers:?}, stalled: {stalled:?}");
    // Whoever was told, or cut off, was counted; all others have everything.
    let endings = || readers.iter().chain(&stalled);
    let cut_off = endings().filter(|ending| **ending != Ending::Whole).count() as u64;
    assert_eq!(cut_off, server.count("slow_consumers"));
    // Two seconds is how long a client has to take the word, and these read on as soon as they were counted.
    assert!(endings().any(|ending| *ending == Ending::Told), "nobody was told why");
    // These too took nothing until now, but all they want is less than what is kept.
    server.wait_for_count("ticks_published", TRADES as u64);
    for client in quiet {
        assert_eq!(read_trades(client, Pace::Fast, quiet_last), Ending::Whole);
    }
    let [delivered, conflated, dropped] = settle(&server);
    println!("{delivered} frames delivered, {dropped} dropped");
    assert_eq!(conflated, 0, "of trades every one counts");
    assert!(dropped > 0);
    check_memory(&server, before, STALLED as u64 + 8);
}
