//! The writer thread of a core: its loop, and what is done at its end.

use std::ops::ControlFlow;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::{LocalSet, spawn_local, yield_now};

use crate::config::HIGH_WATER_BYTES;
use crate::fanout::Position;
use crate::fanout::delivery::CLOSE_GRACE_MS;
use crate::market::interest::Interest;
use crate::market::tick::{Level, Tick};
use crate::protocol::websocket::Close;
use crate::ring::{Reader, Wait};
use crate::server::accept::{Door, Listeners, accept};
use crate::server::core::Core;
use crate::server::desk::attend;
use crate::server::faults;
use crate::server::pipeline::{Bell, Inlets};
use crate::server::read::attend_sockets;
use crate::server::rooms;
use crate::server::shared::Shared;
use crate::session::Effects;

/// Most ticks read before the sessions are flushed and sockets are read.
const TURN_TICKS: usize = 1_024;

/// How often sessions are told the time.
const LOOK_AFTER_EVERY: Duration = Duration::from_millis(250);

/// How often a core that ends looks whether it may.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// What a turn of the writer's loop came to.
enum Turn {
    /// Nothing was read, for some session must be waited for.
    Held,
    /// This many ticks were read.
    Read(usize),
    /// The feed has ended, and the server ends with it. One that stays reads on: those who come now are told the state.
    Ended,
}

/// Runs a core until the server stops or, where it ends with its tape, until everything is delivered.
pub(crate) fn run(
    index: usize,
    shared: Arc<Shared>,
    interest: Arc<Interest>,
    inlets: Inlets,
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
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        let core = Rc::new(Core::new(index, shared, interest, reader));
        spawn_local(attend_sockets(Rc::clone(&core)));
        if let Some(listeners) = inlets.listeners {
            listen(&core, listeners);
        }
        spawn_local(attend(Rc::clone(&core), inlets.desk));
        if let Some(heard) = inlets.heard {
            spawn_local(rooms::listen(Rc::clone(&core), heard));
        }
        if let Some(linger) = core.shared.linger {
            spawn_local(expire(Rc::clone(&core), Arc::clone(&bell), linger));
        }
        spawn_local(faults::attend(Rc::clone(&core)));
        spawn_local(look_after(Rc::clone(&core)));
        write(&core, &bell).await;
        // A reader that reads no more must not hold back those of other cores.
        core.reader.take();
        finish(&core, &bell).await;
    });
}

fn listen(core: &Rc<Core>, listeners: Listeners) {
    spawn_local(accept(Rc::clone(core), listeners.http, Door::Http));
    if let (Some(listener), Some(tls)) = (listeners.https, core.shared.tls.clone()) {
        spawn_local(accept(Rc::clone(core), listener, Door::Https(tls)));
    }
    if let Some(listener) = listeners.lines {
        spawn_local(accept(Rc::clone(core), listener, Door::Lines));
    }
}

/// The writer's loop: read what the ring has, flush, let sockets be read, and again.
async fn write(core: &Rc<Core>, bell: &Bell) {
    let counts = &core.shared.metrics.cores[core.index];
    while !bell.stops() {
        match turn(core) {
            Turn::Held => {
                counts.gate_holds.add(1);
                let _ = tokio::time::timeout(LOOK_AFTER_EVERY, core.drained.notified()).await;
            }
            Turn::Ended => return after_the_end(core, bell).await,
            Turn::Read(_) => rest(core, bell).await,
        }
    }
}

/// Lets sockets be read, and sleeps if there are no ticks and that is what is done then. Where there are none, going to
/// sleep is the look at the sockets: another would cost a system call for each turn.
async fn rest(core: &Rc<Core>, bell: &Bell) {
    let sleeps =
        core.shared.config.wait == Wait::Park && core.reader.borrow().as_ref().is_some_and(|reader| reader.park());
    if !sleeps {
        return yield_now().await;
    }
    let mut rung = pin!(bell.notify.notified());
    if rung.as_mut().enable() {
        // Nobody slept, so nothing else had its turn.
        yield_now().await;
    } else {
        rung.await;
    }
    core.reader.borrow().as_ref().inspect(|reader| reader.awake());
}

/// Reads on, between the turns of the loop, until a position is reached that a client has from another core. False if
/// there is more to read, but not now: the loop finds whatever these turns come to.
pub(crate) fn read_up_to(core: &Rc<Core>, position: Position) -> bool {
    loop {
        if !position.is_beyond(core.fanout.borrow().position()) {
            return true;
        }
        match turn(core) {
            Turn::Read(0) | Turn::Ended => return true,
            Turn::Read(_) => {}
            Turn::Held => return false,
        }
    }
}

