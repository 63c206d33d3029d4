//! One core: a thread with its own runtime, listener, sessions and reader of the ring.

use std::cell::{Cell, RefCell};
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use slab::Slab;
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local, yield_now};

use crate::config::HIGH_WATER_BYTES;
use crate::fanout::Fanout;
use crate::fanout::outlet::OutletId;
use crate::fanout::writer::CLOSE_GRACE_MS;
use crate::feed::replay::Speed;
use crate::market::tick::{Level, Tick};
use crate::protocol::websocket::Close;
use crate::ring::Reader;
use crate::server::connection::{self, Client, Socket};
use crate::server::{Bell, Shared};
use crate::session::{Effects, End};

/// Most ticks read before the sessions are flushed and sockets are read.
const TURN_TICKS: usize = 1_024;

/// How often sessions are told the time.
const LOOK_AFTER_EVERY: Duration = Duration::from_millis(250);

/// What the tasks of a core share. It never leaves its thread; nothing is borrowed across an await.
pub(crate) struct Core {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) fanout: RefCell<Fanout<Socket>>,
    pub(crate) clients: RefCell<Slab<Rc<Client>>>,
    /// Rung when a backlog has been written down.
    pub(crate) drained: Notify,
    pub(crate) is_stopping: Cell<bool>,
    started: Instant,
}

/// What a turn of the writer's loop came to.
enum Turn {
    /// Nothing was read, for some session must be waited for.
    Held,
    /// This many ticks were read.
    Read(usize),
    /// The feed has ended.
    Ended,
}

/// Runs a core until the server stops or, where it ends with its tape, until everything is delivered.
pub(crate) fn run(
    index: usize,
    shared: Arc<Shared>,
    listener: TcpListener,
    reader: Reader<Tick, Level>,
    bell: Arc<Bell>,
) {
    if shared.config.pin
        && let Some(core) = core_affinity::get_core_ids().unwrap_or_default().get(index)
    {
        core_affinity::set_for_current(*core);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs a few file descriptors at the start");
    let core = Rc::new(Core {
        index,
        fanout: RefCell::new(Fanout::new(shared.config.backlog, Arc::clone(&shared.metrics), index)),
        clients: RefCell::new(Slab::new()),
        drained: Notify::new(),
        is_stopping: Cell::new(false),
        started: Instant::now(),
        shared,
    });
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        spawn_local(connection::accept(Rc::clone(&core), listener));
        spawn_local(look_after(Rc::clone(&core)));
        core.write(reader, &bell).await;
        core.finish().await;
    });
}

impl Core {
    /// Milliseconds since this core started: the clock of its sessions.
    pub(crate) fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Carries out what a session wants done.
    pub(crate) fn apply(self: &Rc<Self>, client: &Client, effects: Effects) {
        let mut fanout = self.fanout.borrow_mut();
        fanout.set_now(self.now_ms());
        let mut frames = effects.frames;
        for want in &effects.snapshots {
            fanout.snapshot(want, &mut frames);
        }
        fanout.send(client.id, frames);
        if let Some(wants) = effects.wants {
            if !wants.is_empty() && !client.has_subscribed.replace(true) {
                self.shared.metrics.cores[self.index].sessions_subscribed.add(1);
                self.shared.control.session_subscribed();
            }
            fanout.subscribe(client.id, wants);
        }
        match effects.end {
            None => {}
            Some(End::Close(close)) => fanout.close(client.id, close),
            Some(End::Abort) => fanout.abort(client.id),
        }
        drop(fanout);
        self.drain_blocked();
    }

    /// Starts to wait, for each socket that has become full, until it can be written to.
    pub(crate) fn drain_blocked(self: &Rc<Self>) {
        let mut fanout = self.fanout.borrow_mut();
        while let Some(id) = fanout.next_blocked() {
            let socket = fanout.outlet(id).sink.clone();
            spawn_local(drain(Rc::clone(self), id, socket));
        }
    }

