//! Clients that come back and go on where they were.

use std::time::Duration;

use super::*;

const SUBSCRIBE: &str = r#"42/binance,0["subscribe",["btcusdt@trade"]]"#;

/// A server that plays trades at a pace, the ring's history longer than the tape.
fn server(folder: &tempfile::TempDir, count: i64, flags: &[&str]) -> Server {
    let lines: Vec<_> = (1..=count).map(|number| support::trade(number, 1_700_000_000_000 + number * 2)).collect();
    let tape = support::tape(folder, "trades.jsonl", &lines);
    let start = ["--feed", &tape, "--wait-for-clients", "1", "--writers", "3", "--history-ticks", "8192"];
    Server::start(&[&start[..], flags].concat())
}

/// The answer to joining: `sid` and `pid`.
fn ids(packet: &str) -> (String, String) {
    let reply: Value = serde_json::from_str(packet.strip_prefix("40/binance,").expect("an answer")).expect("JSON");
    assert_eq!(reply.as_object().unwrap().len(), 2, "{packet}");
    (reply["sid"].as_str().unwrap().to_owned(), reply["pid"].as_str().unwrap().to_owned())
}

/// The last element of an event, and the trade's id.
fn offset(packet: &str) -> (String, i64) {
    let event: Value =
        serde_json::from_str(packet.strip_prefix("42/binance,").unwrap_or_else(|| panic!("{packet}"))).unwrap();
    assert_eq!((event.as_array().unwrap().len(), &event[2]), (4, &"btcusdt@trade".into()), "{packet}");
    (event[3].as_str().unwrap().to_owned(), event[1]["t"].as_i64().unwrap())
}

/// A connection that says this to join, and the first packet of the answer.
fn connect(server: &Server, packet: &str) -> (Client, String) {
    let mut client = Client::open(server, WEBSOCKET);
    text(&mut client);
    client.say(packet);
    let answer = text(&mut client);
    (client, answer)
}

/// Ends a connection and waits until the server knows.
fn leave(mut client: Client) {
    client.send(8, &[0x03, 0xe8]);
    while client.next().is_some() {}
}

