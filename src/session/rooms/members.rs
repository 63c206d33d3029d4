//! The members of one core: which of its outlets hear what is said where.

use rustc_hash::FxHashMap;

use crate::fanout::OutletId;
use crate::protocol::socketio::Parser;
use crate::session::rooms::{Place, Said};

/// In whose words a member is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// In events of Socket.IO, as this parser reads them.
    Events(Parser),
    /// As plain WebSockets are told.
    Plain {
        /// Whether also who comes and goes.
        presence: bool,
    },
}

/// A seat in a room.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// Whose: the number of the [`Speaker`](crate::session::rooms::Speaker).
    pub number: u64,
    /// What has a lower serial was said before.
    pub since: u64,
    /// In whose words.
    pub audience: Audience,
}

/// Who hears something on one core: each once, in no order.
#[derive(Debug, Default)]
pub struct Listeners {
    /// In events of Socket.IO.
    pub events: Vec<OutletId>,
    /// In the same in MessagePack.
    pub packed: Vec<OutletId>,
    /// As plain WebSockets are told.
    pub plain: Vec<OutletId>,
}

/// The members of one core, by place.
#[derive(Debug, Default)]
pub struct Members {
    places: FxHashMap<Place, FxHashMap<u64, (OutletId, Seat)>>,
    /// The same by outlet, so that one which ends leaves nothing behind.
    by_outlet: FxHashMap<OutletId, Vec<(Place, u64)>>,
}

impl Members {
    /// Gives a client a seat.
    pub fn take_seat(&mut self, outlet: OutletId, place: Place, seat: Seat) {
        let before = self.places.entry(place.clone()).or_default().insert(seat.number, (outlet, seat));
        debug_assert!(before.is_none(), "nobody has two seats in one place");
        self.by_outlet.entry(outlet).or_default().push((place, seat.number));
    }

    /// The one with this number hears no more of what is said there.
    pub fn give_up(&mut self, place: &Place, number: u64) {
        let Some((outlet, _)) = self.vacate(place, number) else { return };
        if let Some(seats) = self.by_outlet.get_mut(&outlet) {
            seats.retain(|(other, whose)| (other, *whose) != (place, number));
            if seats.is_empty() {
                self.by_outlet.remove(&outlet);
            }
        }
    }

    /// A client has gone, and with it all its seats.
    pub fn remove(&mut self, outlet: OutletId) {
        for (place, number) in self.by_outlet.remove(&outlet).unwrap_or_default() {
            self.vacate(&place, number);
        }
    }

    fn vacate(&mut self, place: &Place, number: u64) -> Option<(OutletId, Seat)> {
        let seats = self.places.get_mut(place)?;
        let vacated = seats.remove(&number);
        if seats.is_empty() {
            self.places.remove(place);
        }
        vacated
    }

    /// Makes `listeners` those who hear this.
    pub fn hear(&self, said: &Said, listeners: &mut Listeners) {
        listeners.events.clear();
        listeners.packed.clear();
        listeners.plain.clear();
        for (outlet, seat) in self.places.get(&said.place).into_iter().flat_map(FxHashMap::values) {
            if seat.since >= said.serial || said.excluded == Some(seat.number) {
                continue;
            }
            match seat.audience {
                Audience::Events(Parser::Default) => listeners.events.push(*outlet),
                Audience::Events(Parser::MessagePack) => listeners.packed.push(*outlet),
                Audience::Plain { presence: false } if said.content.is_presence() => {}
                Audience::Plain { .. } => listeners.plain.push(*outlet),
            }
        }
    }

    /// Whether nobody has a seat anywhere.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.by_outlet.is_empty()
    }
}
