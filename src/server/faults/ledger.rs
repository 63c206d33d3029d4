//! Whom each fault has hit, and what those clients did about it.
//!
//! An entry is opened for each client that is hit, and for each address that is refused. For a while what comes from
//! the client or its address is written into it: that it left, came back, asked for a snapshot, subscribed anew. The
//! faults of a script are few, so a lock that all cores share costs nothing that counts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fanout::ending::Ending;
use crate::feed::fault::{Script, What};

/// How long after a fault what a client does is taken for an answer to it.
pub(crate) const NOTICED_WITHIN: Duration = Duration::from_secs(60);

/// Most entries; what would be one more is only counted. Worst case in memory: some 200 bytes each.
pub(crate) const ENTRIES_MAX: usize = 16_384;

/// Most firings that are kept with their words; later ones are only counted.
pub(crate) const FIRINGS_MAX: usize = 4_096;

/// The number of a firing, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FiringId(pub(crate) u64);

/// A fault that has struck.
#[derive(Clone, Debug)]
pub(crate) struct Fired {
    pub(crate) id: FiringId,
    pub(crate) fault: usize,
    /// On the tape's clock; `None` for one that counts from a client's connection.
    pub(crate) tape_ns: Option<i64>,
    pub(crate) at: Instant,
    pub(crate) detail: String,
}

/// Somebody who was hit.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) firing: FiringId,
    pub(crate) fault: usize,
    pub(crate) at: Instant,
    /// The how manieth client of the server it was; `None` for one that was not let in.
    pub(crate) client: Option<u64>,
    pub(crate) peer: IpAddr,
    pub(crate) kind: &'static str,
    /// When its connection ended, and how.
    pub(crate) end: Option<(Duration, End)>,
    /// When somebody of its address and kind connected afterwards.
    pub(crate) back: Option<Duration>,
    /// When its address asked for a snapshot of a book.
    pub(crate) asked: Option<Duration>,
    /// When it subscribed anew on the same connection.
    pub(crate) resubscribed: Option<Duration>,
    /// Pings that it got no answer to.
    pub(crate) pings: u32,
    /// Attempts that were refused.
    pub(crate) refused: u32,
}

/// How a connection that was hit has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The fault has ended it.
    Fault,
    /// Its client has, with this code of a close frame where it sent one.
    Client(Option<u16>),
    /// The server has, for this reason.
    Server(Ending),
}

/// What has struck, and whom.
#[derive(Debug)]
pub(crate) struct Ledger {
    script: Arc<Script>,
    pub(crate) fired: Vec<Fired>,
    pub(crate) hits: Vec<Hit>,
    /// Those that may still be written into, oldest first.
    open: Vec<usize>,
    /// Of each fault: how often it has struck, and how many clients it hit.
    pub(crate) counts: Vec<(u64, u64)>,
    firings: u64,
    /// Clients whose entries there was no room for.
    pub(crate) unlisted: u64,
}

impl Hit {
    /// Whether its client has done something about it: come back, where it was cut off or kept out, and otherwise asked for
    /// a snapshot, subscribed anew, or left by itself. Whoever leaves while its connection works as it should must have
    /// come back, or have said that something is wrong, for most clients leave some time.
    pub(crate) fn is_noticed(&self, what: &What) -> bool {
        if what.is_of_door() || ends_connections(what) {
            return self.back.is_some();
        }
        let has_left = match self.end {
            Some((_, End::Client(code))) => {
                !what.is_of_stream()
                    || self.back.is_some()
                    || code.is_some_and(|code| !matches!(code, 1000 | 1001 | 1005))
            }
            _ => false,
        };
        has_left || self.asked.is_some() || self.resubscribed.is_some()
    }
}

/// Whether a fault ends connections, so that there is nothing to notice but that they have ended.
pub(super) fn ends_connections(what: &What) -> bool {
    matches!(what, What::Drop(_) | What::Lifetime | What::Shutdown { .. })
}

impl Ledger {
    /// What a hit was hit by.
    pub(super) fn what(&self, hit: &Hit) -> &What {
        &self.script.faults[hit.fault].what
    }

    /// Whether a hit is noticed.
    pub(super) fn is_noticed(&self, hit: &Hit) -> bool {
        hit.is_noticed(self.what(hit))
    }

