//! The register of all rooms: who is where is known to each core, how many there are to all.
//!
//! People join, leave and talk a few times a second, so one lock for all cores is held for as long as it takes to count
//! and to hand on what was said. That it is handed on under the lock is what makes one order of it: every core is told
//! of joins, leaves and messages in the order of their serials.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rustc_hash::FxHashMap;
use thiserror::Error;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::protocol::websocket::Close;
use crate::session::rooms::members::{Audience, Seat};
use crate::session::rooms::{Content, Place, RoomLimits, Said, Space, Speaker};

/// Bytes that may wait for one core to be heard there; beyond it nothing new is said. Who leaves is told of in any case,
/// which has a bound as well: he must have come before, and that is refused.
pub const WAITING_BYTES_MAX: usize = 16 << 20;

/// Why something is not done.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refused {
    /// The room has as many members as it may.
    #[error("the room is full: {0} are in it")]
    Full(usize),
    /// There are as many rooms as there may be.
    #[error("there are {0} rooms, and no more can be made")]
    TooManyRooms(usize),
    /// The cores do not keep up with what is said.
    #[error("too much is being said: try again in a moment")]
    Busy,
}

impl Refused {
    /// The same for a client that can only be told with its end.
    pub fn close(self) -> Close {
        let reason = match self {
            Refused::Full(_) => "The room is full",
            Refused::TooManyRooms(_) => "There are too many rooms",
            Refused::Busy => "Too much is being said",
        };
        Close { code: 1013, reason }
    }
}

/// All rooms of a server.
#[derive(Debug)]
pub struct Rooms {
    limits: RoomLimits,
    table: Mutex<Table>,
    posts: Vec<Post>,
    next_number: AtomicU64,
}

#[derive(Debug, Default)]
struct Table {
    places: FxHashMap<Place, Census>,
    /// How many of the places are rooms.
    rooms: usize,
    /// That of what happened last.
    serial: u64,
}

/// How many are in one place.
#[derive(Debug)]
struct Census {
    members: usize,
    /// On each core.
    of_cores: Box<[u32]>,
}

/// Where what is to be heard on one core is left.
#[derive(Debug)]
struct Post {
    sender: UnboundedSender<Arc<Said>>,
    waiting_bytes: AtomicUsize,
}

impl Rooms {
    /// No rooms yet, and for each core where it hears what is said.
    pub fn new(limits: RoomLimits, cores: usize) -> (Rooms, Vec<UnboundedReceiver<Arc<Said>>>) {
        let (posts, receivers) = (0..cores)
            .map(|_| {
                let (sender, receiver) = unbounded_channel();
                (Post { sender, waiting_bytes: AtomicUsize::new(0) }, receiver)
            })
            .unzip();
        (Rooms { limits, table: Mutex::default(), posts, next_number: AtomicU64::new(1) }, receivers)
    }

    /// What holds in all rooms.
    pub fn limits(&self) -> RoomLimits {
        self.limits
    }

    /// Somebody new on a core, under this id.
    pub fn speaker(&self, core: usize, id: String) -> Speaker {
        Speaker { core, number: self.next_number.fetch_add(1, Ordering::Relaxed), id }
    }

    /// Somebody hears from now on what is said to all of a namespace.
    pub fn enter(&self, speaker: &Speaker, space: Space, audience: Audience) -> (Place, Seat) {
        let place = Place::everywhere(space);
        let mut table = self.lock();
        table.add(&place, speaker.core, self.posts.len());
        let seat = Seat { number: speaker.number, since: table.next_serial(), audience };
        (place, seat)
    }

    /// The same no longer.
    pub fn exit(&self, speaker: &Speaker, space: Space) {
        self.lock().subtract(&Place::everywhere(space), speaker.core);
    }

