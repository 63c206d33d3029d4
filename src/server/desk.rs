//! Requests that another core answers: one for a session of Socket.IO that lives there, or one for a replay.

use std::net::IpAddr;
use std::rc::Rc;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use tokio::sync::{mpsc, oneshot};

use crate::server::answer::{Reply, begin};
use crate::server::core::Core;
use crate::server::faults;
use crate::server::http::text;

/// Requests that may wait for one core to take them.
const WAITING_MAX: usize = 4_096;

/// A request for another core.
pub(crate) struct Handover {
    request: Request<Incoming>,
    peer: IpAddr,
    reply: oneshot::Sender<Reply>,
}

/// Where requests for a core are left, and where it takes them from.
pub(crate) fn desk() -> (mpsc::Sender<Handover>, mpsc::Receiver<Handover>) {
    mpsc::channel(WAITING_MAX)
}

/// Has another core answer. One that has ended does so no more: then that is the answer.
pub(crate) async fn hand_over(desk: &mpsc::Sender<Handover>, request: Request<Incoming>, peer: IpAddr) -> Reply {
    let (reply, answer) = oneshot::channel();
    if desk.send(Handover { request, peer, reply }).await.is_ok()
        && let Ok(reply) = answer.await
    {
        return reply;
    }
    ended()
}

/// The answer where nobody answers.
fn ended() -> Reply {
    Reply::Answer(text(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "nobody is there to answer this\n"))
}

/// Answers what other cores hand over. A request whose client has gone is dropped, as it is where it came from.
pub(crate) async fn attend(core: Rc<Core>, mut desk: mpsc::Receiver<Handover>) {
    while let Some(Handover { request, peer, reply }) = desk.recv().await {
        // A replay has no port of its own to be refused at.
        if core.shared.linger.is_some() && faults::refuses_peer(&core, peer) {
            drop(reply.send(ended()));
            continue;
        }
        begin(&core, request, peer, reply);
    }
}
