//! The client library against a server: gaps are told, ends are told apart from losses, and errors say what is wrong.

mod support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use support::{Server, tape, trade};
use tapecast::client::{Client, Event, Options};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

/// A road to a server that breaks after so many bytes, each time.
async fn cutting_road(server: SocketAddr, bytes: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let Ok(mut far) = TcpStream::connect(server).await else { return };
                let (mut far_out, mut far_in) = far.split();
                let (mut near_out, mut near_in) = near.split();
                let mut limited = (&mut far_out).take(bytes);
                tokio::select! {
                    _ = tokio::io::copy(&mut near_out, &mut far_in) => {}
                    _ = tokio::io::copy(&mut limited, &mut near_in) => {}
                }
            });
        }
    });
    address
}

fn options() -> Options {
    Options { pause: Duration::from_millis(1), pause_max: Duration::from_millis(50), ..Options::default() }
}

#[test]
fn a_server_that_is_too_far_on_makes_a_gap() {
    let server = Server::start(&["--history-ticks", "64", "--attempts-max", "0", "--control"]);
    server.wait_for_count("ticks_read", 10);
    server.move_demo();
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
        let road = cutting_road(server.address, 3_000).await;
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

const WRONG_ACCEPT: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                            Sec-WebSocket-Accept: AAAA\r\n\r\n";

/// A server that does these things with its connections, one after the other, and then listens no more.
fn stand_in(answers: &'static [&'static str]) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
                head.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn a_server_that_asks_to_wait_is_given_its_time() {
    let address = stand_in(&[
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nid: ab-1.0\n\n",
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 5\r\n\r\nlater",
    ]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = Client::connect(&format!("http://{address}/sse"), &["a@trade"], options()).await.unwrap();
        let mut losses = Vec::new();
        while losses.len() < 2 {
            match client.next().await.unwrap() {
                Event::Lost { why, pause } => losses.push((why, pause)),
                other => panic!("{other:?}"),
            }
        }
        assert!(losses[0].1 <= Duration::from_millis(1), "{losses:?}");
        assert!(losses[1].0.contains("429 Too Many Requests later"), "{losses:?}");
        assert_eq!(losses[1].1, Duration::from_secs(1));
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
        let url = format!("ws://{}", stand_in(&[WRONG_ACCEPT]));
        let error = Client::connect(&url, &["a@trade"], options()).await.err().unwrap().to_string();
        assert!(error.contains("does not fit the key"), "{error}");
        // Upbit says what is wrong, and closes as if all were well.
        let url = format!("ws://{}", server.address);
        let mut client = Client::connect(&url, &["nonsense:KRW-BTC"], options()).await.unwrap();
        assert!(matches!(client.next().await, Some(Event::Refused(_))));
        assert!(matches!(client.next().await, Some(Event::Ended { is_complete: false, .. })));
    });
}
