//! Sessions, register and members together, against a naive twin.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::members::Listeners;
use super::*;
use crate::fanout::OutletId;
use crate::protocol::engineio::exchange::Exchange;
use crate::protocol::engineio::id::Sid;
use crate::protocol::engineio::open::{Limits, Transport};
use crate::protocol::socketio::Parser;
use crate::session::heartbeat::HeartbeatLimits;
use crate::session::socketio::recovery::Recoveries;
use crate::session::socketio::token::Tokens;
use crate::session::socketio::{Service, SocketIoLimits, SocketIoSession};
use crate::session::{Effects, End, Incoming};
use crate::venue::upbit::Edition;

const LIMITS: RoomLimits = RoomLimits {
    message_bytes_max: 100,
    rate: RateLimits { per_second: 0, burst: 0 },
    per_client_max: 2,
    members_max: 3,
    rooms_max: 2,
};

const ENGINE: Limits = Limits {
    ping_interval_ms: 25_000,
    ping_timeout_ms: 20_000,
    upgrade_timeout_ms: 10_000,
    connect_timeout_ms: 45_000,
    payload_bytes_max: 1_000_000,
};

const CORES: usize = 2;
const PEOPLE: usize = 8;

fn session(rooms: &Arc<Rooms>, core: usize) -> SocketIoSession {
    let rate = RateLimits { per_second: 0, burst: 0 };
    let tokens = Tokens::default();
    let limits = SocketIoLimits { engine: ENGINE, streams_max: 3, rate, tokens, edition: Edition::Today };
    let recoveries = Arc::new(Recoveries::new(Duration::ZERO));
    SocketIoSession::new(Sid::new(core), Transport::WebSocket, (Service::Streams, limits), recoveries, 0).with_rooms(
        Some(rooms),
        core,
        0,
    )
}

/// Frames as a client that polls gets them.
fn packets(frames: &[u8]) -> Vec<String> {
    let mut exchange = Exchange::default();
    exchange.hold().unwrap();
    exchange.take(frames);
    let body = String::from_utf8(exchange.answer()).unwrap();
    body.split('\u{1e}').map(str::to_owned).filter(|text| !text.is_empty()).collect()
}

/// What somebody does, or a core.
#[derive(Clone, Copy, Debug)]
enum Step {
    Connect(usize),
    Join(usize, usize),
    Leave(usize, usize),
    Message(usize, usize),
    Chat(usize),
    /// Leaves the namespace.
    Depart(usize),
    /// Loses the connection.
    End(usize),
    /// A core passes on what it has been left.
    Hear(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (who, room) = (0..PEOPLE, 0..3_usize);
    prop_oneof![
        3 => who.clone().prop_map(Step::Connect),
        6 => (who.clone(), room.clone()).prop_map(|(who, room)| Step::Join(who, room)),
        2 => (who.clone(), room.clone()).prop_map(|(who, room)| Step::Leave(who, room)),
        4 => (who.clone(), room).prop_map(|(who, room)| Step::Message(who, room)),
        1 => who.clone().prop_map(Step::Chat),
        1 => who.clone().prop_map(Step::Depart),
        1 => who.prop_map(Step::End),
        2 => (0..CORES).prop_map(Step::Hear),
    ]
}

/// The real thing: a session for each person, members for each core. Who comes again has the outlet he had before.
struct Real {
    rooms: Arc<Rooms>,
    posts: Vec<UnboundedReceiver<Arc<Said>>>,
    members: Vec<Members>,
    sessions: Vec<Option<SocketIoSession>>,
}

impl Real {
    fn new() -> Real {
        let (rooms, posts) = Rooms::new(LIMITS, CORES);
        let sessions = (0..PEOPLE).map(|_| None).collect();
        Real { rooms: Arc::new(rooms), posts, members: (0..CORES).map(|_| Members::default()).collect(), sessions }
    }

    fn say(&mut self, who: usize, text: &str) -> Vec<String> {
        let session = self.sessions[who].get_or_insert_with(|| session(&self.rooms, who % CORES));
        let mut effects = Effects::default();
        session.on_message(Incoming::Text(text), 0, &mut effects);
        assert!(effects.end.is_none(), "{text}");
        for seating in effects.rooms.seats {
            match seating {
                Seating::Take(place, seat) => self.members[who % CORES].take_seat(OutletId(who as u32), place, seat),
                Seating::GiveUp(place, number) => self.members[who % CORES].give_up(&place, number),
            }
        }
        packets(&effects.frames.bytes)
    }

