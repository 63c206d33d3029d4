//! Faults on demand, as a server does them.
//!
//! ```text
//!  ingest ──Firing──▶ Faults ─┬─▶ Ledger ─▶ report                 (whom it hit, what they did)
//!                             ├─▶ Gates  ─▶ accept, HTTP           (who is not let in)
//!                             └─▶ orders ─▶ conduct, one per core ─▶ Line ─▶ FaultySocket
//! ```
//!
//! Without a script nothing of this is there: sockets are as they are, and each place that asks finds nothing.

mod answer;
mod conduct;
mod gate;
mod ledger;
pub(crate) mod line;
mod messages;
mod report;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::feed::fault::distortion::Firing;
use crate::feed::fault::parts::{Share, Whom};
use crate::feed::fault::{Script, What};
use crate::feed::synthetic::chance::Chance;
use crate::metrics::Metrics;
use crate::server::core::Core;
use crate::server::faults::gate::{Closed, Gates, Manner};
use crate::server::faults::ledger::{FiringId, Ledger};

pub(crate) use answer::{PATH, refuse_request, respond, verdict};
pub(crate) use conduct::{attend, has_subscribed, ignores, leave, on_ready, welcome, wire};

/// Most orders that wait for a core; one more is not carried out there, which is logged.
const ORDERS_MAX: usize = 4_096;

/// What a core is to do.
#[derive(Clone, Debug)]
struct Order {
    id: FiringId,
    firing: Firing,
}

/// A script that is carried out.
#[derive(Debug)]
pub(crate) struct Faults {
    script: Arc<Script>,
    ledger: Mutex<Ledger>,
    gates: Gates,
    /// Clients so far.
    clients: AtomicU64,
    /// How often each fault may still strike that counts from a client's connection.
    times_left: Vec<AtomicU32>,
    orders: Vec<mpsc::Sender<Order>>,
    /// The other ends, until their cores take them.
    attended: Mutex<Vec<Option<mpsc::Receiver<Order>>>>,
    metrics: Arc<Metrics>,
}

impl Faults {
    /// Nothing has struck yet.
    pub(crate) fn new(script: Arc<Script>, metrics: Arc<Metrics>) -> Faults {
        let (orders, attended) = metrics.cores.iter().map(|_| mpsc::channel(ORDERS_MAX)).unzip::<_, _, _, Vec<_>>();
        Faults {
            ledger: Mutex::new(Ledger::new(Arc::clone(&script))),
            gates: Gates::new(script.seed),
            clients: AtomicU64::new(0),
            times_left: script.faults.iter().map(|fault| AtomicU32::new(fault.times.unwrap_or(u32::MAX))).collect(),
            orders,
            attended: Mutex::new(attended.into_iter().map(Some).collect()),
            script,
            metrics,
        }
    }

    /// What is to go wrong.
    pub(crate) fn script(&self) -> &Arc<Script> {
        &self.script
    }

    /// A fault is due on the tape's clock, or has struck a stream.
    pub(crate) fn strike(&self, firing: Firing) {
        let fault = &self.script.faults[firing.fault];
        let detail = if firing.detail.is_empty() { self.in_words(firing.fault) } else { firing.detail.clone() };
        let id = self.note(firing.fault, Some(firing.tape_ns), detail);
        if fault.what.is_of_door() {
            return;
        }
        for (core, orders) in self.orders.iter().enumerate() {
            if orders.try_send(Order { id, firing: firing.clone() }).is_err() {
                tracing::warn!("core {core} is behind with its faults, or has ended: one is not carried out there");
            }
        }
    }