#[test]
fn socketio_item_63_and_64_a_client_that_comes_back_has_missed_nothing_and_gets_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, 4_000, &["--socketio-recovery", "120s"]);
    let (mut client, answer) = connect(&server, "40/binance,");
    let (sid, pid) = ids(&answer);
    client.say(SUBSCRIBE);
    assert_eq!(text(&mut client), r#"43/binance,0[{"ok":true}]"#);
    let mut seen = 0;
    for round in 0..4 {
        let mut last = String::new();
        for _ in 0..500 {
            let (offset, id) = offset(&text(&mut client));
            assert_eq!(id, seen + 1, "round {round}");
            (last, seen) = (offset, id);
        }
        leave(client);
        // What is played meanwhile is missed.
        std::thread::sleep(Duration::from_millis(100));
        let again = format!(r#"40/binance,{{"pid":"{pid}","offset":"{last}"}}"#);
        let mut packet;
        (client, packet) = connect(&server, &again);
        let mut replayed = 0;
        while packet.starts_with("42") {
            let (_, id) = offset(&packet);
            assert_eq!(id, seen + 1, "replayed in round {round}");
            (seen, replayed) = (id, replayed + 1);
            packet = text(&mut client);
        }
        assert!(replayed > 0, "nothing was missed in round {round}");
        assert_eq!(ids(&packet), (sid.clone(), pid.clone()));
    }
    client.say(r#"42/binance,9["subscriptions"]"#);
    let mut has_rooms = false;
    while seen < 4_000 || !has_rooms {
        let packet = text(&mut client);
        if packet.starts_with("43") {
            assert_eq!(packet, r#"43/binance,9[["btcusdt@trade"]]"#);
            has_rooms = true;
        } else {
            let (_, id) = offset(&packet);
            assert_eq!(id, seen + 1);
            seen = id;
        }
    }
}

#[test]
fn what_the_ring_no_longer_has_is_told_from_the_tape() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (1..=3_000).map(|number| support::trade(number, 1_700_000_000_000 + number)).collect();
    let tape = support::tape(&folder, "trades.jsonl", &lines);
    let small = ["--ring-ticks", "64", "--history-ticks", "8", "--socketio-recovery", "120s"];
    let server = Server::start(&[&["--feed", &tape, "--wait-for-clients", "1", "--speed", "3x"], &small[..]].concat());
    let (mut client, answer) = connect(&server, "40/binance,");
    client.say(SUBSCRIBE);
    assert_eq!(text(&mut client), r#"43/binance,0[{"ok":true}]"#);
    let mut last = String::new();
    (1..=100).for_each(|want| {
        let (offset, id) = offset(&text(&mut client));
        assert_eq!(id, want);
        last = offset;
    });
    leave(client);
    server.wait_for_count("ticks_published", 2_000);
    let (sid, pid) = ids(&answer);
    let (mut client, answer) = connect(&server, &format!(r#"40/binance,{{"pid":"{pid}","offset":"{last}"}}"#));
    assert_eq!(ids(&answer), (sid, pid));
    (101..=3_000).for_each(|want| assert_eq!(offset(&text(&mut client)).1, want));
    assert_eq!(server.count("pasts_told"), 1);
}

#[test]
fn socketio_item_63_volatile_events_have_no_offset_and_do_not_end_in_another_text() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, 50, &["--socketio-recovery", "120s"]);
    let (mut client, _) = connect(&server, "40/binance,");
    client.say(r#"42/binance,["subscribe","btcusdt@trade",{"volatile":true}]"#);
    let packet = text(&mut client);
    assert!(packet.ends_with(r#","btcusdt@trade",null]"#), "{packet}");
}

#[test]
fn socketio_item_65_whoever_cannot_go_on_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, 500, &["--socketio-recovery", "120s"]);
    let begin = || {
        let (mut client, answer) = connect(&server, "40/binance,");
        client.say(SUBSCRIBE);
        text(&mut client);
        let (last, _) = offset(&text(&mut client));
        (client, ids(&answer), last)
    };
    let (client, (sid, pid), last) = begin();
    let anew = |packet: &str| {
        let (_, answer) = connect(&server, packet);
        assert!(answer.starts_with("40/binance,"), "{packet} led to {answer}");
        let (new_sid, new_pid) = ids(&answer);
        assert!(new_sid != sid && new_pid != pid, "{packet}");
    };
    leave(client);
    anew(&format!(r#"40/binance,{{"pid":"{pid}"}}"#));
    anew(&format!(r#"40/binance,{{"offset":"{last}"}}"#));
    anew(&format!(r#"40/binance,{{"pid":"{sid}","offset":"{last}"}}"#));
    anew(&format!(r#"40/binance,{{"pid":"{pid}","offset":"abc"}}"#));
    anew(&format!(r#"40/binance,{{"pid":"{pid}","offset":"99999999"}}"#));
    let (client, (_, pid), last) = begin();
    let mut client = client;
    client.say("41/binance,");
    leave(client);
    anew(&format!(r#"40/binance,{{"pid":"{pid}","offset":"{last}"}}"#));
}

#[test]
fn socketio_item_65_time_runs_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, 500, &["--socketio-recovery", "1ms"]);
    let (mut client, answer) = connect(&server, "40/binance,");
    let (_, pid) = ids(&answer);
    client.say(SUBSCRIBE);
    text(&mut client);
    let (last, _) = offset(&text(&mut client));
    leave(client);
    std::thread::sleep(Duration::from_millis(10));
    let (_, answer) = connect(&server, &format!(r#"40/binance,{{"pid":"{pid}","offset":"{last}"}}"#));
    assert_ne!(ids(&answer).1, pid);
}

/// A connection that breaks without a word is open to the server until a ping is not answered.
#[test]
fn socketio_item_64_whoever_is_back_before_the_server_knows_takes_its_own_place() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, 4_000, &["--socketio-recovery", "120s"]);
    let (mut first, answer) = connect(&server, "40/binance,");
    let (sid, pid) = ids(&answer);
    first.say(SUBSCRIBE);
    text(&mut first);
    let (mut last, mut seen) = offset(&text(&mut first));
    // Kept open: the server knows of none of their ends.
    let mut broken = vec![first];
    for round in 0..4 {
        let (client, mut packet) = connect(&server, &format!(r#"40/binance,{{"pid":"{pid}","offset":"{last}"}}"#));
        broken.push(client);
        let client = broken.last_mut().unwrap();
        let mut is_back = false;
        for _ in 0..200 {
            if packet.starts_with("40") {
                assert_eq!(ids(&packet), (sid.clone(), pid.clone()), "round {round}");
                is_back = true;
            } else {
                let (offset, id) = offset(&packet);
                assert_eq!(id, seen + 1, "round {round}");
                (last, seen) = (offset, id);
            }
            packet = text(client);
        }
        assert!(is_back, "round {round}");
        // The end of a connection whose place is taken takes nothing with it.
        leave(broken.swap_remove(0));
    }
}
