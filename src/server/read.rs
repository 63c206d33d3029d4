//! Sessions from their connection's beginning to its end: who has sent something is read from.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::{spawn_local, yield_now};

use crate::config::HIGH_WATER_BYTES;
use crate::fanout::delivery::CLOSE_GRACE_MS;
use crate::fanout::outlet::OutletState;
use crate::fanout::{Dialect, Sink};
use crate::metrics::{CoreCounts, Count};
use crate::protocol::websocket::Close;
use crate::server::client::Client;
use crate::server::core::Core;
use crate::server::faults;
use crate::server::inbound::Inbound;
use crate::server::poller::{Owner, Ready};
use crate::server::react::take_in;
use crate::server::socket::Socket;
use crate::session::{Effects, Session};

/// Reads of one connection before others get their turn.
const READS_MAX: usize = 4;

/// A connection that speaks its session's protocol from now on.
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    /// What the client sent behind its request.
    pub(crate) leftover: Bytes,
    pub(crate) session: Session,
    pub(crate) peer: IpAddr,
    /// Whether both sides agreed on compression.
    pub(crate) deflates: bool,
}

/// Begins a session on a connection that nobody else reads or writes.
pub(crate) fn begin_session(core: &Rc<Core>, connection: Connection) {
    if core.is_stopping.get() {
        return;
    }
    let Connection { socket, leftover, session, peer, deflates } = connection;
    let inbound = Inbound::of(&session, core.shared.config.message_bytes_max);
    let client = admit(core, socket, session, inbound, peer, deflates);
    start_reading(core, &client, &leftover);
}

/// Gives a session its place, and begins it.
pub(crate) fn admit(
    core: &Rc<Core>,
    socket: Socket,
    session: Session,
    inbound: Inbound,
    peer: IpAddr,
    deflates: bool,
) -> Rc<Client> {
    opened(&core.shared.metrics.cores[core.index], &session).add(1);
    let (socket, line) = faults::wire(core, socket, &session);
    let id = core.fanout.borrow_mut().open(socket);
    core.fanout.borrow_mut().set_dialect(id, session.dialect());
    if let Session::Echo(_) = session {
        core.fanout.borrow_mut().set_paced(id);
    }
    let mut clients = core.clients.borrow_mut();
    let entry = clients.vacant_entry();
    let client = Rc::new(Client {
        id,
        place: entry.key() as u32,
        peer,
        deflates,
        session: RefCell::new(session),
        inbound: RefCell::new(inbound),
        has_subscribed: Cell::new(false),
        behind: RefCell::default(),
        is_gone: Cell::new(false),
        line,
    });
    entry.insert(Rc::clone(&client));
    drop(clients);
    let mut effects = Effects::default();
    client.session.borrow_mut().begin(core.now_ms(), &mut effects);
    core.apply(&client, effects);
    faults::welcome(core, &client);
    client
}

/// Where a session's beginning is counted.
fn opened<'a>(counts: &'a CoreCounts, session: &Session) -> &'a Count {
    match session {
        Session::Binance(_) => &counts.opened_binance,
        Session::Api(_) => &counts.opened_binance_api,
        Session::Upbit(_) => &counts.opened_upbit,
        Session::SocketIo(_) => &counts.opened_socketio,
        Session::Events(session) if session.dialect() == Dialect::Events => &counts.opened_sse,
        Session::Events(_) => &counts.opened_ndjson,
        Session::Lines(_) => &counts.opened_lines,
        Session::Rooms(_) => &counts.opened_rooms,
        Session::Echo(_) => &counts.opened_echo,
    }
}

/// From now on what comes on the session's connection is the session's; `leftover` has come already.
pub(crate) fn start_reading(core: &Rc<Core>, client: &Rc<Client>, leftover: &[u8]) {
    let watched = core.poller.watch(&core.fanout.borrow().outlet(client.id).sink, Owner::Client(client.place));
    if let Err(error) = watched {
        tracing::warn!("cannot watch a connection: {error}");
        return end(core, client, None);
    }
    take_in(core, client, &mut Vec::from(leftover));
    read_on(core, client, false);
}

/// Reads from whoever has sent something, and writes to who can be written to again, until the core ends.
pub(crate) async fn attend_sockets(core: Rc<Core>) {
    let (mut turn, mut unread) = (Vec::new(), Vec::new());
    loop {
        if core.unread.borrow().is_empty() {
            core.poller.wait().await;
        } else {
            yield_now().await;
        }
        core.poller.take(&mut turn);
        turn.drain(..).for_each(|ready| on_ready(&core, ready));
        std::mem::swap(&mut unread, &mut core.unread.borrow_mut());
        for owner in unread.drain(..) {
            on_ready(&core, Ready { owner, is_readable: true, is_writable: false, is_at_end: true });
        }
    }
}