    /// A fault that counts from a client's connection strikes; `None` if it has as often as it may.
    fn strike_one(&self, fault: usize) -> Option<FiringId> {
        let left = &self.times_left[fault];
        left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).ok()?;
        Some(self.note(fault, None, self.in_words(fault)))
    }

    /// A fault strikes: a line in the log, and a count.
    fn note(&self, fault: usize, tape_ns: Option<i64>, detail: String) -> FiringId {
        let what = &self.script.faults[fault].what;
        let time = tape_ns.map_or_else(|| "since a connection".into(), crate::feed::time::format);
        tracing::warn!(
            "fault {} ({}), {time}: {}",
            fault + 1,
            what.name(),
            if detail.is_empty() { "-" } else { &detail }
        );
        let mut ledger = self.ledger();
        // Under the lock, as counters have one writer at a time.
        self.metrics.faults[what.index()].add(1);
        let id = ledger.strike(fault, tape_ns, detail, Instant::now());
        drop(ledger);
        self.shut_door(fault, id);
        id
    }

    /// Keeps people out, where a fault does; before those are cut off who are in.
    fn shut_door(&self, fault: usize, firing: FiringId) {
        let (now, mut chance) = (Instant::now(), self.chance(fault, firing.0));
        let whom = self.script.faults[fault].whom;
        let (manner, whom, from, until) = match &self.script.faults[fault].what {
            What::Refuse { lasts } => (Manner::Refuse, whom, now, now + lasts.pick(&mut chance)),
            What::RateLimit { lasts, bans } => {
                (Manner::Limit { bans: *bans }, whom, now, now + lasts.pick(&mut chance))
            }
            // Whoever is hit, nobody is let in.
            What::Shutdown { notice, down } if !down.most.is_zero() => {
                (Manner::Refuse, Whom::ALL, now + notice.least, now + notice.most + down.pick(&mut chance))
            }
            _ => return,
        };
        self.gates.close(Closed { firing, fault, manner, whom, from, until });
    }

    /// What a fault does that is in its members.
    fn in_words(&self, fault: usize) -> String {
        match &self.script.faults[fault].what {
            What::Drop(cut) => format!("{cut:?}").to_lowercase(),
            What::Freeze { lasts } | What::WithholdPongs { lasts } | What::Refuse { lasts } => format!("for {lasts}"),
            What::RateLimit { lasts, bans } => format!("{} for {lasts}", if *bans { "418" } else { "429" }),
            What::Delay { by, lasts } => format!("by {by}, for {lasts}"),
            What::Shutdown { notice, down } => format!("notice {notice}, away for {down}"),
            What::Corrupt { part, count } => format!("{part:?} of {count}").to_lowercase(),
            _ => String::new(),
        }
    }

    /// Whether a fault hits this client.
    fn is_meant(&self, whom: Whom, kind: &str, fault: usize, lane: u64) -> bool {
        whom.kind.is_none_or(|whom| whom == kind)
            && (whom.share == Share::ALL || self.chance(fault, lane).permille(whom.share.0))
    }

    /// Chance that belongs to a fault and one more thing, whatever happens in which order.
    fn chance(&self, fault: usize, lane: u64) -> Chance {
        Chance::new(self.script.seed.wrapping_add(1_000 + fault as u64), lane)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The report for people.
    pub(crate) fn report(&self) -> String {
        report::text(&self.script, &self.ledger())
    }

    /// The same for programs.
    pub(crate) fn to_json(&self) -> Value {
        report::json(&self.script, &self.ledger(), Instant::now())
    }

    /// The orders of a core; each is given once.
    fn take_orders(&self, core: usize) -> Option<mpsc::Receiver<Order>> {
        self.attended.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[core].take()
    }
}

/// Whether whoever comes is refused at present, which is then noted.
pub(crate) fn refuses_peer(core: &Core, peer: IpAddr) -> bool {
    let Some(faults) = &core.shared.faults else { return false };
    let now = Instant::now();
    let Some(closed) = faults.gates.refuses(now) else { return false };
    faults.ledger().refused(closed.firing, closed.fault, peer, now);
    true
}

/// Whether a connection is refused at present; it has then been ended, with a reset.
pub(crate) fn refuses(core: &Core, stream: &TcpStream, peer: IpAddr) -> bool {
    if !refuses_peer(core, peer) {
        return false;
    }
    // An error means that it has already ended.
    let _ = socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO));
    true
}
