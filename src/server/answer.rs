//! A request, and who answers it: a session that takes over the connection, Socket.IO, another core, or HTTP.

use std::net::IpAddr;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use crate::server::core::Core;
use crate::server::desk::hand_over;
use crate::server::read::{Connection, begin_session};
use crate::server::socket::Socket;
use crate::server::{events, http, replays, socketio};
use crate::session::Session;

/// What becomes of a request. It can be told to another thread.
pub(crate) enum Reply {
    /// An answer.
    Answer(Response<Full<Bytes>>),
    /// A session writes the answer itself; it waits here for the connection.
    Takeover(oneshot::Sender<Taken>),
}

/// A connection out of HTTP's hands.
pub(crate) struct Taken {
    /// Makes a socket of it, on the thread where it is to be; `None` if it has failed.
    pub(crate) socket: Box<dyn FnOnce() -> Option<Socket> + Send>,
    /// What the client sent behind its request.
    pub(crate) leftover: Bytes,
}

/// Takes a request in, now, and answers it in time.
///
/// Whoever drops the answer drops the request, but not before it was looked at: a session ends with a request that its
/// client does not wait for, and where the request and the end of its connection come together, the connection knows of
/// both before it asks for an answer.
pub(crate) fn begin(core: &Rc<Core>, request: Request<Incoming>, peer: IpAddr, mut reply: oneshot::Sender<Reply>) {
    let core = Rc::clone(core);
    spawn_local(async move {
        tokio::select! {
            biased;
            answer = answer(&core, request, peer) => drop(reply.send(answer)),
            () = reply.closed() => {}
        }
    });
}

async fn answer(core: &Rc<Core>, request: Request<Incoming>, peer: IpAddr) -> Reply {
    if replays::is_asked_for(request.uri().path()) {
        return replays::answer(core, request, peer).await;
    }
    if let Some(service) = socketio::service_at(core, request.uri().path()) {
        return match socketio::lives_at(core, &request) {
            Some(desk) => hand_over(desk, request, peer).await,
            None => Reply::Answer(socketio::respond(core, service, request, peer).await),
        };
    }
    match events::open(core, &request, peer) {
        None => Reply::Answer(http::respond(core, request, peer).await),
        Some(Err(refusal)) => Reply::Answer(refusal),
        Some(Ok(session)) => Reply::Takeover(wait_for_connection(core, session, peer)),
    }
}

/// Begins a session as soon as it is given its connection.
fn wait_for_connection(core: &Rc<Core>, session: Session, peer: IpAddr) -> oneshot::Sender<Taken> {
    let (sender, receiver) = oneshot::channel::<Taken>();
    let core = Rc::clone(core);
    spawn_local(async move {
        let Ok(Taken { socket, leftover }) = receiver.await else { return };
        let Some(socket) = socket() else { return };
        events::catch_up(&core, &session).await;
        begin_session(&core, Connection { socket, leftover, session, peer, deflates: false });
    });
    sender
}
