//! People who talk: rooms in `/rooms` and `/`, on two cores, over WebSocket and by polling.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;

/// Somebody in a namespace, on a WebSocket.
struct Person {
    client: Client,
    /// As the others know him.
    id: String,
    core: usize,
    namespace: &'static str,
}

impl Person {
    fn enter(server: &Server, namespace: &'static str) -> Person {
        let mut client = Client::open(server, WEBSOCKET);
        let open: Value = serde_json::from_str(text(&mut client).strip_prefix('0').unwrap()).unwrap();
        // The first two bytes of a session's id are the number of its core.
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let third = open["sid"].as_str().unwrap().as_bytes()[2];
        let core = letters.iter().position(|letter| *letter == third).unwrap() >> 2;
        let mut person = Person { client, id: String::new(), core, namespace };
        person.connect(namespace);
        person
    }

    /// One in a room, on this core of a server with two.
    fn enter_on(server: &Server, core: usize, room: &str) -> Person {
        let people = std::iter::repeat_with(|| Person::enter(server, "/rooms"));
        let mut person = people.take(100).find(|person| person.core == core).expect("connections come to both cores");
        assert_eq!(person.ask(&json!(["join", room]))["ok"], true);
        person
    }

    fn connect(&mut self, namespace: &'static str) {
        self.client.say(&format!("40{namespace},"));
        let packet = text(&mut self.client);
        let reply: Value = serde_json::from_str(&packet[packet.find('{').expect("a reply")..]).unwrap();
        reply["sid"].as_str().expect("an id").clone_into(&mut self.id);
        self.namespace = namespace;
    }

    fn say(&mut self, event: &Value) {
        self.client.say(&format!("42{},{event}", self.namespace));
    }

    /// The answer to an event, behind which nothing was waiting.
    fn ask(&mut self, event: &Value) -> Value {
        self.client.say(&format!("42{},7{event}", self.namespace));
        let packet = text(&mut self.client);
        let begin = packet.find('[').unwrap_or_else(|| panic!("no answer: {packet}"));
        assert!(packet.starts_with("43") && packet[..begin].ends_with('7'), "no answer: {packet}");
        let answer: Value = serde_json::from_str(&packet[begin..]).unwrap();
        answer[0].clone()
    }

    fn next(&mut self) -> Value {
        event(&text(&mut self.client))
    }
}

/// An event's array, from whichever namespace.
fn event(packet: &str) -> Value {
    assert!(packet.starts_with("42") || packet.starts_with("45"), "no event: {packet}");
    serde_json::from_str(&packet[packet.find('[').expect("an array")..]).expect("JSON")
}

fn rooms(flags: &[&str]) -> Server {
    Server::start(&[&["--writers", "2", "--rooms"], flags].concat())
}

