//! Keeping a connection to the backbone: made, and made again when it is lost.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::dial::{Backoff, Trust};
use crate::feed::backbone::address::Address;
use crate::feed::backbone::client::Failure;
use crate::feed::backbone::intake::Intake;
use crate::feed::backbone::position::Tail;
use crate::feed::backbone::session::Session;
use crate::feed::time;
use crate::feed::upstream::{Plan, Sink, Stats, UpstreamError, now_ns};
use crate::tape::Form;

/// How long a connection must have lasted for the next wait to be a short one again.
const STABLE_AFTER: Duration = Duration::from_secs(30);

/// Time between two looks at what is due.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long it may take to stop.
const ENDING_MAX: Duration = Duration::from_secs(2);

/// What it is begun with.
pub(super) struct Parts {
    pub(super) address: Address,
    pub(super) plan: Plan,
    pub(super) trust: Trust,
    pub(super) tail: Tail,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) stats: Arc<Stats>,
}

/// Runs to the end.
pub(super) async fn run(parts: Parts, sink: Box<dyn Sink>) -> Result<(), UpstreamError> {
    let Parts { address, plan, trust, tail, mut stopped, stats } = parts;
    let intake = Rc::new(RefCell::new(Intake::new(sink, stats, tail.last_ns)));
    let session = Session::new(address, trust, plan.silence_max, tail, Rc::clone(&intake), stopped.clone());
    let mut line = tokio::task::spawn_local(keep(session, plan, stopped.clone(), Rc::clone(&intake)));
    let mut refused = Ok(());
    while timeout(LOOK_EVERY, stopped.wait_for(|stop| *stop)).await.is_err() {
        let mut intake = intake.borrow_mut();
        intake.idle();
        if intake.failure.is_some() || line.is_finished() {
            break;
        }
    }
    if intake.borrow().failure.is_none() {
        match timeout(ENDING_MAX, &mut line).await {
            Ok(ended) => refused = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())),
            Err(_) => line.abort(),
        }
    }
    let finished = intake.borrow_mut().finish();
    refused.and(finished)
}

/// Keeps a connection until it is over, or refused before it was ever had.
async fn keep(
    mut session: Session,
    plan: Plan,
    mut stopped: watch::Receiver<bool>,
    intake: Rc<RefCell<Intake>>,
) -> Result<(), UpstreamError> {
    let mut backoff = Backoff::new(plan.retry_min, plan.retry_max);
    loop {
        let begun = Instant::now();
        let Err(failure) = session.run().await else {
            session.end();
            return Ok(());
        };
        let reason = failure.reason().to_owned();
        if matches!(failure, Failure::Refused(_)) && !session.has_heard() {
            return Err(UpstreamError::Refused { name: session.address().to_string(), reason });
        }
        let text = format!("{reason}, at {}", time::format(now_ns()));
        intake.borrow_mut().note(session.number(), Form::Lost, text);
        if begun.elapsed() >= STABLE_AFTER {
            backoff.reset();
        }
        if timeout(backoff.pause(), stopped.wait_for(|stop| *stop)).await.is_ok() {
            session.end();
            return Ok(());
        }
    }
}
