//! What was seen of a contestant.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::bench::check::Findings;
use crate::bench::process::Usage;

/// What was seen of a contestant while messages counted.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Clients that were connected at the end.
    pub connections: usize,
    /// How long messages counted, in seconds.
    pub seconds: f64,
    /// Events read.
    pub events: u64,
    /// Bytes read: all that sockets had, without TLS' share.
    pub bytes: u64,
    /// Messages that were no events.
    pub others: u64,
    /// Events a second.
    pub events_per_second: f64,
    /// Events left out, by their numbers.
    pub missing: u64,
    /// Events that came twice in a row.
    pub repeated: u64,
    /// Events that came behind a later one.
    pub disordered: u64,
    /// Events stamped later than they came.
    pub from_future: u64,
    /// Events whose stamp was another on another connection.
    pub restamped: u64,
    /// How old events were when they were read, in microseconds.
    pub age_us: Percentiles,
    /// From the first client that had an update to the last one, in microseconds.
    pub spread_us: Percentiles,
    /// The server's processor time for each event, in microseconds; absent where its process is not known.
    pub cpu_us_per_event: Option<f64>,
    /// The server's share of a core.
    pub cpu_share: Option<f64>,
    /// The server's memory at the end.
    pub resident_bytes: Option<u64>,
    /// What its memory grew by since before the first client came, for each client; absent where its process is not
    /// known. The kernel's buffers are not in it, and what the server sets aside as messages come is, so it says
    /// something where clients are many and messages few.
    pub bytes_per_connection: Option<u64>,
    /// From the first client's coming to the last one's being served, in seconds.
    pub connecting_seconds: f64,
    /// Times that a thread of the server gave up its core, for each event.
    pub switches_per_event: Option<f64>,
    /// This instrument's share of its core, looking for messages left out: above 0.9 it is what is measured.
    pub own_share: f64,
    /// Connections that ended or were never made, by reason.
    pub failures: BTreeMap<String, usize>,
    /// Second by second.
    pub moments: Vec<Moment>,
}

/// How far it had got at a time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Moment {
    /// Since messages began to count.
    pub at: Duration,
    /// Events so far.
    pub events: u64,
    /// The server's processor time since the moment before.
    pub cpu: Option<Duration>,
}

/// A distribution, in microseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Percentiles {
    /// The middle.
    pub p50: u64,
    /// Nine tenths are at most this.
    pub p90: u64,
    /// Ninety-nine hundredths.
    pub p99: u64,
    /// Nine hundred and ninety-nine thousandths.
    pub p99_9: u64,
    /// The largest.
    pub max: u64,
    /// The curve: shares of all events, and what they are at most.
    pub curve: Vec<(f64, u64)>,
}

impl From<&Histogram<u64>> for Percentiles {
    fn from(histogram: &Histogram<u64>) -> Percentiles {
        let at = |share: f64| histogram.value_at_quantile(share);
        let nines = (0..=60).map(|step| 1.0 - 10_f64.powf(-f64::from(step) / 12.0));
        let curve = nines.map(|share| (share, at(share))).collect();
        Percentiles { p50: at(0.5), p90: at(0.9), p99: at(0.99), p99_9: at(0.999), max: histogram.max(), curve }
    }
}

impl Outcome {
    pub(super) fn new(
        connections: usize,
        elapsed: Duration,
        found: Findings,
        used: Option<Usage>,
        own: Duration,
        moments: Vec<Moment>,
        failures: BTreeMap<String, usize>,
    ) -> Outcome {
        let seconds = elapsed.as_secs_f64();
        let each = |amount: f64| amount / (found.events.max(1)) as f64;
        Outcome {
            connections,
            bytes_per_connection: None,
            connecting_seconds: 0.0,
            seconds,
            events: found.events,
            bytes: found.bytes,
            others: found.others,
            events_per_second: found.events as f64 / seconds,
            missing: found.missing,
            repeated: found.repeated,
            disordered: found.disordered,
            from_future: found.from_future,
            restamped: found.restamped,
            age_us: (&found.age_us).into(),
            spread_us: (&found.spread_us).into(),
            cpu_us_per_event: used.filter(|_| found.events > 0).map(|used| each(used.cpu.as_secs_f64() * 1e6)),
            cpu_share: used.map(|used| used.cpu.as_secs_f64() / seconds),
            resident_bytes: used.map(|used| used.resident_bytes),
            switches_per_event: used.filter(|_| found.events > 0).map(|used| each(used.switches as f64)),
            own_share: own.as_secs_f64() / seconds,
            failures,
            moments,
        }
    }

    /// Whether every connection had every event, once and in order, with a stamp that may be believed.
    pub fn is_whole(&self) -> bool {
        self.events > 0 && self.faults() == 0
    }

    /// All that was wrong.
    pub fn faults(&self) -> u64 {
        let ended: usize = self.failures.values().sum();
        self.missing + self.repeated + self.disordered + self.from_future + self.restamped + ended as u64
    }
}
