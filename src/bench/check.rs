//! The books kept on what comes: order, gaps and repeats on each connection, and stamps that all must agree on.

use hdrhistogram::Histogram;
use memchr::memmem::Finder;
use rustc_hash::FxHashMap;

use crate::bench::plan::Members;

/// Longest age and spread that is told apart, in microseconds; what is above counts as this.
const AGE_US_MAX: u64 = 600_000_000;

/// How far a stamp may lie ahead of the clock it is compared with, in microseconds: both are the same clock, but a
/// stamp in milliseconds may have been rounded.
const AHEAD_US_MAX: i64 = 1_000;

/// Updates of a stream that are remembered at a time, a power of two. One connection may be that far behind another
/// before its stamps are no longer compared.
const UPDATES_KEPT: usize = 256;

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Findings {
    /// Events.
    pub(super) events: u64,
    /// Bytes read, whatever they were.
    pub(super) bytes: u64,
    /// Messages without the members that an event has: answers, heartbeats.
    pub(super) others: u64,
    /// Events that were left out: their successors came, they did not.
    pub(super) missing: u64,
    /// Events that came twice in a row.
    pub(super) repeated: u64,
    /// Events that came behind a later one.
    pub(super) disordered: u64,
    /// Events stamped later than they came.
    pub(super) from_future: u64,
    /// Events whose stamp was another on another connection.
    pub(super) restamped: u64,
    /// Age of events when they were read, in microseconds.
    pub(super) age_us: Histogram<u64>,
    /// From the first connection that had an update to the last one, in microseconds.
    pub(super) spread_us: Histogram<u64>,
}

impl Default for Findings {
    fn default() -> Findings {
        let histogram = || Histogram::new_with_bounds(1, AGE_US_MAX, 3).expect("bounds that make sense");
        Findings {
            events: 0,
            bytes: 0,
            others: 0,
            missing: 0,
            repeated: 0,
            disordered: 0,
            from_future: 0,
            restamped: 0,
            age_us: histogram(),
            spread_us: histogram(),
        }
    }
}

/// How far a connection has got in each stream; 0 where it has had nothing yet.
#[derive(Debug, Default)]
pub(super) struct Progress(Vec<u64>);

/// An update of a stream, as all connections together have seen it.
#[derive(Clone, Copy, Default)]
struct Update {
    sequence: u64,
    stamp_us: i64,
    first_us: i64,
    last_us: i64,
    seen: u32,
}

/// The books.
pub(super) struct Ledger {
    stamp: Finder<'static>,
    sequence: Finder<'static>,
    key: Option<Finder<'static>>,
    streams: FxHashMap<Box<[u8]>, usize>,
    updates: Vec<[Update; UPDATES_KEPT]>,
    pub(super) findings: Findings,
}

impl Ledger {
    /// Empty books for events with these members.
    pub(super) fn new(members: &Members) -> Ledger {
        let finder = |name: &String| Finder::new(&format!("\"{name}\":")).into_owned();
        Ledger {
            stamp: finder(&members.stamp),
            sequence: finder(&members.sequence),
            key: members.key.as_ref().map(finder),
            streams: FxHashMap::default(),
            updates: Vec::new(),
            findings: Findings::default(),
        }
    }

    /// Begins new findings; what is known of the streams is kept. Returns the old ones.
    pub(super) fn turn_page(&mut self) -> Findings {
        for updates in &mut self.updates {
            for update in updates {
                close(update, &mut self.findings.spread_us);
                update.seen = 0;
            }
        }
        std::mem::take(&mut self.findings)
    }

    /// Enters a message that was read at `now_us`, microseconds since the epoch. Whether it is an event.
    #[inline]
    pub(super) fn enter(&mut self, message: &[u8], now_us: i64, progress: &mut Progress) -> bool {
        let (Some(sequence), Some(stamp)) = (number(message, &self.sequence), number(message, &self.stamp)) else {
            self.findings.others += 1;
            return false;
        };
        let stream = self.stream(message);
        let stamp_us = microseconds(stamp);
        let findings = &mut self.findings;
        findings.events += 1;
        if progress.0.len() <= stream {
            progress.0.resize(stream + 1, 0);
        }
        let last = &mut progress.0[stream];
        if *last != 0 && sequence != *last + 1 {
            if sequence > *last {
                findings.missing += sequence - *last - 1;
            } else if sequence == *last {
                findings.repeated += 1;
            } else {
                findings.disordered += 1;
                // It had been taken for missing.
                findings.missing = findings.missing.saturating_sub(1);
            }
        }
        *last = sequence.max(*last);
        if stamp_us > now_us + AHEAD_US_MAX {
            findings.from_future += 1;
        }
        // It saturates: what is older than ten minutes counts as that old.
        findings.age_us.saturating_record(now_us.saturating_sub(stamp_us).max(0) as u64);
        let update = &mut self.updates[stream][sequence as usize % UPDATES_KEPT];
        if update.sequence != sequence || update.seen == 0 {
            close(update, &mut findings.spread_us);
            *update = Update { sequence, stamp_us, first_us: now_us, last_us: now_us, seen: 1 };
        } else {
            findings.restamped += u64::from(update.stamp_us != stamp_us);
            update.last_us = now_us;
            update.seen += 1;
        }
        true
    }