    fn end(&mut self, who: usize) {
        if let Some(mut session) = self.sessions[who].take() {
            session.on_end();
            self.members[who % CORES].remove(OutletId(who as u32));
        }
    }

    /// What each message was, and who heard it, without those that nobody did.
    fn hear(&mut self, core: usize) -> Vec<(String, Vec<usize>)> {
        let (mut heard, mut listeners) = (Vec::new(), Listeners::default());
        while let Ok(said) = self.posts[core].try_recv() {
            self.members[core].hear(&said, &mut listeners);
            self.rooms.heard(core, &said);
            assert!(listeners.plain.is_empty());
            let mut who: Vec<usize> = listeners.events.iter().map(|outlet| outlet.0 as usize).collect();
            who.sort_unstable();
            let mut frame = Vec::new();
            said.write_event(Parser::Default, false, &mut frame);
            if !who.is_empty() {
                heard.push((packets(&frame).remove(0), who));
            }
        }
        heard
    }
}

/// The same, by looking at everybody every time.
#[derive(Default)]
struct Twin {
    time: u64,
    people: Vec<Option<Person>>,
    /// What is to be heard on each core.
    waiting: Vec<Vec<Waiting>>,
}

#[derive(Clone)]
struct Waiting {
    time: u64,
    room: Option<usize>,
    by: Option<String>,
    text: String,
}

struct Person {
    id: String,
    since: u64,
    rooms: Vec<(usize, u64)>,
}

impl Person {
    fn since(&self, room: Option<usize>) -> Option<u64> {
        match room {
            None => Some(self.since),
            Some(room) => self.rooms.iter().find(|(known, _)| *known == room).map(|(_, since)| *since),
        }
    }
}

impl Twin {
    fn count(&self, room: usize) -> usize {
        self.people.iter().flatten().filter(|person| person.since(Some(room)).is_some()).count()
    }

    fn tell(&mut self, room: Option<usize>, by: Option<&str>, text: String) {
        for core in &mut self.waiting {
            core.push(Waiting { time: self.time, room, by: by.map(str::to_owned), text: text.clone() });
        }
    }

