//! A session of Socket.IO without sockets.

use super::*;
use proptest::prelude::*;

const STREAMS_MAX: usize = 3;

fn limits() -> SocketIoLimits {
    SocketIoLimits {
        engine: Limits {
            ping_interval_ms: 25_000,
            ping_timeout_ms: 20_000,
            upgrade_timeout_ms: 10_000,
            connect_timeout_ms: 45_000,
            payload_bytes_max: 1_000_000,
        },
        streams_max: STREAMS_MAX,
        rate: RateLimits { per_second: 0, burst: 0 },
        edition: Edition::Today,
        tokens: Tokens::default(),
    }
}

fn session(service: Service) -> SocketIoSession {
    session_with(service, limits())
}

fn session_with(service: Service, limits: SocketIoLimits) -> SocketIoSession {
    let recoveries = Arc::new(Recoveries::new(std::time::Duration::ZERO));
    SocketIoSession::new(Sid::new(0), Transport::WebSocket, (service, limits), recoveries, 0)
}

fn joined(namespace: &str) -> SocketIoSession {
    let mut session = session(Service::Streams);
    let effects = say_to(&mut session, &format!("40{namespace},"));
    assert!(texts(&effects)[0].starts_with("40"), "{:?}", texts(&effects));
    session
}

fn say_to(session: &mut SocketIoSession, text: &str) -> Effects {
    let mut effects = Effects::default();
    session.on_message(Incoming::Text(text), 0, &mut effects);
    effects
}

/// The frames as a client that polls gets them.
fn texts(effects: &Effects) -> Vec<String> {
    let mut exchange = crate::protocol::engineio::exchange::Exchange::default();
    exchange.hold().unwrap();
    exchange.take(&effects.frames.bytes);
    let body = String::from_utf8(exchange.answer()).unwrap();
    body.split('\u{1e}').map(str::to_owned).filter(|text| !text.is_empty()).collect()
}

#[test]
fn socketio_item_02_the_first_frame_opens_the_session_without_upgrades() {
    let (mut session, mut effects) = (session(Service::Streams), Effects::default());
    session.begin(&mut effects);
    let text = texts(&effects).remove(0);
    let open: Value = serde_json::from_str(text.strip_prefix('0').unwrap()).unwrap();
    assert_eq!(open.as_object().unwrap().len(), 5);
    assert_eq!(open["upgrades"], json!([]));
    assert_eq!(
        (&open["pingInterval"], &open["pingTimeout"], &open["maxPayload"]),
        (&json!(25_000), &json!(20_000), &json!(1_000_000))
    );
}

