//! What the tasks of one core share: the fan-out, the clients, the clock of their sessions.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rustc_hash::{FxHashMap, FxHashSet};
use slab::Slab;
use tokio::sync::Notify;

use crate::fanout::backlog::Mark;
use crate::fanout::outlet::OutletState;
use crate::fanout::{Fanout, Lost, OutletId, Want};
use crate::market::interest::Interest;
use crate::market::tick::{Level, Tick};
use crate::protocol::deflate::Inflater;
use crate::protocol::engineio::id::Sid;
use crate::ring::Reader;
use crate::server::client::Client;
use crate::server::poller::{Owner, Poller};
use crate::server::resume::Past;
use crate::server::shared::Shared;
use crate::server::socket::Socket;
use crate::server::socketio::session::EngineSession;
use crate::server::writer::read_up_to;
use crate::server::{events, past, rooms};
use crate::session::rooms::Members;
use crate::session::sequence::Teller;
use crate::session::{Effects, End, Origin, Resume};

/// Bytes read from a socket at once: more than a request has, unless it names thousands of streams.
const READ_BYTES: usize = 32 << 10;

/// Most sessions that a core has room for from the start. It is not memory before it is used, but a table that grows is,
/// twice: where it was, and where it has gone.
const SESSIONS_RESERVED_MAX: usize = 1 << 20;

/// What the tasks of a core share. It never leaves its thread; nothing is borrowed across an await.
pub(crate) struct Core {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) fanout: RefCell<Fanout<Socket>>,
    /// Where ticks come from; `None` once no more are read.
    pub(crate) reader: RefCell<Option<Reader<Tick, Level>>>,
    pub(crate) clients: RefCell<Slab<Rc<Client>>>,
    /// Tells which of their sockets have something.
    pub(crate) poller: Poller,
    /// Whose sockets had more than was read of them in their turn.
    pub(crate) unread: RefCell<Vec<Owner>>,
    /// Sessions of Socket.IO, which further requests may be meant for.
    pub(crate) engine: RefCell<FxHashMap<Sid, Rc<EngineSession>>>,
    /// Who of this core's clients hears what is said in which room.
    pub(crate) members: RefCell<Members>,
    /// What sockets are read into, one at a time; its bytes are used before anybody waits for anything.
    pub(crate) read_buffer: RefCell<Box<[u8]>>,
    /// For what clients compressed.
    pub(crate) inflater: RefCell<Inflater>,
    /// Rung when a backlog has been written down.
    pub(crate) drained: Notify,
    pub(crate) is_stopping: Cell<bool>,
    /// What is wanted of the feed, as its ingest sees it.
    pub(crate) interest: Arc<Interest>,
    /// Clients that are being told the past.
    pub(crate) ways: Cell<usize>,
    started: Instant,
}

impl Core {
    /// A core without clients. To be called within its runtime.
    pub(crate) fn new(index: usize, shared: Arc<Shared>, interest: Arc<Interest>, reader: Reader<Tick, Level>) -> Core {
        let mut fanout = Fanout::new(shared.config.backlog, Arc::clone(&interest), Arc::clone(&shared.metrics), index);
        fanout.set_deflate_level(shared.config.upbit.deflate_level);
        fanout.set_epoch(shared.epoch);
        let room = shared.config.connections_max.min(SESSIONS_RESERVED_MAX);
        fanout.reserve(room);
        Core {
            index,
            fanout: RefCell::new(fanout),
            reader: RefCell::new(Some(reader)),
            clients: RefCell::new(Slab::with_capacity(room)),
            poller: Poller::new().expect("a core needs a few file descriptors at the start"),
            unread: RefCell::default(),
            engine: RefCell::default(),
            members: RefCell::default(),
            read_buffer: RefCell::new(vec![0; READ_BYTES].into_boxed_slice()),
            inflater: RefCell::default(),
            drained: Notify::new(),
            is_stopping: Cell::new(false),
            ways: Cell::new(0),
            interest,
            started: Instant::now(),
            shared,
        }
    }