    /// What the one who wants to join is told.
    fn join(&mut self, who: usize, room: usize) -> Option<Value> {
        let (count, time) = (self.count(room), self.time);
        let rooms = (0..3).filter(|room| self.count(*room) > 0).count();
        let person = self.people[who].as_mut()?;
        let is_in = person.since(Some(room)).is_some();
        let error = if is_in {
            None
        } else if person.rooms.len() >= 2 {
            Some("you are in 2 rooms, and may be in no more")
        } else if count >= 3 {
            Some("the room is full: 3 are in it")
        } else if count == 0 && rooms >= 2 {
            Some("there are 2 rooms, and no more can be made")
        } else {
            None
        };
        if let Some(error) = error {
            return Some(json!([{ "ok": false, "error": error }]));
        }
        if is_in {
            return Some(json!([{ "ok": true, "room": format!("r{room}"), "members": count }]));
        }
        person.rooms.push((room, time));
        let id = person.id.clone();
        let text = format!(r#"42/rooms,["joined",{{"room":"r{room}","id":"{id}","members":{}}}]"#, count + 1);
        self.tell(Some(room), Some(&id), text);
        Some(json!([{ "ok": true, "room": format!("r{room}"), "members": count + 1 }]))
    }

    fn leave(&mut self, who: usize, room: usize) -> Option<Value> {
        let person = self.people[who].as_mut()?;
        if person.since(Some(room)).is_none() {
            return Some(json!([{ "ok": false, "error": format!("you are not in room `r{room}`") }]));
        }
        person.rooms.retain(|(known, _)| *known != room);
        let (id, count) = (person.id.clone(), self.count(room));
        let text = format!(r#"42/rooms,["left",{{"room":"r{room}","id":"{id}","members":{count}}}]"#);
        self.tell(Some(room), Some(&id), text);
        Some(json!([{ "ok": true, "room": format!("r{room}"), "members": count }]))
    }

    fn end(&mut self, who: usize) -> Vec<String> {
        (0..3).for_each(|room| drop(self.leave(who, room)));
        self.people[who] = None;
        Vec::new()
    }

    fn hear(&mut self, core: usize) -> Vec<(String, Vec<usize>)> {
        let heard = self.waiting[core].drain(..).map(|Waiting { time, room, by, text }| {
            let hears = |person: &Person| {
                person.since(room).is_some_and(|since| since < time) && Some(&person.id) != by.as_ref()
            };
            let here = (0..PEOPLE).filter(|who| who % CORES == core);
            (text, here.filter(|who| self.people[*who].as_ref().is_some_and(hears)).collect::<Vec<usize>>())
        });
        heard.filter(|(_, who)| !who.is_empty()).collect()
    }
}

/// Those of one room and of one who speaks come in order; what the last one says on leaving two rooms may come in any.
fn sorted(mut heard: Vec<(String, Vec<usize>)>) -> Vec<(String, Vec<usize>)> {
    let mut begin = 0;
    while begin < heard.len() {
        let is_of_end = |at: usize, heard: &[(String, Vec<usize>)]| heard[at].0.contains("\"left\"");
        let mut end = begin + 1;
        while is_of_end(begin, &heard) && end < heard.len() && is_of_end(end, &heard) {
            end += 1;
        }
        heard[begin..end].sort();
        begin = end;
    }
    heard
}

fn check(steps: &[Step]) {
    let mut real = Real::new();
    let mut twin = Twin { people: (0..PEOPLE).map(|_| None).collect(), waiting: vec![Vec::new(); CORES], time: 0 };
    for (number, step) in steps.iter().enumerate() {
        twin.time += 1;
        let answered = |packets: Vec<String>| -> Value {
            let [packet] = &packets[..] else { panic!("{step:?}: {packets:?}") };
            serde_json::from_str(packet.strip_prefix("43/rooms,7").expect("an answer")).expect("JSON")
        };
        match *step {
            Step::Connect(who) if twin.people[who].is_none() => {
                let packet = real.say(who, "40/rooms,").remove(0);
                let reply: Value = serde_json::from_str(packet.strip_prefix("40/rooms,").expect("joined")).unwrap();
                let id = reply["sid"].as_str().expect("an id").to_owned();
                twin.people[who] = Some(Person { id, since: twin.time, rooms: Vec::new() });
            }
            Step::Join(who, room) => {
                if let Some(wanted) = twin.join(who, room) {
                    let packets = real.say(who, &format!(r#"42/rooms,7["join","r{room}"]"#));
                    assert_eq!(answered(packets), wanted, "{step:?}");
                }
            }
            Step::Leave(who, room) => {
                if let Some(wanted) = twin.leave(who, room) {
                    let packets = real.say(who, &format!(r#"42/rooms,7["leaveRoom",{{"room":"r{room}"}}]"#));
                    assert_eq!(answered(packets), wanted, "{step:?}");
                }
            }
            Step::Message(who, room) => {
                let Some(person) = &twin.people[who] else { continue };
                let (id, is_in) = (person.id.clone(), person.since(Some(room)).is_some());
                let packets =
                    real.say(who, &format!(r#"42/rooms,7["message",{{"room":"r{room}","message":{number}}}]"#));
                assert_eq!(answered(packets)[0]["ok"], is_in, "{step:?}");
                if is_in {
                    let text = format!(r#"42/rooms,["message",{{"room":"r{room}","message":{number},"from":"{id}"}}]"#);
                    twin.tell(Some(room), Some(&id), text);
                }
            }
            Step::Chat(who) if twin.people[who].is_some() => {
                let packets = real.say(who, &format!(r#"42/rooms,["chat message","{number}"]"#));
                assert!(packets.is_empty(), "{packets:?}");
                twin.tell(None, None, format!(r#"42/rooms,["chat message","{number}"]"#));
            }
            Step::Depart(who) if twin.people[who].is_some() => {
                assert!(real.say(who, "41/rooms,").is_empty());
                twin.end(who);
            }
            Step::End(who) => {
                real.end(who);
                twin.end(who);
            }
            Step::Hear(core) => assert_eq!(sorted(real.hear(core)), sorted(twin.hear(core))),
            Step::Connect(_) | Step::Chat(_) | Step::Depart(_) => {}
        }
        assert_eq!(real.rooms.len(), (0..3).filter(|room| twin.count(*room) > 0).count());
    }
    (0..CORES).for_each(|core| assert_eq!(sorted(real.hear(core)), sorted(twin.hear(core))));
    (0..PEOPLE).for_each(|who| real.end(who));
    assert!(real.rooms.is_empty() && real.members.iter().all(Members::is_empty), "nobody is left, and so is nothing");
}

proptest! {
    #[test]
    fn socketio_item_60_and_61_whoever_is_in_a_room_hears_what_is_said_there_and_nobody_else(
        steps in proptest::collection::vec(step(), 1..120)
    ) {
        check(&steps);
    }

    #[test]
    fn no_event_and_no_address_makes_it_panic(text in "\\PC{0,40}", name in "[a-z%/0-9]{0,12}", query in "[a-z=&%]{0,20}") {
        let mut real = Real::new();
        real.say(0, "40/rooms,");
        for event in ["join", "leave", "message", "chat message", "other"] {
            real.say(0, &format!("42/rooms,{}", json!([event, text])));
            real.say(0, &format!("42/rooms,1{}", json!([event, {"room": text, "message": [text]}])));
        }
        let heartbeat = HeartbeatLimits { ping_interval_ms: 0, pong_timeout_ms: 0 };
        for path in [format!("/rooms/{name}"), format!("/rooms/{text}")] {
            let _ = RoomSession::new(&real.rooms, 0, (&path, Some(&query)), heartbeat, 0);
        }
    }
}

#[test]
fn what_waits_for_a_core_is_bounded_and_who_leaves_is_told_of_all_the_same() {
    let limits = RoomLimits { message_bytes_max: 1 << 20, ..LIMITS };
    let (rooms, mut posts) = Rooms::new(limits, 2);
    let place = Place::room(Space::Rooms, "r").unwrap();
    let people = [0, 1].map(|core| rooms.speaker(core, core.to_string()));
    for person in &people {
        rooms.join(person, &place, members::Audience::Events(Parser::Default)).unwrap();
    }
    let message = || Content::Message { from: "0".into(), json: "0".into(), attachments: vec![vec![0; 1 << 20]] };
    let said = (0..100).take_while(|_| rooms.say(&place, Some(people[0].number), message()).is_ok()).count();
    assert_eq!(said, register::WAITING_BYTES_MAX / (1 << 20) - 1, "each costs a little more than its bytes");
    assert_eq!(rooms.say(&place, None, message()), Err(Refused::Busy));
    assert_eq!(
        rooms.join(&rooms.speaker(0, "2".into()), &place, members::Audience::Events(Parser::Default)).err(),
        None
    );
    assert_eq!(rooms.leave(&people[0], &place), 2);
    let heard: Vec<Arc<Said>> = std::iter::from_fn(|| posts[1].try_recv().ok()).collect();
    assert_eq!(heard.len(), said + 3, "and two who came, and one who left");
    assert!(matches!(heard.last().unwrap().content, Content::Left { members: 2, .. }));
    heard.iter().for_each(|said| rooms.heard(1, said));
    while let Ok(said) = posts[0].try_recv() {
        rooms.heard(0, &said);
    }
    assert_eq!(rooms.say(&place, None, message()), Ok(()));
}

#[test]
fn a_plain_client_that_finds_no_room_is_told_with_its_end() {
    let (rooms, _posts) = Rooms::new(RoomLimits { members_max: 1, ..LIMITS }, 1);
    let rooms = Arc::new(rooms);
    let heartbeat = HeartbeatLimits { ping_interval_ms: 0, pong_timeout_ms: 0 };
    let mut begun = ["a", "a"].map(|name| {
        let path = format!("/rooms/{name}");
        let mut session = RoomSession::new(&rooms, 0, (&path, None), heartbeat, 0).unwrap();
        let mut effects = Effects::default();
        session.begin(&mut effects);
        (session, effects)
    });
    assert_eq!((begun[0].1.end, begun[1].1.end), (None, Some(End::Close(Refused::Full(1).close()))));
    let mut effects = Effects::default();
    begun[1].0.on_message(Incoming::Text("hi"), 0, &mut effects);
    assert_eq!((effects.rooms.said, effects.frames.marks.len()), (0, 0), "one who is not in says nothing");
    begun[1].0.on_end();
    assert_eq!(rooms.len(), 1);
    begun[0].0.on_end();
    assert!(rooms.is_empty());
}
