//! What the official suites for Engine.IO and Socket.IO are run against, and each of their cases over again.

use std::time::{Duration, Instant};

use super::*;

/// Where both suites open sessions of Engine.IO.
const PATHS: [&str; 2] = ["/engine.io/", "/socket.io/"];

/// A server for cases whose subject is no time: on a machine that is busy the suites' own times would be.
pub(super) fn calm() -> Server {
    calm_on("2")
}

/// The same on one core, which serves requests in the order in which they come, or on more.
pub(super) fn calm_on(writers: &str) -> Server {
    let times =
        ["--socketio-ping-interval", "25s", "--socketio-ping-timeout", "20s", "--socketio-connect-timeout", "45s"];
    Server::start(&[&["--writers", writers, "--conformance"], &times[..]].concat())
}

/// One that pings as the suites expect it, and otherwise waits long.
fn patient() -> Server {
    let times = ["--socketio-ping-timeout", "20s", "--socketio-connect-timeout", "45s"];
    Server::start(&[&["--writers", "2", "--conformance"], &times[..]].concat())
}

fn websocket(server: &Server, path: &str) -> Client {
    Client::open(server, &format!("{path}?EIO=4&transport=websocket"))
}

/// One that is past the opening packet.
fn opened(server: &Server, path: &str) -> Client {
    let mut client = websocket(server, path);
    assert!(text(&mut client).starts_with("0{"));
    client
}

