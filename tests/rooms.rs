//! Rooms over plain WebSocket, as a raw chat has them: what one sends all others get.

mod support;

use serde_json::{Value, json};
use support::{Client, Server};

fn rooms(flags: &[&str]) -> Server {
    Server::start(&[&["--writers", "2", "--rooms"], flags].concat())
}

/// A client, and what it was greeted with.
fn enter(server: &Server, target: &str) -> (Client, Value) {
    let mut client = Client::open(server, target);
    let welcome = json(&mut client);
    assert_eq!(welcome["event"], "welcome");
    (client, welcome)
}

fn json(client: &mut Client) -> Value {
    serde_json::from_str(client.next_event().text()).expect("JSON")
}

#[test]
fn text_and_bytes_go_to_all_the_others_on_every_core_as_they_came() {
    const PEOPLE: usize = 8;
    let server = rooms(&[]);
    let mut people: Vec<Client> = (1..=PEOPLE)
        .map(|number| {
            let (client, welcome) = enter(&server, "/rooms/lobby");
            let id = welcome["id"].as_str().expect("an id");
            assert_eq!(welcome, json!({"event": "welcome", "room": "lobby", "id": id, "members": number}));
            client
        })
        .collect();
    let (mut elsewhere, _) = enter(&server, "/rooms/other");
    let long = |number: usize| format!("{number}{}", "\u{20ac}".repeat(10_000)).into_bytes();
    for (number, person) in people.iter_mut().enumerate() {
        person.say(&format!("{number} \0\"\\u00e9"));
        person.send(2, &[b'0' + number as u8, 0, 0xff]);
        person.send_fragment(1, &long(number)[..5]);
        person.send(0, &long(number)[5..]);
    }
    for (listener, person) in people.iter_mut().enumerate() {
        let mut said_by = vec![Vec::new(); PEOPLE];
        for _ in 0..3 * (PEOPLE - 1) {
            let frame = person.next_event();
            said_by[usize::from(frame.payload[0] - b'0')].push((frame.opcode, frame.payload));
        }
        for (number, said) in said_by.into_iter().enumerate() {
            let text = format!("{number} \0\"\\u00e9").into_bytes();
            let all = vec![(1, text), (2, vec![b'0' + number as u8, 0, 0xff]), (1, long(number))];
            assert_eq!(said, if number == listener { Vec::new() } else { all }, "in the order in which it was said");
        }
    }
    elsewhere.say("nobody hears it");
    elsewhere.say("");
    server.wait_for_count("room_messages", 3 * PEOPLE as u64 + 2);
    people[0].send(9, b"are you there");
    let pong = people[0].next().unwrap();
    assert_eq!((pong.opcode, &pong.payload[..]), (10, &b"are you there"[..]), "and nothing came in between");
}

#[test]
fn who_comes_and_goes_is_told_to_whoever_asks_for_it() {
    let server = rooms(&[]);
    let (mut curious, _) = enter(&server, "/rooms/a%20b%2Fc?token=x&presence=true");
    let (mut quiet, welcome) = enter(&server, "/rooms/a%20b%2Fc?presence=false");
    let id = welcome["id"].clone();
    assert_eq!(welcome["room"], "a b/c");
    assert_eq!(json(&mut curious), json!({"event": "joined", "room": "a b/c", "id": id, "members": 2}));
    let (third, welcome) = enter(&server, "/rooms/a%20b%2Fc");
    assert_eq!(json(&mut curious)["members"], 3);
    drop(third);
    let left = json!({"event": "left", "room": "a b/c", "id": welcome["id"], "members": 2});
    assert_eq!(json(&mut curious), left);
    curious.say("hi");
    assert_eq!(quiet.next_event().text(), "hi", "nothing else was said to it");
}