    /// The number of an event's stream.
    #[inline]
    fn stream(&mut self, message: &[u8]) -> usize {
        let name = self.key.as_ref().and_then(|key| text(message, key)).unwrap_or(b"");
        if let Some(&known) = self.streams.get(name) {
            return known;
        }
        let new = self.streams.len();
        self.streams.insert(name.into(), new);
        self.updates.push([Update::default(); UPDATES_KEPT]);
        new
    }
}

/// What an update's spread was, if more than one connection had it.
fn close(update: &Update, spread_us: &mut Histogram<u64>) {
    if update.seen > 1 {
        spread_us.saturating_record((update.last_us - update.first_us).max(0) as u64);
    }
}

/// What stands behind a name, without a space or a quote.
#[inline]
fn behind<'a>(message: &'a [u8], name: &Finder<'_>) -> Option<&'a [u8]> {
    let start = name.find(message)? + name.needle().len();
    let rest = &message[start..];
    let rest = rest.trim_ascii_start();
    Some(rest.strip_prefix(b"\"").unwrap_or(rest))
}

#[inline]
fn number(message: &[u8], name: &Finder<'_>) -> Option<u64> {
    let digits = behind(message, name)?;
    let mut value: Option<u64> = None;
    for digit in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        value = Some(value.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(digit - b'0'))?);
    }
    value
}

#[inline]
fn text<'a>(message: &'a [u8], name: &Finder<'_>) -> Option<&'a [u8]> {
    let rest = behind(message, name)?;
    rest.get(..memchr::memchr(b'"', rest)?)
}

/// A time as exchanges write it, in whichever unit: as microseconds.
fn microseconds(time: u64) -> i64 {
    let time = time as i64;
    match time {
        100_000_000_000_000_000.. => time / 1_000,
        100_000_000_000_000.. => time,
        100_000_000_000.. => time * 1_000,
        _ => time.saturating_mul(1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000_000;

    fn event(symbol: &str, sequence: u64, stamp: i64) -> Vec<u8> {
        format!(r#"{{"e":"24hrTicker","E":{stamp},"s":"{symbol}","L":{sequence},"n":1}}"#).into_bytes()
    }

    #[test]
    fn a_connection_that_misses_nothing_has_nothing_against_it() {
        let mut ledger = Ledger::new(&Members::default());
        let mut progress = Progress::default();
        for sequence in 5..1_000 {
            for symbol in ["A", "B"] {
                assert!(ledger.enter(&event(symbol, sequence, NOW), NOW + 250, &mut progress));
            }
        }
        assert!(!ledger.enter(br#"{"result":null,"id":1}"#, NOW, &mut progress));
        let found = ledger.turn_page();
        assert_eq!((found.events, found.others), (2 * 995, 1));
        assert_eq!(
            (found.missing, found.repeated, found.disordered, found.from_future, found.restamped),
            (0, 0, 0, 0, 0)
        );
        assert_eq!(found.age_us.value_at_quantile(0.5), 250);
    }

    #[test]
    fn what_is_missing_repeated_late_or_stamped_falsely_is_found() {
        let mut ledger = Ledger::new(&Members::default());
        let (mut one, mut two) = (Progress::default(), Progress::default());
        for (sequence, stamp) in [(1, NOW), (2, NOW), (2, NOW), (5, NOW), (4, NOW), (6, NOW + 5_000), (7, NOW)] {
            ledger.enter(&event("A", sequence, stamp), NOW, &mut one);
        }
        ledger.enter(&event("A", 7, NOW + 1), NOW + 90, &mut two);
        let found = ledger.turn_page();
        assert_eq!((found.events, found.missing, found.repeated, found.disordered), (8, 1, 1, 1));
        assert_eq!((found.from_future, found.restamped), (1, 1));
        assert_eq!(found.spread_us.max(), 90);
    }

    #[test]
    fn times_are_read_in_any_unit() {
        for time in [1_790_000_000, 1_790_000_000_000, 1_790_000_000_000_000, 1_790_000_000_000_000_000] {
            assert_eq!(microseconds(time), NOW, "{time}");
        }
        assert_eq!(number(br#"{"t": "17","x":1}"#, &Finder::new("\"t\":")), Some(17));
        assert_eq!(number(br#"{"t":null}"#, &Finder::new("\"t\":")), None);
    }
}
