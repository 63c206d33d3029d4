//! What is kept of clients, so that they go on where they were when they come back.
//!
//! Kept are names only: the events they have missed are read again from the ring's history, rendered as they were. A
//! client may come back to another core, so this table is one for all of them; it is asked when a namespace is joined,
//! streams are, or a session ends, and never on the way of the data.
//!
//! A client that is cut off may be back before the server knows that it has gone: where a network breaks, that is known
//! only when a ping is not answered. So clients that are connected are in the table, too, and whoever knows the secret
//! takes their place; the connection that they had ends as it would have, and no longer counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::fanout::{Position, Want};

/// Ended sessions remembered at the most, each namespace by itself; beyond it the one that ended first is forgotten.
pub const STORED_MAX: usize = 16_384;

/// What a client had in one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where.
    pub namespace: String,
    /// Under which id.
    pub socket_id: String,
    /// Its streams by name, and whether each is volatile.
    pub rooms: Vec<(String, bool)>,
}

/// What sessions have, and had, by the secret that each was given to prove who it was.
#[derive(Debug)]
pub struct Recoveries {
    window: Duration,
    holders: AtomicU64,
    table: Mutex<Table>,
}

/// Which session has a secret: another one may have taken its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(u64);

#[derive(Debug, Default)]
struct Table {
    /// Of sessions that are connected, as far as is known; there are no more than there are connections.
    held: FxHashMap<String, (Holder, Stored)>,
    /// Of those that have ended.
    ended: FxHashMap<String, (Instant, Stored)>,
}

/// A client asks to go on where it was.
#[derive(Debug)]
pub struct Recover {
    /// The secret it was given.
    pub pid: String,
    /// What it had.
    pub stored: Stored,
    /// The same as wants.
    pub wants: Vec<Want>,
    /// The id of the event that it saw last.
    pub position: Position,
}

impl Recoveries {
    /// Nothing yet; what a session had is kept for `window` after its end, and not at all if that is zero.
    pub fn new(window: Duration) -> Recoveries {
        Recoveries { window, holders: AtomicU64::new(0), table: Mutex::default() }
    }

    /// Whether anything is kept.
    pub fn is_on(&self) -> bool {
        !self.window.is_zero()
    }

    /// A session begins.
    pub fn holder(&self) -> Holder {
        Holder(self.holders.fetch_add(1, Ordering::Relaxed))
    }

    /// Keeps what a connected client has now, under a new secret or its own; nothing where another has taken its place.
    pub fn hold(&self, pid: &str, holder: Holder, stored: Stored) {
        let mut table = self.lock();
        match table.held.get_mut(pid) {
            Some((known, had)) if *known == holder => *had = stored,
            Some(_) => {}
            None => drop(table.held.insert(pid.to_owned(), (holder, stored))),
        }
    }

    /// Forgets a connected client, which has left by itself, or cannot go on with what it has.
    pub fn forget(&self, pid: &str, holder: Holder) {
        let mut table = self.lock();
        if table.held.get(pid).is_some_and(|(known, _)| *known == holder) {
            table.held.remove(pid);
        }
    }

    /// A client's connection has ended: what it had is kept for the window.
    pub fn end(&self, pid: &str, holder: Holder, now: Instant) {
        let mut table = self.lock();
        let Table { held, ended } = &mut *table;
        if held.get(pid).is_none_or(|(known, _)| *known != holder) {
            return;
        }
        let Some((pid, (_, stored))) = held.remove_entry(pid) else { return };
        if ended.len() >= STORED_MAX {
            ended.retain(|_, (ended, _)| now - *ended < self.window);
            if ended.len() >= STORED_MAX
                && let Some(oldest) = ended.iter().min_by_key(|(_, (ended, _))| *ended).map(|(pid, _)| pid.clone())
            {
                ended.remove(&oldest);
            }
        }
        ended.insert(pid, (now, stored));
    }

    /// What belongs to a secret, which this session has from here on; `None` if that is nobody's in this namespace, or
    /// too long ago.
    pub fn take(&self, pid: &str, namespace: &str, holder: Holder, now: Instant) -> Option<Stored> {
        let mut table = self.lock();
        if let Some((known, stored)) = table.held.get_mut(pid).filter(|(_, stored)| stored.namespace == namespace) {
            *known = holder;
            return Some(stored.clone());
        }
        if table.ended.get(pid)?.1.namespace != namespace {
            return None;
        }
        let (ended, stored) = table.ended.remove(pid)?;
        if now - ended >= self.window {
            return None;
        }
        table.held.insert(pid.to_owned(), (holder, stored.clone()));
        Some(stored)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(namespace: &str) -> Stored {
        Stored { namespace: namespace.into(), socket_id: "A".into(), rooms: vec![("btcusdt@trade".into(), false)] }
    }

    /// Begins and ends a session.
    fn end(table: &Recoveries, pid: &str, namespace: &str, now: Instant) {
        let holder = table.holder();
        table.hold(pid, holder, stored(namespace));
        table.end(pid, holder, now);
    }

    #[test]
    fn socketio_item_65_a_secret_is_good_once_in_its_namespace_and_its_time() {
        let table = Recoveries::new(Duration::from_secs(120));
        let start = Instant::now();
        let take = |pid, namespace, seconds| {
            let holder = table.holder();
            let taken = table.take(pid, namespace, holder, start + Duration::from_secs(seconds));
            table.forget(pid, holder);
            taken
        };
        end(&table, "p", "/binance", start);
        assert_eq!(take("q", "/binance", 1), None);
        assert_eq!(take("p", "/upbit", 1), None);
        assert_eq!(take("p", "/binance", 119), Some(stored("/binance")));
        assert_eq!(take("p", "/binance", 119), None);
        end(&table, "p", "/binance", start);
        assert_eq!(take("p", "/binance", 120), None);
        assert!(table.lock().held.is_empty() && table.lock().ended.is_empty());
    }

    #[test]
    fn whoever_comes_back_takes_the_place_of_a_connection_that_is_not_known_to_be_gone() {
        let table = Recoveries::new(Duration::from_secs(120));
        let (old, new, now) = (table.holder(), table.holder(), Instant::now());
        table.hold("p", old, stored("/binance"));
        assert_eq!(table.take("p", "/upbit", new, now), None);
        assert_eq!(table.take("p", "/binance", new, now), Some(stored("/binance")));
        table.hold("p", new, Stored { rooms: Vec::new(), ..stored("/binance") });
        // What becomes of the old connection changes nothing.
        table.hold("p", old, stored("/binance"));
        table.end("p", old, now);
        table.forget("p", old);
        assert_eq!(table.take("p", "/binance", new, now).unwrap().rooms, []);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_ended_first() {
        let table = Recoveries::new(Duration::from_secs(120));
        let start = Instant::now();
        let (held, other) = (table.holder(), table.holder());
        table.hold("held", held, stored("/"));
        for n in 0..STORED_MAX as u64 + 1 {
            end(&table, &n.to_string(), "/", start + Duration::from_millis(n));
        }
        assert_eq!(table.lock().ended.len(), STORED_MAX);
        let later = start + Duration::from_secs(17);
        assert_eq!(table.take("0", "/", other, later), None);
        assert!(table.take("1", "/", other, later).is_some());
        assert!(table.take("held", "/", other, later).is_some());
    }
}