#[test]
fn addresses_of_no_room_are_refused_with_the_reason() {
    let server = rooms(&[]);
    for (target, status, reason) in [
        ("/rooms/", 400, "1 to 64 characters, not 0"),
        ("/rooms/%0A", 400, "no control characters"),
        ("/rooms/%ff", 400, "an escape is malformed, or not UTF-8"),
        ("/rooms/a/b", 400, "write %2F"),
        ("/rooms/a?presence=yes", 400, "presence: `yes` is neither true nor false"),
        ("/rooms/a", 426, "connect with a WebSocket client"),
    ] {
        let (seen, _, body) = server.get(target);
        assert_eq!((seen, body.contains(reason)), (status, true), "{target}: {body}");
    }
    let name = "x".repeat(65);
    assert!(
        Client::try_open(server.address, &format!("/rooms/{name}"))
            .err()
            .expect("no upgrade")
            .starts_with("HTTP/1.1 400")
    );
}

#[test]
fn limits_are_told_and_what_is_within_them_passes() {
    let flags = ["--rooms-message-max", "10", "--rooms-message-rate", "1", "--rooms-message-burst", "3"];
    let server = rooms(&[&flags[..], &["--rooms-members-max", "2", "--rooms-max", "1"]].concat());
    let (mut speaker, _) = enter(&server, "/rooms/r");
    let (mut listener, _) = enter(&server, "/rooms/r");
    speaker.say("0123456789");
    speaker.send(2, b"0123456789+");
    assert_eq!(json(&mut speaker)["error"], "the message is too large: 11 bytes, of 10 at the most");
    speaker.say("last");
    speaker.say("too many");
    assert_eq!(json(&mut speaker)["error"], "too many messages: 1 a second may be sent, and 3 at once");
    assert_eq!([listener.next_event().text(), listener.next_event().text()], ["0123456789", "last"]);
    let mut third = Client::open(&server, "/rooms/r");
    assert_eq!(third.next().unwrap().close(), (1013, "The room is full"));
    let mut fourth = Client::open(&server, "/rooms/s");
    assert_eq!(fourth.next().unwrap().close(), (1013, "There are too many rooms"));
    assert_eq!((server.count("room_refusals"), server.count("room_messages")), (4, 2));
}

#[test]
fn who_does_not_listen_is_cut_off_and_nobody_else_is_kept_waiting() {
    let server = rooms(&["--rooms-message-rate", "0", "--backlog-bytes-max", "1048576"]);
    let (mut speaker, _) = enter(&server, "/rooms/r?presence=true");
    let (mut listener, _) = enter(&server, "/rooms/r");
    let (_deaf, welcome) = enter(&server, "/rooms/r");
    (0..2).for_each(|_| assert_eq!(json(&mut speaker)["event"], "joined"));
    let message = vec![b'x'; 65_536];
    // The kernel takes some megabytes for the one that reads nothing, and its backlog one more.
    for number in 0.. {
        assert!(number < 2_000, "nobody is cut off");
        speaker.send(2, &message);
        assert_eq!(listener.next_event().payload.len(), message.len());
        if server.count("slow_consumers") == 1 {
            break;
        }
    }
    let left = json(&mut speaker);
    assert_eq!((&left["event"], &left["id"], &left["members"]), (&json!("left"), &welcome["id"], &json!(2)));
    speaker.say("still here");
    assert_eq!(listener.next_event().text(), "still here");
}

#[test]
fn who_is_silent_is_pinged_and_given_up_and_the_others_are_told() {
    let server = rooms(&["--ping-interval", "200ms", "--pong-timeout", "600ms"]);
    let (mut alive, _) = enter(&server, "/rooms/r?presence=true");
    let (_silent, welcome) = enter(&server, "/rooms/r");
    loop {
        let frame = alive.next().expect("the connection lasts");
        match frame.opcode {
            9 => alive.send(10, &frame.payload),
            _ if frame.text().contains("\"left\"") => {
                break assert!(frame.text().contains(welcome["id"].as_str().unwrap()));
            }
            _ => {}
        }
    }
}

#[test]
fn a_server_that_stops_says_so() {
    let mut server = rooms(&[]);
    let (mut client, _) = enter(&server, "/rooms/r");
    server.signal("INT");
    assert_eq!(client.next_event().close(), (1001, "Server shutdown"));
    client.send(8, &[0x03, 0xe9]);
    assert!(server.wait().success());
}
