//! Clients that do not keep up: waited for at speed max, conflated or cut off at every other speed, and never at the
//! cost of others.

mod support;

use std::thread;

use support::{Client, Server, recordings, tape, trade};

/// These clients answer no pings, and where a machine is slow they would get some, or be given up for it.
const NO_PINGS: [&str; 2] = ["--ping-interval", "0s"];

/// A server that pings nobody.
fn start(flags: &[&str]) -> Server {
    Server::start(&[flags, &NO_PINGS].concat())
}

/// Reads to the end and returns how many frames of each opcode and what the close frame said.
fn read_all(mut client: Client) -> (usize, u64, String) {
    let (mut payload, mut events, mut sum) = (Vec::new(), 0, 0_u64);
    loop {
        match client.next_into(&mut payload) {
            Some(1 | 2) => {
                events += 1;
                sum = payload.iter().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
            }
            Some(8) => return (events, sum, String::from_utf8_lossy(&payload[2..]).into_owned()),
            Some(_) => {}
            None => return (events, sum, "no close frame".into()),
        }
    }
}

#[test]
fn two_hundred_clients_get_every_event_of_a_real_recording_flat_out_in_flat_memory() {
    let Some(folder) = recordings() else { return };
    let path = folder.join("binance-spot-20240808-btc-eth.jsonl.zst");
    let server =
        start(&["--feed", path.to_str().unwrap(), "--speed", "max", "--wait-for-clients", "200", "--exit-at-end"]);
    let streams = ["btcusdt", "ethusdt"].map(|s| format!("{s}@trade/{s}@bookTicker/{s}@depth@100ms")).join("/");
    let clients: Vec<Client> = (0..200).map(|_| Client::open(&server, &format!("/stream?streams={streams}"))).collect();
    let before = server.resident_bytes();
    let readers: Vec<_> = clients.into_iter().map(|client| thread::spawn(move || read_all(client))).collect();
    let results: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
    for result in &results {
        assert_eq!((result.0, result.2.as_str()), (179_316, "End of tape"));
        assert_eq!(result.1, results[0].1, "every client gets the same bytes");
    }
    let mut server = server;
    let peak = server.resident_bytes_peak();
    assert!(server.wait().success());
    // 200 backlogs of up to twice the high-water mark, could they not share: 100 MiB. They do share.
    println!("resident: {} KiB with 200 clients before the tape, {} KiB at most", before >> 10, peak >> 10);
    assert!(peak < before + (100 << 20), "{before} before, {peak} at the peak");
}

/// Trades that come to many times what sockets and a backlog of 1 MiB hold, over some seconds.
fn long_tape(folder: &tempfile::TempDir, name: &str, stream: &str, count: i64) -> String {
    let line = |number| {
        let (time, message) = trade(number, 1_700_000_000_000 + number / 20);
        // A long frame: what matters is how fast backlogs fill.
        let message = match stream {
            "trade" => message.replace("65000.10000000", &format!("65000.1{:0>27}", 0)),
            _ => format!(
                r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{number},"s":"BTCUSDT","b":"65000.1{:0>27}","B":"1.0","a":"65001.0","A":"2.0"}}}}"#,
                0
            ),
        };
        (time, message)
    };
    tape(folder, name, &(0..count).map(line).collect::<Vec<_>>())
}

#[test]
fn a_client_that_stops_reading_trades_is_cut_off_and_the_others_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let events = 100_000;
    let path = long_tape(&folder, "trades.jsonl", "trade", events);
    let flags = ["--feed", &path, "--wait-for-clients", "200", "--exit-at-end", "--backlog-bytes-max", "1048576"];
    let mut server = start(&flags);
    let stalled = Client::open(&server, "/ws/btcusdt@trade");
    let readers: Vec<_> = (0..199)
        .map(|_| Client::open(&server, "/ws/btcusdt@trade"))
        .map(|client| thread::spawn(move || read_all(client)))
        .collect();
    server.wait_for_count("slow_consumers", 1);
    let dropped = server.count("frames_dropped");
    for reader in readers {
        let (count, _, reason) = reader.join().unwrap();
        assert_eq!((count as i64, reason.as_str()), (events, "End of tape"));
    }
    assert!(dropped > 0);
    let peak = server.resident_bytes_peak();
    assert!(server.wait().success());
    assert!(peak < 200 << 20, "{peak} bytes resident");
    // What it did get is whole frames in order, up to where the kernel's buffers were full.
    let (count, _, _) = read_all(stalled);
    assert!((count as i64) < events, "{count}");
}

#[test]
fn a_client_that_stops_reading_book_tickers_gets_the_newest_when_it_reads_again() {
    let folder = tempfile::tempdir().unwrap();
    let events = 100_000;
    let path = long_tape(&folder, "quotes.jsonl", "bookTicker", events);
    let flags = [
        "--feed",
        &path,
        "--wait-for-clients",
        "2",
        "--exit-at-end",
        "--backlog-bytes-max",
        "1048576",
        "--stall-limit",
        "60s",
    ];
    let mut server = start(&flags);
    let mut stalled = Client::open(&server, "/ws/btcusdt@bookTicker");
    let reader = Client::open(&server, "/ws/btcusdt@bookTicker");
    let (count, _, _) = {
        let reader = thread::spawn(move || read_all(reader));
        server.wait_for_count("frames_conflated", 1);
        // The tape goes on to its end while this one sleeps; only then does it read.
        server.wait_for_count("ticks_published", events as u64);
        let mut last = -1;
        let mut received = 0;
        let close = loop {
            let frame = stalled.next().expect("a close frame comes first");
            if frame.opcode == 8 {
                break frame;
            }
            let event: serde_json::Value = serde_json::from_str(frame.text()).unwrap();
            let number = event["u"].as_i64().unwrap();
            assert!(number > last, "{number} after {last}");
            (last, received) = (number, received + 1);
        };
        assert_eq!(close.close(), (1000, "End of tape"));
        assert_eq!(last, events - 1, "the newest is never left out");
        assert!(received < events, "something was left out");
        stalled.send(8, &[]);
        reader.join().unwrap()
    };
    assert_eq!(count as i64, events);
    assert!(server.wait().success());
}

#[test]
fn flat_out_the_tape_waits_for_a_slow_client_and_not_for_one_that_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let events = 200_000;
    let path = long_tape(&folder, "trades.jsonl", "trade", events);
    let flags = [
        "--feed",
        &path,
        "--speed",
        "max",
        "--wait-for-clients",
        "3",
        "--exit-at-end",
        "--stall-limit",
        "1s",
        "--backlog-bytes-max",
        "1048576",
    ];
    let mut server = start(&flags);
    let stalled = Client::open(&server, "/ws/btcusdt@trade");
    let fast = Client::open(&server, "/ws/btcusdt@trade");
    let mut slow = Client::open(&server, "/ws/btcusdt@trade");
    let fast = thread::spawn(move || read_all(fast));
    let (mut count, mut payload) = (0_i64, Vec::new());
    loop {
        match slow.next_into(&mut payload) {
            Some(1 | 2) => count += 1,
            Some(8) => break,
            // A ping, which a machine under load takes long enough to be sent.
            Some(_) => {}
            None => panic!("no close frame after {count} events"),
        }
        if count % 4_000 == 0 {
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    assert_eq!(String::from_utf8_lossy(&payload[2..]), "End of tape");
    slow.send(8, &[]);
    assert_eq!(count, events);
    assert_eq!(fast.join().unwrap().0 as i64, events);
    assert!(server.wait().success());
    let (count, _, _) = read_all(stalled);
    assert!((count as i64) < events);
}
