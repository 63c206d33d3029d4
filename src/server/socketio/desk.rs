//! Requests for sessions of another core: handed over to it, answered by it, and told back through here.

use std::net::IpAddr;
use std::rc::Rc;

use hyper::Request;
use hyper::body::Incoming;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use crate::protocol::engineio::open::Refusal;
use crate::server::core::Core;
use crate::server::socketio::{Answer, serve_session};

/// Requests that may wait for one core to take them.
const WAITING_MAX: usize = 4_096;

/// A request for a session of another core.
pub(crate) struct Handover {
    request: Request<Incoming>,
    peer: IpAddr,
    reply: oneshot::Sender<Result<Answer, Refusal>>,
}

/// Where requests for a core's sessions are left, and where it takes them from.
pub(crate) fn desk() -> (mpsc::Sender<Handover>, mpsc::Receiver<Handover>) {
    mpsc::channel(WAITING_MAX)
}

/// Has another core answer; `None` if there is no such core.
pub(crate) async fn hand_over(
    core: &Core,
    index: usize,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Result<Answer, Refusal> {
    let desk = core.shared.desks.get(index).ok_or(Refusal::SessionUnknown)?;
    let (reply, answer) = oneshot::channel();
    desk.send(Handover { request, peer, reply }).await.map_err(|_| Refusal::SessionUnknown)?;
    // The other core ends when the server does.
    answer.await.unwrap_or(Err(Refusal::SessionUnknown))
}

/// Answers what other cores hand over. A request whose client has gone is dropped, as it is where it came from.
pub(crate) async fn attend(core: Rc<Core>, mut desk: mpsc::Receiver<Handover>) {
    while let Some(Handover { request, peer, mut reply }) = desk.recv().await {
        let core = Rc::clone(&core);
        spawn_local(async move {
            // A client that has gone already has still asked: what that means for its session shows when it is served.
            let answer = tokio::select! {
                biased;
                answer = serve_session(&core, request, peer) => answer,
                () = reply.closed() => return,
            };
            let _ = reply.send(answer);
        });
    }
}