/// Reads on, between the turns of the loop, until the ring is empty. False if there is more to read, but not now.
pub(crate) fn read_all(core: &Rc<Core>) -> bool {
    loop {
        match turn(core) {
            Turn::Read(0) | Turn::Ended => return true,
            Turn::Read(_) => {}
            Turn::Held => return false,
        }
    }
}

/// One turn: all that the ring has, up to a batch, out to the sockets.
fn turn(core: &Rc<Core>) -> Turn {
    let mut reader = core.reader.borrow_mut();
    let Some(reader) = reader.as_mut() else { return Turn::Ended };
    let mut fanout = core.fanout.borrow_mut();
    fanout.set_now(core.now_ms());
    // Not reading on is what holds the gate: the ring fills, and the tape waits.
    if core.shared.control.waits_for_readers() && fanout.must_hold(core.shared.config.stall_ms) {
        return Turn::Held;
    }
    let ticks = reader.poll_while(TURN_TICKS, |_, tick, levels| {
        fanout.on_tick(tick, levels);
        if fanout.turn_bytes() < HIGH_WATER_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    core.shared.metrics.cores[core.index].ticks_read.add(ticks as u64);
    fanout.flush();
    let is_ended = fanout.is_ended();
    if is_ended && core.shared.config.exit_at_end { Turn::Ended } else { Turn::Read(ticks) }
}

/// The tape has ended, and the server ends with it: deliver what is still due.
async fn after_the_end(core: &Rc<Core>, bell: &Bell) {
    let is_due = || core.ways.get() > 0 || !core.fanout.borrow_mut().is_drained(core.shared.config.stall_ms);
    while !bell.stops() && is_due() {
        let _ = tokio::time::timeout(LOOK_AFTER_EVERY, core.drained.notified()).await;
        core.fanout.borrow_mut().set_now(core.now_ms());
    }
    core.end_all(|_, effects| effects.close(Close::END_OF_TAPE));
}

/// Tells whoever is still there that it is over, and waits until they have gone, for as long as a close may take.
async fn finish(core: &Rc<Core>, bell: &Bell) {
    let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as i64);
    core.end_all(|client, effects| client.session.borrow_mut().on_shutdown(unix_ns, effects));
    let deadline = core.now_ms() + CLOSE_GRACE_MS + 500;
    while core.fanout.borrow().sessions() > 0 && core.now_ms() < deadline {
        tokio::time::sleep(LOOK_AGAIN_AFTER).await;
    }
    // Requests come to any core: as long as one has something to do, all of them answer, unless the server is to stop.
    core.shared.cores_busy.fetch_sub(1, Ordering::AcqRel);
    while core.shared.cores_busy.load(Ordering::Acquire) > 0 && !bell.stops() {
        tokio::time::sleep(LOOK_AGAIN_AFTER).await;
    }
}

/// Ends a core, and the feed with it, that has had no client for so long.
async fn expire(core: Rc<Core>, bell: Arc<Bell>, linger: Duration) {
    let mut alone_since_ms = core.now_ms();
    while !bell.stops() {
        if core.fanout.borrow().sessions() > 0 {
            alone_since_ms = core.now_ms();
        } else if Duration::from_millis(core.now_ms() - alone_since_ms) >= linger {
            core.shared.control.stop();
            bell.stop();
        }
        tokio::time::sleep(LOOK_AFTER_EVERY.min(linger)).await;
    }
}

/// Tells sessions the time, and looks after those that are behind.
async fn look_after(core: Rc<Core>) {
    let mut clock = tokio::time::interval(LOOK_AFTER_EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        let now_ms = core.now_ms();
        let places = core.clients.borrow().capacity();
        for place in 0..places {
            let Some(client) = core.clients.borrow().get(place).cloned() else { continue };
            if client.is_out() {
                continue;
            }
            let mut effects = Effects::default();
            let routed = core.fanout.borrow().outlet(client.id).routed;
            client.session.borrow_mut().on_time(now_ms, routed, &mut effects);
            if effects.end.is_some() || !effects.frames.marks.is_empty() || !effects.ahead.marks.is_empty() {
                core.apply(&client, effects);
            }
        }
        let mut fanout = core.fanout.borrow_mut();
        fanout.set_now(now_ms);
        fanout.look_after();
    }
}
