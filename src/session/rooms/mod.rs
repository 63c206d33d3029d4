//! Rooms: people talk to one another on the connections that market data comes over.
//!
//! ```text
//!  session ──join, leave, say──▶ Rooms: who is where, counted for all cores; hands out serials
//!                                  │ what was said, to each core that has somebody there, in one order
//!                                  ▼
//!                               Members of a core: which of its outlets hear it; rendered once for each kind of client
//! ```
//!
//! A room lies in a namespace of Socket.IO, `/` or `/rooms`, as it does there; the plain address `/rooms/<name>` leads to
//! the room of that name in `/rooms`. A room begins with the first who joins it and is gone with the last who leaves.
//!
//! Everything that is said has a serial, and so has every seat that is taken. A member hears what has a higher serial
//! than its seat, as long as it has the seat: nothing that was said before it came, and nothing once it has left.

pub mod members;
pub mod plain;
pub mod register;
pub mod said;

use std::sync::Arc;

use crate::session::rate::{Rate, RateLimits};

pub use members::{Members, Seat};
pub use plain::RoomSession;
pub use register::{Refused, Rooms};
pub use said::{Content, Said};

/// What holds in all rooms.
#[derive(Clone, Copy, Debug)]
pub struct RoomLimits {
    /// Largest message in bytes: its JSON with all attachments, or what a plain WebSocket carries.
    pub message_bytes_max: usize,
    /// Events of one connection: messages, and joining and leaving.
    pub rate: RateLimits,
    /// Most rooms that one connection is in.
    pub per_client_max: usize,
    /// Most members of one room.
    pub members_max: usize,
    /// Most rooms there are.
    pub rooms_max: usize,
}

impl RoomLimits {
    /// Counts an event.
    pub(super) fn check_rate(&self, rate: &mut Rate, now_ms: u64) -> Result<(), String> {
        let RateLimits { per_second, burst } = self.rate;
        let error = || format!("too many messages: {per_second} a second may be sent, and {burst} at once");
        rate.take(now_ms).then_some(()).ok_or_else(error)
    }

    /// Looks at the size of a message.
    pub(super) fn check_size(&self, bytes: usize) -> Result<(), String> {
        let bytes_max = self.message_bytes_max;
        let error = || format!("the message is too large: {bytes} bytes, of {bytes_max} at the most");
        (bytes <= bytes_max).then_some(()).ok_or_else(error)
    }
}

/// Longest name of a room, in characters.
pub const NAME_CHARS_MAX: usize = 64;

/// A namespace that rooms lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// `/`, which streams of all venues are in as well.
    Root,
    /// `/rooms`, which plain WebSockets are in as well.
    Rooms,
}

impl Space {
    /// The namespace of this path; `None` for one without rooms.
    pub fn at(path: &str) -> Option<Space> {
        [Space::Root, Space::Rooms].into_iter().find(|space| space.path() == path)
    }

    /// As clients call it.
    pub fn path(self) -> &'static str {
        match self {
            Space::Root => "/",
            Space::Rooms => "/rooms",
        }
    }
}

/// Where something is said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// In which namespace.
    pub space: Space,
    /// In which room; `None` for all who are in the namespace.
    pub room: Option<Arc<str>>,
}

impl Place {
    /// Everybody in a namespace.
    pub fn everywhere(space: Space) -> Place {
        Place { space, room: None }
    }

    /// A room, if this may be its name: up to [`NAME_CHARS_MAX`] characters, none of which is a control character.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn room(space: Space, name: &str) -> Result<Place, String> {
        match name.chars().count() {
            1..=NAME_CHARS_MAX if !name.chars().any(char::is_control) => Ok(Place { space, room: Some(name.into()) }),
            1..=NAME_CHARS_MAX => Err("a room's name has no control characters".into()),
            count => Err(format!("a room's name has 1 to {NAME_CHARS_MAX} characters, not {count}")),
        }
    }

    /// The room's name; empty for a whole namespace.
    pub fn name(&self) -> &str {
        self.room.as_deref().unwrap_or("")
    }
}

/// One who takes part: a socket in a namespace, or a plain WebSocket.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// Which core it lives on.
    pub core: usize,
    /// Its number, which nobody else is ever given.
    pub number: u64,
    /// What the others call it.
    pub id: String,
}

/// What a session wants done about rooms on its own core.
#[derive(Debug, Default)]
pub struct Rooming {
    /// Seats taken and given up, in this order.
    pub seats: Vec<Seating>,
    /// Messages said.
    pub said: u32,
    /// Events refused, by a limit or because something is wrong with them.
    pub refused: u32,
}

impl Rooming {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty() && self.said == 0 && self.refused == 0
    }
}

/// A change of one seat.
#[derive(Clone, Debug)]
pub enum Seating {
    /// The client hears what is said there from now on.
    Take(Place, Seat),
    /// The one with this number does no longer.
    GiveUp(Place, u64),
}

#[cfg(test)]
mod tests;
