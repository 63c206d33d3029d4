//! One who talks in a room on a WebSocket of his own: what he sends the others get, text as text and bytes as bytes.
//!
//! He is greeted with `{"event":"welcome","room":"…","id":"…","members":2}`. Everything else that he gets is what others
//! have said, as it is, unless his address ends with `?presence=true`: then he is told who comes and goes,
//! `{"event":"joined",…}` and `{"event":"left",…}`. What is not passed on is answered with
//! `{"event":"error","error":"…"}`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::protocol::engineio::id::socket_id;
use crate::protocol::websocket::Opcode;
use crate::session::events::{decode, parameter};
use crate::session::heartbeat::HeartbeatLimits;
use crate::session::liveness::Liveness;
use crate::session::rate::Rate;
use crate::session::rooms::members::Audience;
use crate::session::rooms::said::{PLACEHOLDER, welcome};
use crate::session::rooms::{Content, Place, Rooms, Seating, Space, Speaker};
use crate::session::{Effects, Incoming};

/// What addresses of rooms begin with.
pub const PREFIX: &str = "/rooms/";

/// One who talks on a WebSocket of his own.
#[derive(Debug)]
pub struct RoomSession {
    rooms: Arc<Rooms>,
    speaker: Speaker,
    place: Place,
    presence: bool,
    is_in: bool,
    rate: Rate,
    liveness: Liveness,
}

impl RoomSession {
    /// A connection made now on this core, to the room that its address names.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn new(
        rooms: &Arc<Rooms>,
        core: usize,
        (path, query): (&str, Option<&str>),
        heartbeat: HeartbeatLimits,
        now_ms: u64,
    ) -> Result<RoomSession, String> {
        let name = path.strip_prefix(PREFIX).unwrap_or_default();
        if name.contains('/') {
            return Err("a room's name has no `/` in an address: write %2F".into());
        }
        let name = decode(name).ok_or("the room's name: an escape is malformed, or not UTF-8")?;
        let presence = match parameter(query, "presence")?.as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => return Err(format!("presence: `{other}` is neither true nor false")),
        };
        Ok(RoomSession {
            speaker: rooms.speaker(core, socket_id()),
            place: Place::room(Space::Rooms, &name)?,
            rooms: Arc::clone(rooms),
            presence,
            is_in: false,
            rate: Rate::new(rooms.limits().rate, now_ms),
            // People stay for as long as they like.
            liveness: Liveness::new(heartbeat, 0, now_ms),
        })
    }

    /// Goes in and is greeted, or is told with its end why it may not.
    pub fn begin(&mut self, effects: &mut Effects) {
        match self.rooms.join(&self.speaker, &self.place, Audience::Plain { presence: self.presence }) {
            Ok((seat, members)) => {
                self.is_in = true;
                effects.rooms.seats.push(Seating::Take(self.place.clone(), seat));
                effects.send(Opcode::Text, welcome(&self.place, &self.speaker.id, members).as_bytes());
            }
            Err(refused) => {
                effects.rooms.refused += 1;
                effects.close(refused.close());
            }
        }
    }

    /// Something has come from the client.
    pub fn on_message(&mut self, message: Incoming<'_>, now_ms: u64, effects: &mut Effects) {
        let (json, attachments, length) = match message {
            Incoming::Ping(payload) => return effects.send(Opcode::Pong, payload),
            Incoming::Pong(payload) => return self.liveness.on_pong(payload, now_ms),
            Incoming::Text(text) => (Value::from(text).to_string(), Vec::new(), text.len()),
            Incoming::Binary(bytes) => (PLACEHOLDER.to_owned(), vec![bytes.to_vec()], bytes.len()),
        };
        if !self.is_in {
            return;
        }
        if let Err(error) = self.say((json, attachments, length), now_ms) {
            effects.rooms.refused += 1;
            let error = json!({ "event": "error", "error": error });
            return effects.send(Opcode::Text, error.to_string().as_bytes());
        }
        effects.rooms.said += 1;
    }

    fn say(&mut self, message: (String, Vec<Vec<u8>>, usize), now_ms: u64) -> Result<(), String> {
        let (json, attachments, length) = message;
        let limits = self.rooms.limits();
        limits.check_rate(&mut self.rate, now_ms)?;
        limits.check_size(length)?;
        let content = Content::Message { from: self.speaker.id.as_str().into(), json: json.into(), attachments };
        let said = self.rooms.say(&self.place, Some(self.speaker.number), content);
        said.map_err(|refused| refused.to_string())
    }

    /// Time has passed: `now_ms` for deadlines, `unix_ms` for a ping's payload.
    pub fn on_time(&mut self, now_ms: u64, unix_ms: u64, effects: &mut Effects) {
        self.liveness.on_time(now_ms, unix_ms, effects);
    }

    /// The connection has ended.
    pub fn on_end(&mut self) {
        if std::mem::take(&mut self.is_in) {
            self.rooms.leave(&self.speaker, &self.place);
        }
    }
}
