//! What is kept of clients whose connection has ended, so that they go on where they were when they come back.
//!
//! Kept are names only: the events they have missed are read again from the ring's history, rendered as they were. A
//! client may come back to another core, so this table is one for all of them; it is asked when a namespace is joined
//! or a session ends, and never on the way of the data.

use std::sync::Mutex;
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

/// What ended sessions had, by the secret that each was given to prove who it was.
#[derive(Debug)]
pub struct Recoveries {
    window: Duration,
    stored: Mutex<FxHashMap<String, (Instant, Stored)>>,
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
    /// Nothing yet; what is stored is kept for `window`, and not at all if that is zero.
    pub fn new(window: Duration) -> Recoveries {
        Recoveries { window, stored: Mutex::default() }
    }

    /// Whether anything is kept.
    pub fn is_on(&self) -> bool {
        !self.window.is_zero()
    }

    /// Keeps what a client had when it ended.
    pub fn store(&self, pid: String, stored: Stored, now: Instant) {
        let mut table = self.stored.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if table.len() >= STORED_MAX {
            table.retain(|_, (ended, _)| now - *ended < self.window);
            if table.len() >= STORED_MAX
                && let Some(oldest) = table.iter().min_by_key(|(_, (ended, _))| *ended).map(|(pid, _)| pid.clone())
            {
                table.remove(&oldest);
            }
        }
        table.insert(pid, (now, stored));
    }

    /// Takes out what belongs to a secret; `None` if that is nobody's in this namespace, or too long ago.
    pub fn take(&self, pid: &str, namespace: &str, now: Instant) -> Option<Stored> {
        let mut table = self.stored.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if table.get(pid)?.1.namespace != namespace {
            return None;
        }
        let (ended, stored) = table.remove(pid)?;
        (now - ended < self.window).then_some(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(namespace: &str) -> Stored {
        Stored { namespace: namespace.into(), socket_id: "A".into(), rooms: vec![("btcusdt@trade".into(), false)] }
    }

    #[test]
    fn socketio_item_65_a_secret_is_good_once_in_its_namespace_and_its_time() {
        let table = Recoveries::new(Duration::from_secs(120));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        table.store("p".into(), stored("/binance"), start);
        assert_eq!(table.take("q", "/binance", at(1)), None);
        assert_eq!(table.take("p", "/upbit", at(1)), None);
        assert_eq!(table.take("p", "/binance", at(119)), Some(stored("/binance")));
        assert_eq!(table.take("p", "/binance", at(119)), None);
        table.store("p".into(), stored("/binance"), start);
        assert_eq!(table.take("p", "/binance", at(120)), None);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_ended_first() {
        let table = Recoveries::new(Duration::from_secs(120));
        let start = Instant::now();
        for n in 0..STORED_MAX as u64 + 1 {
            table.store(n.to_string(), stored("/"), start + Duration::from_millis(n));
        }
        assert_eq!(table.stored.lock().unwrap().len(), STORED_MAX);
        assert_eq!(table.take("0", "/", start + Duration::from_secs(17)), None);
        assert!(table.take("1", "/", start + Duration::from_secs(17)).is_some());
    }
}