    /// The writer's loop: read what the ring has, flush, let sockets be read, and again.
    async fn write(self: &Rc<Self>, mut reader: Reader<Tick, Level>, bell: &Bell) {
        let counts = &self.shared.metrics.cores[self.index];
        while !bell.stops.load(Ordering::Acquire) {
            match self.turn(&mut reader) {
                Turn::Held => {
                    counts.gate_holds.add(1);
                    let _ = tokio::time::timeout(LOOK_AFTER_EVERY, self.drained.notified()).await;
                }
                Turn::Ended => return self.after_the_end(bell).await,
                Turn::Read(0) => {
                    if reader.park() {
                        bell.notify.notified().await;
                        reader.awake();
                    }
                }
                Turn::Read(ticks) => {
                    counts.ticks_read.add(ticks as u64);
                    yield_now().await;
                }
            }
        }
    }

    /// One turn: all that the ring has, up to a batch, out to the sockets.
    fn turn(self: &Rc<Self>, reader: &mut Reader<Tick, Level>) -> Turn {
        let mut fanout = self.fanout.borrow_mut();
        fanout.set_now(self.now_ms());
        // Not reading on is what holds the gate: the ring fills, and the tape waits.
        if self.shared.config.plan.speed == Speed::Max && fanout.must_hold(self.shared.config.stall_ms) {
            return Turn::Held;
        }
        let ticks = reader.poll_while(TURN_TICKS, |_, tick, levels| {
            fanout.on_tick(tick, levels);
            if fanout.batch_bytes() < HIGH_WATER_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        fanout.flush();
        let is_ended = fanout.is_ended();
        drop(fanout);
        self.drain_blocked();
        if is_ended { Turn::Ended } else { Turn::Read(ticks) }
    }

    /// The tape has ended: deliver what is still due, then end with it or stay until told to stop.
    async fn after_the_end(self: &Rc<Self>, bell: &Bell) {
        if !self.shared.config.exit_at_end {
            while !bell.stops.load(Ordering::Acquire) {
                bell.notify.notified().await;
            }
            return;
        }
        while !bell.stops.load(Ordering::Acquire) && !self.fanout.borrow_mut().is_drained(self.shared.config.stall_ms) {
            let _ = tokio::time::timeout(LOOK_AFTER_EVERY, self.drained.notified()).await;
            self.fanout.borrow_mut().set_now(self.now_ms());
        }
        self.close_all(|_| Close::END_OF_TAPE);
    }

    fn close_all(self: &Rc<Self>, close: impl Fn(&Client) -> Close) {
        self.is_stopping.set(true);
        let clients: Vec<Rc<Client>> = self.clients.borrow().iter().map(|(_, client)| Rc::clone(client)).collect();
        for client in clients {
            self.fanout.borrow_mut().close(client.id, close(&client));
        }
        self.drain_blocked();
    }

    /// Closes whoever is still there and waits until they have gone, for as long as a close may take.
    async fn finish(self: &Rc<Self>) {
        self.close_all(|client| client.session.borrow().shutdown());
        let deadline = self.now_ms() + CLOSE_GRACE_MS + 500;
        while self.fanout.borrow().sessions() > 0 && self.now_ms() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Writes a session's backlog as its socket takes it, until nothing is left.
async fn drain(core: Rc<Core>, id: OutletId, socket: Socket) {
    while socket.writable().await {
        let mut fanout = core.fanout.borrow_mut();
        fanout.set_now(core.now_ms());
        // The session may have gone, and its number may be another's by now.
        if !fanout.is_open(id, |sink| sink.is_same(&socket)) || !fanout.drain(id) {
            break;
        }
    }
    core.drained.notify_one();
}

/// Tells sessions the time, and looks after those that are behind.
async fn look_after(core: Rc<Core>) {
    let mut clock = tokio::time::interval(LOOK_AFTER_EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        let now_ms = core.now_ms();
        let clients: Vec<Rc<Client>> = core.clients.borrow().iter().map(|(_, client)| Rc::clone(client)).collect();
        for client in clients {
            let mut effects = Effects::default();
            let routed = core.fanout.borrow().outlet(client.id).routed;
            client.session.borrow_mut().on_time(now_ms, routed, &mut effects);
            if effects.end.is_some() || !effects.frames.marks.is_empty() {
                core.apply(&client, effects);
            }
        }
        let mut fanout = core.fanout.borrow_mut();
        fanout.set_now(now_ms);
        fanout.look_after();
        core.shared.metrics.cores[core.index].sessions.set(fanout.sessions() as u64);
        drop(fanout);
        core.drain_blocked();
    }
}
