//! People who talk: the events of `/rooms`, and of `/` beside its streams.
//!
//! | event | arguments | answer | the others get |
//! |---|---|---|---|
//! | `join`, `joinRoom` | a room, or `{room}` | `{"ok":true,"room":…,"members":n}` | `joined` `{room, id, members}` |
//! | `leave`, `leaveRoom` | the same | the same | `left` `{room, id, members}` |
//! | `message` | `{room, message}` | `{"ok":true}` | `message` `{room, message, from}` |
//! | `chat message` | any | `{"ok":true}` | `chat message` with the same; so does the sender |
//!
//! The first three concern who is in the room, `chat message` all who are in the namespace. A message is any JSON,
//! passed on as it was written, bytes in it included. Whoever is in a room already may join it again, and nothing happens.
//! What cannot be done is answered as it is for streams.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::protocol::socketio::{Packet, Parser};
use crate::session::Effects;
use crate::session::rate::Rate;
use crate::session::rooms::members::Audience;
use crate::session::rooms::{Content, Place, Rooms, Seating, Space, Speaker};

/// What a session's events in rooms come to.
#[derive(Debug)]
pub(super) struct Talks {
    rooms: Arc<Rooms>,
    core: usize,
    rate: Rate,
    /// Of each namespace that it has joined.
    talks: FxHashMap<Space, Talk>,
}

/// One socket in a namespace.
#[derive(Debug)]
struct Talk {
    speaker: Speaker,
    audience: Audience,
    places: FxHashSet<Place>,
}

/// A room as it is named.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Named {
    Name(String),
    Member { room: String },
}

/// A message and where it goes.
#[derive(Debug, Deserialize)]
struct Message<'a> {
    room: String,
    #[serde(borrow)]
    message: &'a RawValue,
}

impl Talks {
    /// Those of a session on this core that has joined nothing yet.
    pub(super) fn new(rooms: Arc<Rooms>, core: usize, now_ms: u64) -> Talks {
        let rate = Rate::new(rooms.limits().rate, now_ms);
        Talks { rooms, core, rate, talks: FxHashMap::default() }
    }

    /// Whether a namespace has rooms and nothing else.
    pub(super) fn serve(&self, path: &str) -> bool {
        Space::at(path) == Some(Space::Rooms)
    }

    /// The session has joined a namespace, under this id, with packets in this writing.
    pub(super) fn on_connect(&mut self, path: &str, socket_id: &str, parser: Parser, effects: &mut Effects) {
        let Some(space) = Space::at(path) else { return };
        let audience = Audience::Events(parser);
        let speaker = self.rooms.speaker(self.core, socket_id.to_owned());
        let (place, seat) = self.rooms.enter(&speaker, space, audience);
        effects.rooms.seats.push(Seating::Take(place, seat));
        self.talks.insert(space, Talk { speaker, audience, places: FxHashSet::default() });
    }

    /// The session goes on in a namespace under the id that it had before its connection broke.
    pub(super) fn on_recovery(&mut self, path: &str, socket_id: &str) {
        if let Some(talk) = Space::at(path).and_then(|space| self.talks.get_mut(&space)) {
            socket_id.clone_into(&mut talk.speaker.id);
        }
    }

    /// The session has left a namespace, and with it the rooms there.
    pub(super) fn on_disconnect(&mut self, path: &str, effects: &mut Effects) {
        let Some(space) = Space::at(path) else { return };
        let Some(talk) = self.talks.remove(&space) else { return };
        let number = talk.speaker.number;
        let give_up = |place| Seating::GiveUp(place, number);
        effects.rooms.seats.extend(talk.places.iter().cloned().chain([Place::everywhere(space)]).map(give_up));
        end(&self.rooms, space, &talk);
    }

    /// The connection has ended.
    pub(super) fn on_end(&mut self) {
        for (space, talk) in self.talks.drain() {
            end(&self.rooms, space, &talk);
        }
    }

    /// Carries out an event; `None` if it is none of those that concern rooms.
    pub(super) fn on_event(
        &mut self,
        packet: &Packet,
        now_ms: u64,
        effects: &mut Effects,
    ) -> Option<Result<Value, String>> {
        let space = Space::at(&packet.namespace).filter(|space| self.talks.contains_key(space))?;
        let (event, arguments) = match packet.event() {
            Some(event) => event,
            None if space == Space::Rooms => return Some(Err("the name of an event is a text".into())),
            None => return None,
        };
        let is_known = matches!(event, "join" | "joinRoom" | "leave" | "leaveRoom" | "message" | "chat message");
        if !is_known && space == Space::Root {
            return None;
        }
        let answer = self.rooms.limits().check_rate(&mut self.rate, now_ms).and_then(|()| match event {
            "join" | "joinRoom" => self.join(space, arguments, effects),
            "leave" | "leaveRoom" => self.leave(space, arguments, effects),
            "message" => self.message(space, packet, effects),
            "chat message" => self.chat(space, packet, effects),
            other => Err(format!("unknown event `{other}`: there are join, leave, message and chat message")),
        });
        effects.rooms.refused += u32::from(answer.is_err());
        Some(answer)
    }