    /// Nothing has struck yet.
    pub(crate) fn new(script: Arc<Script>) -> Ledger {
        let counts = vec![(0, 0); script.faults.len()];
        Ledger { script, fired: Vec::new(), hits: Vec::new(), open: Vec::new(), counts, firings: 0, unlisted: 0 }
    }

    /// A fault strikes.
    pub(crate) fn strike(&mut self, fault: usize, tape_ns: Option<i64>, detail: String, at: Instant) -> FiringId {
        let id = FiringId(self.firings);
        self.firings += 1;
        self.counts[fault].0 += 1;
        if self.fired.len() < FIRINGS_MAX {
            self.fired.push(Fired { id, fault, tape_ns, at, detail });
        }
        id
    }

    /// It hits somebody.
    pub(crate) fn hit(
        &mut self,
        firing: FiringId,
        fault: usize,
        client: Option<u64>,
        (peer, kind): (IpAddr, &'static str),
        now: Instant,
    ) {
        self.counts[fault].1 += 1;
        if self.hits.len() >= ENTRIES_MAX {
            self.unlisted += 1;
            return;
        }
        self.open.push(self.hits.len());
        self.hits.push(Hit {
            firing,
            fault,
            at: now,
            client,
            peer,
            kind,
            end: None,
            back: None,
            asked: None,
            resubscribed: None,
            pings: 0,
            refused: 0,
        });
    }

    /// A client's connection has ended.
    pub(crate) fn ended(&mut self, client: u64, end: End, now: Instant) {
        self.each_open(now, |hit, after, _| {
            if hit.client == Some(client) && hit.end.is_none() {
                hit.end = Some((after, end));
            }
        });
    }

    /// Somebody has connected. The one of its address and kind that left first has come back.
    pub(crate) fn came(&mut self, peer: IpAddr, kind: &'static str, now: Instant) {
        let mut returned = None;
        self.each_open(now, |hit, after, what| {
            if hit.peer != peer || hit.back.is_some() || matches!(what, What::RateLimit { .. }) {
                return;
            }
            match hit.client {
                None => hit.back = Some(after),
                Some(client) if hit.kind == kind && hit.end.is_some() && *returned.get_or_insert(client) == client => {
                    hit.back = Some(after);
                }
                Some(_) => {}
            }
        });
    }

    /// An address has asked for a snapshot of a book.
    pub(crate) fn asked(&mut self, peer: IpAddr, now: Instant) {
        self.each_open(now, |hit, after, what| {
            if hit.peer == peer && (what.is_of_stream() || matches!(what, What::Corrupt { .. })) {
                hit.asked.get_or_insert(after);
            }
        });
    }

    /// A client has subscribed anew.
    pub(crate) fn resubscribed(&mut self, client: u64, now: Instant) {
        self.each_open(now, |hit, after, _| {
            if hit.client == Some(client) {
                hit.resubscribed.get_or_insert(after);
            }
        });
    }

    /// A client's ping is not answered.
    pub(crate) fn pinged(&mut self, client: u64, now: Instant) {
        self.each_open(now, |hit, _, what| {
            if hit.client == Some(client) && matches!(what, What::WithholdPongs { .. } | What::HalfOpen) {
                hit.pings += 1;
            }
        });
    }

    /// An address is refused, or told that it asks too often.
    pub(crate) fn refused(&mut self, firing: FiringId, fault: usize, peer: IpAddr, now: Instant) {
        let mut is_known = false;
        for hit in self.hits.iter_mut().filter(|hit| hit.firing == firing && hit.peer == peer) {
            hit.refused += 1;
            is_known = true;
        }
        if !is_known {
            self.hit(firing, fault, None, (peer, "-"), now);
            if let Some(hit) = self.hits.last_mut().filter(|hit| hit.firing == firing && hit.peer == peer) {
                hit.refused = 1;
            }
        }
    }

    /// An address that was told to wait is served again.
    pub(crate) fn served(&mut self, peer: IpAddr, now: Instant) {
        self.each_open(now, |hit, after, what| {
            if hit.peer == peer && matches!(what, What::RateLimit { .. }) {
                hit.back.get_or_insert(after);
            }
        });
    }

    fn each_open(&mut self, now: Instant, mut write: impl FnMut(&mut Hit, Duration, &What)) {
        let (hits, script) = (&mut self.hits, &self.script);
        self.open.retain(|&place| {
            let hit = &mut hits[place];
            let after = now.saturating_duration_since(hit.at);
            if after <= NOTICED_WITHIN {
                write(hit, after, &script.faults[hit.fault].what);
            }
            after <= NOTICED_WITHIN
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "binance";

    fn ledger(fault: &str) -> Ledger {
        Ledger::new(Arc::new(Script::parse("test", &format!("[[fault]]\nat = \"1s\"\n{fault}")).unwrap()))
    }

    #[test]
    fn who_comes_back_is_the_first_who_left_and_too_late_is_no_answer() {
        let mut ledger = ledger("what = \"drop\"");
        let (peer, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let id = ledger.strike(0, Some(7), String::new(), begun);
        for client in 0..2 {
            ledger.hit(id, 0, Some(client), (peer, KIND), begun);
            ledger.ended(client, End::Fault, begun);
        }
        ledger.hit(id, 0, Some(2), (other, KIND), begun);
        ledger.ended(2, End::Fault, begun);
        assert!(ledger.hits.iter().all(|hit| !ledger.is_noticed(hit)));
        ledger.came(peer, "sse", at(1));
        ledger.came(peer, KIND, at(2));
        ledger.came(other, KIND, at(61));
        let backs: Vec<_> = ledger.hits.iter().map(|hit| hit.back.map(|after| after.as_secs())).collect();
        assert_eq!(backs, [Some(2), None, None]);
        ledger.came(peer, KIND, at(3));
        assert_eq!(ledger.counts, [(1, 3)]);
        assert!(ledger.open.is_empty(), "what nobody can write into any more is not looked at");
    }

    #[test]
    fn leaving_asking_and_subscribing_are_answers_and_pings_are_not() {
        let peer = "192.0.2.1".parse().unwrap();
        let now = Instant::now();
        let hit = |fault: &str, write: &dyn Fn(&mut Ledger)| {
            let mut ledger = ledger(fault);
            let id = ledger.strike(0, None, String::new(), now);
            ledger.hit(id, 0, Some(5), (peer, KIND), now);
            write(&mut ledger);
            ledger.is_noticed(&ledger.hits[0])
        };
        let skip = "what = \"skip\"\nstream = \"*@depth\"";
        assert!(hit(skip, &|ledger| ledger.asked(peer, now)));
        assert!(!hit("what = \"freeze\"", &|ledger| ledger.asked(peer, now)));
        assert!(hit("what = \"freeze\"", &|ledger| ledger.ended(5, End::Client(None), now)));
        assert!(!hit("what = \"freeze\"", &|ledger| ledger.ended(5, End::Server(Ending::Shutdown), now)));
        assert!(
            !hit(skip, &|ledger| {
                ledger.ended(5, End::Fault, now);
                ledger.came(peer, KIND, now);
            }),
            "another fault has cut it off"
        );
        assert!(!hit("what = \"freeze\"", &|ledger| ledger.ended(4, End::Client(Some(1000)), now)));
        assert!(hit(skip, &|ledger| ledger.resubscribed(5, now)));
        assert!(!hit(skip, &|ledger| ledger.ended(5, End::Client(None), now)), "perhaps it had enough");
        assert!(hit(skip, &|ledger| ledger.ended(5, End::Client(Some(1007)), now)));
        assert!(
            hit(skip, &|ledger| {
                ledger.ended(5, End::Client(None), now);
                ledger.came(peer, KIND, now);
            }),
            "it has begun again"
        );
        assert!(!hit("what = \"withhold-pongs\"", &|ledger| ledger.pinged(5, now)));
    }

    #[test]
    fn refusals_are_one_entry_an_address_and_entries_are_bounded() {
        let mut ledger = ledger("what = \"refuse\"");
        let (now, peer) = (Instant::now(), "192.0.2.1".parse().unwrap());
        let id = ledger.strike(0, None, String::new(), now);
        (0..3).for_each(|_| ledger.refused(id, 0, peer, now));
        assert_eq!((ledger.hits.len(), ledger.hits[0].refused), (1, 3));
        ledger.came(peer, KIND, now);
        assert!(ledger.is_noticed(&ledger.hits[0]));
        for n in 0..ENTRIES_MAX as u32 {
            ledger.refused(id, 0, IpAddr::from(n.to_be_bytes()), now);
        }
        assert_eq!((ledger.hits.len(), ledger.unlisted), (ENTRIES_MAX, 1));
    }
}
