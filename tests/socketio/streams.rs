//! What is served: venues as namespaces, streams as rooms.

use super::*;

#[test]
fn socketio_item_60_everybody_in_a_room_gets_each_event_once_and_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let server = trades(&folder, 5_000, 6, &["--writers", "1"]);
    let subscribe = r#"42/binance,0["subscribe",["btcusdt@trade"]]"#;
    let mut sockets: Vec<Client> = (0..3).map(|_| join(&server, "/binance")).collect();
    let mut pollers: Vec<Poller> = (0..3).map(|_| Poller::join(&server, "/binance")).collect();
    sockets.iter_mut().for_each(|client| client.say(subscribe));
    pollers.iter_mut().for_each(|client| client.say(subscribe));
    let mut seen: Vec<Vec<String>> = Vec::new();
    let readers: Vec<_> = pollers
        .into_iter()
        .map(|mut client| std::thread::spawn(move || (0..=5_000).map(|_| client.next()).collect::<Vec<_>>()))
        .collect();
    for client in &mut sockets {
        seen.push((0..=5_000).map(|_| text(client)).collect());
    }
    seen.extend(readers.into_iter().map(|reader| reader.join().unwrap()));
    assert!(seen.iter().all(|packets| *packets == seen[0]), "the same for all");
    assert_eq!(seen[0][0], r#"43/binance,0[{"ok":true}]"#);
    assert!(seen[0][1..].iter().map(|packet| trade_id(packet)).eq(1..=5_000));
    // The first trade is rendered once for each who waited for it, all others once for all.
    assert!(server.count("frames_rendered") < 5_000 + 20, "{}", server.count("frames_rendered"));
}

#[test]
fn socketio_item_61_leaving_a_room_or_a_namespace_ends_its_events() {
    let server = Server::start(&["--writers", "1", "--speed", "10x"]);
    let mut client = join(&server, "/binance");
    client.say(r#"42/binance,0["subscribe",["btcusdt@trade","btcusdt@bookTicker"]]"#);
    client.say(r#"42/binance,1["unsubscribe",["btcusdt@trade"]]"#);
    while text(&mut client) != r#"43/binance,1[{"ok":true}]"# {}
    for _ in 0..50 {
        let packet = text(&mut client);
        assert!(packet.starts_with(r#"42/binance,["bookTicker",{"#), "{packet}");
        assert!(packet.ends_with(r#"},"btcusdt@bookTicker"]"#), "{packet}");
    }
    client.say("40/upbit,");
    client.say(r#"42/upbit,["subscribe","KRW-BTC@orderbook"]"#);
    client.say("41/binance,");
    client.say("40/bithumb,");
    while !text(&mut client).starts_with("40/bithumb,") {}
    for _ in 0..20 {
        let packet = text(&mut client);
        assert!(packet.starts_with(r#"42/upbit,["orderbook",{"type":"orderbook","code":"KRW-BTC","#), "{packet}");
    }
}

#[test]
fn a_snapshot_comes_behind_the_answer_unless_it_is_not_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let server = trades(&folder, 100, 1, &["--writers", "1"]);
    let mut first = join(&server, "/binance");
    first.say(r#"42/binance,["subscribe","btcusdt@trade"]"#);
    while trade_id(&text(&mut first)) < 100 {}
    let mut later = join(&server, "/binance");
    later.say(r#"42/binance,0["subscribe","btcusdt@trade"]"#);
    assert_eq!(text(&mut later), r#"43/binance,0[{"ok":true}]"#);
    assert_eq!(trade_id(&text(&mut later)), 100);
    let mut other = join(&server, "/binance");
    other.say(r#"42/binance,0["subscribe","btcusdt@trade",{"snapshot":false}]"#);
    other.say(r#"42/binance,1["subscriptions"]"#);
    assert_eq!(text(&mut other), r#"43/binance,0[{"ok":true}]"#);
    assert_eq!(text(&mut other), r#"43/binance,1[["btcusdt@trade"]]"#);
}

#[test]
fn of_a_volatile_stream_only_the_newest_event_waits() {
    let folder = tempfile::tempdir().unwrap();
    let server = trades(&folder, 500, 1, &["--writers", "1", "--stall-limit", "100s"]);
    let mut client = Poller::join(&server, "/binance");
    client.say(r#"42/binance,0["subscribe","btcusdt@trade",{"volatile":true,"snapshot":false}]"#);
    // Joining, the answer, and all trades; they are too few for the tape to wait for who does not take them.
    server.wait_for_count("frames_routed", 502);
    assert_eq!(client.next(), r#"43/binance,0[{"ok":true}]"#);
    assert_eq!(trade_id(&client.next()), 500);
    assert_eq!(server.count("frames_conflated"), 499);
}

#[test]
fn the_root_serves_every_venue_and_arrays_come_as_arrays() {
    let server = Server::start(&["--writers", "1"]);
    let mut client = join(&server, "/");
    client.say(r#"42["subscribe",["binance:!miniTicker@arr","upbit:KRW-BTC@ticker"]]"#);
    let (mut array, mut ticker) = (None, None);
    while array.is_none() || ticker.is_none() {
        let packet = text(&mut client);
        let event: Value = serde_json::from_str(&packet[2..]).unwrap();
        match event[0].as_str().unwrap() {
            "miniTicker" => array = Some(event),
            "ticker" => ticker = Some(event),
            other => panic!("{other}"),
        }
    }
    let (array, ticker) = (array.unwrap(), ticker.unwrap());
    assert_eq!((array[1][0]["kind"].as_str(), &array[2]), (Some("mini_ticker"), &"binance:!miniTicker@arr".into()));
    assert_eq!((&ticker[1]["symbol"], &ticker[2]), (&"KRW-BTC".into(), &"upbit:KRW-BTC@ticker".into()));
}

#[test]
fn socketio_item_54_an_event_right_behind_the_connect_is_never_lost() {
    let server = Server::start(&["--writers", "2"]);
    for _ in 0..500 {
        let mut client = Client::open(&server, WEBSOCKET);
        client.say("40/binance,");
        client.say("42/binance,0[\"subscriptions\"]");
        assert!(text(&mut client).starts_with("0{"));
        assert!(text(&mut client).starts_with("40/binance,"));
        assert_eq!(text(&mut client), "43/binance,0[[]]");
    }
}
