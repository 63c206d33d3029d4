//! The handshake, and what is refused.

use super::*;

fn refused(code: u8) -> (u16, String) {
    let text = [
        "Transport unknown",
        "Session ID unknown",
        "Bad handshake method",
        "Bad request",
        "Forbidden",
        "Unsupported protocol version",
    ];
    let status = if code == 4 { 403 } else { 400 };
    (status, format!(r#"{{"code":{code},"message":"{}"}}"#, text[usize::from(code)]))
}

#[test]
fn socketio_item_01_and_14_a_polling_handshake_has_five_members_and_its_headers() {
    let server = Server::start(&["--writers", "2"]);
    let reply = ask(&server, "GET", POLLING);
    let open: Value = serde_json::from_str(&reply.body[1..]).unwrap();
    let keys: Vec<&str> = open.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"]);
    assert_eq!(open["upgrades"], serde_json::json!(["websocket"]));
    assert_eq!((open["pingInterval"].as_u64(), open["pingTimeout"].as_u64()), (Some(25_000), Some(20_000)));
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(reply.header("content-length").is_some());
}

#[test]
fn socketio_item_03_ids_of_sessions_are_secret_and_not_those_of_sockets() {
    let server = Server::start(&["--writers", "1"]);
    let sids: std::collections::HashSet<String> = (0..50).map(|_| Poller::open(&server).sid).collect();
    assert_eq!(sids.len(), 50);
    let mut client = Poller::open(&server);
    client.say("40");
    let packet = client.next();
    let id = serde_json::from_str::<Value>(&packet[2..]).unwrap()["sid"].as_str().unwrap().to_owned();
    assert_eq!((id.len(), id == client.sid), (20, false));
}

#[test]
fn socketio_item_04_to_09_and_11_requests_that_cannot_be_served_are_told_why() {
    let server = Server::start(&["--writers", "2"]);
    let polling = Poller::open(&server);
    let unknown = format!("{POLLING}&sid=AAAAAAAAAAAAAAAAAAAA");
    let other_version = polling.target.replace("EIO=4", "EIO=3");
    let other_transport = polling.target.replace("=polling", "=websocket");
    for (method, target, code) in [
        ("GET", "/socket.io/?EIO=4", 0),
        ("GET", "/socket.io/?EIO=4&transport=abc", 0),
        ("GET", "/socket.io", 0),
        ("GET", &unknown, 1),
        ("POST", &unknown, 1),
        ("GET", &format!("{POLLING}&sid=abc"), 1),
        ("POST", POLLING, 2),
        ("PUT", POLLING, 2),
        ("OPTIONS", POLLING, 2),
        ("GET", WEBSOCKET, 3),
        ("GET", &other_transport, 3),
        ("GET", &other_version, 3),
        ("PUT", &polling.target, 3),
        ("GET", "/socket.io/?transport=polling", 5),
        ("GET", "/socket.io/?EIO=abc&transport=polling", 5),
        ("GET", "/socket.io/?EIO=3&transport=polling", 5),
    ] {
        let reply = ask(&server, method, target);
        let (status, body) = refused(code);
        assert_eq!(reply.said(), (status, &*body), "{method} {target}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
    polling.say("40");
}

#[test]
fn socketio_item_05_and_08_a_refused_upgrade_is_told_in_plain_text_and_its_connection_closed() {
    let server = Server::start(&["--writers", "2"]);
    for (target, text) in [
        (format!("{WEBSOCKET}&sid=AAAAAAAAAAAAAAAAAAAA"), "Session ID unknown"),
        ("/socket.io/?EIO=3&transport=websocket".into(), "Unsupported protocol version"),
        ("/socket.io/?EIO=4&transport=tin-cans".into(), "Transport unknown"),
        (POLLING.into(), "Bad request"),
    ] {
        let headers = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let reply = Asked::new(server.address, "GET", &target, headers, b"").reply();
        assert_eq!((reply.said(), reply.header("connection")), ((400, text), Some("close")), "{target}");
    }
}

#[test]
fn socketio_item_12_other_parameters_and_other_orders_are_fine() {
    let server = Server::start(&["--writers", "1"]);
    let target = "/socket.io?transport=websocket&t=Px1&token=a%26b&transport=polling&b64=1&EIO=3&EIO=%34";
    assert_eq!(ask(&server, "GET", target).status, 200);
    assert_eq!(ask(&server, "GET", &target.replace("socket.io", "socket.io/xyz")).status, 404);
}

#[test]
fn socketio_item_67_version_3_is_refused_clearly_and_all_of_it_can_be_turned_off() {
    let server = Server::start(&["--writers", "1", "--socketio", "false"]);
    assert_eq!(ask(&server, "GET", POLLING).status, 404);
    let server = Server::start(&["--writers", "1"]);
    let (status, body) = refused(5);
    assert_eq!(ask(&server, "GET", &POLLING.replace('4', "3")).said(), (status, &*body));
}
