//! Sessions of Engine.IO as their core knows them: how they begin, whom further requests find, how they end.

use std::cell::Cell;
use std::future::pending;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::protocol::engineio::id::Sid;
use crate::protocol::engineio::open::Transport;
use crate::protocol::websocket::Reader;
use crate::server::client::{Client, Socket};
use crate::server::core::Core;
use crate::server::read::{Inbound, admit, dismiss, read, see_off};
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
    let sid = Sid::new(core.index);
    let limits = core.shared.config.socketio.limits.clone();
    let session = SocketIoSession::new(
        sid.clone(),
        Transport::Polling,
        (service, limits),
        Arc::clone(&core.shared.recoveries),
        core.now_ms(),
    )
    .with_rooms(core.shared.rooms.as_ref(), core.index, core.now_ms());
    let packet = session.open_packet();
    let mailbox = Rc::new(Mailbox::default());
    let session = Session::SocketIo(Box::new(session));
    let client = admit(core, Socket::Mailbox(Rc::clone(&mailbox)), session, peer, false);
    let session = Rc::new(EngineSession {
        client: Rc::clone(&client),
        transport: Cell::new(Transport::Polling),
        is_probed: Cell::new(false),
        mailbox: Some(Rc::clone(&mailbox)),
    });
    core.engine.borrow_mut().insert(sid.clone(), session);
    let core = Rc::clone(core);
    tokio::task::spawn_local(async move {
        tokio::select! {
            () = mailbox.over.notified() => {}
            () = keep_time(&core, &client) => {}
        }
        core.engine.borrow_mut().remove(&sid);
        dismiss(&core, &client);
    });
    packet
}

/// Runs a session on a WebSocket from its beginning to its end.
pub(crate) async fn run_on_websocket(core: Rc<Core>, service: Service, socket: Socket, leftover: Bytes, peer: IpAddr) {
    if core.is_stopping.get() {
        return;
    }
    let sid = Sid::new(core.index);
    let limits = core.shared.config.socketio.limits.clone();
    let payload_bytes_max = limits.engine.payload_bytes_max;
    let session = SocketIoSession::new(
        sid.clone(),
        Transport::WebSocket,
        (service, limits),
        Arc::clone(&core.shared.recoveries),
        core.now_ms(),
    )
    .with_rooms(core.shared.rooms.as_ref(), core.index, core.now_ms());
    let client = admit(&core, socket.clone(), Session::SocketIo(Box::new(session)), peer, false);
    let session = EngineSession {
        client: Rc::clone(&client),
        transport: Cell::new(Transport::WebSocket),
        is_probed: Cell::new(false),
        mailbox: None,
    };
    core.engine.borrow_mut().insert(sid.clone(), Rc::new(session));
    let reader = Reader::new(payload_bytes_max);
    let inbound = Inbound::WebSocket(reader);
    let close = tokio::select! {
        close = read(&core, &client, &socket, leftover, inbound) => close,
        () = keep_time(&core, &client) => None,
    };
    if let Some(close) = close {
        core.fanout.borrow_mut().give_up(client.id, close);
    }
    core.engine.borrow_mut().remove(&sid);
    dismiss(&core, &client);
    if close.is_some() {
        see_off(&core, &socket).await;
    }
}

/// Tells a session the time whenever it wants to know it, exactly then.
async fn keep_time(core: &Rc<Core>, client: &Client) {
    loop {
        let deadline_ms = match &*client.session.borrow() {
            Session::SocketIo(session) => session.deadline_ms(),
            _ => return,
        };
        let wait_ms = deadline_ms.saturating_sub(core.now_ms());
        tokio::time::sleep(Duration::from_millis(wait_ms.max(1))).await;
        if tell_time(core, client) {
            // It ends, in its own time: whoever sees that drops this.
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