#[test]
fn socketio_item_60_everybody_in_a_room_but_the_sender_hears_each_message_once_and_in_order() {
    let server = rooms(&["--rooms-message-rate", "0"]);
    let mut sender = Person::enter_on(&server, 0, "r");
    let mut far = Person::enter_on(&server, 1, "r");
    assert_eq!(sender.next(), json!(["joined", {"room": "r", "id": far.id, "members": 2}]));
    let mut near = Person::enter_on(&server, 0, "r");
    for person in [&mut sender, &mut far] {
        assert_eq!(person.next(), json!(["joined", {"room": "r", "id": near.id, "members": 3}]));
    }
    let mut poller = Poller::join(&server, "/rooms");
    poller.say(r#"42/rooms,1["joinRoom",{"room":"r"}]"#);
    assert_eq!(poller.next(), r#"43/rooms,1[{"members":4,"ok":true,"room":"r"}]"#);
    for person in [&mut sender, &mut far, &mut near] {
        assert_eq!(person.next()[1]["members"], 4);
    }
    let mut outside = Person::enter(&server, "/rooms");
    let mut elsewhere = Person::enter(&server, "/");
    assert_eq!(elsewhere.ask(&json!(["join", "r"])), json!({"ok": true, "room": "r", "members": 1}));
    for number in 0..500 {
        sender.say(&json!(["message", {"room": "r", "message": {"n": number}}]));
    }
    sender.say(&json!(["chat message", "end", 1.5]));
    for person in [&mut far, &mut near] {
        for number in 0..500 {
            let wanted = json!(["message", {"room": "r", "message": {"n": number}, "from": sender.id}]);
            assert_eq!(person.next(), wanted);
        }
    }
    for number in 0..500 {
        assert_eq!(event(&poller.next())[1]["message"]["n"], number);
    }
    assert_eq!(event(&poller.next()), json!(["chat message", "end", 1.5]));
    // Who is not in the room, and who has said it, hear what is said to all of the namespace, and nothing before it.
    for person in [&mut far, &mut near, &mut sender, &mut outside] {
        assert_eq!(person.next(), json!(["chat message", "end", 1.5]));
    }
    // The other namespace has heard nothing of it.
    assert_eq!(elsewhere.ask(&json!(["chat message", "here"])), json!({"ok": true}));
    assert_eq!(elsewhere.next(), json!(["chat message", "here"]));
    assert_eq!(outside.ask(&json!(["leave", "r"]))["ok"], false);
    server.wait_for_count("room_messages", 502);
}

#[test]
fn socketio_item_61_who_has_left_or_gone_hears_no_more_and_empty_rooms_are_freed() {
    let server = rooms(&["--rooms-max", "1"]);
    let count = || serde_json::from_str::<Value>(&server.get("/status").2).unwrap()["rooms"].clone();
    assert_eq!(count(), 0);
    let mut stays = Person::enter_on(&server, 0, "r");
    let mut leaves = Person::enter_on(&server, 1, "r");
    stays.next();
    assert_eq!(leaves.ask(&json!(["leaveRoom", {"room": "r"}])), json!({"ok": true, "room": "r", "members": 1}));
    assert_eq!(stays.next(), json!(["left", {"room": "r", "id": leaves.id, "members": 1}]));
    stays.say(&json!(["message", {"room": "r", "message": "unheard"}]));
    stays.say(&json!(["chat message", "heard"]));
    assert_eq!(stays.next(), json!(["chat message", "heard"]));
    assert_eq!(leaves.next(), json!(["chat message", "heard"]));
    let refused = leaves.ask(&json!(["join", "other"]));
    assert_eq!(refused, json!({"ok": false, "error": "there are 1 rooms, and no more can be made"}));
    // However somebody goes, it is told once.
    let mut closes = Person::enter_on(&server, 1, "r");
    stays.next();
    closes.client.send(8, &[0x03, 0xe8]);
    assert_eq!(stays.next(), json!(["left", {"room": "r", "id": closes.id, "members": 1}]));
    let breaks = Person::enter_on(&server, 0, "r");
    stays.next();
    let id = breaks.id.clone();
    drop(breaks);
    assert_eq!(stays.next(), json!(["left", {"room": "r", "id": id, "members": 1}]));
    let poller = Poller::join(&server, "/rooms");
    poller.say(r#"42/rooms,["join","r"]"#);
    assert_eq!(stays.next()[0], "joined");
    poller.say("1");
    assert_eq!(stays.next()[0], "left");
    assert_eq!(stays.ask(&json!(["leave", "r"]))["members"], 0);
    assert_eq!(count(), 0);
    assert_eq!(leaves.ask(&json!(["join", "other"]))["ok"], true);
    assert_eq!((count(), server.count("room_refusals")), (json!(1), 1));
}

#[test]
fn socketio_item_58_leaving_a_namespace_leaves_its_rooms_and_nothing_else() {
    let server = rooms(&[]);
    let mut other = Person::enter_on(&server, 1, "r");
    let mut person = Person::enter(&server, "/");
    person.connect("/rooms");
    let id = person.id.clone();
    person.ask(&json!(["join", "r"]));
    other.next();
    person.client.say("41/rooms,");
    assert_eq!(other.next(), json!(["left", {"room": "r", "id": id, "members": 1}]));
    person.namespace = "/";
    assert_eq!(person.ask(&json!(["subscriptions"])), json!([]));
    assert_eq!(person.ask(&json!(["join", "of /"]))["members"], 1);
    // Under a new id, and in no room.
    person.connect("/rooms");
    assert_ne!(person.id, id);
    other.say(&json!(["message", {"room": "r", "message": 1}]));
    other.say(&json!(["chat message", 2]));
    assert_eq!(person.next(), json!(["chat message", 2]));
    person.client.say("41/rooms,");
    person.client.say("41");
    person.connect("/rooms");
    assert_eq!(person.ask(&json!(["join", "r"]))["members"], 2);
}

#[test]
fn socketio_item_56_bytes_stay_with_their_message_whatever_else_is_said() {
    const MESSAGES: usize = 150;
    let server = rooms(&["--rooms-message-rate", "0"]);
    let mut listener = Person::enter_on(&server, 0, "r");
    let mut poller = Poller::join(&server, "/rooms");
    poller.say(r#"42/rooms,["join","r"]"#);
    listener.next();
    // Market data comes over the same connection, and pings would.
    listener.client.say("40");
    text(&mut listener.client);
    listener.client.say(r#"42["subscribe",["binance:btcusdt@trade","upbit:KRW-BTC@orderbook"]]"#);
    let senders: Vec<Person> = (0..4).map(|number| Person::enter_on(&server, number % 2, "r")).collect();
    let ids: Vec<String> = senders.iter().map(|sender| sender.id.clone()).collect();
    let threads: Vec<_> = senders.into_iter().enumerate().map(|(tag, mut sender)| {
        std::thread::spawn(move || {
            for number in 0..MESSAGES as u16 {
                // Attached in another order than that in which it stands.
                let header = r#"453-/rooms,["message",{"message":{"b":[{"_placeholder":true,"num":2}],"a":{"_placeholder":true,"num":0}},"room":"r","unused":{"_placeholder":true,"num":1}}]"#;
                sender.client.say(header);
                sender.client.send(2, &[tag as u8, 0, number as u8]);
                sender.client.send(2, b"unused");
                sender.client.send(2, &[tag as u8, 1, number as u8]);
                sender.say(&json!(["message", {"room": "r", "message": "between"}]));
            }
            sender
        })
    }).collect();
    let mut seen = [0; 4];
    while seen.iter().any(|count| *count < MESSAGES) {
        let packet = text(&mut listener.client);
        if !packet.starts_with("45") {
            continue;
        }
        assert!(packet.starts_with("452-/rooms,"), "{packet}");
        let event = event(&packet);
        let message = &event[1]["message"];
        assert!(event[1].get("unused").is_none(), "{event}");
        let attachments = [(); 2].map(|()| listener.client.next().expect("the connection lasts"));
        assert!(attachments.iter().all(|frame| frame.opcode == 2), "{attachments:?}");
        let attached = |value: &Value| attachments[value["num"].as_u64().unwrap() as usize].payload.clone();
        let tag = ids.iter().position(|id| event[1]["from"] == **id).expect("one who sends");
        let number = seen[tag] as u8;
        assert_eq!(
            (attached(&message["a"]), attached(&message["b"][0])),
            (vec![tag as u8, 0, number], vec![tag as u8, 1, number])
        );
        seen[tag] += 1;
    }
    let mut seen = 0;
    while seen < 4 * MESSAGES {
        let packet = poller.next();
        if packet.starts_with("45") {
            let attached = [poller.next(), poller.next()];
            assert!(attached.iter().all(|packet| packet.starts_with('b')), "{attached:?}");
            seen += 1;
        }
    }
    // Those who sent have heard the others: nobody was cut off.
    for thread in threads {
        thread.join().expect("the sender sends");
    }
    assert_eq!((server.count("slow_consumers"), server.count("room_refusals")), (0, 0));
}

#[test]
fn socketio_item_54_what_is_said_in_the_tick_of_the_connect_is_never_lost() {
    const THREADS: usize = 8;
    const EACH: usize = 125;
    let server = rooms(&[]);
    let mut listener = Person::enter(&server, "/rooms");
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (server, done) = (&server, &done);
            scope.spawn(move || {
                for number in 0..EACH {
                    let name = format!("{thread}-{number}");
                    let said = format!(r#"42/rooms,0["chat message","{name}"]"#);
                    if number % 5 == 0 {
                        let poller = Poller::open(server);
                        poller.say(&format!("40/rooms,\u{1e}{said}"));
                        let packets: Vec<String> = {
                            let mut poller = poller;
                            std::iter::repeat_with(|| poller.next())
                                .take_while(|p| !p.contains(&format!("{name}\"")))
                                .collect()
                        };
                        assert!(packets[0].starts_with("40/rooms,"), "{packets:?}");
                    } else {
                        let mut client = Client::open(server, WEBSOCKET);
                        client.say("40/rooms,");
                        client.say(&said);
                        text(&mut client);
                        assert!(text(&mut client).starts_with("40/rooms,"), "the reply comes before every event");
                        while !text(&mut client).contains(&format!("{name}\"")) {}
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut seen = std::collections::HashSet::new();
        for _ in 0..THREADS * EACH {
            let event = listener.next();
            assert!(seen.insert(event[1].as_str().expect("a text").to_owned()), "{event} came twice");
        }
    });
    assert_eq!(done.load(Ordering::Relaxed), THREADS * EACH);
    assert_eq!(listener.ask(&json!(["leave", "x"]))["ok"], false, "nothing else was waiting");
}

#[test]
fn who_comes_and_goes_and_what_is_said_is_one_story_on_every_core() {
    const ROUNDS: u64 = 60;
    let server = rooms(&["--rooms-message-rate", "0"]);
    let mut listeners = [0, 1].map(|core| Person::enter_on(&server, core, "r"));
    let [first, second] = &mut listeners;
    assert_eq!(first.next(), json!(["joined", {"room": "r", "id": second.id, "members": 2}]));
    let people: Vec<Person> = (0..6).map(|number| Person::enter_on(&server, number % 2, "r")).collect();
    let threads: Vec<_> = people
        .into_iter()
        .map(|mut person| {
            std::thread::spawn(move || {
                for round in 0..ROUNDS {
                    person.say(&json!(["message", {"room": "r", "message": [round, 1]}]));
                    person.say(&json!(["message", {"room": "r", "message": [round, 2]}]));
                    person.client.say(r#"42/rooms,7["leave","r"]"#);
                    // What others say may still come before the answer, and nothing comes behind it.
                    while !text(&mut person.client).starts_with("43/rooms,7") {}
                    let answer = person.ask(&json!(["join", "r"]));
                    assert_eq!(answer["ok"], true);
                }
                person
            })
        })
        .collect();
    for listener in &mut listeners {
        // How many there are follows from what has been told; what each says follows from what he has said.
        let (mut members, mut said, mut is_in) =
            (None, std::collections::HashMap::new(), std::collections::HashMap::new());
        let mut left = 0;
        while left < 6 * ROUNDS || is_in.values().any(|is_in| !is_in) {
            let event = listener.next();
            if event[0] == "message" {
                let from = event[1]["from"].as_str().expect("an id").to_owned();
                assert!(*is_in.get(&from).unwrap_or(&true), "{event}");
                let next: &mut u64 = said.entry(from).or_default();
                assert_eq!(event[1]["message"], json!([*next / 2, *next % 2 + 1]));
                *next += 1;
                continue;
            }
            let now = event[1]["members"].as_u64().expect("a number");
            let is_joined = event[0] == "joined";
            let before = if is_joined { now - 1 } else { now + 1 };
            assert_eq!(*members.get_or_insert(before), before, "{event}");
            members = Some(now);
            left += u64::from(!is_joined);
            is_in.insert(event[1]["id"].as_str().expect("an id").to_owned(), is_joined);
        }
        assert_eq!((members, said.values().sum::<u64>()), (Some(8), 6 * 2 * ROUNDS));
    }
    threads.into_iter().for_each(|thread| drop(thread.join().expect("they talk")));
}

#[test]
fn what_goes_beyond_a_limit_or_is_wrong_is_told_and_costs_nothing_else() {
    let flags = [
        ["--rooms-message-max", "1000"],
        ["--rooms-message-rate", "1"],
        ["--rooms-message-burst", "14"],
        ["--rooms-per-client-max", "2"],
        ["--rooms-members-max", "2"],
    ];
    let server = rooms(&flags.concat());
    let mut person = Person::enter(&server, "/rooms");
    for (asked, error) in [
        (json!(["join"]), "the argument is the name of a room, or {room}"),
        (json!(["join", ""]), "a room's name has 1 to 64 characters, not 0"),
        (json!(["join", "x".repeat(65)]), "a room's name has 1 to 64 characters, not 65"),
        (json!(["join", "a\nb"]), "a room's name has no control characters"),
        (json!(["leave", "r"]), "you are not in room `r`"),
        (json!(["message", "hi"]), "the argument of `message` is {room, message}"),
        (json!(["message", {"room": "r", "message": "hi"}]), "you are not in room `r`"),
        (json!(["typing", "r"]), "unknown event `typing`: there are join, leave, message and chat message"),
        (json!(["chat message", "x".repeat(999)]), "the message is too large: 1001 bytes, of 1000 at the most"),
    ] {
        assert_eq!(person.ask(&asked), json!({"ok": false, "error": error}), "{asked}");
    }
    for room in ["a", "\u{c774}\u{b984} b"] {
        assert_eq!(person.ask(&json!(["join", room])), json!({"ok": true, "room": room, "members": 1}));
    }
    assert_eq!(person.ask(&json!(["join", "a"])), json!({"ok": true, "room": "a", "members": 1}), "a second time");
    assert_eq!(person.ask(&json!(["join", "c"]))["error"], "you are in 2 rooms, and may be in no more");
    // The fourteenth was the last one that is let through, and without a number the answer is an event.
    person.say(&json!(["chat message", "last"]));
    assert_eq!(person.next(), json!(["chat message", "last"]));
    person.say(&json!(["chat message", "one too many"]));
    let error = "too many messages: 1 a second may be sent, and 14 at once";
    assert_eq!(person.next(), json!(["error", {"ok": false, "error": error}]));
    let mut second = Person::enter(&server, "/rooms");
    assert_eq!(second.ask(&json!(["join", "a"]))["members"], 2);
    let mut third = Person::enter(&server, "/rooms");
    assert_eq!(third.ask(&json!(["join", "a"]))["error"], "the room is full: 2 are in it");
    second.say(&json!(["message", {"room": "a", "message": "still here"}]));
    assert_eq!(person.next()[0], "joined");
    assert_eq!(person.next()[1]["message"], "still here");
    assert_eq!(server.count("room_refusals"), 12);
}

#[test]
fn json_is_passed_on_as_it_was_written() {
    let server = rooms(&[]);
    let mut speaker = Person::enter_on(&server, 0, "r");
    let mut listener = Person::enter_on(&server, 1, "r");
    let written = r#"{"z":1.10,"a":[1e3,0.30000000000000004,"\u00e9\u0000"],"_placeholder":true,"num":7}"#;
    speaker.client.say(&format!(r#"42/rooms,["message", {{"message": {written}, "room": "r"}}]"#));
    speaker.client.say(&format!(r#"42/rooms,["chat message", {written} , null,"x" ]"#));
    let from = &speaker.id;
    assert_eq!(
        text(&mut listener.client),
        format!(r#"42/rooms,["message",{{"room":"r","message":{written},"from":"{from}"}}]"#)
    );
    assert_eq!(text(&mut listener.client), format!(r#"42/rooms,["chat message",{written},null,"x"]"#));
}

#[test]
fn on_the_root_people_talk_beside_the_streams_and_recovery_is_not_misled() {
    let server = rooms(&["--socketio-recovery", "1m"]);
    let mut person = Person::enter(&server, "/");
    assert_eq!(person.ask(&json!(["join", "r"]))["ok"], true);
    assert_eq!(person.ask(&json!(["subscribe", ["binance:ethusdt@nosuch"]]))["ok"], false);
    let unknown = "unknown event `typing`: there are subscribe, unsubscribe and subscriptions";
    assert_eq!(person.ask(&json!(["typing"]))["error"], unknown);
    person.say(&json!(["chat message", "a text at the end would be taken for an offset"]));
    assert_eq!(person.next()[2], Value::Null);
}

#[test]
fn without_the_flag_there_is_nothing_of_it() {
    let server = Server::start(&["--writers", "1"]);
    let mut client = join(&server, "/");
    client.say("40/rooms,");
    assert_eq!(text(&mut client), r#"44/rooms,{"message":"Invalid namespace"}"#);
    client.say(r#"420["join","r"]"#);
    assert!(text(&mut client).contains("unknown event `join`"));
    let (status, _, body) = server.get("/rooms/lobby");
    assert_eq!((status, body.contains("start tapecast with --rooms")), (404, true), "{body}");
    assert!(Client::try_open(server.address, "/rooms/lobby").err().expect("no upgrade").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_room_is_one_for_socket_io_and_for_plain_websockets() {
    let server = rooms(&[]);
    let mut person = Person::enter_on(&server, 1, "r");
    let mut plain = Client::open(&server, "/rooms/r");
    let welcome: Value = serde_json::from_str(&text(&mut plain)).unwrap();
    let id = welcome["id"].as_str().unwrap();
    assert_eq!(welcome, json!({"event": "welcome", "room": "r", "id": id, "members": 2}));
    assert_eq!(person.next(), json!(["joined", {"room": "r", "id": id, "members": 2}]));
    plain.say("h\u{e9}llo \"you\"");
    plain.send(2, &[0, 255]);
    assert_eq!(person.next(), json!(["message", {"room": "r", "message": "h\u{e9}llo \"you\"", "from": id}]));
    let placeholder = json!({"_placeholder": true, "num": 0});
    assert_eq!(person.next(), json!(["message", {"room": "r", "message": placeholder, "from": id}]));
    assert_eq!(person.client.next().unwrap().payload, [0, 255]);
    person.say(&json!(["message", {"room": "r", "message": "a text"}]));
    person.client.say(r#"451-/rooms,["message",{"room":"r","message":{"_placeholder":true,"num":0}}]"#);
    person.client.send(2, &[1, 2]);
    person.say(&json!(["message", {"room": "r", "message": {"any": "json"}}]));
    assert_eq!(text(&mut plain), "a text");
    let frame = plain.next().unwrap();
    assert_eq!((frame.opcode, frame.payload), (2, vec![1, 2]));
    assert_eq!(text(&mut plain), r#"{"any":"json"}"#);
    drop(plain);
    assert_eq!(person.next()[0], "left");
}
