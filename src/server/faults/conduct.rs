//! Faults on one core: who of its clients is hit, and what is done to them.

use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::task::spawn_local;
use tokio::time::{sleep, sleep_until};

use crate::fanout::Dialect;
use crate::fanout::ending::Ending;
use crate::fanout::outlet::Outlet;
use crate::feed::fault::What;
use crate::feed::fault::parts::{Cut, When};
use crate::protocol::websocket::Close;
use crate::server::client::Client;
use crate::server::core::Core;
use crate::server::faults::ledger::{End, FiringId};
use crate::server::faults::line::{FaultySocket, Line};
use crate::server::faults::messages::Messages;
use crate::server::faults::{Faults, Order};
use crate::server::poller::{Owner, Ready};
use crate::server::read;
use crate::server::socket::Socket;
use crate::session::{self, Effects, Incoming, Session};

/// How long what is late waits for a socket that is full.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// Puts a client's socket on a line of its own, where faults are on demand.
pub(crate) fn wire(core: &Core, socket: Socket, session: &Session) -> (Socket, Option<Rc<Line>>) {
    use std::sync::atomic::Ordering;
    let Some(faults) = &core.shared.faults else { return (socket, None) };
    let client = faults.clients.fetch_add(1, Ordering::Relaxed) + 1;
    let is_framed = session.dialect() == Dialect::WebSocket;
    let messages = faults.script.corrupts().then(|| Messages::new(is_framed));
    let line = Rc::new(Line::new(client, kind_of(session), messages, faults.chance(usize::MAX >> 16, client)));
    (Socket::Faulty(Box::new(FaultySocket { inner: socket, line: Rc::clone(&line) })), Some(line))
}

fn kind_of(session: &Session) -> &'static str {
    match session {
        Session::Binance(_) => "binance",
        Session::Api(_) => "binance-api",
        Session::Upbit(_) => "upbit",
        Session::SocketIo(_) => "socketio",
        Session::Events(session) if session.dialect() == Dialect::Events => "sse",
        Session::Events(_) => "ndjson",
        Session::Lines(_) => "lines",
        Session::Rooms(_) => "rooms",
        Session::Echo(_) => "echo",
    }
}

/// A client has come: perhaps back, and perhaps something is to happen to it some time. Costs a task for each fault that
/// is, until the client leaves.
pub(crate) fn welcome(core: &Rc<Core>, client: &Rc<Client>) {
    let (Some(faults), Some(line)) = (&core.shared.faults, &client.line) else { return };
    faults.ledger().came(client.peer, line.kind, Instant::now());
    for (number, fault) in faults.script.faults.iter().enumerate() {
        let When::Connected { after, every } = fault.when else { continue };
        if !faults.is_meant(fault.whom, line.kind, number, line.client) {
            continue;
        }
        let (for_core, for_client) = (Rc::clone(core), Rc::clone(client));
        plan(line, async move {
            let (core, client) = (for_core, for_client);
            let (Some(faults), Some(line)) = (&core.shared.faults, &client.line) else { return };
            let mut wait = line.pick(&after);
            loop {
                sleep(wait).await;
                let Some(id) = (if client.is_gone.get() { None } else { faults.strike_one(number) }) else { return };
                befall(&core, &client, number, id);
                let Some(every) = every else { return };
                wait = line.pick(&every);
            }
        });
    }
}

/// Has something happen on a line later, unless its client has gone by then.
fn plan(line: &Line, later: impl Future<Output = ()> + 'static) {
    let mut plans = line.plans.borrow_mut();
    plans.retain(|plan| !plan.is_finished());
    plans.push(spawn_local(later).abort_handle());
}

/// Carries out what is due on the tape's clock, until the core ends.
pub(crate) async fn attend(core: Rc<Core>) {
    let Some(faults) = &core.shared.faults else { return };
    let Some(mut orders) = faults.take_orders(core.index) else { return };
    while let Some(order) = orders.recv().await {
        carry_out(&core, faults, &order);
    }
}

fn carry_out(core: &Rc<Core>, faults: &Faults, order: &Order) {
    let Order { id, firing } = order;
    let fault = &faults.script.faults[firing.fault];
    let clients: Vec<Rc<Client>> = core.clients.borrow().iter().map(|(_, client)| Rc::clone(client)).collect();
    for client in clients {
        let Some(line) = client.line.as_ref().filter(|_| !client.is_gone.get()) else { continue };
        if fault.what.is_of_stream() {
            if core.fanout.borrow().listens_to(client.id, firing.streams.as_deref()) {
                faults.ledger().hit(*id, firing.fault, Some(line.client), (client.peer, line.kind), Instant::now());
            }
        } else if faults.is_meant(fault.whom, line.kind, firing.fault, id.0 << 32 | line.client) {
            befall(core, &client, firing.fault, *id);
        }
    }
}

/// A fault hits a client.
fn befall(core: &Rc<Core>, client: &Rc<Client>, fault: usize, firing: FiringId) {
    let (Some(faults), Some(line)) = (&core.shared.faults, &client.line) else { return };
    let now = Instant::now();
    faults.ledger().hit(firing, fault, Some(line.client), (client.peer, line.kind), now);
    tracing::info!("fault {} hits client {} ({} from {})", fault + 1, line.client, line.kind, client.peer);
    match &faults.script.faults[fault].what {
        What::Drop(Cut::Silent) => end(core, client, session::End::Abort),
        What::Drop(Cut::Close(code)) => end(core, client, session::End::Close(Close { code: *code, reason: "" })),
        What::Drop(Cut::Reset) => reset(core, client),
        What::Lifetime => end(core, client, session::End::Close(Close::LIFETIME)),
        What::Freeze { lasts } => freeze(core, client, line, now + line.pick(lasts)),
        What::HalfOpen => line.kill(),
        What::WithholdPongs { lasts } => line.withhold_pongs(now + line.pick(lasts)),
        What::Corrupt { part, count } => line.corrupt(*part, *count),
        What::Delay { by, lasts } => {
            line.delay(*by, now + line.pick(lasts));
            let (core, client) = (Rc::clone(core), Rc::clone(client));
            plan(line, async move { send_what_is_late(&core, &client).await });
        }
        What::Shutdown { notice, .. } => shut_down(core, client, line, line.pick(notice)),
        // Done elsewhere: between market and ring, and where connections and requests come in.
        What::Skip { .. }
        | What::Repeat { .. }
        | What::Reorder { .. }
        | What::Thin { .. }
        | What::Lag { .. }
        | What::Refuse { .. }
        | What::RateLimit { .. } => {}
    }
}

