//! Keeping connections: made, made again when they are lost, renewed before they are too old.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::dial::websocket::Socket;
use crate::dial::{Backoff, Trust};
use crate::feed::upstream::address::Address;
use crate::feed::upstream::connection::{connect, read};
use crate::feed::upstream::hub::Hub;
use crate::feed::upstream::{Plan, Sink, Stats, UpstreamError};
use crate::tape::Form;

/// How long a connection must have lasted for the next wait to be a short one again.
const STABLE_AFTER: Duration = Duration::from_secs(30);

/// The longest two connections run beside each other where nothing comes on both.
const OVERLAP_MAX: Duration = Duration::from_secs(30);

/// Time between two looks at whether both deliver, and at what else is due.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long connections may take to close at the end.
const ENDING_MAX: Duration = Duration::from_secs(2);

/// What an upstream is begun with.
pub(super) struct Parts {
    pub(super) trust: Trust,
    pub(super) plan: Plan,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) stats: Arc<Stats>,
}

/// What all tasks of an upstream share.
pub(super) struct Context {
    pub(super) addresses: Vec<Address>,
    pub(super) trust: Trust,
    pub(super) plan: Plan,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) hub: RefCell<Hub>,
}

impl Context {
    /// Waits; true if it is over meanwhile.
    pub(super) async fn rests(&self, time: Duration) -> bool {
        let mut stopped = self.stopped.clone();
        timeout(time, stopped.wait_for(|stop| *stop)).await.is_ok()
    }

    fn is_over(&self) -> bool {
        *self.stopped.borrow()
    }
}

/// Runs an upstream to its end.
pub(super) async fn run(addresses: Vec<Address>, parts: Parts, sink: Box<dyn Sink>) -> Result<(), UpstreamError> {
    let Parts { trust, plan, stopped, stats } = parts;
    let hub = RefCell::new(Hub::new(sink, addresses.len(), stats));
    let context = Rc::new(Context { addresses, trust, plan, stopped, hub });
    let mut lines = Vec::new();
    for group in 0..context.addresses.len() {
        for _ in 0..context.plan.connections.max(1) {
            lines.push(spawn_local(keep(Rc::clone(&context), group)));
        }
    }
    while !context.rests(LOOK_EVERY).await {
        let mut hub = context.hub.borrow_mut();
        hub.idle();
        if hub.failure.is_some() {
            break;
        }
    }
    if context.is_over() {
        let closed = async {
            for line in lines {
                let _ = line.await;
            }
        };
        let _ = timeout(ENDING_MAX, closed).await;
    }
    let mut hub = context.hub.borrow_mut();
    hub.finish()
}

/// A connection under way.
struct Open {
    task: JoinHandle<Option<String>>,
    close: Option<oneshot::Sender<()>>,
}

impl Open {
    fn new(context: &Rc<Context>, group: usize, number: u32, socket: Socket) -> Open {
        let (close, closed) = oneshot::channel();
        Open { task: spawn_local(read(Rc::clone(context), group, number, socket, closed)), close: Some(close) }
    }

    /// Closes it and reads it to its end.
    async fn close(mut self) {
        if let Some(close) = self.close.take() {
            let _ = close.send(());
        }
        let _ = (&mut self.task).await;
    }
}

/// Keeps one connection to an address, until it is over.
async fn keep(context: Rc<Context>, group: usize) {
    let mut backoff = Backoff::new(context.plan.retry_min, context.plan.retry_max);
    while !context.is_over() {
        let number = context.hub.borrow_mut().number();
        let mut wait = Duration::ZERO;
        let mut stopped = context.stopped.clone();
        let connected = tokio::select! {
            connected = connect(&context, group, number) => connected,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        match connected {
            Ok(socket) => {
                let begun = Instant::now();
                let open = Open::new(&context, group, number, socket);
                renew(&context, group, open).await;
                if begun.elapsed() >= STABLE_AFTER {
                    backoff.reset();
                }
            }
            Err(failure) => {
                context.hub.borrow_mut().note(number, Form::Lost, &failure.reason);
                wait = failure.retry_after.unwrap_or_default();
            }
        }
        if context.rests(backoff.pause().max(wait)).await {
            return;
        }
    }
}

/// Renews a connection whenever it is old enough, until one is lost.
async fn renew(context: &Rc<Context>, group: usize, mut open: Open) {
    let mut backoff = Backoff::new(context.plan.retry_min, context.plan.retry_max);
    let mut renew_at = Instant::now() + context.plan.renew_after;
    loop {
        tokio::select! {
            _ = &mut open.task => return,
            () = sleep_until(renew_at) => {}
        }
        let number = context.hub.borrow_mut().number();
        let socket = match connect(context, group, number).await {
            Ok(socket) => socket,
            Err(failure) => {
                let text = format!("the connection could not be renewed: {}", failure.reason);
                context.hub.borrow_mut().note(number, Form::Remark, &text);
                renew_at = Instant::now() + backoff.pause().max(failure.retry_after.unwrap_or_default());
                continue;
            }
        };
        let next = Open::new(context, group, number, socket);
        let until = Instant::now() + OVERLAP_MAX;
        while Instant::now() < until && !open.task.is_finished() && !next.task.is_finished() {
            if context.hub.borrow().groups[group].arbiter.is_seen_on_both(number) {
                break;
            }
            sleep(LOOK_EVERY).await;
        }
        if next.task.is_finished() && !open.task.is_finished() {
            renew_at = Instant::now() + backoff.pause();
            continue;
        }
        context.hub.borrow_mut().note(number, Form::Remark, "this connection takes over");
        open.close().await;
        open = next;
        backoff.reset();
        renew_at = Instant::now() + context.plan.renew_after;
    }
}
