//! Sessions of Engine.IO as their core knows them: how they begin, whom further requests find, how they end.

use std::cell::Cell;
use std::future::pending;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_local};

use crate::protocol::engineio::id::Sid;
use crate::protocol::engineio::open::Transport;
use crate::protocol::websocket::Reader;
use crate::server::client::Client;
use crate::server::core::Core;
use crate::server::inbound::Inbound;
use crate::server::read::{admit, dismiss, start_reading};
use crate::server::socket::Socket;
use crate::server::socketio::mailbox::Mailbox;
use crate::session::socketio::{Service, SocketIoSession};
use crate::session::{Effects, Session};

/// A session that further requests may be meant for.
#[derive(Debug)]
pub(crate) struct EngineSession {
    pub(crate) client: Rc<Client>,
    pub(crate) transport: Cell<Transport>,
    /// Whether a connection is being probed.
    pub(crate) is_probed: Cell<bool>,
    /// `None` for one that has been on a WebSocket from the start.
    pub(crate) mailbox: Option<Rc<Mailbox>>,
    /// Tells it the time.
    keeper: JoinHandle<()>,
}

impl Drop for EngineSession {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl EngineSession {
    /// Tells the session the time, so that whoever asks at the very end of a deadline finds that it has passed; false
    /// if the session is over.
    pub(crate) fn lives(&self, core: &Rc<Core>) -> bool {
        if !self.client.is_gone.get() {
            tell_time(core, &self.client);
        }
        let is_over = self.mailbox.as_ref().is_some_and(|mailbox| mailbox.exchange.borrow().is_over());
        !is_over && !self.client.is_gone.get()
    }
}

/// Opens a session that polls; its opening packet.
pub(crate) fn open_polling(core: &Rc<Core>, service: Service, peer: IpAddr) -> String {
    let (sid, session) = begin(core, service, Transport::Polling);
    let packet = session.open_packet();
    let mailbox = Rc::new(Mailbox::default());
    let socket = Socket::Mailbox(Rc::clone(&mailbox));
    let client = admit(core, socket, Session::SocketIo(Box::new(session)), Inbound::Nothing, peer, false);
    let keeper = {
        let (core, client, mailbox) = (Rc::clone(core), Rc::clone(&client), Rc::clone(&mailbox));
        spawn_local(async move {
            tokio::select! {
                () = mailbox.over.notified() => drop(dismiss(&core, &client)),
                () = keep_time(&core, &client) => {}
            }
        })
    };
    enlist(core, sid, client, Transport::Polling, Some(mailbox), keeper);
    packet
}

/// Opens a session on a WebSocket; `leftover` came behind its request.
pub(crate) fn open_on_websocket(core: &Rc<Core>, service: Service, socket: Socket, leftover: &[u8], peer: IpAddr) {
    if core.is_stopping.get() {
        return;
    }
    let (sid, session) = begin(core, service, Transport::WebSocket);
    let inbound = Inbound::WebSocket(Reader::new(core.shared.config.socketio.limits.engine.payload_bytes_max));
    let client = admit(core, socket, Session::SocketIo(Box::new(session)), inbound, peer, false);
    let keeper = {
        let (core, client) = (Rc::clone(core), Rc::clone(&client));
        spawn_local(async move { keep_time(&core, &client).await })
    };
    enlist(core, sid, Rc::clone(&client), Transport::WebSocket, None, keeper);
    start_reading(core, &client, leftover);
}

fn begin(core: &Core, service: Service, transport: Transport) -> (Sid, SocketIoSession) {
    let sid = Sid::new(core.index);
    let limits = core.shared.config.socketio.limits.clone();
    let recoveries = Arc::clone(&core.shared.recoveries);
    let session = SocketIoSession::new(sid.clone(), transport, (service, limits), recoveries, core.now_ms());
    (sid, session.with_rooms(core.shared.rooms.as_ref(), core.index, core.now_ms()))
}

/// Lets further requests find a session, until it is [dismissed](dismiss).
fn enlist(
    core: &Core,
    sid: Sid,
    client: Rc<Client>,
    transport: Transport,
    mailbox: Option<Rc<Mailbox>>,
    keeper: JoinHandle<()>,
) {
    let (transport, is_probed) = (Cell::new(transport), Cell::new(false));
    core.engine.borrow_mut().insert(sid, Rc::new(EngineSession { client, transport, is_probed, mailbox, keeper }));
}

/// How long a session whose line is out is not told the time, before it is looked at again.
const OUT_FOR: Duration = Duration::from_millis(100);

/// Tells a session the time whenever it wants to know it, exactly then.
async fn keep_time(core: &Rc<Core>, client: &Client) {
    loop {
        let deadline_ms = match &*client.session.borrow() {
            Session::SocketIo(session) => session.deadline_ms(),
            _ => return,
        };
        let wait_ms = deadline_ms.saturating_sub(core.now_ms());
        tokio::time::sleep(Duration::from_millis(wait_ms.max(1))).await;
        // The end of a client that polls shows in nothing but its silence.
        if client.is_out() && !core.fanout.borrow().outlet(client.id).sink.is_polled() {
            tokio::time::sleep(OUT_FOR).await;
            continue;
        }
        if tell_time(core, client) {
            // It ends, in its own time; this is dropped with it.
            return pending().await;
        }
    }
}

/// Tells a session the time; true if it ends with that.
fn tell_time(core: &Rc<Core>, client: &Client) -> bool {
    let mut effects = Effects::default();
    client.session.borrow_mut().on_time(core.now_ms(), 0, &mut effects);
    let is_over = effects.end.is_some();
    if is_over || !effects.ahead.marks.is_empty() {
        core.apply(client, effects);
    }
    is_over
}
