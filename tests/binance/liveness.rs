//! Pings, and what becomes of clients that answer them, answer twice, answer nothing, or answer something else.

use std::time::{Duration, Instant};

use crate::support::{Client, Server};

/// The times of a heartbeat, and how much later than they say things may come.
#[derive(Clone, Copy)]
struct Times {
    interval: Duration,
    timeout: Duration,
    watched: Duration,
    late: Duration,
}

/// A fiftieth of what is documented, for every day: 20 s from ping to ping, 60 s for an answer, 5 minutes of watching.
/// The server looks at its clocks four times a second, and a machine that is busy with other tests may be late.
const SHORT: Times = Times {
    interval: Duration::from_millis(400),
    timeout: Duration::from_millis(1_200),
    watched: Duration::from_millis(6_000),
    late: Duration::from_millis(2_000),
};

/// What is documented.
const FULL: Times = Times {
    interval: Duration::from_secs(20),
    timeout: Duration::from_secs(60),
    watched: Duration::from_secs(300),
    late: Duration::from_secs(1),
};

/// What came to a client, and when, from the moment its connection stood.
#[derive(Default)]
struct Seen {
    pings: Vec<Duration>,
    events: usize,
    /// Code and reason of the close frame.
    end: Option<(Duration, u16, String)>,
}

/// Watches a connection and answers each ping with the pongs that `answer` makes of it.
fn watch(mut client: Client, times: Times, answer: fn(&[u8]) -> Vec<Vec<u8>>) -> Seen {
    let (begun, mut seen) = (Instant::now(), Seen::default());
    while begun.elapsed() < times.watched {
        let frame = client.next().expect("a close frame comes before the end");
        let now = begun.elapsed();
        match frame.opcode {
            9 => {
                seen.pings.push(now);
                assert!(frame.text().parse::<u64>().is_ok(), "a time in milliseconds: {}", frame.text());
                answer(&frame.payload).iter().for_each(|pong| client.send(10, pong));
            }
            8 => {
                let (code, reason) = frame.close();
                seen.end = Some((now, code, reason.to_owned()));
                return seen;
            }
            _ => seen.events += 1,
        }
    }
    seen
}

/// Watches the server with a client of each kind, all at once.
fn check(flags: &[&str], times: Times) {
    let server = Server::start(flags);
    // Echoes; says yes twice, once wrongly; says nothing; says something that is no echo. Each on a connection where
    // events flow and on one where nothing does.
    type Answer = fn(&[u8]) -> Vec<Vec<u8>>;
    let kinds: [(Answer, bool); 4] = [
        (|ping| vec![ping.to_vec()], true),
        (|ping| vec![ping.to_vec(), vec![]], true),
        (|_| vec![], false),
        (|_| vec![vec![]], false),
    ];
    std::thread::scope(|scope| {
        for (number, (answer, stays)) in kinds.into_iter().enumerate() {
            for target in ["/ws/btcusdt@bookTicker", "/ws"] {
                let client = Client::open(&server, target);
                scope.spawn(move || {
                    let seen = watch(client, times, answer);
                    let place = format!("client {number} on {target}: {:?}, {:?}", seen.pings, seen.end);
                    assert_eq!(seen.events > 0, target != "/ws", "{place}");
                    assert!(!seen.pings.is_empty(), "{place}");
                    let early = Duration::from_millis(300);
                    for (number, ping) in seen.pings.iter().enumerate() {
                        let due = times.interval * (number as u32 + 1);
                        assert!((due - early..due + times.late).contains(ping), "{place}");
                    }
                    match &seen.end {
                        None => {
                            assert!(stays, "{place}");
                            // None is left out, but for those that may still come late.
                            let least = (times.watched - times.late).as_millis() / times.interval.as_millis();
                            assert!(seen.pings.len() as u128 >= least, "{place}");
                        }
                        Some((at, code, reason)) => {
                            assert!(!stays && (*code, &**reason) == (1008, "Pong timeout"), "{place}");
                            let latest = times.timeout + times.interval.max(times.late);
                            assert!((times.timeout - early..latest).contains(at), "{place}");
                        }
                    }
                });
            }
        }
    });
}

/// 41: pings at their interval, on busy connections as on idle ones. 42: who echoes them stays. 43: who is silent is
/// closed between 60 s and 80 s. 44: so is who sends empty pongs only. 45: who sends two pongs to a ping stays. All
/// in a fiftieth of the time.
#[test]
fn binance_item_41_to_45_pings_come_whatever_flows_and_must_be_echoed() {
    check(&["--ping-interval", "400ms", "--pong-timeout", "1200ms"], SHORT);
}

/// The same with the documented times, which are the defaults; five minutes.
#[test]
#[ignore = "takes five minutes; run it with --ignored"]
fn binance_item_41_to_45_at_full_length() {
    check(&[], FULL);
}

#[test]
fn binance_item_46_a_clients_ping_is_answered_with_its_payload() {
    let server = Server::start(&[]);
    for target in ["/ws", "/stream", "/stream?streams=btcusdt@bookTicker"] {
        let mut client = Client::open(&server, target);
        for payload in [&b"are you there"[..], b"", &[0xff, 0, 0x80], &[7; 125]] {
            client.send(9, payload);
            let pong = std::iter::from_fn(|| client.next()).find(|frame| frame.opcode == 10).expect("a pong");
            assert_eq!(pong.payload, payload);
        }
    }
}