pub(crate) fn on_ready(core: &Rc<Core>, ready: Ready) {
    let place = match ready.owner {
        Owner::Task(place) => return core.poller.ring(place),
        Owner::Client(place) => place,
    };
    let Some(client) = core.clients.borrow().get(place as usize).cloned() else { return };
    faults::on_ready(&client, &ready);
    let also_reads = {
        let fanout = core.fanout.borrow();
        let outlet = fanout.outlet(client.id);
        outlet.is_paced || outlet.sink.is_tls()
    };
    if ready.is_writable {
        core.drain(client.id);
    }
    if ready.is_readable || also_reads {
        read_on(core, &client, ready.is_at_end);
    }
}

/// Reads what has come, until that is all or others are to have their turn.
fn read_on(core: &Rc<Core>, client: &Rc<Client>, is_at_end: bool) {
    for _ in 0..READS_MAX {
        let owed = client.inbound.borrow().owed();
        if client.is_gone.get() || must_wait(core, client, owed.is_some()) {
            return;
        }
        if owed.is_some() {
            return end(core, client, owed);
        }
        let mut buffer = core.read_buffer.borrow_mut();
        let read = core.fanout.borrow().outlet(client.id).sink.try_read(&mut buffer);
        let length = match read {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => {
                drop(buffer);
                return end(core, client, None);
            }
            Ok(length) => length,
        };
        let buffer_bytes = buffer.len();
        take_in(core, client, &mut buffer[..length]);
        drop(buffer);
        let goes_on = !client.is_gone.get() && client.inbound.borrow().owed().is_none();
        if goes_on && !is_at_end && core.fanout.borrow().outlet(client.id).sink.is_empty_after(length, buffer_bytes) {
            return;
        }
    }
    core.unread.borrow_mut().push(Owner::Client(client.place));
}

/// Whether a client that gets back what it sends has yet to take some of what waits for it, all of it if that is the end;
/// no other is waited for.
fn must_wait(core: &Core, client: &Client, is_over: bool) -> bool {
    let bytes_max = if is_over { 0 } else { HIGH_WATER_BYTES };
    let fanout = core.fanout.borrow();
    let outlet = fanout.outlet(client.id);
    outlet.is_paced && outlet.state == OutletState::Open && outlet.backlog.bytes() > bytes_max
}

/// Ends a session; `close` is what its client is still owed.
fn end(core: &Rc<Core>, client: &Client, close: Option<Close>) {
    if let Some(close) = close {
        core.fanout.borrow_mut().give_up(client.id, close);
    }
    let socket = dismiss(core, client).and_then(Socket::into_connection);
    if let (Some(_), Some(socket)) = (close, socket) {
        let core = Rc::clone(core);
        spawn_local(async move { see_off(&core, &socket).await });
    }
}

/// Waits until the client has gone as well, for as long as a close may take, and does not look at what it still sends.
/// Closing a socket with bytes unread resets the connection, and a reset may overtake the close frame.
pub(crate) async fn see_off(core: &Core, socket: &Socket) {
    socket.finish();
    let Ok(watch) = core.poller.watch_for_task(socket) else { return };
    let gone = async {
        while watch.read(socket, &core.read_buffer).await.is_ok_and(|length| length > 0) {
            yield_now().await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(CLOSE_GRACE_MS), gone).await;
}

/// Takes a session out of its place; its socket, unless it had gone before.
pub(crate) fn dismiss(core: &Core, client: &Client) -> Option<Socket> {
    if client.is_gone.replace(true) {
        return None;
    }
    client.session.borrow_mut().on_end();
    if let Session::SocketIo(session) = &*client.session.borrow() {
        core.engine.borrow_mut().remove(session.sid());
    }
    core.members.borrow_mut().remove(client.id);
    core.clients.borrow_mut().remove(client.place as usize);
    let outlet = core.fanout.borrow_mut().remove(client.id);
    faults::leave(core, client, &outlet);
    tracing::debug!(
        routed = outlet.routed,
        delivered = outlet.delivered(),
        conflated = outlet.conflated,
        dropped = outlet.dropped,
        "session ended"
    );
    Some(outlet.sink)
}
