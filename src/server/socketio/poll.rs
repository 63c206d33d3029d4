//! HTTP long-polling: a GET that is held until there is something, a POST with what the client has to say.

use std::rc::Rc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming as Body;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};

use crate::fanout::Ending;
use crate::protocol::engineio::open::{Refusal, Transport};
use crate::protocol::engineio::packet::{Packet, split};
use crate::server::core::Core;
use crate::server::socketio::mailbox::Mailbox;
use crate::server::socketio::session::EngineSession;
use crate::server::socketio::{Answer, answer, empty};
use crate::session::{Effects, Incoming};

/// Ends the session if its client drops a request: a GET before it was answered, a POST before it was read. Once there
/// is a connection, that is what tells whether the client is there.
struct Watched<'a> {
    core: &'a Rc<Core>,
    session: &'a EngineSession,
    is_over: bool,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if !self.is_over && self.session.transport.get() == Transport::Polling {
            end(self.core, self.session, Ending::ClientLeft);
        }
    }
}

/// Answers a GET as soon as there is something to answer it with.
pub(crate) async fn get(core: &Rc<Core>, session: &EngineSession, mailbox: &Mailbox) -> Result<Answer, Refusal> {
    if mailbox.exchange.borrow_mut().hold().is_err() {
        end(core, session, Ending::ProtocolError);
        return Ok(empty(StatusCode::BAD_REQUEST));
    }
    let mut watched = Watched { core, session, is_over: false };
    core.drain(session.client.id);
    loop {
        let noop_at_ms = {
            let mut exchange = mailbox.exchange.borrow_mut();
            exchange.noop(core.now_ms());
            if exchange.is_ready() {
                watched.is_over = true;
                return Ok(answer(StatusCode::OK, "text/plain; charset=UTF-8", exchange.answer()));
            }
            // Its client may have sent it after the packet that made the upgrade, on a connection that was quicker.
            if session.transport.get() == Transport::WebSocket && exchange.is_too_late() {
                watched.is_over = true;
                return Err(Refusal::BadRequest);
            }
            exchange.noop_at_ms()
        };
        match noop_at_ms {
            None => mailbox.ready.notified().await,
            Some(at_ms) => {
                let wait = Duration::from_millis(at_ms.saturating_sub(core.now_ms()).max(1));
                let _ = tokio::time::timeout(wait, mailbox.ready.notified()).await;
            }
        }
    }
}

/// Takes in a POST, packet by packet.
pub(crate) async fn post(
    core: &Rc<Core>,
    session: &EngineSession,
    mailbox: &Mailbox,
    request: Request<Body>,
) -> Result<Answer, Refusal> {
    let kind = request.headers().get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    if kind.starts_with(b"application/octet-stream") || mailbox.exchange.borrow_mut().begin_post().is_err() {
        end(core, session, Ending::ProtocolError);
        return Ok(empty(StatusCode::BAD_REQUEST));
    }
    let bytes_max = core.shared.config.socketio.limits.engine.payload_bytes_max;
    let mut watched = Watched { core, session, is_over: false };
    let body = Limited::new(request.into_body(), bytes_max).collect().await;
    watched.is_over = true;
    mailbox.exchange.borrow_mut().end_post();
    let body = match body {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return Ok(empty(StatusCode::PAYLOAD_TOO_LARGE));
        }
        // Most likely nobody is left to be answered.
        Err(_) => {
            end(core, session, Ending::ClientLeft);
            return Ok(empty(StatusCode::BAD_REQUEST));
        }
    };
    let is_taken = match std::str::from_utf8(&body) {
        Ok(body) => split(body).all(|packet| take(core, session, mailbox, packet)),
        Err(_) => false,
    };
    if !is_taken {
        end(core, session, Ending::ProtocolError);
        return Ok(empty(StatusCode::BAD_REQUEST));
    }
    Ok(answer(StatusCode::OK, "text/html", "ok"))
}

/// Takes in one packet; false if the session is over with it, unless it is the one that says so.
fn take(core: &Rc<Core>, session: &EngineSession, mailbox: &Mailbox, packet: &str) -> bool {
    if session.client.is_gone.get() || mailbox.exchange.borrow().is_over() {
        return false;
    }
    if Packet::parse(packet) == Some(Packet::Close) {
        mailbox.exchange.borrow_mut().leave();
        end(core, session, Ending::ClientLeft);
        return true;
    }
    let mut effects = Effects::default();
    session.client.session.borrow_mut().on_message(Incoming::Text(packet), core.now_ms(), &mut effects);
    let is_over = effects.end.is_some();
    core.apply(&session.client, effects);
    !is_over
}

/// Ends a session at once.
fn end(core: &Rc<Core>, session: &EngineSession, ending: Ending) {
    if !session.client.is_gone.get() {
        let mut fanout = core.fanout.borrow_mut();
        fanout.note_ending(session.client.id, ending);
        fanout.abort(session.client.id);
    }
}
