//! Limits, all of them off unless asked for.

use std::time::{Duration, Instant};

use crate::support::{Client, PATIENCE, Server};
use crate::{LIST, SOCKET, next};

/// Does this anew until it has been done within a second: a busy machine may be slow, and then a limit a second has
/// nothing to say.
fn within_a_second<T>(mut what: impl FnMut() -> T) -> T {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let start = Instant::now();
        let result = what();
        if start.elapsed() < Duration::from_secs(1) {
            return result;
        }
    }
    panic!("the machine is too slow");
}

#[test]
fn upbit_item_54_the_sixth_handshake_in_a_second_is_refused_only_with_limits() {
    let begin = Instant::now();
    loop {
        let limited = Server::start(&["--upbit-handshakes", "5"]);
        let start = Instant::now();
        let answers: Vec<_> = (0..6).map(|_| Client::try_open(limited.address, SOCKET).err()).collect();
        if start.elapsed() < Duration::from_secs(1) {
            assert!(answers[..5].iter().all(Option::is_none), "{answers:?}");
            let head = answers[5].as_ref().expect("a refusal");
            assert!(head.starts_with("HTTP/1.1 429"), "{head}");
            assert!(head.to_ascii_lowercase().contains("retry-after: 1"), "{head}");
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "the machine is too slow");
    }
    let free = Server::start(&[]);
    assert!((0..50).all(|_| Client::try_open(free.address, SOCKET).is_ok()));
}

#[test]
fn upbit_item_55_the_sixth_request_in_a_second_is_refused_on_that_connection_alone() {
    let server = Server::start(&["--upbit-requests", "5", "--upbit-requests-minute", "100"]);
    let mut other = Client::open(&server, SOCKET);
    other.say(LIST);
    assert_eq!(next(&mut other)["method"], "LIST_SUBSCRIPTIONS");
    let (mut client, answers) = within_a_second(|| {
        let mut client = Client::open(&server, SOCKET);
        (0..6).for_each(|_| client.say(LIST));
        let answers: Vec<_> = (0..6).map(|_| next(&mut client)).collect();
        (client, answers)
    });
    assert!(answers[..5].iter().all(|answer| answer["method"] == "LIST_SUBSCRIPTIONS"), "{answers:?}");
    assert_eq!(answers[5]["error"]["name"], "Too Many Requests");
    assert_eq!(client.next().expect("a close frame").close().0, 1000);
    other.say(LIST);
    assert_eq!(next(&mut other)["method"], "LIST_SUBSCRIPTIONS");
}

#[test]
fn upbit_item_55_more_than_a_hundred_requests_in_a_minute_are_refused() {
    let server = Server::start(&["--upbit-requests-minute", "100"]);
    let mut client = Client::open(&server, SOCKET);
    (0..101).for_each(|_| client.say(LIST));
    assert!((0..100).all(|_| next(&mut client)["method"] == "LIST_SUBSCRIPTIONS"));
    assert_eq!(next(&mut client)["error"]["name"], "Too Many Requests");
}

#[test]
fn upbit_item_55_without_limits_any_number_is_answered() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, SOCKET);
    (0..200).for_each(|_| client.say(LIST));
    assert!((0..200).all(|_| next(&mut client)["method"] == "LIST_SUBSCRIPTIONS"));
}

#[test]
fn upbit_item_56_browsers_are_throttled_only_when_asked_for() {
    let origin = "Origin: https://example.org\r\n";
    let free = Server::start(&[]);
    assert!((0..10).all(|_| Client::try_open_with(free.address, SOCKET, origin).is_ok()));
    let strict = Server::start(&["--upbit-origin-interval", "1h"]);
    assert!(Client::try_open_with(strict.address, SOCKET, origin).is_ok());
    let head = Client::try_open_with(strict.address, SOCKET, origin).err().expect("a refusal");
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
    assert!(Client::try_open(strict.address, SOCKET).is_ok(), "without an origin it is no browser");
}