    fn join(&mut self, space: Space, arguments: &[Value], effects: &mut Effects) -> Result<Value, String> {
        let place = named(space, arguments)?;
        let per_client_max = self.rooms.limits().per_client_max;
        let joined: usize = self.talks.values().map(|talk| talk.places.len()).sum();
        let talk = self.talks.get_mut(&space).ok_or("not connected")?;
        let answer = |members: usize| json!({ "ok": true, "room": place.name(), "members": members });
        if talk.places.contains(&place) {
            return Ok(answer(self.rooms.members(&place)));
        }
        if joined >= per_client_max {
            return Err(format!("you are in {joined} rooms, and may be in no more"));
        }
        let joined = self.rooms.join(&talk.speaker, &place, talk.audience);
        let (seat, members) = joined.map_err(|refused| refused.to_string())?;
        effects.rooms.seats.push(Seating::Take(place.clone(), seat));
        let answer = answer(members);
        talk.places.insert(place);
        Ok(answer)
    }

    fn leave(&mut self, space: Space, arguments: &[Value], effects: &mut Effects) -> Result<Value, String> {
        let place = named(space, arguments)?;
        let talk = self.talks.get_mut(&space).filter(|talk| talk.places.contains(&place));
        let talk = talk.ok_or_else(|| not_in(&place))?;
        talk.places.remove(&place);
        let members = self.rooms.leave(&talk.speaker, &place);
        let answer = json!({ "ok": true, "room": place.name(), "members": members });
        effects.rooms.seats.push(Seating::GiveUp(place, talk.speaker.number));
        Ok(answer)
    }

    fn message(&mut self, space: Space, packet: &Packet, effects: &mut Effects) -> Result<Value, String> {
        const SHAPE: &str = "the argument of `message` is {room, message}";
        let written = written(packet)?;
        let Message { room, message } =
            written.get(1).and_then(|argument| serde_json::from_str(argument.get()).ok()).ok_or(SHAPE)?;
        let place = Place::room(space, &room)?;
        let talk = self.talks.get(&space).filter(|talk| talk.places.contains(&place));
        let speaker = &talk.ok_or_else(|| not_in(&place))?.speaker;
        let (json, attachments) = attach(&[message], packet)?;
        self.check_size(&json, &attachments)?;
        let from = speaker.id.as_str().into();
        let content = Content::Message { from, json: json.into(), attachments };
        let said = self.rooms.say(&place, Some(speaker.number), content);
        said.map_err(|refused| refused.to_string())?;
        effects.rooms.said += 1;
        Ok(json!({ "ok": true }))
    }

    fn chat(&mut self, space: Space, packet: &Packet, effects: &mut Effects) -> Result<Value, String> {
        let written = written(packet)?;
        let ends_with_text = written[1..].last().is_some_and(|last| last.get().starts_with('"'));
        let (list, attachments) = attach(&written[1..], packet)?;
        self.check_size(&list, &attachments)?;
        let arguments = if list.is_empty() { list } else { format!(",{list}") };
        let content = Content::Chat { arguments: arguments.into(), ends_with_text, attachments };
        let said = self.rooms.say(&Place::everywhere(space), None, content);
        said.map_err(|refused| refused.to_string())?;
        effects.rooms.said += 1;
        Ok(json!({ "ok": true }))
    }

    fn check_size(&self, json: &str, attachments: &[Vec<u8>]) -> Result<(), String> {
        let attached: usize = attachments.iter().map(Vec::len).sum();
        self.rooms.limits().check_size(json.len() + attached)
    }
}

fn end(rooms: &Rooms, space: Space, talk: &Talk) {
    for place in &talk.places {
        rooms.leave(&talk.speaker, place);
    }
    rooms.exit(&talk.speaker, space);
}

fn not_in(place: &Place) -> String {
    format!("you are not in room `{}`", place.name())
}

fn named(space: Space, arguments: &[Value]) -> Result<Place, String> {
    let named = arguments.first().and_then(|argument| Named::deserialize(argument).ok());
    match named {
        Some(Named::Name(room) | Named::Member { room }) => Place::room(space, &room),
        None => Err("the argument is the name of a room, or {room}".into()),
    }
}

/// The event's array, each element as it was written.
fn written(packet: &Packet) -> Result<Vec<&RawValue>, String> {
    serde_json::from_str(&packet.json).map_err(|error| error.to_string())
}

/// Values as they were written, with commas between them, and what is attached to them. Where an event has attachments,
/// these are numbered anew: those of other parts of it are left out.
fn attach(values: &[&RawValue], packet: &Packet) -> Result<(String, Vec<Vec<u8>>), String> {
    if packet.attachments.is_empty() {
        let written: Vec<&str> = values.iter().map(|value| value.get()).collect();
        return Ok((written.join(","), Vec::new()));
    }
    let mut numbers = Vec::new();
    let mut texts = Vec::with_capacity(values.len());
    for value in values {
        let mut value: Value = serde_json::from_str(value.get()).map_err(|error| error.to_string())?;
        number_anew(&mut value, &mut numbers);
        texts.push(value.to_string());
    }
    Ok((texts.join(","), numbers.iter().filter_map(|number| packet.attachments.get(*number).cloned()).collect()))
}

/// Gives placeholders the numbers 0, 1, … in the order in which they stand; `numbers` are those that they had.
fn number_anew(value: &mut Value, numbers: &mut Vec<usize>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| number_anew(value, numbers)),
        Value::Object(members) if members.get("_placeholder") == Some(&Value::Bool(true)) => {
            // Every placeholder of a packet stands for one of its attachments, or it would not have been read.
            let number = members.get("num").and_then(Value::as_u64).unwrap_or(0) as usize;
            let place = numbers.iter().position(|known| *known == number).unwrap_or_else(|| {
                numbers.push(number);
                numbers.len() - 1
            });
            *value = json!({ "_placeholder": true, "num": place });
        }
        Value::Object(members) => members.values_mut().for_each(|value| number_anew(value, numbers)),
        _ => {}
    }
}
