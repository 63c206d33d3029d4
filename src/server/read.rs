//! A session's task: reads what the client sends until the connection ends.

use std::cell::{Cell, RefCell};
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
use crate::protocol::lines::{self, Mode};
use crate::protocol::websocket::{self, Close};
use crate::server::client::{Client, Socket};
use crate::server::core::Core;
use crate::server::rest::answer;
use crate::session::{Effects, Incoming, Session, echo};

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

/// Runs a session on a connection that nobody else reads or writes.
pub(crate) async fn run_session(core: Rc<Core>, connection: Connection) {
    let Connection { socket, leftover, session, peer, deflates } = connection;
    if core.is_stopping.get() {
        return;
    }
    let client = admit(&core, socket.clone(), session, peer, deflates);
    let inbound = Inbound::of(&client.session.borrow(), core.shared.config.message_bytes_max);
    let close = read(&core, &client, &socket, leftover, inbound).await;
    if let Some(close) = close {
        pace(&core, &client, &socket, 0).await;
        core.fanout.borrow_mut().give_up(client.id, close);
    }
    dismiss(&core, &client);
    if close.is_some() {
        see_off(&core, &socket).await;
    }
}

/// Gives a session its place, and begins it.
pub(crate) fn admit(core: &Rc<Core>, socket: Socket, session: Session, peer: IpAddr, deflates: bool) -> Rc<Client> {
    opened(&core.shared.metrics.cores[core.index], &session).add(1);
    let id = core.fanout.borrow_mut().open(socket);
    core.fanout.borrow_mut().set_dialect(id, session.dialect());
    if let Session::Echo(_) = session {
        core.fanout.borrow_mut().set_paced(id);
    }
    let mut clients = core.clients.borrow_mut();
    let entry = clients.vacant_entry();
    let client = Rc::new(Client {
        id,
        place: entry.key(),
        peer,
        deflates,
        session: RefCell::new(session),
        has_subscribed: Cell::new(false),
        is_gone: Cell::new(false),
    });
    entry.insert(Rc::clone(&client));
    drop(clients);
    let mut effects = Effects::default();
    client.session.borrow_mut().begin(core.now_ms(), &mut effects);
    core.apply(&client, effects);
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

/// Takes a session out of its place.
pub(crate) fn dismiss(core: &Rc<Core>, client: &Client) {
    client.is_gone.set(true);
    client.session.borrow_mut().on_end();
    core.members.borrow_mut().remove(client.id);
    core.clients.borrow_mut().remove(client.place);
    let outlet = core.fanout.borrow_mut().remove(client.id);
    tracing::debug!(
        routed = outlet.routed,
        delivered = outlet.delivered,
        conflated = outlet.conflated,
        dropped = outlet.dropped,
        "session ended"
    );
}

/// Reads until the connection ends; returns the close frame that is still owed to the client.
pub(crate) async fn read(
    core: &Rc<Core>,
    client: &Rc<Client>,
    socket: &Socket,
    leftover: Bytes,
    mut inbound: Inbound,
) -> Option<Close> {
    let mut take_in = |bytes: &mut [u8]| inbound.take_in(core, client, bytes);
    if let Err(close) = take_in(&mut Vec::from(leftover)) {
        return Some(close);
    }
    loop {
        pace(core, client, socket, HIGH_WATER_BYTES).await;
        let length = match socket.read(&core.read_buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => length,
        };
        let is_full = {
            let mut buffer = core.read_buffer.borrow_mut();
            if let Err(close) = take_in(&mut buffer[..length]) {
                return Some(close);
            }
            length == buffer.len()
        };
        // A client that sends without end does not keep the others waiting.
        if is_full {
            yield_now().await;
        }
    }
}

/// Waits until a client that gets back what it sends has taken all but so much of what waits for it; no other is waited
/// for.
async fn pace(core: &Rc<Core>, client: &Client, socket: &Socket, bytes_max: usize) {
    loop {
        {
            let fanout = core.fanout.borrow();
            let outlet = fanout.outlet(client.id);
            if !outlet.is_paced || outlet.state != OutletState::Open || outlet.backlog.bytes() <= bytes_max {
                return;
            }
        }
        if !socket.writable().await {
            return;
        }
        // Somebody else writes.
        yield_now().await;
    }
}

/// How what comes from a client becomes messages.
pub(crate) enum Inbound {
    WebSocket(websocket::Reader),
    Lines(lines::Reader),
    /// Whatever comes is passed over: only the end of it counts.
    Nothing,
}

impl Inbound {
    fn of(session: &Session, bytes_max: usize) -> Inbound {
        match session {
            Session::Binance(_) | Session::Api(_) | Session::Upbit(_) | Session::SocketIo(_) | Session::Rooms(_) => {
                Inbound::WebSocket(websocket::Reader::new(bytes_max))
            }
            Session::Echo(_) => Inbound::WebSocket(websocket::Reader::new(bytes_max.max(echo::MESSAGE_BYTES_MAX))),
            Session::Events(_) => Inbound::Nothing,
            Session::Lines(_) => Inbound::Lines(lines::Reader::new(bytes_max)),
        }
    }

    /// Takes in what was read. Fails with what the client is told at the end.
    fn take_in(&mut self, core: &Rc<Core>, client: &Rc<Client>, bytes: &mut [u8]) -> Result<(), Close> {
        match self {
            Inbound::WebSocket(reader) => {
                let mut inflater = client.deflates.then(|| core.inflater.borrow_mut());
                reader.read(bytes, inflater.as_deref_mut(), |message| react(core, client, message.into()))
            }
            Inbound::Lines(reader) => {
                if let (None, Some(first)) = (reader.mode(), bytes.first()) {
                    let dialect = Dialect::from(Mode::of(*first));
                    core.fanout.borrow_mut().set_dialect(client.id, dialect);
                    if let Session::Lines(session) = &mut *client.session.borrow_mut() {
                        session.set_dialect(dialect);
                    }
                }
                let read = reader.read(bytes, |_, message| react(core, client, Incoming::Binary(message)));
                read.map_err(|_| Close::TOO_LARGE)
            }
            Inbound::Nothing => Ok(()),
        }
    }
}

/// Has the session react to a message.
pub(crate) fn react(core: &Rc<Core>, client: &Rc<Client>, incoming: Incoming<'_>) {
    // A session that began by polling may be given up while what its client has sent is still being read.
    if client.is_gone.get() {
        return;
    }
    let mut effects = Effects::default();
    client.session.borrow_mut().on_message(incoming, core.now_ms(), &mut effects);
    if let Some(question) = effects.question.take() {
        spawn_local(answer(Rc::clone(core), Rc::clone(client), question));
    }
    core.apply(client, effects);
}

/// Waits until the client has gone as well, for as long as a close may take, and does not look at what it still sends.
/// Closing a socket with bytes unread resets the connection, and a reset may overtake the close frame.
pub(crate) async fn see_off(core: &Rc<Core>, socket: &Socket) {
    socket.finish();
    let gone = async { while socket.read(&core.read_buffer).await.is_ok_and(|length| length > 0) {} };
    let _ = tokio::time::timeout(Duration::from_millis(CLOSE_GRACE_MS), gone).await;
}
