//! Rooms as a core serves them: who comes by plain WebSocket, and what is said, to whoever hears it here.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::yield_now;

use crate::fanout::OutletId;
use crate::fanout::backlog::{Batch, Mark};
use crate::protocol::socketio::Parser;
use crate::server::core::Core;
use crate::server::http::{text, too_many_attempts, upgrade};
use crate::session::Session;
use crate::session::rooms::members::Listeners;
use crate::session::rooms::{RoomSession, Rooming, Said, Seating, Space};

/// Where a core hears what is said anywhere.
pub(crate) type Heard = UnboundedReceiver<Arc<Said>>;

/// Messages taken at once.
const TURN_MESSAGES: usize = 64;

/// Clients written to before others get their turn, market data above all.
const TURN_WRITES: usize = 1_024;

/// Answers a request to an address of a room.
pub(crate) fn respond(core: &Rc<Core>, request: Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
    let uri = request.uri();
    let refuse = |status, reason: String| text(status, "text/plain; charset=utf-8", reason + "\n");
    let Some(rooms) = &core.shared.rooms else {
        let reason = format!("nothing is served at {}: start tapecast with --rooms to have rooms", uri.path());
        return refuse(StatusCode::NOT_FOUND, reason);
    };
    let heartbeat = core.shared.config.binance.limits.heartbeat;
    let address = (uri.path(), uri.query());
    let session = match RoomSession::new(rooms, core.index, address, heartbeat, core.now_ms()) {
        Ok(session) => session,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, reason),
    };
    if fastwebsockets::upgrade::is_upgrade_request(&request)
        && let Err(wait) = core.shared.attempts.count(peer, Instant::now())
    {
        return too_many_attempts(wait);
    }
    upgrade(core, request, Session::Rooms(Box::new(session)), peer, None)
}

/// Carries out what a session of this core wants about rooms.
pub(crate) fn seat(core: &Core, outlet: OutletId, rooming: Rooming) {
    if rooming.is_empty() {
        return;
    }
    let counts = &core.shared.metrics.cores[core.index];
    counts.room_messages.add(rooming.said.into());
    counts.room_refusals.add(rooming.refused.into());
    let mut members = core.members.borrow_mut();
    for seating in rooming.seats {
        match seating {
            Seating::Take(place, seat) => members.take_seat(outlet, place, seat),
            Seating::GiveUp(place, number) => members.give_up(&place, number),
        }
    }
}

/// Passes on what is said, each for as many as hear it here, until the core ends.
pub(crate) async fn listen(core: Rc<Core>, mut heard: Heard) {
    let (mut turn, mut listeners) = (Vec::with_capacity(TURN_MESSAGES), Listeners::default());
    let mut writes = 0;
    while heard.recv_many(&mut turn, TURN_MESSAGES).await > 0 {
        for said in turn.drain(..) {
            core.fanout.borrow_mut().set_now(core.now_ms());
            pass_on(&core, &said, &mut listeners);
            writes += listeners.events.len() + listeners.packed.len() + listeners.plain.len();
            if writes >= TURN_WRITES {
                writes = 0;
                yield_now().await;
            }
        }
    }
}

/// Renders what was said once for each kind of client that hears it here, and sends it.
fn pass_on(core: &Core, said: &Said, listeners: &mut Listeners) {
    core.members.borrow().hear(said, listeners);
    let config = &core.shared.config;
    let is_recoverable = said.place.space == Space::Root && !config.socketio.recovery.is_zero();
    let mut fanout = core.fanout.borrow_mut();
    let mut send = |outlets: &[OutletId], write: &dyn Fn(&mut Vec<u8>)| {
        if outlets.is_empty() {
            return;
        }
        let (mut frames, mut batch) = (Vec::new(), Batch::default());
        write(&mut frames);
        if !frames.is_empty() {
            // A packet and its attachments are one piece, so that nothing ever comes between them.
            batch.push(&frames, Mark::KEPT);
            core.shared.metrics.cores[core.index].frames_rendered.add(1);
        }
        fanout.send_to_all(outlets, batch);
    };
    send(&listeners.events, &|out| said.write_event(Parser::Default, is_recoverable, out));
    send(&listeners.packed, &|out| said.write_event(Parser::MessagePack, is_recoverable, out));
    send(&listeners.plain, &|out| said.write_plain(out));
    if let Some(rooms) = &core.shared.rooms {
        rooms.heard(core.index, said);
    }
}