fn end(core: &Rc<Core>, client: &Client, end: session::End) {
    if let (Some(faults), Some(line)) = (&core.shared.faults, &client.line) {
        // Now, and not when it has gone: it may be back before.
        faults.ledger().ended(line.client, End::Fault, Instant::now());
    }
    core.apply(client, Effects { end: Some(end), ending: Some(Ending::Fault), ..Effects::default() });
}

/// Ends a connection as a machine does that has forgotten it.
fn reset(core: &Rc<Core>, client: &Client) {
    if core.fanout.borrow().outlet(client.id).sink.is_polled() {
        return end(core, client, session::End::Abort);
    }
    core.fanout.borrow().outlet(client.id).sink.reset_at_close();
    core.fanout.borrow_mut().note_ending(client.id, Ending::Fault);
    drop(read::dismiss(core, client));
}

fn freeze(core: &Rc<Core>, client: &Rc<Client>, line: &Line, until: Instant) {
    line.freeze(until);
    let (core, client) = (Rc::clone(core), Rc::clone(client));
    plan(line, async move {
        sleep_until(until.into()).await;
        if let Some(line) = client.line.as_ref().filter(|line| !client.is_gone.get() && !line.is_frozen()) {
            take_up(&core, &client);
            line.thaw();
        }
    });
}

/// Reads and writes what has waited.
fn take_up(core: &Rc<Core>, client: &Client) {
    let owner = Owner::Client(client.place);
    read::on_ready(core, Ready { owner, is_readable: true, is_writable: true, is_at_end: true });
}

fn shut_down(core: &Rc<Core>, client: &Rc<Client>, line: &Line, notice: Duration) {
    let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as i64);
    let mut effects = Effects::default();
    client.session.borrow_mut().on_shutdown(unix_ns, &mut effects);
    let last = effects.end.take().unwrap_or(session::End::Close(Close::GOING_AWAY));
    core.apply(client, effects);
    let (core, client) = (Rc::clone(core), Rc::clone(client));
    plan(line, async move {
        sleep(notice).await;
        if !client.is_gone.get() {
            end(&core, &client, last);
        }
    });
}

/// Sends what is late when it is due, until nothing is and nothing is going to be.
async fn send_what_is_late(core: &Rc<Core>, client: &Rc<Client>) {
    let Some(line) = &client.line else { return };
    loop {
        match (line.next_due(), line.delayed_until()) {
            (Some(due), _) => sleep_until(due.into()).await,
            (None, Some(until)) => {
                let _ = tokio::time::timeout_at(until.into(), line.is_late.notified()).await;
                continue;
            }
            (None, None) => return,
        }
        if client.is_gone.get() {
            return;
        }
        let is_done = match &core.fanout.borrow().outlet(client.id).sink {
            Socket::Faulty(socket) => socket.send_late(),
            _ => true,
        };
        core.drain(client.id);
        if !is_done {
            sleep(LOOK_AGAIN_AFTER).await;
        }
    }
}

/// Whether what a client says is not to be answered.
pub(crate) fn ignores(core: &Core, client: &Client, incoming: &Incoming<'_>) -> bool {
    let (Some(faults), Some(line)) = (&core.shared.faults, &client.line) else { return false };
    let is_ping = match incoming {
        Incoming::Ping(_) => true,
        // Upbit's clients may say it in words.
        Incoming::Text(text) => line.kind == "upbit" && *text == "PING",
        Incoming::Binary(bytes) => line.kind == "upbit" && *bytes == b"PING",
        Incoming::Pong(_) => false,
    };
    if !is_ping || !line.is_deaf() {
        return false;
    }
    faults.ledger().pinged(line.client, Instant::now());
    true
}

/// A client says what it wants.
pub(crate) fn has_subscribed(core: &Core, client: &Client) {
    if let (Some(faults), Some(line)) = (&core.shared.faults, &client.line) {
        faults.ledger().resubscribed(line.client, Instant::now());
    }
}

/// The system says something of a socket: whoever leaves while nothing goes is to be seen leaving.
pub(crate) fn on_ready(client: &Client, ready: &Ready) {
    if let Some(line) = client.line.as_ref().filter(|_| ready.is_at_end) {
        line.thaw();
    }
}

/// A client's connection has ended.
pub(crate) fn leave(core: &Core, client: &Client, outlet: &Outlet<Socket>) {
    let (Some(faults), Some(line)) = (&core.shared.faults, &client.line) else { return };
    line.end();
    let how = match outlet.ending {
        Some(Ending::Fault) => End::Fault,
        // What is owed to whoever closed is his own code.
        Some(Ending::ClientLeft) | None => {
            End::Client(client.inbound.borrow().owed().filter(|close| close.reason.is_empty()).map(|close| close.code))
        }
        Some(ending) => End::Server(ending),
    };
    faults.ledger().ended(line.client, how, Instant::now());
}
