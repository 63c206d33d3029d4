//! Limits: messages from a client, the life of a connection, attempts to connect, and what is said at the end.

use std::time::{Duration, Instant};

use crate::json;
use crate::support::{Client, Server};

const LIST: &str = r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#;
const EMPTY: &str = r#"{"result":[],"id":1}"#;

/// The close frame, whatever comes before it.
fn end(client: &mut Client) -> (u16, String) {
    let close = std::iter::from_fn(|| client.next()).find(|frame| frame.opcode == 8).expect("a close frame");
    let (code, reason) = close.close();
    (code, reason.to_owned())
}

#[test]
fn binance_item_47_thirty_messages_at_once_are_too_many_and_fourteen_are_not() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/ws");
    (0..14).for_each(|_| client.say(LIST));
    (0..14).for_each(|_| assert_eq!(client.next_event().text(), EMPTY));
    // Requests, what is no request, pings and pongs: all count.
    for kinds in [&[1][..], &[9], &[10], &[1, 9, 10]] {
        let mut client = Client::open(&server, "/ws");
        for number in 0..30 {
            let opcode = kinds[number % kinds.len()];
            client.send(
                opcode,
                if opcode != 1 {
                    b""
                } else if number % 2 == 0 {
                    LIST.as_bytes()
                } else {
                    b"abc"
                },
            );
        }
        assert_eq!(end(&mut client), (1008, "Too many requests".into()), "{kinds:?}");
    }
    let server = Server::start(&["--message-rate", "0"]);
    let mut client = Client::open(&server, "/ws");
    (0..200).for_each(|_| assert_eq!(client.ask(LIST), EMPTY));
}

/// Five messages and no more may come at once here, so the five after the pause are answered because of it.
#[test]
fn binance_item_48_five_messages_a_second_and_a_pause_are_all_answered() {
    let server = Server::start(&["--message-burst", "5"]);
    let mut client = Client::open(&server, "/ws");
    for _ in 0..3 {
        (0..5).for_each(|_| client.say(LIST));
        (0..5).for_each(|_| assert_eq!(client.next_event().text(), EMPTY));
        // The pause is the subject.
        std::thread::sleep(Duration::from_millis(1_050));
    }
    (0..30).for_each(|_| client.say(LIST));
    assert_eq!(end(&mut client), (1008, "Too many requests".into()));
}

#[test]
fn binance_item_49_a_connection_ends_when_its_lifetime_is_over() {
    let server = Server::start(&["--connection-lifetime", "1s"]);
    for target in ["/ws/btcusdt@bookTicker", "/stream"] {
        let begun = Instant::now();
        let mut client = Client::open(&server, target);
        assert_eq!(end(&mut client), (1001, "Connection lifetime reached".into()));
        assert!((0.9..4.0).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
    }
}

#[test]
fn binance_item_50_shutdown_is_announced_in_the_form_of_the_connection() {
    let server = Server::start(&[]);
    const BARE: (&str, &str) = (r#"{"e":"serverShutdown","E":"#, "}");
    const WRAPPED: (&str, &str) = (r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":"#, "}}");
    let set = |value| format!(r#"{{"method":"SET_PROPERTY","params":["combined",{value}],"id":1}}"#);
    let mut clients: Vec<_> = [
        ("/ws/btcusdt@trade", None, BARE, 13),
        ("/ws", None, BARE, 13),
        ("/stream", None, WRAPPED, 13),
        ("/stream?streams=btcusdt@trade", None, WRAPPED, 13),
        ("/ws?timeUnit=MICROSECOND", None, BARE, 16),
        // The form is the one that the connection has by then.
        ("/ws", Some(true), WRAPPED, 13),
        ("/stream", Some(false), BARE, 13),
    ]
    .into_iter()
    .map(|(target, change, form, digits)| {
        let mut client = Client::open(&server, target);
        let request = change.map_or(LIST.to_owned(), set);
        assert!(client.ask(&request).starts_with(r#"{"result":"#));
        (client, form, digits)
    })
    .collect();
    server.signal("TERM");
    for (client, (head, tail), digits) in &mut clients {
        let notice = std::iter::from_fn(|| client.next()).find(|frame| frame.text().contains("serverShutdown"));
        let notice = notice.expect("a notice").text().to_owned();
        let time = notice.strip_prefix(*head).and_then(|rest| rest.strip_suffix(*tail));
        let time = time.unwrap_or_else(|| panic!("{notice}"));
        assert!(time.len() == *digits && time.bytes().all(|byte| byte.is_ascii_digit()), "{notice}");
        assert_eq!(end(client), (1001, "Server shutdown".into()));
    }
}

#[test]
fn binance_item_51_the_301st_connection_is_refused_before_the_upgrade() {
    let refused = |server: &Server, target: &str| {
        let head = Client::try_open(server.address, target).err().expect("no upgrade");
        let head = head.to_ascii_lowercase();
        let wait = head.split("retry-after: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        assert!(head.starts_with("http/1.1 429") && wait.is_some_and(|s: u64| (1..=300).contains(&s)), "{head}");
    };
    let server = Server::start(&["--writers", "2"]);
    // Connections count when they are made, not while they last.
    (0..300).for_each(|number| drop(Client::open(&server, ["/ws", "/stream"][number % 2])));
    refused(&server, "/ws");
    refused(&server, "/stream?streams=btcusdt@trade");
    Client::try_open(server.address, "/websocket/v1").expect("Upbit's clients are not counted");
    let server = Server::start(&["--attempts-max", "3"]);
    let _clients: Vec<Client> = (0..3).map(|_| Client::open(&server, "/ws")).collect();
    refused(&server, "/ws");
    let server = Server::start(&["--attempts-max", "0"]);
    let clients: Vec<Client> = (0..310).map(|_| Client::open(&server, "/ws")).collect();
    assert_eq!(
        json(&server.get("/status").2)["metrics"]["cores"].as_array().map(|cores| !cores.is_empty()),
        Some(true)
    );
    drop(clients);
}