#[test]
fn socketio_item_47_an_unknown_namespace_is_refused_and_the_session_goes_on() {
    let mut session = session(Service::Streams);
    let effects = say_to(&mut session, "40/random,");
    assert_eq!(texts(&effects), [r#"44/random,{"message":"Invalid namespace"}"#]);
    assert!(effects.end.is_none());
    for namespace in ["/", "/binance", "/upbit", "/bithumb"] {
        assert!(texts(&say_to(&mut session, &format!("40{namespace},")))[0].starts_with("40"), "{namespace}");
    }
}

#[test]
fn socketio_item_48_who_does_not_know_a_token_is_refused_with_the_reason_and_may_try_again() {
    let limits = SocketIoLimits { tokens: Tokens::new(&["a".into(), "b".into()]), ..limits() };
    let mut session = session_with(Service::Streams, limits);
    for (auth, reason) in [("", "auth.token is missing, or no text"), (r#"{"token":"c"}"#, "auth.token is not known")] {
        let effects = say_to(&mut session, &format!("40/binance,{auth}"));
        let data = format!(r#"{{"code":401,"reason":"{reason}"}}"#);
        let expected = format!(r#"44/binance,{{"message":"not authorized","data":{data}}}"#);
        assert_eq!(texts(&effects), [expected]);
        assert!(effects.end.is_none());
    }
    assert_eq!(session.connect_by_ms, Some(45_000), "it has joined nothing");
    assert!(texts(&say_to(&mut session, r#"40/binance,{"token":"b"}"#))[0].starts_with("40/binance,"));
    assert!(texts(&say_to(&mut session, "40/upbit,"))[0].starts_with("44/upbit,"), "each namespace asks");
    assert_eq!(texts(&say_to(&mut session, "40/random,")), [r#"44/random,{"message":"Invalid namespace"}"#]);
}

#[test]
fn socketio_item_49_who_joins_nothing_is_given_up_and_who_has_joined_is_not() {
    let mut effects = Effects::default();
    let mut silent = session(Service::Streams);
    assert_eq!(silent.deadline_ms(), 25_000);
    silent.on_message(Incoming::Text("3"), 44_000, &mut effects);
    assert_eq!(silent.deadline_ms(), 45_000);
    silent.on_time(44_999, &mut effects);
    assert!(effects.end.is_none());
    silent.on_time(45_000, &mut effects);
    assert!(effects.end.is_some());
    let (mut session, mut effects) = (joined("/binance"), Effects::default());
    session.on_message(Incoming::Text("3"), 44_000, &mut effects);
    session.on_time(45_000, &mut effects);
    assert!(effects.end.is_none());
}

#[test]
fn socketio_item_50_joining_twice_and_speaking_without_having_joined_end_the_session() {
    assert!(say_to(&mut joined("/binance"), "40/binance,").end.is_some());
    assert!(say_to(&mut joined("/binance"), "42/upbit,[\"subscriptions\"]").end.is_some());
    assert!(say_to(&mut joined("/binance"), "41/upbit,").end.is_some());
}

#[test]
fn socketio_item_32_33_and_37_what_ends_a_session() {
    for text in ["1", "", "abc", "2", "2probe", "42[\"a\"", "42/binance,[\"connect\"]", "450-/binance,[\"a\"]"] {
        assert!(say_to(&mut joined("/binance"), text).end.is_some(), "{text:?}");
    }
    for text in ["3", "6", "5", "0", "43/binance,7[]"] {
        assert!(say_to(&mut joined("/binance"), text).end.is_none(), "{text:?}");
    }
}

#[test]
fn socketio_item_53_and_55_events_are_answered_once_and_in_order() {
    let mut session = joined("/binance");
    let effects = say_to(&mut session, r#"42/binance,0["subscribe",["btcusdt@ticker","btcusdt@ticker"]]"#);
    assert_eq!((texts(&effects), effects.wants.unwrap().len()), (vec![r#"43/binance,0[{"ok":true}]"#.into()], 1));
    let effects = say_to(&mut session, r#"42/binance,1["subscribe","ethusdt@kline_1m"]"#);
    assert_eq!(effects.wants.unwrap().len(), 2);
    let effects = say_to(&mut session, r#"42/binance,2["subscriptions"]"#);
    assert_eq!(texts(&effects), [r#"43/binance,2[["btcusdt@ticker","ethusdt@kline_1m"]]"#]);
    let effects = say_to(&mut session, r#"42/binance,3["unsubscribe",["btcusdt@ticker"]]"#);
    assert_eq!((texts(&effects).len(), effects.wants.unwrap().len()), (1, 1));
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let mut session = joined("/binance");
    for (event, reason) in [
        (r#"["subscribe",["btcusdt@ticker","nosuch"]]"#, "no such stream: `nosuch`"),
        (r#"["subscribe",[1]]"#, "the first argument is"),
        (r#"["subscribe"]"#, "the first argument is"),
        (r#"["subscribe","btcusdt@ticker",{"fast":1}]"#, "options: unknown field `fast`"),
        (r#"["subscribe",["a@trade","b@trade","c@trade","d@trade"]]"#, "too many streams"),
        (r#"["shout",1]"#, "unknown event `shout`"),
    ] {
        let effects = say_to(&mut session, &format!("42/binance,7{event}"));
        assert!(effects.wants.is_none() && effects.end.is_none());
        let texts = texts(&effects);
        assert!(texts[0].starts_with(r#"43/binance,7[{"error":""#) && texts[0].contains(reason), "{texts:?}");
        let effects = say_to(&mut session, &format!("42/binance,{event}"));
        assert!(self::texts(&effects)[0].starts_with(r#"42/binance,["error",{"#));
    }
}

#[test]
fn a_request_that_is_refused_as_too_much_leaves_the_streams_as_they_were() {
    let mut session = joined("/binance");
    say_to(&mut session, r#"42/binance,["subscribe",["a@trade","b@trade"]]"#);
    // The first would replace one that is there, as it is to be volatile.
    let more = r#"42/binance,0["subscribe",["a@trade","c@trade","d@trade"],{"volatile":true}]"#;
    assert_eq!(texts(&say_to(&mut session, more)), [r#"43/binance,0[{"error":"too many streams","ok":false}]"#]);
    let effects = say_to(&mut session, r#"42/binance,1["subscriptions"]"#);
    assert_eq!(texts(&effects), [r#"43/binance,1[["a@trade","b@trade"]]"#]);
    let other = r#"42/binance,2["subscribe",["a@trade","a@trade","c@trade"],{"volatile":true}]"#;
    let wants = say_to(&mut session, other).wants.unwrap();
    assert_eq!(wants.iter().filter(|want| want.form.is_volatile()).count(), 2);
    let many: Vec<String> = (0..60_000).map(|n| format!("a{n}@trade")).collect();
    let effects = say_to(&mut session, &format!("42/binance,3{}", json!(["subscribe", many])));
    assert!(texts(&effects)[0].contains("too many streams"));
}

#[test]
fn socketio_item_59_and_61_namespaces_are_independent_and_leaving_ends_delivery() {
    let mut session = joined("/binance");
    say_to(&mut session, "40/upbit,");
    say_to(&mut session, "40");
    say_to(&mut session, r#"42/binance,["subscribe","btcusdt@ticker"]"#);
    let effects = say_to(&mut session, r#"42/upbit,["subscribe","KRW-BTC@orderbook"]"#);
    assert_eq!((effects.wants.unwrap().len(), effects.snapshots.len()), (2, 1));
    let effects = say_to(&mut session, r#"42["subscribe",["upbit:KRW-BTC@candle.1s"],{"snapshot":false}]"#);
    let wants = effects.wants.unwrap();
    assert_eq!((wants.len(), effects.snapshots.len()), (3, 0));
    let heads = |wants: &[crate::fanout::Want]| -> Vec<String> {
        let head = |want: &crate::fanout::Want| match &want.form {
            crate::fanout::Form::Framed { framing: crate::fanout::Framing::Room(room), .. } => {
                format!("{}…{}", room.head, room.tail)
            }
            other => panic!("{other:?}"),
        };
        let mut heads: Vec<String> = wants.iter().map(head).collect();
        heads.sort();
        heads
    };
    assert_eq!(
        heads(&wants),
        [
            r#"42/binance,["ticker",…,"btcusdt@ticker"]"#,
            r#"42/upbit,["orderbook",…,"KRW-BTC@orderbook"]"#,
            r#"42["candle",…,"upbit:KRW-BTC@candle.1s"]"#
        ]
    );
    assert_eq!(say_to(&mut session, "41/binance,").wants.unwrap().len(), 2);
    assert_eq!(say_to(&mut session, "41").wants.unwrap().len(), 1);
    let effects = say_to(&mut session, "41/upbit");
    assert!(effects.end.is_none() && texts(&effects).is_empty() && effects.wants.unwrap().is_empty());
    assert!(texts(&say_to(&mut session, "40/binance"))[0].starts_with("40/binance,"));
}

#[test]
fn packets_are_limited_and_answers_to_pings_are_not_counted() {
    let limits = SocketIoLimits { rate: RateLimits { per_second: 1, burst: 3 }, ..limits() };
    let mut session = session_with(Service::Streams, limits);
    let mut say_at = |now_ms, text: &str| {
        let mut effects = Effects::default();
        session.on_message(Incoming::Text(text), now_ms, &mut effects);
        effects.end
    };
    assert_eq!([say_at(0, "40"), say_at(0, "6"), say_at(0, "3")], [None; 3], "a pong that nobody asked for counts");
    assert_eq!(say_at(0, "6"), Some(crate::session::End::Close(Close::TOO_MANY_REQUESTS)));
    for beat in 1..10_u64 {
        let (now_ms, mut effects) = (beat * 25_000, Effects::default());
        session.on_time(now_ms, &mut effects);
        assert_eq!((effects.ahead.marks.len(), effects.end), (1, None));
        let mut end_of = |message| {
            let mut effects = Effects::default();
            session.on_message(message, now_ms, &mut effects);
            effects.end
        };
        // The bucket is full again: all of it is there for others.
        let said =
            [Incoming::Text("3"), Incoming::Text("6"), Incoming::Ping(b""), Incoming::Pong(b"")].map(&mut end_of);
        assert_eq!(said, [None; 4]);
        assert_eq!(end_of(Incoming::Pong(b"")), Some(crate::session::End::Close(Close::TOO_MANY_REQUESTS)));
    }
}

#[test]
fn socketio_item_38_pings_go_ahead_of_what_waits() {
    let (mut session, mut effects) = (joined("/"), Effects::default());
    session.on_time(25_000, &mut effects);
    assert_eq!((&effects.ahead.bytes[..], effects.frames.marks.len()), (&b"\x81\x012"[..], 0));
}

#[test]
fn socketio_item_46_and_56_the_mirror_tells_auth_and_sends_bytes_back() {
    let mut mirror = session(Service::Mirror);
    let effects = say_to(&mut mirror, r#"40/custom,{"token":"x"}"#);
    assert_eq!(texts(&effects)[1], r#"42/custom,["auth",{"token":"x"}]"#);
    assert_eq!(texts(&say_to(&mut mirror, "40"))[1], r#"42["auth",{}]"#);
    say_to(&mut mirror, r#"451-["message",{"a":[{"_placeholder":true,"num":0}]},7]"#);
    let mut effects = Effects::default();
    mirror.on_message(Incoming::Binary(&[1, 2]), 0, &mut effects);
    let expected = [r#"451-["message-back",{"a":[{"_placeholder":true,"num":0}]},7]"#, "bAQI="];
    assert_eq!(texts(&effects), expected);
    let effects = say_to(&mut mirror, r#"42/custom,456["message-with-ack",1,"2"]"#);
    assert_eq!(texts(&effects), [r#"43/custom,456[1,"2"]"#]);
}

proptest! {
    /// Whatever is sent in whatever order, the session either ends or goes on in good order: its wants are those of
    /// the names it lists.
    #[test]
    fn socketio_item_69_nothing_makes_a_session_panic(
        steps in proptest::collection::vec(
            prop_oneof![
                "4[0-6](/binance,|/upbit,)?[0-9]?\\[\"(un)?subscribe\",\"(a|b)@trade\"(,\\{\"volatile\":true\\})?\\]",
                "4[01](/binance,|/upbit,)?",
                "[0-6b]?\\PC{0,10}",
            ],
            0..30,
        ),
    ) {
        let mut session = session(Service::Streams);
        for (n, step) in steps.iter().enumerate() {
            let mut effects = Effects::default();
            session.on_message(Incoming::Text(step), n as u64, &mut effects);
            if effects.end.is_some() {
                return Ok(());
            }
            if let Some(wants) = effects.wants {
                prop_assert_eq!(wants.len(), session.streams());
            }
            prop_assert!(session.streams() <= STREAMS_MAX);
        }
    }
}