/// One that has joined the main namespace.
fn joined(server: &Server) -> Client {
    let mut client = opened(server, "/socket.io/");
    client.say("40");
    assert!(text(&mut client).starts_with("40{"));
    assert_eq!(text(&mut client), r#"42["auth",{}]"#);
    client
}

#[test]
fn conformance_alone_is_the_suites_profile() {
    let server = Server::start(&["--conformance"]);
    for path in PATHS {
        let page = "Origin: https://page.example\r\n";
        let reply = Asked::new(server.address, "GET", &format!("{path}?EIO=4&transport=polling"), page, b"").reply();
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some("*")));
        let polled = reply.body;
        let over_websocket = text(&mut websocket(&server, path));
        for (packet, upgrades) in
            [(&polled, serde_json::json!(["websocket"])), (&over_websocket, serde_json::json!([]))]
        {
            let mut open: Value = serde_json::from_str(packet.strip_prefix('0').expect("an open packet")).unwrap();
            let sid = open.as_object_mut().unwrap().remove("sid").unwrap();
            assert!(sid.is_string());
            let rest = serde_json::json!(
                { "upgrades": upgrades, "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000 }
            );
            assert_eq!(open, rest, "{path}");
        }
    }
    // A session that joins nothing ends after a second even if it answers pings.
    let begun = Instant::now();
    let mut client = opened(&server, "/socket.io/");
    let is_closed = loop {
        match client.next() {
            Some(frame) if frame.payload == b"2" => client.say("3"),
            Some(frame) => break frame.opcode == 8,
            None => break true,
        }
    };
    assert!(is_closed && begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
    // Nothing is offered to those who come back.
    assert!(!joined_packet(&server).contains("pid"));
}

fn joined_packet(server: &Server) -> String {
    let mut client = opened(server, "/socket.io/");
    client.say("40");
    text(&mut client)
}

#[test]
fn without_conformance_there_is_nothing_of_it() {
    let server = Server::start(&[]);
    assert_eq!(ask(&server, "GET", "/engine.io/?EIO=4&transport=polling").status, 404);
    let mut client = Client::open(&server, WEBSOCKET);
    text(&mut client);
    client.say("40/custom");
    assert_eq!(text(&mut client), r#"44/custom,{"message":"Invalid namespace"}"#);
}

#[test]
fn a_file_turns_conformance_on_and_flags_go_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tapecast.toml");
    std::fs::write(&path, "conformance = true\n[socketio]\nping-interval = \"7s\"\n").unwrap();
    let config = ["--config", path.to_str().unwrap()];
    let server = Server::start(&[&config[..], &["--socketio-payload-max", "5000"]].concat());
    let open = text(&mut websocket(&server, "/engine.io/"));
    assert!(open.contains(r#""pingInterval":7000,"pingTimeout":200,"maxPayload":5000}"#), "{open}");
    let server = Server::start(&[&config[..], &["--conformance", "false"]].concat());
    assert_eq!(ask(&server, "GET", "/engine.io/?EIO=4&transport=polling").status, 404);
}

#[test]
fn suites_a_handshake_that_is_wrong_is_refused() {
    let server = calm();
    for path in PATHS {
        for (method, query) in [
            ("GET", "transport=polling"),
            ("GET", "EIO=abc&transport=polling"),
            ("GET", "EIO=4"),
            ("GET", "EIO=4&transport=abc"),
            ("POST", "EIO=4&transport=polling"),
            ("PUT", "EIO=4&transport=polling"),
        ] {
            assert_eq!(ask(&server, method, &format!("{path}?{query}")).status, 400, "{method} {path}?{query}");
        }
        for query in ["transport=websocket", "EIO=abc&transport=websocket", "EIO=4", "EIO=4&transport=abc"] {
            let refused = Client::try_open(server.address, &format!("{path}?{query}")).err().expect("no upgrade");
            assert!(refused.starts_with("HTTP/1.1 400"), "{path}?{query}: {refused}");
        }
    }
}

#[test]
fn suites_payloads_come_back_as_they_were_polled() {
    let server = calm();
    for body in ["4hello", "4test1\u{1e}4test2\u{1e}4test3", "4hello\u{1e}bAQIDBA=="] {
        let poller = Poller::open_at(&server, "/engine.io/");
        poller.say(body);
        assert_eq!(poller.get().said(), (200, body));
    }
}

#[test]
fn the_engine_echoes_text_as_text_and_bytes_as_bytes() {
    let server = calm();
    let mut poller = Poller::open_at(&server, "/engine.io/");
    poller.say("4hello\u{1e}bAQID\u{1e}4w\u{f6}rld");
    assert_eq!([poller.next(), poller.next(), poller.next()], ["4hello", "bAQID", "4w\u{f6}rld"]);
    let mut client = opened(&server, "/engine.io/");
    client.say("4hello");
    client.send(2, &[1, 2, 3, 4]);
    assert_eq!(text(&mut client), "4hello");
    let frame = client.next().unwrap();
    assert_eq!((frame.opcode, frame.payload), (2, vec![1, 2, 3, 4]));
}

#[test]
fn suites_what_is_no_packet_ends_the_session() {
    let server = calm();
    let poller = Poller::open_at(&server, "/engine.io/");
    assert_eq!(poller.post(b"abc").status, 400);
    assert_eq!(poller.get().status, 400);
    let mut client = opened(&server, "/engine.io/");
    client.say("abc");
    assert!(ends(&mut client));
}

#[test]
fn suites_two_gets_at_a_time_end_the_session_and_so_does_one_that_is_dropped() {
    let server = calm_on("1");
    let poller = Poller::open_at(&server, "/engine.io/");
    let (first, second) = (poller.begin_get(), poller.begin_get());
    let (first, second) = (first.reply(), second.reply());
    // Which of two connections is served first is nobody's promise.
    let (held, refused) = if first.status == 200 { (first, second) } else { (second, first) };
    assert_eq!((held.said(), refused.status), ((200, "1"), 400));
    assert_eq!(poller.get().status, 400);
    let poller = Poller::open_at(&server, "/engine.io/");
    let held = poller.begin_get();
    // Once this is answered, the GET is held.
    poller.say("6");
    drop(held);
    let begun = Instant::now();
    while poller.post(b"6").status == 200 {
        assert!(begun.elapsed() < PATIENCE, "the session outlives its GET");
    }
}

#[test]
fn suites_pings_come_and_are_answered_by_polling_and_over_websocket() {
    let server = patient();
    for path in PATHS {
        let poller = Poller::open_at(&server, path);
        let mut client = opened(&server, path);
        for _ in 0..3 {
            assert_eq!(poller.get().said(), (200, "2"), "{path}");
            assert_eq!(text(&mut client), "2", "{path}");
            poller.say("3");
            client.say("3");
        }
    }
}

#[test]
fn suites_without_a_pong_the_session_ends() {
    let server = Server::start(&["--writers", "2", "--conformance"]);
    for path in PATHS {
        let poller = Poller::open_at(&server, path);
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(poller.get().status, 400, "{path}");
        let begun = Instant::now();
        let mut client = opened(&server, path);
        assert!(ends(&mut client));
        assert!(begun.elapsed() >= Duration::from_millis(500), "{path}: {:?}", begun.elapsed());
    }
}

#[test]
fn suites_a_client_closes_by_polling_and_over_websocket() {
    let server = calm_on("1");
    for path in PATHS {
        let poller = Poller::open_at(&server, path);
        let held = poller.begin_get();
        poller.say("1");
        assert_eq!(held.reply().said(), (200, "6"), "{path}");
        assert_eq!(poller.get().status, 400, "{path}");
        let mut client = opened(&server, path);
        client.say("1");
        assert!(ends(&mut client), "{path}");
    }
}

#[test]
fn suites_a_session_moves_to_websocket_and_answers_nobody_else() {
    let server = calm();
    for path in PATHS {
        let poller = Poller::open_at(&server, path);
        let target = format!("{path}?EIO=4&transport=websocket&sid={}", poller.sid);
        let mut client = Client::open(&server, &target);
        client.say("2probe");
        assert_eq!(text(&mut client), "3probe", "{path}");
        assert_eq!(poller.get().said(), (200, "6"), "{path}");
        client.say("5");
        assert_eq!(poller.get().status, 400, "{path}");
        assert!(ends(&mut Client::open(&server, &target)), "{path}");
        // The first is not disturbed.
        let (said, heard) = if path == "/engine.io/" { ("4hello", "4hello") } else { ("40/x", "44/x,") };
        client.say(said);
        assert!(text(&mut client).starts_with(heard), "{path}");
        // Probe and upgrade back to back.
        let poller = Poller::open_at(&server, path);
        let mut client = Client::open(&server, &format!("{path}?EIO=4&transport=websocket&sid={}", poller.sid));
        client.say("2probe");
        client.say("5");
        assert_eq!(poller.get().status, 400, "{path}");
        assert_eq!(text(&mut client), "3probe", "{path}");
    }
}

#[test]
fn socketio_item_46_the_handshakes_auth_reaches_the_application() {
    let server = calm();
    for (said, head, auth) in [
        ("40", "40{", r#"42["auth",{}]"#),
        (r#"40{"token":"123"}"#, "40{", r#"42["auth",{"token":"123"}]"#),
        ("40/custom,", "40/custom,{", r#"42/custom,["auth",{}]"#),
        (r#"40/custom,{"token":"abc"}"#, "40/custom,{", r#"42/custom,["auth",{"token":"abc"}]"#),
    ] {
        let mut client = opened(&server, "/socket.io/");
        client.say(said);
        let packet = text(&mut client);
        let data = packet.strip_prefix(head).unwrap_or_else(|| panic!("{said}: {packet}"));
        let connected: Value = serde_json::from_str(&format!("{{{data}")).unwrap();
        assert_eq!(connected.as_object().unwrap().len(), 1, "{said}: {packet}");
        assert!(connected["sid"].is_string(), "{said}: {packet}");
        assert_eq!(text(&mut client), auth, "{said}");
    }
}

#[test]
fn suites_what_cannot_be_joined_is_refused_or_ends_the_session() {
    let server = calm();
    let mut client = opened(&server, "/socket.io/");
    client.say("40/random");
    assert_eq!(text(&mut client), r#"44/random,{"message":"Invalid namespace"}"#);
    let mut client = opened(&server, "/socket.io/");
    client.say("4abc");
    assert!(ends(&mut client));
}

#[test]
fn suites_leaving_the_main_namespace_leaves_the_connection() {
    let server = patient();
    let mut client = joined(&server);
    client.say("41");
    assert_eq!(text(&mut client), "2");
}

#[test]
fn suites_leaving_a_namespace_leaves_the_others() {
    let server = calm();
    let mut client = joined(&server);
    client.say("40/custom");
    assert!(text(&mut client).starts_with("40/custom,{"));
    assert_eq!(text(&mut client), r#"42/custom,["auth",{}]"#);
    client.say("41/custom");
    client.say(r#"42["message","message to main namespace"]"#);
    assert_eq!(text(&mut client), r#"42["message-back","message to main namespace"]"#);
}

#[test]
fn suites_messages_come_back_and_are_acknowledged_with_their_attachments() {
    let server = calm();
    let two = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    for (said, heard, attachments) in [
        (r#"42["message",1,"2",{"3":[true]}]"#.to_owned(), r#"42["message-back",1,"2",{"3":[true]}]"#.to_owned(), 0),
        (r#"42456["message-with-ack",1,"2",{"3":[false]}]"#.to_owned(), r#"43456[1,"2",{"3":[false]}]"#.to_owned(), 0),
        (format!(r#"452-["message",{two}"#), format!(r#"452-["message-back",{two}"#), 2),
        (format!(r#"452-789["message-with-ack",{two}"#), format!("462-789[{two}"), 2),
    ] {
        let mut client = joined(&server);
        client.say(&said);
        for n in 0..attachments {
            client.send(2, &[n, 2, 3]);
        }
        assert_eq!(text(&mut client), heard);
        for n in 0..attachments {
            let frame = client.next().unwrap();
            assert_eq!((frame.opcode, frame.payload), (2, vec![n, 2, 3]), "{said}");
        }
    }
}

#[test]
fn suites_messages_of_a_wrong_form_end_the_session() {
    let server = calm();
    for said in ["4abc", "42{}", r#"42abc["message-with-ack",1,"2",{"3":[false]}]"#] {
        let mut client = joined(&server);
        client.say(said);
        assert!(ends(&mut client), "{said}");
    }
}
