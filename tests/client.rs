//! The client library against a server: gaps are told, ends are told apart from losses, and errors say what is wrong.

mod support;

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
    let server = Server::start(&["--history-ticks", "64", "--attempts-max", "0"]);
    server.wait_for_count("ticks_read", 10);
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