    /// Somebody joins a room that he is not in; the others are told. Returns his seat, and how many there are with him.
    ///
    /// # Errors
    /// [`Refused`], and nothing has been done.
    pub fn join(&self, speaker: &Speaker, place: &Place, audience: Audience) -> Result<(Seat, usize), Refused> {
        let mut table = self.lock();
        match table.places.get(place).map(|census| census.members) {
            Some(members) if members >= self.limits.members_max => return Err(Refused::Full(members)),
            None if table.rooms >= self.limits.rooms_max => return Err(Refused::TooManyRooms(table.rooms)),
            _ => self.check_room_for(&table, place, 0)?,
        }
        let members = table.add(place, speaker.core, self.posts.len());
        let content = Content::Joined { id: speaker.id.as_str().into(), members };
        // His own seat is of the same serial, and so does not hear it.
        let since = self.tell(&mut table, place, Some(speaker.number), content);
        Ok((Seat { number: speaker.number, since, audience }, members))
    }

    /// Somebody leaves a room that he is in; the others are told. Returns how many are left.
    pub fn leave(&self, speaker: &Speaker, place: &Place) -> usize {
        let mut table = self.lock();
        let members = table.subtract(place, speaker.core);
        if members > 0 {
            let content = Content::Left { id: speaker.id.as_str().into(), members };
            self.tell(&mut table, place, Some(speaker.number), content);
        }
        members
    }

    /// Says something to all who are in a place, but for the one with the number `excluded`.
    ///
    /// # Errors
    /// [`Refused::Busy`]; then nobody is told.
    pub fn say(&self, place: &Place, excluded: Option<u64>, content: Content) -> Result<(), Refused> {
        let mut table = self.lock();
        self.check_room_for(&table, place, content.bytes())?;
        self.tell(&mut table, place, excluded, content);
        Ok(())
    }

    /// A core has heard something.
    pub fn heard(&self, core: usize, said: &Said) {
        self.posts[core].waiting_bytes.fetch_sub(said.content.bytes(), Ordering::Relaxed);
    }

    /// How many are in a place.
    pub fn members(&self, place: &Place) -> usize {
        self.lock().places.get(place).map_or(0, |census| census.members)
    }

    /// How many rooms there are.
    pub fn len(&self) -> usize {
        self.lock().rooms
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every core that has somebody there can be left so many bytes more.
    fn check_room_for(&self, table: &Table, place: &Place, bytes: usize) -> Result<(), Refused> {
        let is_full = |core: usize| {
            self.posts[core].waiting_bytes.load(Ordering::Relaxed).saturating_add(bytes) > WAITING_BYTES_MAX
        };
        if table.cores_at(place).any(is_full) { Err(Refused::Busy) } else { Ok(()) }
    }

    fn tell(&self, table: &mut Table, place: &Place, excluded: Option<u64>, content: Content) -> u64 {
        let serial = table.next_serial();
        let said = Arc::new(Said { place: place.clone(), excluded, serial, content });
        for core in table.cores_at(place) {
            let post = &self.posts[core];
            post.waiting_bytes.fetch_add(said.content.bytes(), Ordering::Relaxed);
            // A core that has ended has nobody left to hear it.
            let _ = post.sender.send(Arc::clone(&said));
        }
        serial
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Table {
    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn cores_at(&self, place: &Place) -> impl Iterator<Item = usize> + '_ {
        let of_cores = self.places.get(place).map_or(&[][..], |census| &census.of_cores);
        of_cores.iter().enumerate().filter(|(_, members)| **members > 0).map(|(core, _)| core)
    }

    /// One more on this core; how many there are now.
    fn add(&mut self, place: &Place, core: usize, cores: usize) -> usize {
        if !self.places.contains_key(place) {
            self.rooms += usize::from(place.room.is_some());
            let census = Census { members: 0, of_cores: vec![0; cores].into() };
            self.places.insert(place.clone(), census);
        }
        self.places.get_mut(place).map_or(0, |census| {
            census.of_cores[core] += 1;
            census.members += 1;
            census.members
        })
    }

    /// One less; how many are left. The last one takes the place with him.
    fn subtract(&mut self, place: &Place, core: usize) -> usize {
        let Some(census) = self.places.get_mut(place) else { return 0 };
        census.of_cores[core] -= 1;
        census.members -= 1;
        let left = census.members;
        if left == 0 {
            self.places.remove(place);
            self.rooms -= usize::from(place.room.is_some());
        }
        left
    }
}