    /// Milliseconds since this core started: the clock of its sessions.
    pub(crate) fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Carries out what a session wants done.
    pub(crate) fn apply(self: &Rc<Self>, client: &Client, mut effects: Effects) {
        rooms::seat(self, client.id, std::mem::take(&mut effects.rooms));
        if let Some(recover) = &effects.recover {
            // The core that the client has left may have been further than this one.
            read_up_to(self, recover.position);
        }
        if let Some(position) = effects.resumes.as_ref().and_then(Resume::position) {
            read_up_to(self, position);
        }
        let mut fanout = self.fanout.borrow_mut();
        fanout.set_now(self.now_ms());
        if let Some(recover) = effects.recover.take() {
            let missed = events::missed(self, &mut fanout, recover.position, &recover.wants, &mut effects.frames);
            let missed = match missed {
                Err(Lost::Gone | Lost::TooMuch) => {
                    let origin = Origin::Position(Some(recover.position));
                    let resume = Resume { teller: Teller::Silent, origin };
                    past::begin(self, &fanout, client, &resume, &recover.wants)
                }
                missed => missed,
            };
            client.session.borrow_mut().on_recovery(*recover, missed.is_ok(), &mut effects);
        }
        let mut frames = effects.frames;
        for payload in &effects.deflated {
            fanout.deflate(payload, &mut frames);
        }
        let mut unknown = effects.snapshots;
        let mut told = None;
        if let (Some(resume), Some(wants)) = (&effects.resumes, &effects.wants) {
            let wants = effects.spliced.as_ref().unwrap_or(wants);
            told = Some(self.tell_past(&mut fanout, client, resume, wants, &mut frames));
            if !matches!(told, Some(Past::Lost)) {
                // What it asks for once it is given in any case.
                unknown.retain(|want| !wants.contains(want));
            }
        }
        unknown.retain(|want| !fanout.snapshot(want, &mut frames));
        fanout.send_ahead(client.id, effects.ahead);
        if let Some(teller) = effects.tells_position.filter(|_| !matches!(told, Some(Past::OnItsWay))) {
            let mut frame = Vec::new();
            teller.write_position(fanout.position(), &mut frame);
            frames.push(&frame, Mark::KEPT);
        }
        fanout.send(client.id, frames);
        if let Some(wants) = effects.wants {
            let is_first = !wants.is_empty() && !client.has_subscribed.replace(true);
            let wants = match &mut *client.behind.borrow_mut() {
                Some(behind) => behind.take(wants),
                None => wants,
            };
            // Streams whose first value is to be a snapshot are joined when it comes.
            let awaited: FxHashSet<&Want> = unknown.iter().collect();
            let (later, now): (Vec<Want>, Vec<Want>) = wants.into_iter().partition(|want| awaited.contains(want));
            fanout.stop_waiting(client.id);
            fanout.subscribe(client.id, now);
            later.into_iter().for_each(|want| fanout.wait(client.id, true, want));
            // Only now: the tape may start at once, and what is wanted must be known by then.
            if is_first {
                self.shared.metrics.cores[self.index].sessions_subscribed.add(1);
                self.shared.control.session_subscribed();
            }
        }
        unknown.into_iter().for_each(|want| fanout.wait(client.id, false, want));
        // A client that is being closed may still be sending.
        if let (Some(end), OutletState::Open) = (effects.end, fanout.outlet(client.id).state) {
            fanout.note_ending(client.id, effects.ending.unwrap_or(end.ending()));
        }
        match effects.end {
            None => {}
            // A client that polls may never ask for what would tell it.
            Some(End::Close(_)) if fanout.outlet(client.id).sink.is_polled() => fanout.abort(client.id),
            Some(End::Close(close)) => fanout.close(client.id, close),
            Some(End::Abort) => fanout.abort(client.id),
        }
    }

    /// Carries out what a session wants done that may have gone in the meantime.
    pub(crate) fn send_if_there(self: &Rc<Self>, client: &Client, effects: Effects) {
        if !client.is_gone.get() {
            self.apply(client, effects);
        }
    }

    /// Writes what waits for a session whose socket may take it now. Where that is not all, the poller tells when to go
    /// on; who polls is given the rest by its next request.
    pub(crate) fn drain(&self, id: OutletId) {
        let mut fanout = self.fanout.borrow_mut();
        if fanout.outlet(id).backlog.is_empty() {
            return;
        }
        fanout.set_now(self.now_ms());
        fanout.drain(id);
        self.drained.notify_one();
    }

    /// Ends every session in the way given; nobody new is let in from here on.
    pub(crate) fn end_all(self: &Rc<Self>, end: impl Fn(&Client, &mut Effects)) {
        if !self.is_stopping.replace(true) {
            self.shared.cores_closing.fetch_add(1, Ordering::AcqRel);
        }
        let clients: Vec<Rc<Client>> = self.clients.borrow().iter().map(|(_, client)| Rc::clone(client)).collect();
        for client in clients {
            let mut effects = Effects::default();
            end(&client, &mut effects);
            self.apply(&client, effects);
        }
    }
}
